//! The load: clients of several kinds.
//!
//! Each client repeats a request until the response is definite, on another process if the
//! function has two. The client records confirmed changes and violations in the
//! [`log`](super::log).

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

use super::environment::{APP, Operation, PERMANENT_SESSIONS};
use super::log::{Booking, Outcome, SessionState, StaleRead};
use super::run::{FinalResponse, RETRY_PAUSE, Run};
use crate::testbed::{DATABASE, PASSWORD};

/// How many classes a member books.
const CLASSES_PER_MEMBER: usize = 3;

/// A rejected refresh is not reported if it was retried for longer than this.
const REPORTED_RETRY_TIME: Duration = Duration::from_secs(10);

/// Starts all clients.
pub(super) fn start_clients(run: &Arc<Run>) -> JoinSet<Result<()>> {
    let mut clients = JoinSet::new();
    for _ in 0..6 {
        clients.spawn(book_and_cancel(run.clone()));
    }
    for _ in 0..2 {
        clients.spawn(register_and_change_password(run.clone()));
        clients.spawn(use_tokens(run.clone()));
        clients.spawn(issue_and_redeem(run.clone()));
        clients.spawn(send_messages(run.clone()));
    }
    for turn in 0..6 {
        clients.spawn(check_active_sessions(run.clone(), turn));
        clients.spawn(check_ended_sessions(run.clone(), turn));
    }
    clients
}

/// Simulates members who sign in, book, cancel and sign out.
async fn book_and_cancel(run: Arc<Run>) -> Result<()> {
    while run.is_running() {
        let (number, round) = run.environment.next_member();
        let email = format!("member{number}@example.com");
        let Some(own_cookie) = sign_in(&run, &email, PASSWORD).await? else {
            continue;
        };
        let Some(other_cookie) = sign_in(&run, &email, PASSWORD).await? else {
            continue;
        };
        let mut booked = Vec::new();
        for offset in 0..CLASSES_PER_MEMBER {
            // In the next round a member books other classes.
            let index = number + round * CLASSES_PER_MEMBER + offset;
            let class = run.classes[index % run.classes.len()];
            booked.extend(book(&run, &own_cookie, class, number.is_multiple_of(2)).await?);
        }
        end_other_session(&run, &own_cookie, &other_cookie).await?;
        for booking in booked.into_iter().skip(number % 3) {
            cancel(&run, &own_cookie, booking).await?;
        }
        // Some members stay signed in, so that there are active sessions to check.
        if !number.is_multiple_of(4) {
            sign_out(&run, &own_cookie).await?;
        }
    }
    Ok(())
}

async fn sign_in(run: &Run, email: &str, password: &str) -> Result<Option<String>> {
    let form = json!({ "email": email, "password": password });
    let call = || {
        run.environment
            .testbed
            .post(Operation::SignIn.path(), &form)
    };
    let result = run.request_until_definite(Operation::SignIn, call).await?;
    let cookie = result.response.cookie().filter(|_| result.succeeded());
    match &cookie {
        Some(cookie) => run.log.set_session(cookie, SessionState::Active),
        None => run.report_unexpected(Operation::SignIn, &result),
    }
    Ok(cookie)
}

/// Books with an idempotency key, and repeats the request, which must return the same
/// response.
async fn book(run: &Run, cookie: &str, class: Uuid, join_waitlist: bool) -> Result<Option<Uuid>> {
    let (key, body) = (
        Uuid::now_v7(),
        json!({ "scheduledClassId": class, "joinWaitlist": join_waitlist }),
    );
    let call = || run.post_with_key(Operation::Book, cookie, key, &body);
    let result = run.request_until_definite(Operation::Book, call).await?;
    if !result.succeeded() {
        let is_full = !join_waitlist && result.response.is(StatusCode::CONFLICT, "class_full");
        if !is_full {
            run.report_unexpected(Operation::Book, &result);
        }
        return Ok(None);
    }
    let id = result.response.id().context("the booking has no id")?;
    let has_spot = result.response.text("status") == Some("booked");
    let booked = Booking { class, has_spot };
    run.log.confirmed().booked.insert(id, booked);
    let repeated = run.request_until_definite(Operation::Book, call).await?;
    if repeated.response.outcome.is_definite() && repeated.response.body != result.response.body {
        run.log
            .record_violation("book: the same Idempotency-Key returned another response");
    }
    Ok(Some(id))
}

