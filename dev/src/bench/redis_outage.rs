//! Session checks while Redis is down.

use std::time::Duration;

use anyhow::Result;
use redis_endpoint::FaultMode;

use super::row::{Row, Unit};
use crate::testbed::Testbed;
use crate::testbed::load::{Load, LoadStats, median};
use crate::testbed::server::Server;

const CONNECTIONS: usize = 16;

/// The default of `KV_TIMEOUT_MS`.
const DEADLINE: Duration = Duration::from_millis(250);

/// Compares session checks while Redis is down with a deployment without Redis.
pub(super) async fn session_checks(testbed: &Testbed) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (mode, how) in [
        (FaultMode::Silent, "does not respond"),
        (FaultMode::Unreachable, "refuses connections"),
    ] {
        let without = testbed
            .start_function_without_redis("/api/auth/session")
            .await?;
        measure_checks(testbed, &without).await?;
        let (mut without_redis, mut down) = (Vec::new(), Vec::new());
        for _ in 0..testbed.rounds() {
            without_redis.push(measure_checks(testbed, &without).await?);
            down.push(measure_while_down(testbed, mode).await?);
        }
        rows.extend(rows_of(how, &without_redis, &down));
    }
    Ok(rows)
}

/// Measures a warm process after Redis went down.
async fn measure_while_down(testbed: &Testbed, mode: FaultMode) -> Result<LoadStats> {
    let server = testbed.start_function("/api/auth/session").await?;
    measure_checks(testbed, &server).await?;
    testbed.redis.set_mode(mode).await?;
    let stats = measure_checks(testbed, &server).await;
    testbed.redis.set_mode(FaultMode::Normal).await?;
    stats
}

async fn measure_checks(testbed: &Testbed, server: &Server) -> Result<LoadStats> {
    let load = Load::once(server.address, testbed.warm_checks()?).connections(CONNECTIONS);
    load.during(Duration::from_secs(if testbed.quick { 2 } else { 4 }))
        .run()
        .await
}

fn rows_of(how: &str, without_redis: &[LoadStats], down: &[LoadStats]) -> Vec<Row> {
    let rate = |rounds: &[LoadStats]| median(rounds.iter().map(LoadStats::rate).collect());
    let (without, with) = (rate(without_redis), rate(down));
    let late = down
        .iter()
        .map(|round| round.count_at_least(DEADLINE) as f64);
    let late = late.fold(0.0, f64::max);
    let requests = down.iter().map(LoadStats::count).min().unwrap_or(0);
    let what = format!("Redis {how}: session checks / without Redis");
    let waited = format!("Redis {how}: requests that waited for the timeout");
    vec![
        Row::at_least(what, 100.0 * with / without, Unit::Percent, 60.0)
            .detail(format!("{with:.0} /s against {without:.0} /s")),
        // One request per connection may be in flight when Redis goes down.
        Row::at_most(waited, late, Unit::Count, CONNECTIONS as f64)
            .detail(format!("most in a round, of at least {requests}")),
    ]
}
