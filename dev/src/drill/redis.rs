//! Faults of Redis: it is killed, unreachable, emptied or slow.

use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, ensure};
use redis_endpoint::FaultMode;

use super::environment::{Environment, Operation};
use super::run::Run;
use crate::testbed::DATABASE;

/// The delay of slow responses. It is longer than the functions' timeout.
const SLOW_RESPONSE: Duration = Duration::from_secs(2);

/// How long the functions may take to write their counters.
const COUNTER_TIMEOUT: Duration = Duration::from_secs(15);

/// Restarts the functions and clears the counters of earlier drills.
pub(super) async fn prepare(environment: &Environment) -> Result<()> {
    environment.restart_functions().await?;
    environment.testbed.redis.endpoint.clear_log();
    let client = environment.connect().await?;
    Ok(client.batch_execute(CLEAR_COUNTERS).await?)
}

/// Waits until the functions have increased the counter. Fails if they do not, because
/// the drill would then prove nothing.
pub(super) async fn check_effect(run: &Run, counter: &str) -> Result<()> {
    let (client, started) = (run.environment.connect().await?, Instant::now());
    while client
        .query_one(COUNTER_IS_ZERO, &[&counter])
        .await?
        .try_get(0)?
    {
        let has_time_left = started.elapsed() < COUNTER_TIMEOUT;
        ensure!(has_time_left, "the functions counted no {counter}");
        // A function writes its counters after a response.
        let turn = run.environment.next_number();
        let cookie = run.environment.testbed.cookie(DATABASE, 1)?;
        run.send(Operation::Check, turn, run.session_check(&cookie)?)
            .await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn ensure_redis_was_used(run: &Run) -> Result<()> {
    let commands = run.environment.testbed.redis.endpoint.count("MGET");
    ensure!(commands > 0, "the functions did not use Redis");
    Ok(())
}

/// Kills Redis with SIGKILL, and starts it again at the same address, without data.
pub(super) async fn kill(run: &Run) -> Result<()> {
    let server = run.environment.testbed.redis.server.as_ref();
    let server = server.context("redis-server is not installed")?;
    ensure_redis_was_used(run)?;
    server.kill().await?;
    run.environment.wait_fault_duration().await;
    Ok(server.restart().await?)
}

/// Makes Redis refuse connections. Redis keeps its data.
pub(super) async fn make_unreachable(run: &Run) -> Result<()> {
    with_mode(run, FaultMode::Unreachable).await
}

/// Runs commands immediately, but delays every response by two seconds.
pub(super) async fn slow_down(run: &Run) -> Result<()> {
    with_mode(run, FaultMode::Slow(SLOW_RESPONSE)).await
}

async fn with_mode(run: &Run, mode: FaultMode) -> Result<()> {
    let redis = &run.environment.testbed.redis;
    ensure_redis_was_used(run)?;
    redis.set_mode(mode).await?;
    run.environment.wait_fault_duration().await;
    redis.set_mode(FaultMode::Normal).await
}

/// Deletes all data, ten times.
pub(super) async fn flush_repeatedly(run: &Run) -> Result<()> {
    let redis = &run.environment.testbed.redis.endpoint;
    ensure_redis_was_used(run)?;
    for _ in 0..10 {
        let key_count = redis.command(&["DBSIZE"]).await.map_err(Error::msg)?;
        ensure!(key_count != 0, "Redis held no data to delete");
        redis.flush().await.map_err(Error::msg)?;
        tokio::time::sleep(run.environment.fault_duration() / 10).await;
    }
    Ok(())
}

const CLEAR_COUNTERS: &str = "delete from daily_counters where starts_with(name, 'redis_')";

const COUNTER_IS_ZERO: &str =
    "select coalesce(sum(count), 0) = 0 from daily_counters where name = $1";
