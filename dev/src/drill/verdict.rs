//! Whether what was confirmed is there: read from the tables, and asked again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sabor::crypto::secret::sha256_hex;
use tokio_postgres::Client;
use uuid::Uuid;

use super::ledger::{Ended, Ledger, Outcome, Sighting};
use super::play::Play;
use super::stage::Kind;

/// What a machine with two cores and much to do may add to a lapse. To none at
/// all it adds nothing: who reads a session begins after its end was confirmed.
const SCHEDULING: Duration = Duration::from_secs(1);

/// For how long a session that has ended may be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// No check that begins after the confirmation finds it.
    AtOnce,
    /// Until so long after the fault, if it has ended since that began.
    AfterReturn(Duration),
    /// For so long, whatever happens.
    For(Duration),
}

/// From when to when a fault lasted.
type Fault = (Instant, Instant);

/// A mark that was lost, or never sent.
pub(super) const MARK_LOST: Duration = Duration::from_secs(300);

impl Bound {
    pub(super) fn name(self) -> String {
        match self {
            Self::AtOnce => "at once".to_owned(),
            Self::AfterReturn(lapse) => format!("{} s after its return", lapse.as_secs()),
            Self::For(lapse) => format!("{} s", lapse.as_secs()),
        }
    }

    /// Waits until what is stated of the return of something is due.
    pub(super) async fn pass(self, fault_ended: Instant) {
        if let Self::AfterReturn(lapse) = self {
            let due = fault_ended + lapse + SCHEDULING;
            tokio::time::sleep_until(due.into()).await;
        }
    }

    /// Until when such a session may be read.
    fn until(self, &Ended { at, confirmed }: &Ended, (broken, mended): Fault) -> Instant {
        match self {
            _ if !confirmed => at + MARK_LOST + SCHEDULING,
            Self::AfterReturn(lapse) if broken <= at => at.max(mended + lapse + SCHEDULING),
            Self::AfterReturn(_) | Self::AtOnce => at,
            Self::For(lapse) => at + lapse + SCHEDULING,
        }
    }
}

/// The longest that a session was read which had ended.
pub(super) fn longest_life(ledger: &Ledger) -> Duration {
    let sightings = ledger.sightings().into_iter();
    let lives = sightings.map(|seen| seen.asked.saturating_duration_since(seen.ended.at));
    lives.max().unwrap_or_default()
}

/// Everything that can be told when all is over; what is wrong is in the ledger.
pub(super) async fn judge(play: &Arc<Play>, bound: Bound) -> Result<()> {
    let (ledger, fault) = (&play.ledger, play.fault()?);
    for asked in ledger.requests() {
        if let Some(objection) = play.objection(&asked) {
            let (kind, outcome) = (asked.kind.name(), asked.outcome.name());
            ledger.wrong(format!("{kind}: {outcome}, {objection}"));
        }
    }
    let client = play.stage.postgres().await?;
    sessions(play, &client, bound).await?;
    for seen in ledger.sightings() {
        if seen.asked > bound.until(&seen.ended, fault) {
            ledger.wrong("check: a session that had ended was read for longer than stated");
        }
    }
    bookings(play, &client).await?;
    classes(play, &client).await?;
    others(play, &client).await?;
    tokens(play).await
}

/// Who signed in is signed in, and who has ended it is not, in each process.
async fn sessions(play: &Arc<Play>, client: &Client, bound: Bound) -> Result<()> {
    let key = |cookie: &str| {
        let token = cookie.split(['=', '.']).nth(1).unwrap_or_default();
        sha256_hex(token.as_bytes())
    };
    let (alive, ended) = (play.ledger.alive(), play.ledger.ended());
    let keys: Vec<String> = alive.iter().map(|cookie| key(cookie)).collect();
    let there = count(client, SESSIONS, &keys).await?;
    play.expect(
        there == keys.len(),
        "sign-in: confirmed, and not in Postgres",
    );
    let keys: Vec<String> = ended.iter().map(|(cookie, _)| key(cookie)).collect();
    let there = count(client, SESSIONS, &keys).await?;
    play.expect(there == 0, "sign-out: confirmed, and still in Postgres");
    let mut lingering = Vec::new();
    for turn in 0..2 {
        for cookie in &alive {
            let answer = play.ask(Kind::Check, turn, play.check(cookie)?).await?;
            play.expect(
                answer.outcome == Outcome::Done,
                "check: a session that lives is not let in afterwards",
            );
        }
        for (cookie, ended) in &ended {
            let answer = play.ask(Kind::Check, turn, play.check(cookie)?).await?;
            let (ended, asked) = (*ended, answer.asked);
            match answer.outcome {
                Outcome::Refused => {}
                Outcome::Done => {
                    play.ledger.sighted(Sighting { ended, asked });
                    lingering.push((turn, cookie, ended));
                }
                _ => play
                    .ledger
                    .wrong("check: who has ended a session is not told so afterwards"),
            }
        }
    }
    let fault = play.fault()?;
    for (turn, cookie, ended) in lingering {
        // Where marks may be lost this takes minutes, and is worth them.
        tokio::time::sleep_until(bound.until(&ended, fault).into()).await;
        let answer = play.ask(Kind::Check, turn, play.check(cookie)?).await?;
        play.expect(
            answer.outcome == Outcome::Refused,
            "check: a session that had ended is let in for good",
        );
    }
    Ok(())
}

