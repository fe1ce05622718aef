//! Session checks while Redis is down.

use std::time::Duration;

use anyhow::Result;
use redis_endpoint::FaultMode;

use super::row::{Row, Unit};
use crate::testbed::Testbed;
use crate::testbed::load::{Load, LoadStats, median};
use crate::testbed::server::Server;

/// The number of connections of a load.
const CONNECTIONS: usize = 16;

/// The default of `KV_TIMEOUT_MS`.
const REDIS_TIMEOUT: Duration = Duration::from_millis(250);

/// Compares session checks while Redis is down with a deployment without Redis.
pub(super) async fn compare_session_checks(testbed: &Testbed) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (mode, fault) in [
        (FaultMode::Silent, "does not respond"),
        (FaultMode::Unreachable, "refuses connections"),
    ] {
        let baseline = testbed
            .start_function_without_redis("/api/auth/session")
            .await?;
        measure_checks(testbed, &baseline).await?;
        let (mut baseline_rounds, mut outage_rounds) = (Vec::new(), Vec::new());
        for _ in 0..testbed.rounds() {
            baseline_rounds.push(measure_checks(testbed, &baseline).await?);
            outage_rounds.push(measure_while_down(testbed, mode).await?);
        }
        rows.extend(build_rows(fault, &baseline_rounds, &outage_rounds));
    }
    Ok(rows)
}

/// Measures a process that was warm when Redis went down.
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

fn build_rows(fault: &str, baseline_rounds: &[LoadStats], outage_rounds: &[LoadStats]) -> Vec<Row> {
    let rate = |rounds: &[LoadStats]| median(rounds.iter().map(LoadStats::rate).collect());
    let (baseline_rate, outage_rate) = (rate(baseline_rounds), rate(outage_rounds));
    let late_requests = outage_rounds
        .iter()
        .map(|round| round.count_at_least(REDIS_TIMEOUT) as f64);
    let most_late = late_requests.fold(0.0, f64::max);
    let requests = outage_rounds
        .iter()
        .map(LoadStats::count)
        .min()
        .unwrap_or(0);
    let label = format!("Redis {fault}: session checks / without Redis");
    let timeout_label = format!("Redis {fault}: requests that waited for the timeout");
    vec![
        Row::at_least(
            label,
            100.0 * outage_rate / baseline_rate,
            Unit::Percent,
            60.0,
        )
        .detail(format!("{outage_rate:.0} /s against {baseline_rate:.0} /s")),
        // One request per connection may be in flight when Redis goes down.
        Row::at_most(timeout_label, most_late, Unit::Count, CONNECTIONS as f64).detail(format!(
            "the most in a round of at least {requests} requests"
        )),
    ]
}
