//! Very many who sign in at once, and those who are signed in meanwhile.

use std::time::Duration;

use anyhow::Result;
use hyper::StatusCode;

use super::table::{Row, Unit};
use crate::testbed::load::{Figures, Load};
use crate::testbed::{PASSWORD, Testbed};

/// Who sign in at once, each on a connection of their own.
const CROWD: usize = 200;

/// Two hundred sign-ins at once: all are answered, memory stays within bounds,
/// and session checks, which another function answers on the same cores, go on.
pub(super) async fn sign_ins(testbed: &Testbed) -> Result<Vec<Row>> {
    let check = testbed.function("/api/auth/session").await?;
    let warm = testbed.warm_checks()?;
    testbed.warm(&check, &warm).await?;
    // As many as one instance is asked for on a busy day.
    let checks = Load::once(check.address, warm)
        .connections(4)
        .pause(Duration::from_millis(5));
    let quiet = checks.clone().during(Duration::from_secs(5)).run().await?;
    let login = testbed.function("/api/auth/login").await?;
    let crowd = (0..CROWD).map(|_| testbed.sign_in(PASSWORD));
    let crowd = Load::once(login.address, crowd.collect::<Result<_>>()?)
        .connections(CROWD)
        .or(StatusCode::TOO_MANY_REQUESTS)
        .or(StatusCode::SERVICE_UNAVAILABLE);
    let meanwhile = checks.during(Duration::from_secs(2));
    let (crowd, meanwhile) = tokio::join!(crowd.run(), meanwhile.run());
    let (crowd, meanwhile) = (crowd?, meanwhile?);
    let p99 = |figures: &Figures| figures.percentile(0.99);
    let (before, during) = (p99(&quiet), p99(&meanwhile));
    let what = "session check's p99 meanwhile / quiet";
    let detail = format!("{during:.2} ms against {before:.2} ms");
    let (memory, most) = ("200 sign-ins at once, most memory", 300.0);
    Ok(vec![
        match login.peak_memory() {
            Ok(peak) => Row::at_most(memory, peak, Unit::Megabytes, most),
            Err(error) => Row::not_measured(memory, &format!("{error:#}")),
        }
        .detail(format!(
            "all {} answered, the last after {:.1} s",
            crowd.count(),
            crowd.percentile(1.0) / 1_000.0
        )),
        Row::at_most(what, during / before, Unit::Times, 3.0).detail(detail),
    ])
}