async fn bookings(play: &Play, client: &Client) -> Result<()> {
    let rows = client.query(BOOKINGS, &[&play.classes]).await?;
    let row = client.query_one(BOOKED_TWICE, &[&play.classes]).await?;
    let twice: i64 = row.try_get(0)?;
    play.expect(twice == 0, "book: done twice under one Idempotency-Key");
    let deeds = play.ledger.deeds();
    let mut found = 0;
    for row in &rows {
        let (id, class): (Uuid, Uuid) = (row.try_get("id")?, row.try_get("scheduled_class_id")?);
        let status: &str = row.try_get("status")?;
        let (is_cancelled, told) = (status == "cancelled", deeds.booked.get(&id));
        found += usize::from(told.is_some_and(|told| told.class == class));
        let has_lost = told.is_some_and(|told| told.has_place) && status == "waitlisted";
        play.expect(!has_lost, "book: a place was confirmed, and somebody waits");
        let is_kept = is_cancelled || !deeds.cancelled.contains(&id);
        play.expect(is_kept, "cancel: confirmed, and not cancelled");
        let is_wanted = !is_cancelled || deeds.regretted.contains(&id);
        play.expect(is_wanted, "book: cancelled by nobody");
    }
    let there = found == deeds.booked.len();
    play.expect(there, "book: confirmed, and not in Postgres");
    Ok(())
}

/// No place is sold twice, and nobody waits beside an empty one.
async fn classes(play: &Play, client: &Client) -> Result<()> {
    let rows = client.query(CLASSES, &[&play.classes]).await?;
    play.expect(rows.len() == play.classes.len(), "book: a class is gone");
    for row in rows {
        let number = |name: &str| row.try_get::<_, i64>(name);
        let (places, counted, booked) = (number("places")?, number("counted")?, number("booked")?);
        play.expect(
            booked <= places,
            "book: more are booked than there are places",
        );
        play.expect(
            booked == counted,
            "book: the counter is not the number of rows",
        );
        let (waiting, positions) = (number("waiting")?, number("positions")?);
        play.expect(waiting == positions, "book: two who wait have one position");
        play.expect(
            number("misplaced")? == 0,
            "book: a position of somebody who does not wait",
        );
        play.expect(
            waiting == 0 || booked == places,
            "book: somebody waits beside an empty place",
        );
    }
    Ok(())
}

/// What has to be there, and nothing more.
async fn others(play: &Play, client: &Client) -> Result<()> {
    let expect = async |query, wanted: Vec<Uuid>, otherwise| {
        let there = count(client, query, &wanted).await?;
        play.expect(there == wanted.len(), otherwise);
        Ok::<_, anyhow::Error>(())
    };
    let messages = play.ledger.deeds().messages.iter().copied().collect();
    expect(
        MESSAGES,
        messages,
        "contact: confirmed, and not in Postgres",
    )
    .await?;
    let registered: Vec<String> = play.ledger.deeds().registered.iter().cloned().collect();
    let there = count(client, USERS, &registered).await?;
    let all = there == registered.len();
    play.expect(all, "register: confirmed, and not in Postgres");
    let kept = |issued: &HashMap<Uuid, Instant>| {
        let kept = issued
            .iter()
            .filter(|(_, at)| !play.may_lose(Kind::Issue, **at));
        kept.map(|(id, _)| *id).collect()
    };
    let issued = kept(&play.ledger.deeds().issued);
    expect(ISSUED, issued, "issue: confirmed, and not in Postgres").await?;
    let redeemed = kept(&play.ledger.deeds().redeemed);
    expect(REDEEMED, redeemed, "redeem: confirmed, and not noted").await
}

/// The last refresh token of each family is good.
async fn tokens(play: &Play) -> Result<()> {
    let tokens: Vec<String> = play.ledger.deeds().refreshable.iter().cloned().collect();
    for token in tokens {
        let answer = play.ask(Kind::Refresh, 0, play.refresh(&token)?).await?;
        play.expect(
            answer.outcome == Outcome::Done,
            "refresh: a token that is good is refused",
        );
    }
    Ok(())
}

async fn count<T: tokio_postgres::types::ToSql + Sync>(
    client: &Client,
    query: &str,
    wanted: &[T],
) -> Result<usize> {
    let row = client.query_one(query, &[&wanted]).await?;
    let count: i64 = row.try_get(0)?;
    usize::try_from(count).context("a count is not negative")
}

const SESSIONS: &str = "select count(*) from user_sessions where session_key = any($1)";

const BOOKINGS: &str =
    "select id, scheduled_class_id, status from bookings where scheduled_class_id = any($1)";

// Each member asks for a place in a class under one key.
const BOOKED_TWICE: &str = "
    select count(*) from (
        select from bookings where scheduled_class_id = any($1)
        group by user_id, scheduled_class_id having count(*) > 1
    ) twice";

const CLASSES: &str = "
    select c.max_participants::bigint as places, c.current_participants::bigint as counted,
        count(*) filter (where b.status in ('booked', 'attended', 'no_show')) as booked,
        count(*) filter (where b.status = 'waitlisted') as waiting,
        count(distinct b.waitlist_position) filter (where b.status = 'waitlisted') as positions,
        count(b.waitlist_position) filter (where b.status <> 'waitlisted') as misplaced
    from scheduled_classes c left join bookings b on b.scheduled_class_id = c.id
    where c.id = any($1) group by c.id";

const MESSAGES: &str = "select count(*) from contact_submissions where id = any($1)";

const USERS: &str = "select count(*) from users where email = any($1)";

const ISSUED: &str = "select count(*) from cross_app_sessions where id = any($1)";

const REDEEMED: &str =
    "select count(*) from cross_app_sessions where id = any($1) and used_at is not null";
