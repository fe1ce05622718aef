//! Mail: written into the outbox in the transaction of its reason, sent after it.
//!
//! A mail is claimed, sent, and then marked as sent. No two senders claim the
//! same one. What remains is SMTP's own gap (RFC 5321, section 6.1): a server
//! that has taken a mail, and a sender that dies, or is cut off, before it has
//! heard so and noted it. That mail goes out once more, under the same
//! `Message-ID`, by which mail systems drop the second one.

mod message;
mod notice;
mod transport;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use self::message::Letter;
pub use self::notice::{Link, Notice, NoticeKind, notify, notify_at, notify_of_use, send_link};
use self::transport::{Carrier, Trouble};
use crate::App;
use crate::error::{Error, Result};
use crate::models::contact;
use crate::models::mail_outbox::{self, Due, MOST_TRIES};
use crate::models::one_time_token;
use crate::runtime::background;
use crate::runtime::background::BoxFuture;
use crate::runtime::config::MailTransport;
use crate::store::postgres::chain;

/// How long a request's invocation is kept for mail; the clean-up sends what
/// remains.
const SOON: Duration = Duration::from_secs(20);

/// How often, and how far apart, a mail that is out is marked as such.
const MARK_TRIES: u32 = 4;
const MARK_PAUSE: Duration = Duration::from_millis(500);

/// What a round of sending has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Mails that are out.
    pub sent: u64,
    /// Mails whose news did not hold any more, and that were not sent.
    pub dropped: u64,
    /// Tries that failed, and are made again later.
    pub failed: u64,
    /// Mails that nobody will try again.
    pub given_up: u64,
    /// Whether some that are due were left.
    pub remaining: bool,
}

/// Who sends in this process: one at a time, and one who waits to go on, which is
/// enough for any number of requests that have written mail.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    turn: Mutex<()>,
    is_waited_for: AtomicBool,
}

/// Sends what is due, after the answer. To be called after the commit.
pub fn send_due_soon(app: &App) {
    if matches!(app.config().mail.transport, MailTransport::Nothing) {
        return warn_once();
    }
    // Whoever waits will look after this commit.
    if app.sending().is_waited_for.swap(true, Ordering::AcqRel) {
        return;
    }
    let app = app.clone();
    background::spawn(async move {
        let turn = app.sending().turn.lock().await;
        app.sending().is_waited_for.store(false, Ordering::Release);
        if let Err(error) = send_due(&app, Instant::now() + SOON).await {
            tracing::error!(error = %chain(&error), "mail not sent");
        }
        drop(turn);
    });
}

/// Sends what is due, one mail after another, until none is left or `until`.
///
/// # Errors
///
/// [`crate::Error::Unavailable`]: what was sent until then is sent.
pub fn send_due(app: &App, until: Instant) -> BoxFuture<'_, Result<Sent>> {
    Box::pin(async move {
        let mut outcome = Sent::default();
        if matches!(app.config().mail.transport, MailTransport::Nothing) {
            outcome.remaining = mail_outbox::is_waiting(&*app.db().client().await?).await?;
            if outcome.remaining {
                warn_once();
            }
            return Ok(outcome);
        }
        let mut carrier = match Carrier::new(&app.config().mail) {
            Ok(carrier) => carrier,
            Err(problem) => {
                tracing::error!(problem, "mail waits in the outbox");
                outcome.remaining = true;
                return Ok(outcome);
            }
        };
        let ended = round(app, &mut carrier, until, &mut outcome).await;
        carrier.close().await;
        ended.map(|()| outcome)
    })
}

fn warn_once() {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!("SMTP_HOST is not set: mail waits in the outbox");
    }
}

