//! The load: what members do, and what they were told.
//!
//! Each of the actors does what a good client does: asks again, elsewhere, until
//! it knows; and what it was told stands in the [`ledger`](super::ledger). What no fault excuses
//! is noted there at once, as a wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::header::AUTHORIZATION;
use hyper::{Method, StatusCode};
use sabor::crypto::random;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;

use super::ledger::{Booked, Outcome, Sighting, Standing};
use super::play::{AGAIN, Known, Play};
use super::stage::{APP, Kind, STANDING};
use crate::testbed::{DATABASE, PASSWORD};

/// As many classes a member books.
const WISHES: usize = 3;

/// For how long a lost answer to a refresh is given again.
const GRACE: Duration = Duration::from_secs(10);

/// Sends everybody in.
pub(super) fn begin(play: &Arc<Play>) -> JoinSet<Result<()>> {
    let mut actors = JoinSet::new();
    for _ in 0..6 {
        actors.spawn(members(play.clone()));
    }
    for _ in 0..2 {
        actors.spawn(newcomers(play.clone()));
        actors.spawn(programs(play.clone()));
        actors.spawn(travellers(play.clone()));
        actors.spawn(writers(play.clone()));
    }
    for turn in 0..6 {
        actors.spawn(lookers(play.clone(), turn));
        actors.spawn(watchers(play.clone(), turn));
    }
    actors
}

/// Members come, book, change their minds, and go.
async fn members(play: Arc<Play>) -> Result<()> {
    while play.goes_on() {
        let (number, round) = play.stage.next_member();
        let email = format!("member{number}@example.com");
        let Some(here) = sign_in(&play, &email, PASSWORD).await? else {
            continue;
        };
        let Some(there) = sign_in(&play, &email, PASSWORD).await? else {
            continue;
        };
        let mut booked = Vec::new();
        for offset in 0..WISHES {
            // Who comes round again within a drill wants others.
            let class = number + round * WISHES + offset;
            let class = play.classes[class % play.classes.len()];
            booked.extend(book(&play, &here, class, number.is_multiple_of(2)).await?);
        }
        end_from_afar(&play, &here, &there).await?;
        for booking in booked.into_iter().skip(number % 3) {
            cancel(&play, &here, booking).await?;
        }
        // Some stay, so that it shows whether they are let.
        if !number.is_multiple_of(4) {
            sign_out(&play, &here).await?;
        }
    }
    Ok(())
}

async fn sign_in(play: &Play, email: &str, password: &str) -> Result<Option<String>> {
    let form = json!({ "email": email, "password": password });
    let call = || play.stage.testbed.post(Kind::SignIn.path(), &form);
    let known = play.insist(Kind::SignIn, call).await?;
    let cookie = known.answer.cookie().filter(|_| known.is_done());
    match &cookie {
        Some(cookie) => play.ledger.stands(cookie, Standing::Alive),
        None => play.unexplained(Kind::SignIn, &known),
    }
    Ok(cookie)
}

/// Books once, whatever becomes of the first try; some ask again although they
/// know, and must be told the same.
async fn book(play: &Play, cookie: &str, class: Uuid, waits: bool) -> Result<Option<Uuid>> {
    let (key, wish) = (
        Uuid::now_v7(),
        json!({ "scheduledClassId": class, "joinWaitlist": waits }),
    );
    let call = || play.keyed(Kind::Book, cookie, key, &wish);
    let known = play.insist(Kind::Book, call).await?;
    if !known.is_done() {
        let full = !waits && known.answer.is(StatusCode::CONFLICT, "class_full");
        if !full {
            play.unexplained(Kind::Book, &known);
        }
        return Ok(None);
    }
    let id = known.answer.id().context("a booking has an id")?;
    let has_place = known.answer.text("status") == Some("booked");
    let booked = Booked { class, has_place };
    play.ledger.deeds().booked.insert(id, booked);
    let again = play.insist(Kind::Book, call).await?;
    if again.answer.outcome.is_known() && again.answer.body != known.answer.body {
        play.ledger
            .wrong("book: the same Idempotency-Key was answered otherwise");
    }
    Ok(Some(id))
}

async fn cancel(play: &Play, cookie: &str, booking: Uuid) -> Result<()> {
    play.ledger.deeds().regretted.insert(booking);
    let (key, regret) = (Uuid::now_v7(), json!({ "bookingId": booking }));
    let call = || play.keyed(Kind::Cancel, cookie, key, &regret);
    let known = play.insist(Kind::Cancel, call).await?;
    match known.is_done() {
        true => _ = play.ledger.deeds().cancelled.insert(booking),
        false => play.unexplained(Kind::Cancel, &known),
    }
    Ok(())
}

async fn sign_out(play: &Play, cookie: &str) -> Result<()> {
    play.ledger.stands(cookie, Standing::Ending);
    let call = || play.post(Kind::SignOut, cookie, &json!({}));
    let known = play.insist(Kind::SignOut, call).await?;
    match known.is_done() {
        true => play.ledger.ends(cookie, true),
        false => play.unexplained(Kind::SignOut, &known),
    }
    Ok(())
}

