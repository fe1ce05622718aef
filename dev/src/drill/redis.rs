//! Redis dies, goes away, forgets, or takes its time.

use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, ensure};
use redis_endpoint::Mode;

use super::play::Play;
use super::stage::{Kind, Stage};
use crate::testbed::DATABASE;

/// Longer than anybody waits for it.
const SLOW: Duration = Duration::from_secs(2);

/// Within so long the functions write what they have counted.
const COUNTED_WITHIN: Duration = Duration::from_secs(15);

/// Lets nothing be counted of what was before.
pub(super) async fn prepare(stage: &Stage) -> Result<()> {
    stage.renew().await?;
    stage.testbed.redis.endpoint.clear_log();
    let client = stage.postgres().await?;
    Ok(client.batch_execute(FORGET).await?)
}

/// Waits until the functions have counted that they missed it: a drill in which
/// they do without it anyway would show nothing.
pub(super) async fn is_felt(play: &Play, counter: &str) -> Result<()> {
    let (client, begun) = (play.stage.postgres().await?, Instant::now());
    while client.query_one(COUNTED, &[&counter]).await?.try_get(0)? {
        let in_time = begun.elapsed() < COUNTED_WITHIN;
        ensure!(in_time, "the functions do not miss Redis: no {counter}");
        // They write it down beside an answer.
        let turn = play.stage.next();
        let cookie = play.stage.testbed.cookie(DATABASE, 1)?;
        play.ask(Kind::Check, turn, play.check(&cookie)?).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn ensure_used(play: &Play) -> Result<()> {
    let asked = play.stage.testbed.redis.endpoint.count("MGET");
    ensure!(asked > 0, "the functions do not use Redis");
    Ok(())
}

/// Killed with -9, and started again: empty, on the same port.
pub(super) async fn killed(play: &Play) -> Result<()> {
    let server = play.stage.testbed.redis.server.as_ref();
    let server = server.context("there is no redis-server")?;
    ensure_used(play)?;
    server.kill().await?;
    play.stage.last().await;
    Ok(server.restart().await?)
}

/// Nobody listens at its address; it comes back with what it held.
pub(super) async fn away(play: &Play) -> Result<()> {
    misbehaving(play, Mode::Unreachable).await
}

/// Every answer takes two seconds; what was asked is done at once.
pub(super) async fn slow(play: &Play) -> Result<()> {
    misbehaving(play, Mode::Slow(SLOW)).await
}

async fn misbehaving(play: &Play, mode: Mode) -> Result<()> {
    let redis = &play.stage.testbed.redis;
    ensure_used(play)?;
    redis.set_mode(mode).await?;
    play.stage.last().await;
    redis.set_mode(Mode::Normal).await
}

/// Everything is lost, ten times, while it is in use.
pub(super) async fn emptied(play: &Play) -> Result<()> {
    let redis = &play.stage.testbed.redis.endpoint;
    ensure_used(play)?;
    for _ in 0..10 {
        let held = redis.command(&["DBSIZE"]).await.map_err(Error::msg)?;
        ensure!(held != 0, "there was nothing in Redis to be lost");
        redis.flush().await.map_err(Error::msg)?;
        tokio::time::sleep(play.stage.lasting() / 10).await;
    }
    Ok(())
}

const FORGET: &str = "delete from daily_counters where starts_with(name, 'redis_')";

const COUNTED: &str = "select coalesce(sum(count), 0) = 0 from daily_counters where name = $1";
