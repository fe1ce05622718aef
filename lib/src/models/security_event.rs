//! What happened to accounts and sessions, for those who look after them.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::App;
use crate::crypto::random;
use crate::error::{Result, chain};
use crate::runtime::background;
use crate::runtime::background::BoxFuture;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::caller::Caller;

macro_rules! kinds {
    ($($(#[$doc:meta])+ $kind:ident = $text:literal,)+) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])+ $kind,)+
        }

        impl Kind {
            /// As it stands in the table.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $text,)+
                }
            }

            /// Reads what [`Kind::as_str`] says.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$kind),)+
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// An account was made.
    SignedUp = "signed_up",
    /// Somebody proved who they are.
    SignedIn = "signed_in",
    /// Somebody failed to.
    SignInFailed = "sign_in_failed",
    /// Somebody tried more often than is allowed.
    SignInThrottled = "sign_in_throttled",
    /// A member ended their own session.
    SignedOut = "signed_out",
    /// A member ended one of their sessions from another.
    SessionEnded = "session_ended",
    /// A member ended several of their sessions at once.
    SessionsEnded = "sessions_ended",
    /// An administrator ended all sessions there were.
    SessionsCleared = "sessions_cleared",
    /// A password was replaced by one who knew it.
    PasswordChanged = "password_changed",
    /// A member closed their account.
    AccountDeactivated = "account_deactivated",
    /// Somebody was made an administrator.
    AdminGranted = "admin_granted",
    /// Staff noted that a message to the studio has been dealt with, or has not.
    ContactProcessed = "contact_processed",
    /// Money moved that fits no payment, or a refund failed.
    PaymentMismatch = "payment_mismatch",
    /// An administrator gave an account another role.
    RoleChanged = "role_changed",
    /// An administrator opened a closed account again.
    AccountActivated = "account_activated",
    /// An administrator ended the wait after failed sign-ins.
    SignInUnlocked = "sign_in_unlocked",
    /// Staff did something with a member's booking.
    BookingChanged = "booking_changed",
    /// Staff changed a weekly class, or one class.
    TimetableChanged = "timetable_changed",
    /// Staff entered, changed or retired a class type.
    ClassTypeChanged = "class_type_changed",
    /// Staff entered, changed or retired an instructor.
    InstructorChanged = "instructor_changed",
    /// A member made the address of their calendar, and ended the one before.
    CalendarTokenMade = "calendar_token_made",
    /// A member ended the address of their calendar.
    CalendarTokenWithdrawn = "calendar_token_withdrawn",
    /// A refresh token came again after it had been replaced: its session ended.
    RefreshReplayed = "refresh_replayed",
    /// A link to a new password was asked for.
    PasswordForgotten = "password_forgotten",
    /// A password was set by such a link.
    PasswordReset = "password_reset",
    /// An account is to have another address.
    EmailChangeAsked = "email_change_asked",
    /// An address was confirmed.
    EmailVerified = "email_verified",
    /// An account has another address.
    EmailChanged = "email_changed",
    /// A second factor was set up.
    TwoFactorEnabled = "two_factor_enabled",
    /// It was taken away.
    TwoFactorDisabled = "two_factor_disabled",
    /// A code was not right.
    TwoFactorFailed = "two_factor_failed",
    /// Somebody tried more codes than are allowed.
    TwoFactorThrottled = "two_factor_throttled",
    /// A recovery code was used up.
    RecoveryCodeUsed = "recovery_code_used",
    /// A provider was linked.
    IdentityLinked = "identity_linked",
    /// A provider was unlinked.
    IdentityUnlinked = "identity_unlinked",
    /// A partner application has learnt who a member is.
    CrossAppSignedIn = "cross_app_signed_in",
    /// It came with a token of another application's.
    CrossAppRefused = "cross_app_refused",
    /// A token for a partner application was revoked.
    CrossAppRevoked = "cross_app_revoked",
    /// An administrator entered or changed a partner application.
    PartnerAppChanged = "partner_app_changed",
    /// An administrator made or changed an account, or who belongs to it.
    PartnerAccountChanged = "partner_account_changed",
    /// A sign-in through a provider came to nothing.
    ProviderSignInFailed = "provider_sign_in_failed",
}

impl Kind {
    /// What the member's own devices are told of it, if anything.
    fn member_event(self) -> Option<&'static str> {
        match self {
            Self::SignedUp | Self::SignedIn => Some("session_started"),
            Self::SignedOut | Self::SessionEnded => Some("session_ended"),
            Self::SessionsEnded
            | Self::PasswordChanged
            | Self::PasswordReset
            | Self::TwoFactorEnabled
            | Self::TwoFactorDisabled
            | Self::AccountDeactivated => Some("sessions_ended"),
            _ => None,
        }
    }
}