/// No connection to Postgres is held while the server of mail is spoken to.
async fn round(
    app: &App,
    carrier: &mut Carrier<'_>,
    until: Instant,
    outcome: &mut Sent,
) -> Result<()> {
    while Instant::now() < until && !app.ending().is_cancelled() {
        let Some(due) = mail_outbox::claim(&*app.db().client().await?).await? else {
            return Ok(());
        };
        if due.attempts > MOST_TRIES {
            give_up(app, &due, "the last try never came to an end", outcome).await?;
            continue;
        }
        let letter = match compose(app, &due).await {
            Err(error @ Error::Internal(_)) => Err(Trouble::Later(chain(&error))),
            letter => Ok(letter?),
        };
        let handed = match letter {
            Err(trouble) => Err(trouble),
            Ok(Some(letter)) => carrier.send(&due, letter).await,
            Ok(None) => {
                tracing::info!(mail = %due.id, kind = due.kind, "mail dropped: its news is old");
                mark(app, &due).await?;
                outcome.dropped += 1;
                continue;
            }
        };
        match handed {
            Ok(()) => {
                mark(app, &due).await?;
                outcome.sent += 1;
            }
            Err(Trouble::Never(cause)) => give_up(app, &due, &cause, outcome).await?,
            Err(Trouble::Later(cause) | Trouble::Away(cause)) if due.attempts >= MOST_TRIES => {
                give_up(app, &due, &cause, outcome).await?;
            }
            Err(Trouble::Later(cause)) => put_off(&due, &cause, outcome),
            Err(Trouble::Away(cause)) => {
                put_off(&due, &cause, outcome);
                // The others keep their tries for a server that answers.
                outcome.remaining = true;
                return Ok(());
            }
        }
    }
    outcome.remaining = true;
    Ok(())
}

/// What is out, and not marked, would go out again: worth more than one try.
async fn mark(app: &App, due: &Due) -> Result<()> {
    let id = due.id;
    let mut tries = 1;
    loop {
        let marked = app
            .db()
            .read(async move |client| mail_outbox::sent(client, id).await);
        match marked.await {
            Err(error) if tries == MARK_TRIES => return Err(error),
            Err(_) => tokio::time::sleep(MARK_PAUSE).await,
            Ok(()) => return Ok(()),
        }
        tries += 1;
    }
}

fn put_off(due: &Due, cause: &str, outcome: &mut Sent) {
    let (mail, kind, attempts) = (due.id, &due.kind, due.attempts);
    tracing::warn!(%mail, kind, attempts, cause, "mail not sent; it is tried again");
    outcome.failed += 1;
}

async fn give_up(app: &App, due: &Due, cause: &str, outcome: &mut Sent) -> Result<()> {
    let (mail, kind, attempts) = (due.id, &due.kind, due.attempts);
    tracing::error!(%mail, kind, attempts, cause, "mail given up");
    mail_outbox::give_up(&*app.db().client().await?, due.id).await?;
    outcome.given_up += 1;
    Ok(())
}

/// `None` when there is nothing to tell any more.
async fn compose(app: &App, due: &Due) -> Result<Option<Letter>> {
    match NoticeKind::parse(&due.kind) {
        Some(kind) => about_account(app, kind, due).await,
        None if due.kind == "contact_received" => about_contact(app, due).await,
        None => about_booking(app, due).await,
    }
}

/// A link that has ended is not worth a mail: a newer one is on its way.
async fn about_account(app: &App, kind: NoticeKind, due: &Due) -> Result<Option<Letter>> {
    let studio = &app.config().studio;
    let (Some(id), Some(notice)) = (due.payload.user_id, &due.payload.notice) else {
        return Ok(None);
    };
    let client = app.db().client().await?;
    let token = match &notice.link {
        Some(link) if !one_time_token::is_live(&client, link.id).await? => return Ok(None),
        Some(link) => Some(link.open(&app.config().encryption_keys)?),
        None => None,
    };
    let member = mail_outbox::member(&client, id, notice.at, studio).await?;
    let letter = |member| message::about_account(kind, &member, notice, token.as_deref(), studio);
    member.map(letter).transpose()
}

async fn about_contact(app: &App, due: &Due) -> Result<Option<Letter>> {
    let Some(id) = due.payload.submission_id else {
        return Ok(None);
    };
    let submission = contact::find(&*app.db().client().await?, id).await?;
    submission
        .map(|submission| message::contact_received(&submission, &app.config().studio))
        .transpose()
}

async fn about_booking(app: &App, due: &Due) -> Result<Option<Letter>> {
    let (now, studio) = (app.clock().now(), &app.config().studio);
    let Some(id) = due.payload.booking_id else {
        return Ok(None);
    };
    let (client, before) = (app.db().client().await?, due.payload.before.as_ref());
    let told = mail_outbox::booking(&client, id, before, studio, now).await?;
    told.and_then(|told| message::about_booking(&due.kind, &told, studio))
        .transpose()
}
