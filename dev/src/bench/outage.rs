//! Redis dead: how much slower, and for whom.

use std::time::Duration;

use anyhow::Result;
use redis_endpoint::Mode;

use super::table::{Row, Unit};
use crate::testbed::Testbed;
use crate::testbed::load::{Figures, Load, median};
use crate::testbed::server::Server;

const CONNECTIONS: usize = 16;

/// `KV_TIMEOUT_MS`, unless somebody sets it.
const DEADLINE: Duration = Duration::from_millis(250);

/// Session checks with a Redis that is dead, against a deployment without one.
pub(super) async fn redis_dead(testbed: &Testbed) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (mode, how) in [
        (Mode::Silent, "swallows requests"),
        (Mode::Unreachable, "refuses connections"),
    ] {
        let without = testbed.function_without_redis("/api/auth/session").await?;
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

/// What a process that was well meets when Redis dies.
async fn while_dead(testbed: &Testbed, mode: Mode) -> Result<Figures> {
    let server = testbed.function("/api/auth/session").await?;
    checks(testbed, &server).await?;
    testbed.redis.set_mode(mode).await?;
    let figures = checks(testbed, &server).await;
    testbed.redis.set_mode(Mode::Normal).await?;
    figures
}

async fn checks(testbed: &Testbed, server: &Server) -> Result<Figures> {
    let load = Load::once(server.address, testbed.warm_checks()?).connections(CONNECTIONS);
    load.during(Duration::from_secs(if testbed.quick { 2 } else { 4 }))
        .run()
        .await
}

fn outcome(how: &str, alone: &[Figures], dead: &[Figures]) -> Vec<Row> {
    let rate = |rounds: &[Figures]| median(rounds.iter().map(Figures::rate).collect());
    let (without, with) = (rate(alone), rate(dead));
    let late = dead.iter().map(|round| round.count_from(DEADLINE) as f64);
    let late = late.fold(0.0, f64::max);
    let requests = dead.iter().map(Figures::count).min().unwrap_or(0);
    let what = format!("Redis {how}: session checks / without Redis");
    let waited = format!("Redis {how}: requests that waited for the deadline");
    vec![
        Row::at_least(what, 100.0 * with / without, Unit::Percent, 60.0)
            .detail(format!("{with:.0} /s against {without:.0} /s")),
        // At the moment of its death one request is under way on each connection.
        Row::at_most(waited, late, Unit::Count, CONNECTIONS as f64)
            .detail(format!("the most of a round; of {requests} or more")),
    ]
}