/// An event as the administration reads it.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its row.
    pub id: Uuid,
    /// See [`Kind`].
    pub kind: String,
    /// Whom it concerns; `None`: nobody known, or an account that is gone.
    pub user_id: Option<Uuid>,
    /// Their address now.
    pub email: Option<String>,
    /// Where it was done from; `None`: from the command line.
    pub ip: Option<IpAddr>,
    /// By what program; `None`: it did not say.
    pub user_agent: Option<String>,
    /// What else is to be known, such as who did it.
    pub detail: Value,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Which events are wanted; `None` leaves a question open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// What happened.
    pub kind: Option<Kind>,
    /// Whom it concerns.
    pub user_id: Option<Uuid>,
    /// Where it was done from.
    pub ip: Option<IpAddr>,
}

static LIST: Statement = Statement::new(
    "security_event.list",
    "select e.id, e.kind, e.user_id, u.email, e.ip, e.user_agent, e.detail, e.created_at
    from security_events e left join users u on u.id = e.user_id
    where ($1::text is null or e.kind = $1)
      and ($2::uuid is null or e.user_id = $2)
      and ($3::inet is null or e.ip = $3)
      and ($4::timestamptz is null or (e.created_at, e.id) < ($4, $5))
    order by e.created_at desc, e.id desc limit $6",
);

/// Events, newest first; one more than the page holds when there are more.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn list(client: &Client, filter: Filter, page: &Page) -> Result<Vec<Event>> {
    let (time, id) = page.after();
    let kind = filter.kind.map(Kind::as_str);
    let rows = LIST
        .all(
            client,
            &[
                &kind,
                &filter.user_id,
                &filter.ip,
                &time,
                &id,
                &page.fetch(),
            ],
        )
        .await?;
    rows.iter().map(event).collect()
}

fn event(row: &Row) -> Result<Event> {
    Ok(Event {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        user_id: row.try_get("user_id")?,
        email: row.try_get("email")?,
        ip: row.try_get("ip")?,
        user_agent: row.try_get("user_agent")?,
        detail: row.try_get("detail")?,
        created_at: row.try_get("created_at")?,
    })
}

static INSERT: Statement = Statement::new(
    "security_event.insert",
    "with written as (
        insert into security_events (id, user_id, kind, ip, user_agent, detail)
        values ($1, $2, $3, $4, $5, $6)
    )
    insert into member_events (id, user_id, kind)
    select $7, $2, $8 where $2 is not null and $8 is not null",
);

/// Writes an event, in the transaction of what it tells when `client` is in
/// one: as its last statement then, for it may take the lock of the member's
/// stream.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub fn insert<'a>(
    client: &'a Client,
    kind: Kind,
    user_id: Option<Uuid>,
    caller: &'a Caller,
) -> BoxFuture<'a, Result<()>> {
    insert_with(client, kind, user_id, caller, json!({}))
}

/// As [`insert`], with what else is to be known of it, such as the id of what
/// was changed. `user_id` is whom it concerns; whoever did it for them, or to
/// the studio, is `by` in the detail. Nothing secret: the administration reads it.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub fn insert_with<'a>(
    client: &'a Client,
    kind: Kind,
    user_id: Option<Uuid>,
    caller: &'a Caller,
    detail: Value,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        INSERT
            .execute(
                client,
                &[
                    &random::id(),
                    &user_id,
                    &kind.as_str(),
                    &Some(caller.address),
                    &caller.user_agent,
                    &detail,
                    &random::id(),
                    &kind.member_event(),
                ],
            )
            .await
    })
}

/// Writes an event after the answer, for what changed no row of its own.
/// One that cannot be written is in the log at least.
pub fn note(app: &App, kind: Kind, user_id: Option<Uuid>, caller: &Caller) {
    note_with(app, kind, user_id, caller, json!({}));
}

/// As [`note`], with what else is to be known of it; see [`insert_with`].
pub fn note_with(app: &App, kind: Kind, user_id: Option<Uuid>, caller: &Caller, detail: Value) {
    let (app, caller) = (app.clone(), caller.clone());
    background::spawn(async move {
        let written = async {
            let client = app.db().client().await?;
            insert_with(&client, kind, user_id, &caller, detail).await
        };
        if let Err(error) = written.await {
            tracing::error!(kind = kind.as_str(), error = %chain(&error), "security event not written");
        }
    });
}
