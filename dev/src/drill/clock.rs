//! The clock of one process jumps while it runs, by Debian's libfaketime.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use hyper::header::AUTHORIZATION;
use sabor::runtime::clock::Clock;
use sabor::session::ACCESS_LIFE;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::ledger::Outcome;
use super::play::Play;
use super::stage::{Instance, Kind, Stage};
use crate::testbed::{DATABASE, PASSWORD};

/// How long a process may take to notice.
const NOTICED_WITHIN: Duration = Duration::from_secs(10);

/// The library that stands between a process and its clock.
pub(super) fn library() -> Option<PathBuf> {
    const PATH: &str = "faketime/libfaketime.so.1";
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let found = folders.map(|folder| folder.path().join(PATH));
    found
        .chain([Path::new("/usr/lib").join(PATH)])
        .find(|path| path.is_file())
}

/// One process of each function that has two.
fn affected(stage: &Stage) -> Vec<&Instance> {
    let both = [Kind::Check, Kind::Book].map(|kind| stage.one(kind, 0));
    both.into_iter().flatten().collect()
}

/// Where the affected processes read by how much they are off.
fn file(stage: &Stage) -> PathBuf {
    stage.folder.path().join("clock")
}

/// Has the affected processes started anew, with clocks that can be moved.
pub(super) async fn prepare(stage: &Stage) -> Result<()> {
    let library = library().context("there is no libfaketime")?;
    set(stage, TimeDelta::zero())?;
    let mut variables = stage.variables();
    variables.extend([
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file(stage).display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        // A wall clock that is set moves no other.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]);
    for instance in affected(stage) {
        instance.start_again(&variables).await?;
    }
    Ok(())
}

/// Gives them clocks that are right again.
pub(super) async fn clear(stage: &Stage) -> Result<()> {
    for instance in affected(stage) {
        instance.start_again(&stage.variables()).await?;
    }
    Ok(())
}

/// The clock jumps, and after a while back.
pub(super) async fn jump(play: &Play, by: TimeDelta) -> Result<()> {
    let session = sign_in(play).await?;
    set(&play.stage, by)?;
    noticed(play, by, &session).await?;
    play.stage.last().await;
    set(&play.stage, TimeDelta::zero())?;
    noticed(play, TimeDelta::zero(), &session).await
}

/// Who has issued an access token, and whose it is.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: Uuid,
    sid: Uuid,
}

async fn sign_in(play: &Play) -> Result<Claims> {
    let (number, _) = play.stage.next_member();
    let email = format!("member{number}@example.com");
    let form = json!({ "email": email, "password": PASSWORD, "mode": "token" });
    let call = || play.stage.testbed.post(Kind::SignIn.path(), &form);
    let known = play.insist(Kind::SignIn, call).await?;
    let claims = known.answer.text("accessToken");
    let claims = claims.and_then(|token| token.split('.').nth(1));
    let claims = BASE64.decode(claims.context("a sign-in without a token")?)?;
    Ok(serde_json::from_slice(&claims)?)
}

/// Whether a session check goes by a clock that is off by so much: a token that
/// is new by it is good, and one that has run out by it is not. A process that is
/// behind would let in the second, one that is ahead refuse the first.
async fn checks_by(play: &Play, by: TimeDelta, of: &Claims) -> Result<bool> {
    let now = Clock::default().now() + by;
    let (new, old) = (
        (now, Outcome::Done),
        (now - ACCESS_LIFE * 2, Outcome::Refused),
    );
    let tokens = play.stage.testbed.access_tokens(&of.iss);
    let mut holds = true;
    for (issued, expected) in [new, old] {
        let bearer = format!("Bearer {}", tokens.issue(of.sid, of.sub, issued));
        let call = play.get(Kind::Check.path(), (AUTHORIZATION, &bearer))?;
        let answer = play.ask(Kind::Check, 0, call).await?;
        holds &= answer.outcome == expected;
    }
    Ok(holds)
}

/// By renaming, so that nobody reads half of it.
fn set(stage: &Stage, by: TimeDelta) -> Result<()> {
    let new = stage.folder.path().join("clock.new");
    fs::write(&new, format!("{:+}\n", by.num_seconds()))?;
    Ok(fs::rename(new, file(stage))?)
}

/// Waits until a place is booked at a time that is off by so much, and sessions
/// are checked by such a clock: a drill in which no clock has jumped would show
/// nothing. By the `Date` of an answer it would not be seen, which never goes back.
async fn noticed(play: &Play, by: TimeDelta, session: &Claims) -> Result<()> {
    let (stage, begun) = (&play.stage, Instant::now());
    let class = stage.add_classes().await?[0];
    let wish = json!({ "scheduledClassId": class, "joinWaitlist": true });
    for member in 1.. {
        if begun.elapsed() > NOTICED_WITHIN {
            break;
        }
        let cookie = stage.testbed.cookie(DATABASE, member)?;
        let call = play.post(Kind::Book, &cookie, &wish)?;
        let answer = play.ask(Kind::Book, 0, call).await?;
        let booked = answer.text("bookedAt").and_then(|text| text.parse().ok());
        let off = booked.map(|at: DateTime<Utc>| at - Clock::default().now() - by);
        let is_off = off.is_some_and(|off| off.abs() < TimeDelta::seconds(60));
        if is_off && checks_by(play, by, session).await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the clock does not jump")
}