async fn cancel(run: &Run, cookie: &str, booking: Uuid) -> Result<()> {
    run.log.confirmed().cancellation_requested.insert(booking);
    let (key, body) = (Uuid::now_v7(), json!({ "bookingId": booking }));
    let call = || run.post_with_key(Operation::Cancel, cookie, key, &body);
    let result = run.request_until_definite(Operation::Cancel, call).await?;
    match result.succeeded() {
        true => _ = run.log.confirmed().cancelled.insert(booking),
        false => run.report_unexpected(Operation::Cancel, &result),
    }
    Ok(())
}

async fn sign_out(run: &Run, cookie: &str) -> Result<()> {
    run.log.set_session(cookie, SessionState::Ending);
    let call = || run.post(Operation::SignOut, cookie, &json!({}));
    let result = run.request_until_definite(Operation::SignOut, call).await?;
    match result.succeeded() {
        true => run.log.end_session(cookie, true),
        false => run.report_unexpected(Operation::SignOut, &result),
    }
    Ok(())
}

/// Ends the session of `other_cookie` with a request from the session of `own_cookie`.
async fn end_other_session(run: &Run, own_cookie: &str, other_cookie: &str) -> Result<()> {
    let result = run
        .request_until_definite(Operation::Check, || run.session_check(other_cookie))
        .await?;
    let id = result.response.body["session"]["id"]
        .as_str()
        .map(str::to_owned);
    let Some(id) = id.filter(|_| result.succeeded()) else {
        run.report_unexpected(Operation::Check, &result);
        return Ok(());
    };
    run.log.set_session(other_cookie, SessionState::Ending);
    let call = || {
        let call = run
            .environment
            .testbed
            .call(Method::DELETE, &format!("/api/sessions/{id}"));
        let call = call
            .header("cookie", own_cookie)
            .header("sec-fetch-site", "same-origin");
        Ok(call.body(Full::default())?)
    };
    let result = run.request_until_definite(Operation::Revoke, call).await?;
    let already_ended =
        result.was_retried && result.response.is(StatusCode::NOT_FOUND, "not_found");
    match result.succeeded() || already_ended {
        true => run.log.end_session(other_cookie, result.succeeded()),
        false => run.report_unexpected(Operation::Revoke, &result),
    }
    Ok(())
}

