//! A burst of sign-ins, and session checks during it.

use std::time::Duration;

use anyhow::Result;
use hyper::StatusCode;

use super::row::{Row, Unit};
use crate::testbed::load::{Load, LoadStats};
use crate::testbed::{PASSWORD, Testbed};

/// The number of concurrent sign-ins, each on its own connection.
const SIGN_INS: usize = 200;

/// Sends 200 sign-ins at once. All must get a response, memory must stay within its
/// limit, and session checks on the same cores must not become much slower.
pub(super) async fn measure(testbed: &Testbed) -> Result<Vec<Row>> {
    let session_check = testbed.start_function("/api/auth/session").await?;
    let warm_checks = testbed.warm_checks()?;
    testbed.warm_up(&session_check, &warm_checks).await?;
    // The load of one instance on a busy day.
    let checks = Load::once(session_check.address, warm_checks)
        .connections(4)
        .pause(Duration::from_millis(5));
    let baseline = checks.clone().during(Duration::from_secs(5)).run().await?;
    let login = testbed.start_function("/api/auth/login").await?;
    let burst = (0..SIGN_INS).map(|_| testbed.sign_in_request(PASSWORD));
    let burst = Load::once(login.address, burst.collect::<Result<_>>()?)
        .connections(SIGN_INS)
        .or_expect(StatusCode::TOO_MANY_REQUESTS)
        .or_expect(StatusCode::SERVICE_UNAVAILABLE);
    let checks_during = checks.during(Duration::from_secs(2));
    let (burst, checks_during) = tokio::join!(burst.run(), checks_during.run());
    let (burst, checks_during) = (burst?, checks_during?);
    let p99 = |stats: &LoadStats| stats.percentile(0.99);
    let (p99_before, p99_during) = (p99(&baseline), p99(&checks_during));
    let label = "session check p99 during the burst / before";
    let detail = format!("{p99_during:.2} ms against {p99_before:.2} ms");
    let (memory_label, limit) = ("200 concurrent sign-ins: peak memory", 300.0);
    Ok(vec![
        match login.peak_memory() {
            Ok(peak) => Row::at_most(memory_label, peak, Unit::Megabytes, limit),
            Err(error) => Row::not_measured(memory_label, &format!("{error:#}")),
        }
        .detail(format!(
            "all {} got a response, the last after {:.1} s",
            burst.count(),
            burst.percentile(1.0) / 1_000.0
        )),
        Row::at_most(label, p99_during / p99_before, Unit::Times, 3.0).detail(detail),
    ])
}
