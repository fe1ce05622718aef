//! Moves the clock of running processes with libfaketime.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use hyper::header::AUTHORIZATION;
use sabor::runtime::clock::Clock;
use sabor::session::ACCESS_LIFETIME;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::environment::{Environment, Instance, Operation};
use super::log::Outcome;
use super::run::Run;
use crate::testbed::{DATABASE, PASSWORD};

/// How long a process may take until it uses the new time.
const CLOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the path of libfaketime, where Debian installs it.
pub(super) fn find_library() -> Option<PathBuf> {
    const PATH: &str = "faketime/libfaketime.so.1";
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let found = folders.map(|folder| folder.path().join(PATH));
    found
        .chain([Path::new("/usr/lib").join(PATH)])
        .find(|path| path.is_file())
}

/// Returns the processes whose clocks are moved: the first process of each function that
/// runs in two processes.
fn affected_instances(environment: &Environment) -> Vec<&Instance> {
    let operations = [Operation::Check, Operation::Book];
    let instances = operations.map(|operation| environment.instance(operation, 0));
    instances.into_iter().flatten().collect()
}

/// Returns the file from which the affected processes read their clock offset.
fn offset_file(environment: &Environment) -> PathBuf {
    environment.folder.path().join("clock")
}

/// Restarts the affected processes with clocks that can be moved.
pub(super) async fn prepare(environment: &Environment) -> Result<()> {
    let library = find_library().context("libfaketime is not installed")?;
    set_offset(environment, TimeDelta::zero())?;
    let mut variables = environment.variables();
    variables.extend([
        ("LD_PRELOAD", library.display().to_string()),
        (
            "FAKETIME_TIMESTAMP_FILE",
            offset_file(environment).display().to_string(),
        ),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        // Like setting the wall clock, these two leave the monotonic clock unchanged. Older
        // versions of libfaketime know only the second name.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]);
    for instance in affected_instances(environment) {
        instance.restart(&variables).await?;
    }
    Ok(())
}

/// Restarts the affected processes with the correct clock.
pub(super) async fn reset(environment: &Environment) -> Result<()> {
    for instance in affected_instances(environment) {
        instance.restart(&environment.variables()).await?;
    }
    Ok(())
}

/// Moves the clock, and moves it back after the duration of a fault.
pub(super) async fn move_clock(run: &Run, by: TimeDelta) -> Result<()> {
    let session = sign_in(run).await?;
    set_offset(&run.environment, by)?;
    wait_until_used(run, by, &session).await?;
    run.environment.wait_fault_duration().await;
    set_offset(&run.environment, TimeDelta::zero())?;
    wait_until_used(run, TimeDelta::zero(), &session).await
}

/// The claims of an access token.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: Uuid,
    sid: Uuid,
}

async fn sign_in(run: &Run) -> Result<Claims> {
    let (number, _) = run.environment.next_member();
    let email = format!("member{number}@example.com");
    let form = json!({ "email": email, "password": PASSWORD, "mode": "token" });
    let call = || {
        run.environment
            .testbed
            .post(Operation::SignIn.path(), &form)
    };
    let result = run.request_until_definite(Operation::SignIn, call).await?;
    let claims = result.response.text("accessToken");
    let claims = claims.and_then(|token| token.split('.').nth(1));
    let claims = BASE64.decode(claims.context("the sign-in returned no access token")?)?;
    Ok(serde_json::from_slice(&claims)?)
}

/// Returns whether session checks use a clock with this offset. By that clock, a new
/// token is valid and an old token has expired. A process with an earlier clock would
/// accept the old token. A process with a later clock would reject the new token.
async fn session_checks_use(run: &Run, by: TimeDelta, claims: &Claims) -> Result<bool> {
    let now = Clock::default().now() + by;
    let (new, old) = (
        (now, Outcome::Success),
        (now - ACCESS_LIFETIME * 2, Outcome::Rejected),
    );
    let tokens = run.environment.testbed.access_tokens(&claims.iss);
    let mut is_expected = true;
    for (issued, expected) in [new, old] {
        let bearer = format!("Bearer {}", tokens.issue(claims.sid, claims.sub, issued));
        let call = run.get(Operation::Check.path(), (AUTHORIZATION, &bearer))?;
        let response = run.send(Operation::Check, 0, call).await?;
        is_expected &= response.outcome == expected;
    }
    Ok(is_expected)
}

/// Sets the offset. The rename makes the change atomic.
fn set_offset(environment: &Environment, by: TimeDelta) -> Result<()> {
    let new = environment.folder.path().join("clock.new");
    fs::write(&new, format!("{:+}\n", by.num_seconds()))?;
    Ok(fs::rename(new, offset_file(environment))?)
}

/// Waits until bookings and session checks use a clock with this offset. Without this
/// check, the drill would prove nothing. The `Date` header cannot show the offset,
/// because hyper caches the date and never moves it backward.
async fn wait_until_used(run: &Run, by: TimeDelta, session: &Claims) -> Result<()> {
    let (environment, started) = (&run.environment, Instant::now());
    let class = environment.add_classes().await?[0];
    let body = json!({ "scheduledClassId": class, "joinWaitlist": true });
    for member in 1.. {
        if started.elapsed() > CLOCK_TIMEOUT {
            break;
        }
        let cookie = environment.testbed.cookie(DATABASE, member)?;
        let call = run.post(Operation::Book, &cookie, &body)?;
        let response = run.send(Operation::Book, 0, call).await?;
        let booked = response.text("bookedAt").and_then(|text| text.parse().ok());
        let deviation = booked.map(|at: DateTime<Utc>| at - Clock::default().now() - by);
        let is_moved = deviation.is_some_and(|time| time.abs() < TimeDelta::seconds(60));
        if is_moved && session_checks_use(run, by, session).await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the process does not use the new time")
}
