//! Redis dead: how much slower, and for whom.

use std::time::Duration;

use anyhow::Result;
use redis_endpoint::Mode;

use super::table::{Row, Unit};
use crate::lab::Lab;
use crate::lab::load::{Figures, Load, median};
use crate::lab::server::Server;

const CONNECTIONS: usize = 16;

/// `KV_TIMEOUT_MS`, unless somebody sets it.
const DEADLINE: Duration = Duration::from_millis(250);

/// Session checks with a Redis that is dead, against a deployment without one.
pub(super) async fn redis_dead(lab: &Lab) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (mode, how) in [
        (Mode::Silent, "swallows requests"),
        (Mode::Away, "refuses connections"),
    ] {
        let without = lab.function_without_redis("/api/auth/session").await?;
        checks(lab, &without).await?;
        let (mut alone, mut dead) = (Vec::new(), Vec::new());
        for _ in 0..lab.rounds() {
            alone.push(checks(lab, &without).await?);
            dead.push(while_dead(lab, mode).await?);
        }
        rows.extend(outcome(how, &alone, &dead));
    }
    Ok(rows)
}

/// What a process that was well meets when Redis dies.
async fn while_dead(lab: &Lab, mode: Mode) -> Result<Figures> {
    let server = lab.function("/api/auth/session").await?;
    checks(lab, &server).await?;
    lab.redis.set_mode(mode).await?;
    let figures = checks(lab, &server).await;
    lab.redis.set_mode(Mode::Normal).await?;
    figures
}

async fn checks(lab: &Lab, server: &Server) -> Result<Figures> {
    let load = Load::once(server.address, lab.warm_checks()?).connections(CONNECTIONS);
    load.during(Duration::from_secs(if lab.quick { 2 } else { 4 }))
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
