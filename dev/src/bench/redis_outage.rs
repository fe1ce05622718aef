//! Session checks while Redis is down.

use std::time::Duration;

use anyhow::Result;
use redis_endpoint::Mode;

use super::row::{Row, Unit};
use crate::testbed::Testbed;
use crate::testbed::load::{Load, LoadStats, median};
use crate::testbed::server::Server;

const CONNECTIONS: usize = 16;

/// The default of `KV_TIMEOUT_MS`.
const DEADLINE: Duration = Duration::from_millis(250);

/// Compares session checks while Redis is down with a deployment without Redis.
pub(super) async fn redis_dead(testbed: &Testbed) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (mode, how) in [
        (Mode::Silent, "does not respond"),
        (Mode::Unreachable, "refuses connections"),
    ] {
        let without = testbed
            .start_function_without_redis("/api/auth/session")
            .await?;
        checks(testbed, &without).await?;
        let (mut alone, mut dead) = (Vec::new(), Vec::new());
        for _ in 0..testbed.rounds() {
            alone.push(checks(testbed, &without).await?);
            dead.push(while_dead(testbed, mode).await?);
        }
        rows.extend(outcome(how, &alone, &dead));
    }
    Ok(rows)
}

/// Measures a warm process after Redis went down.
async fn while_dead(testbed: &Testbed, mode: Mode) -> Result<LoadStats> {
    let server = testbed.start_function("/api/auth/session").await?;
    checks(testbed, &server).await?;
    testbed.redis.set_mode(mode).await?;
    let figures = checks(testbed, &server).await;
    testbed.redis.set_mode(Mode::Normal).await?;
    figures
}

async fn checks(testbed: &Testbed, server: &Server) -> Result<LoadStats> {
    let load = Load::once(server.address, testbed.warm_checks()?).connections(CONNECTIONS);
    load.during(Duration::from_secs(if testbed.quick { 2 } else { 4 }))
        .run()
        .await
}

fn outcome(how: &str, alone: &[LoadStats], dead: &[LoadStats]) -> Vec<Row> {
    let rate = |rounds: &[LoadStats]| median(rounds.iter().map(LoadStats::rate).collect());
    let (without, with) = (rate(alone), rate(dead));
    let late = dead
        .iter()
        .map(|round| round.count_at_least(DEADLINE) as f64);
    let late = late.fold(0.0, f64::max);
    let requests = dead.iter().map(LoadStats::count).min().unwrap_or(0);
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