/// Simulates new members who register and change their password, which ends their other
/// sessions.
async fn register_and_change_password(run: Arc<Run>) -> Result<()> {
    const NEW_PASSWORD: &str = "another horse battery";
    while run.is_running() {
        let email = format!("{}@example.com", Uuid::now_v7());
        let Some(own_cookie) = register(&run, &email).await? else {
            continue;
        };
        let Some(other_cookie) = sign_in(&run, &email, PASSWORD).await? else {
            continue;
        };
        // The member's own session gets a new cookie, and the old cookie becomes invalid.
        for cookie in [&other_cookie, &own_cookie] {
            run.log.set_session(cookie, SessionState::Ending);
        }
        let form = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
        let call = || run.post(Operation::ChangePassword, &own_cookie, &form);
        let result = run
            .request_until_definite(Operation::ChangePassword, call)
            .await?;
        let response = &result.response;
        let already_changed = result.was_retried
            && (response.is(StatusCode::UNAUTHORIZED, "not_signed_in")
                || response.is(StatusCode::UNAUTHORIZED, "session_gone"));
        if !result.succeeded() && !already_changed {
            run.report_unexpected(Operation::ChangePassword, &result);
            continue;
        }
        for cookie in [&other_cookie, &own_cookie] {
            run.log.end_session(cookie, result.succeeded());
        }
        if let Some(renewed) = result.response.cookie() {
            run.log.set_session(&renewed, SessionState::Active);
        }
        sign_in(&run, &email, NEW_PASSWORD).await?;
        let form = json!({ "email": email, "password": PASSWORD });
        let call = || {
            run.environment
                .testbed
                .post(Operation::SignIn.path(), &form)
        };
        let result = run.request_until_definite(Operation::SignIn, call).await?;
        if result.succeeded() {
            run.log
                .record_violation("sign-in: the old password was accepted after its change");
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Registers an account. Returns its session cookie.
async fn register(run: &Run, email: &str) -> Result<Option<String>> {
    let form = json!({ "email": email, "password": PASSWORD, "name": "Nueva Alumna" });
    let call = || {
        run.environment
            .testbed
            .post(Operation::Register.path(), &form)
    };
    let result = run
        .request_until_definite(Operation::Register, call)
        .await?;
    if result.was_retried && result.response.is(StatusCode::CONFLICT, "email_taken") {
        return sign_in(run, email, PASSWORD).await;
    }
    if !result.succeeded() {
        run.report_unexpected(Operation::Register, &result);
        return Ok(None);
    }
    run.log.confirmed().registered.insert(email.to_owned());
    let cookie = result
        .response
        .cookie()
        .context("the registration set no session cookie")?;
    run.log.set_session(&cookie, SessionState::Active);
    Ok(Some(cookie))
}

/// Simulates API clients who sign in for tokens and refresh them.
async fn use_tokens(run: Arc<Run>) -> Result<()> {
    while run.is_running() {
        let email = format!("member{}@example.com", run.environment.next_member().0);
        let form = json!({ "email": email, "password": PASSWORD, "mode": "token" });
        let call = || {
            run.environment
                .testbed
                .post(Operation::SignIn.path(), &form)
        };
        let result = run.request_until_definite(Operation::SignIn, call).await?;
        let Some(first) = result
            .response
            .text("refreshToken")
            .filter(|_| result.succeeded())
        else {
            run.report_unexpected(Operation::SignIn, &result);
            continue;
        };
        let last = refresh_repeatedly(&run, first.to_owned()).await?;
        run.log.confirmed().refresh_tokens.extend(last);
    }
    Ok(())
}

/// Refreshes a token several times. Returns the last token, or `None` if a refresh was
/// rejected.
async fn refresh_repeatedly(run: &Run, mut token: String) -> Result<Option<String>> {
    for _ in 0..12 {
        let result = run
            .request_until_definite(Operation::Refresh, || run.refresh_request(&token))
            .await?;
        let next = result
            .response
            .text("refreshToken")
            .filter(|_| result.succeeded());
        let Some(next) = next.map(str::to_owned) else {
            // A very late retry may count as a reuse of the token, which ends the session.
            let is_late = result.was_retried && result.started_at.elapsed() > REPORTED_RETRY_TIME;
            if !is_late {
                run.report_unexpected(Operation::Refresh, &result);
            }
            return Ok(None);
        };
        token = next;
        let authorization = format!(
            "Bearer {}",
            result.response.text("accessToken").unwrap_or_default()
        );
        let call = run.get(Operation::Check.path(), (AUTHORIZATION, &authorization))?;
        // Only process 1 always has the correct clock. By the clock of process 0, which a
        // drill may move, the access token may have expired.
        let response = run.send(Operation::Check, 1, call).await?;
        if response.outcome == Outcome::Rejected {
            run.log
                .record_violation("check: a valid access token was rejected");
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok(Some(token))
}

/// Simulates members who sign in to the partner application, whose server redeems each
/// token twice concurrently.
async fn issue_and_redeem(run: Arc<Run>) -> Result<()> {
    while run.is_running() {
        let number = run.environment.next_session();
        let cookie = run.environment.testbed.cookie(DATABASE, number)?;
        let call = || run.post(Operation::Issue, &cookie, &json!({ "targetApp": APP }));
        let result = run.request_until_definite(Operation::Issue, call).await?;
        let token = result.response.text("token").zip(result.response.id());
        let Some((token, id)) = token.filter(|_| result.succeeded()) else {
            run.report_unexpected(Operation::Issue, &result);
            sleep(RETRY_PAUSE).await;
            continue;
        };
        let issued_at = result.response.received_at;
        run.log.confirmed().issued.insert(id, issued_at);
        let call = || {
            let mut call = run
                .environment
                .testbed
                .post(Operation::Redeem.path(), &json!({ "token": token }))?;
            let headers = call.headers_mut();
            headers.insert(
                "authorization",
                run.environment.partner_credentials().parse()?,
            );
            Ok(call)
        };
        let redeem = || run.request_until_definite(Operation::Redeem, call);
        let (first, second) = tokio::join!(redeem(), redeem());
        check_redemptions(&run, (id, issued_at), &[first?, second?]);
        sleep(RETRY_PAUSE).await;
    }
    Ok(())
}

fn check_redemptions(run: &Run, (id, issued_at): (Uuid, Instant), results: &[FinalResponse; 2]) {
    let redemptions = results.iter().filter(|result| result.succeeded()).count();
    let was_retried = results
        .iter()
        .any(|result| result.was_retried || !result.response.outcome.is_definite());
    match redemptions {
        0 if was_retried || run.may_lose(Operation::Redeem, issued_at) => {}
        0 => run
            .log
            .record_violation("redeem: an issued token could not be redeemed"),
        1 => _ = run.log.confirmed().redeemed.insert(id, issued_at),
        _ => run
            .log
            .record_violation("redeem: a token was redeemed twice"),
    }
    for result in results.iter().filter(|result| !result.succeeded()) {
        if !result.response.is(StatusCode::UNAUTHORIZED, "token_ended") {
            run.report_unexpected(Operation::Redeem, result);
        }
    }
}

/// Simulates visitors who send contact messages.
async fn send_messages(run: Arc<Run>) -> Result<()> {
    while run.is_running() {
        let message = json!({
            "name": "Una Visitante", "email": format!("{}@example.com", Uuid::now_v7()),
            "subject": "Clases", "message": "¿Hay sitio?",
        });
        let call = || {
            run.environment
                .testbed
                .post(Operation::Contact.path(), &message)
        };
        let result = run.request_until_definite(Operation::Contact, call).await?;
        match result.response.id().filter(|_| result.succeeded()) {
            Some(id) => _ = run.log.confirmed().messages.insert(id),
            None => run.report_unexpected(Operation::Contact, &result),
        }
        sleep(Duration::from_millis(150)).await;
    }
    Ok(())
}

/// Checks active sessions, which must not be rejected.
async fn check_active_sessions(run: Arc<Run>, turn: usize) -> Result<()> {
    while run.is_running() {
        let number = run.environment.next_number();
        let active = run.log.active_sessions();
        let signed_in = active
            .get(random_below(active.len()))
            .filter(|_| number.is_multiple_of(2));
        let (cookie, is_permanent) = match signed_in {
            Some(cookie) => (cookie.clone(), false),
            None => (
                run.environment
                    .testbed
                    .cookie(DATABASE, 1 + random_below(PERMANENT_SESSIONS))?,
                true,
            ),
        };
        let response = run
            .send(Operation::Check, turn, run.session_check(&cookie)?)
            .await?;
        // Another client may have ended the session in the meantime.
        if response.outcome == Outcome::Rejected && (is_permanent || run.log.is_active(&cookie)) {
            run.log
                .record_violation("check: an active session was rejected");
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Checks ended sessions, mostly recent ones, and records which are still accepted.
async fn check_ended_sessions(run: Arc<Run>, turn: usize) -> Result<()> {
    while run.is_running() {
        let ended_sessions = run.log.ended_sessions();
        let offset = match run.environment.next_number() % 3 {
            0 => random_below(ended_sessions.len()),
            _ => random_below(ended_sessions.len().min(8)),
        };
        if let Some((cookie, ended)) = ended_sessions.iter().rev().nth(offset) {
            let response = run
                .send(Operation::Check, turn, run.session_check(cookie)?)
                .await?;
            if response.outcome == Outcome::Success {
                let (ended, sent_at) = (*ended, response.sent_at);
                run.log.record_stale_read(StaleRead { ended, sent_at });
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Returns a random number below `end`, or 0 if `end` is 0.
fn random_below(end: usize) -> usize {
    random::below(end.max(1) as u64) as usize
}
