//! Redis dies, goes away, forgets, or takes its time.

use std::time::Duration;

use anyhow::{Context, Result};
use redis_endpoint::Mode;

use super::play::Play;

/// Longer than anybody waits for it.
const SLOW: Duration = Duration::from_secs(2);

/// Killed with -9, and started again: empty, on the same port.
pub(super) async fn killed(play: &Play) -> Result<()> {
    let server = play.stage.lab.redis.server.as_ref();
    let server = server.context("there is no redis-server")?;
    server.kill().await?;
    play.stage.last().await;
    Ok(server.start_again().await?)
}

/// Nobody listens at its address; it comes back with what it held.
pub(super) async fn away(play: &Play) -> Result<()> {
    misbehaving(play, Mode::Away).await
}

/// Every answer takes two seconds; what was asked is done at once.
pub(super) async fn slow(play: &Play) -> Result<()> {
    misbehaving(play, Mode::Slow(SLOW)).await
}

async fn misbehaving(play: &Play, mode: Mode) -> Result<()> {
    let redis = &play.stage.lab.redis;
    redis.set_mode(mode).await?;
    play.stage.last().await;
    redis.set_mode(Mode::Normal).await
}

/// Everything is lost, ten times, while it is in use.
pub(super) async fn emptied(play: &Play) -> Result<()> {
    for _ in 0..10 {
        let emptied = play.stage.lab.redis.endpoint.flush().await;
        emptied.map_err(anyhow::Error::msg)?;
        tokio::time::sleep(play.stage.lasting() / 10).await;
    }
    Ok(())
}