/// Ends the session `there` from the one that is `here`.
async fn end_from_afar(play: &Play, here: &str, there: &str) -> Result<()> {
    let known = play.insist(Kind::Check, || play.check(there)).await?;
    let id = known.answer.body["session"]["id"]
        .as_str()
        .map(str::to_owned);
    let Some(id) = id.filter(|_| known.is_done()) else {
        play.unexplained(Kind::Check, &known);
        return Ok(());
    };
    play.ledger.stands(there, Standing::Ending);
    let call = || {
        let call = play
            .stage
            .testbed
            .call(Method::DELETE, &format!("/api/sessions/{id}"));
        let call = call
            .header("cookie", here)
            .header("sec-fetch-site", "same-origin");
        Ok(call.body(Full::default())?)
    };
    let known = play.insist(Kind::Revoke, call).await?;
    let gone = known.doubted && known.answer.is(StatusCode::NOT_FOUND, "not_found");
    match known.is_done() || gone {
        true => play.ledger.ends(there, known.is_done()),
        false => play.unexplained(Kind::Revoke, &known),
    }
    Ok(())
}

/// Newcomers register, and change their password, which ends what they have
/// elsewhere.
async fn newcomers(play: Arc<Play>) -> Result<()> {
    const NEW: &str = "another horse battery";
    while play.goes_on() {
        let email = format!("{}@example.com", Uuid::now_v7());
        let Some(here) = register(&play, &email).await? else {
            continue;
        };
        let Some(there) = sign_in(&play, &email, PASSWORD).await? else {
            continue;
        };
        play.ledger.stands(&there, Standing::Ending);
        let form = json!({ "currentPassword": PASSWORD, "newPassword": NEW });
        let call = || play.post(Kind::ChangePassword, &here, &form);
        let known = play.insist(Kind::ChangePassword, call).await?;
        let changed = known.doubted && known.answer.is(StatusCode::FORBIDDEN, "wrong_password");
        if !known.is_done() && !changed {
            play.unexplained(Kind::ChangePassword, &known);
            continue;
        }
        play.ledger.ends(&there, known.is_done());
        sign_in(&play, &email, NEW).await?;
        let form = json!({ "email": email, "password": PASSWORD });
        let call = || play.stage.testbed.post(Kind::SignIn.path(), &form);
        let known = play.insist(Kind::SignIn, call).await?;
        if known.is_done() {
            play.ledger
                .wrong("sign-in: by a password that had been changed");
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// The cookie of a new account.
async fn register(play: &Play, email: &str) -> Result<Option<String>> {
    let form = json!({ "email": email, "password": PASSWORD, "name": "Nueva Alumna" });
    let call = || play.stage.testbed.post(Kind::Register.path(), &form);
    let known = play.insist(Kind::Register, call).await?;
    if known.doubted && known.answer.is(StatusCode::CONFLICT, "email_taken") {
        return sign_in(play, email, PASSWORD).await;
    }
    if !known.is_done() {
        play.unexplained(Kind::Register, &known);
        return Ok(None);
    }
    play.ledger.deeds().registered.insert(email.to_owned());
    let cookie = known
        .answer
        .cookie()
        .context("who registers is signed in")?;
    play.ledger.stands(&cookie, Standing::Alive);
    Ok(Some(cookie))
}

/// Programs hold tokens, and exchange them again and again.
async fn programs(play: Arc<Play>) -> Result<()> {
    while play.goes_on() {
        let email = format!("member{}@example.com", play.stage.next_member().0);
        let form = json!({ "email": email, "password": PASSWORD, "mode": "token" });
        let call = || play.stage.testbed.post(Kind::SignIn.path(), &form);
        let known = play.insist(Kind::SignIn, call).await?;
        let Some(first) = known
            .answer
            .text("refreshToken")
            .filter(|_| known.is_done())
        else {
            play.unexplained(Kind::SignIn, &known);
            continue;
        };
        let last = exchange(&play, first.to_owned()).await?;
        play.ledger.deeds().refreshable.extend(last);
    }
    Ok(())
}

/// Exchanges a token some times; the last one that is known to be good.
async fn exchange(play: &Play, mut token: String) -> Result<Option<String>> {
    for _ in 0..12 {
        let known = play.insist(Kind::Refresh, || play.refresh(&token)).await?;
        let next = known
            .answer
            .text("refreshToken")
            .filter(|_| known.is_done());
        let Some(next) = next.map(str::to_owned) else {
            // Not given again any more: the family has ended, as it should.
            let late = known.doubted && known.first.elapsed() > GRACE;
            if !late {
                play.unexplained(Kind::Refresh, &known);
            }
            return Ok(None);
        };
        token = next;
        let access = format!(
            "Bearer {}",
            known.answer.text("accessToken").unwrap_or_default()
        );
        let call = play.get(Kind::Check.path(), (AUTHORIZATION, &access))?;
        // By the process whose clock nobody moves: the token's end goes by it.
        let seen = play.ask(Kind::Check, 1, call).await?;
        if seen.outcome == Outcome::Refused {
            play.ledger
                .wrong("check: an access token that is good was refused");
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok(Some(token))
}

/// Members go on to the partner application, whose server redeems their token
/// twice at once.
async fn travellers(play: Arc<Play>) -> Result<()> {
    while play.goes_on() {
        let number = play.stage.next_session();
        let cookie = play.stage.testbed.cookie(DATABASE, number)?;
        let call = || play.post(Kind::Issue, &cookie, &json!({ "targetApp": APP }));
        let known = play.insist(Kind::Issue, call).await?;
        let token = known.answer.text("token").zip(known.answer.id());
        let Some((token, id)) = token.filter(|_| known.is_done()) else {
            play.unexplained(Kind::Issue, &known);
            sleep(AGAIN).await;
            continue;
        };
        let issued = known.answer.answered;
        play.ledger.deeds().issued.insert(id, issued);
        let call = || {
            let mut call = play
                .stage
                .testbed
                .post(Kind::Redeem.path(), &json!({ "token": token }))?;
            let headers = call.headers_mut();
            headers.insert("authorization", play.stage.partner().parse()?);
            Ok(call)
        };
        let redeem = || play.insist(Kind::Redeem, call);
        let (one, other) = tokio::join!(redeem(), redeem());
        judge_redemptions(&play, (id, issued), &[one?, other?]);
        sleep(AGAIN).await;
    }
    Ok(())
}

fn judge_redemptions(play: &Play, (id, issued): (Uuid, Instant), both: &[Known; 2]) {
    let done = both.iter().filter(|known| known.is_done()).count();
    let doubted = both
        .iter()
        .any(|known| known.doubted || !known.answer.outcome.is_known());
    match done {
        0 if doubted || play.may_lose(Kind::Redeem, issued) => {}
        0 => play
            .ledger
            .wrong("redeem: a token that was issued is good for nobody"),
        1 => _ = play.ledger.deeds().redeemed.insert(id, issued),
        _ => play.ledger.wrong("redeem: a token was redeemed twice"),
    }
    for known in both.iter().filter(|known| !known.is_done()) {
        if !known.answer.is(StatusCode::UNAUTHORIZED, "token_ended") {
            play.unexplained(Kind::Redeem, known);
        }
    }
}

/// Visitors write to the studio.
async fn writers(play: Arc<Play>) -> Result<()> {
    while play.goes_on() {
        let message = json!({
            "name": "Una Visitante", "email": format!("{}@example.com", Uuid::now_v7()),
            "subject": "Clases", "message": "¿Hay sitio?",
        });
        let call = || play.stage.testbed.post(Kind::Contact.path(), &message);
        let known = play.insist(Kind::Contact, call).await?;
        match known.answer.id().filter(|_| known.is_done()) {
            Some(id) => _ = play.ledger.deeds().messages.insert(id),
            None => play.unexplained(Kind::Contact, &known),
        }
        sleep(Duration::from_millis(150)).await;
    }
    Ok(())
}

/// Sessions that live are looked at: nobody may be told that they do not.
async fn lookers(play: Arc<Play>, turn: usize) -> Result<()> {
    while play.goes_on() {
        let number = play.stage.next();
        let alive = play.ledger.alive();
        let fresh = alive
            .get(below(alive.len()))
            .filter(|_| number.is_multiple_of(2));
        let (cookie, stands) = match fresh {
            Some(cookie) => (cookie.clone(), false),
            None => (
                play.stage.testbed.cookie(DATABASE, 1 + below(STANDING))?,
                true,
            ),
        };
        let answer = play.ask(Kind::Check, turn, play.check(&cookie)?).await?;
        // It may have been ended meanwhile.
        if answer.outcome == Outcome::Refused && (stands || play.ledger.is_alive(&cookie)) {
            play.ledger
                .wrong("check: a session that lives was told that it does not");
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Sessions that have ended are looked at, the latest most often: who is told
/// that one lives is noted.
async fn watchers(play: Arc<Play>, turn: usize) -> Result<()> {
    while play.goes_on() {
        let ended = play.ledger.ended();
        let back = match play.stage.next() % 3 {
            0 => below(ended.len()),
            _ => below(ended.len().min(8)),
        };
        if let Some((cookie, ended)) = ended.iter().rev().nth(back) {
            let answer = play.ask(Kind::Check, turn, play.check(cookie)?).await?;
            if answer.outcome == Outcome::Done {
                let (ended, asked) = (*ended, answer.asked);
                play.ledger.sighted(Sighting { ended, asked });
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A number below `end`; 0 for 0.
fn below(end: usize) -> usize {
    random::below(end.max(1) as u64) as usize
}
