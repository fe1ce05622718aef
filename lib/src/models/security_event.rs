//! What happened to accounts and sessions, for those who look after them.

use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::background::{self, BoxFuture};
use crate::db::{Statement, chain};
use crate::error::Result;
use crate::http::Client as Caller;
use crate::{App, random};

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// An account was made.
    SignedUp,
    /// Somebody proved who they are.
    SignedIn,
    /// Somebody failed to.
    SignInFailed,
    /// Somebody tried more often than is allowed.
    SignInThrottled,
    /// A member ended their own session.
    SignedOut,
    /// A member ended one of their sessions from another.
    SessionEnded,
    /// A member ended several of their sessions at once.
    SessionsEnded,
    /// An administrator ended all sessions there were.
    SessionsCleared,
    /// A password was replaced by one who knew it.
    PasswordChanged,
    /// A member closed their account.
    AccountDeactivated,
    /// Somebody was made an administrator.
    AdminGranted,
    /// Staff noted that a message to the studio has been dealt with, or has not.
    ContactProcessed,
    /// Money moved that fits no payment, or a refund failed.
    PaymentMismatch,
    /// An administrator gave an account another role.
    RoleChanged,
    /// An administrator opened a closed account again.
    AccountActivated,
    /// An administrator ended the wait after failed sign-ins.
    SignInUnlocked,
    /// Staff did something with a member's booking.
    BookingChanged,
    /// Staff changed a weekly class, or one class.
    TimetableChanged,
    /// Staff entered, changed or retired a class type.
    ClassTypeChanged,
    /// Staff entered, changed or retired an instructor.
    InstructorChanged,
    /// A member made the address of their calendar, and ended the one before.
    CalendarTokenMade,
    /// A member ended the address of their calendar.
    CalendarTokenWithdrawn,
}

impl Kind {
    /// As it stands in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedUp => "signed_up",
            Self::SignedIn => "signed_in",
            Self::SignInFailed => "sign_in_failed",
            Self::SignInThrottled => "sign_in_throttled",
            Self::SignedOut => "signed_out",
            Self::SessionEnded => "session_ended",
            Self::SessionsEnded => "sessions_ended",
            Self::SessionsCleared => "sessions_cleared",
            Self::PasswordChanged => "password_changed",
            Self::AccountDeactivated => "account_deactivated",
            Self::AdminGranted => "admin_granted",
            Self::ContactProcessed => "contact_processed",
            Self::PaymentMismatch => "payment_mismatch",
            Self::RoleChanged => "role_changed",
            Self::AccountActivated => "account_activated",
            Self::SignInUnlocked => "sign_in_unlocked",
            Self::BookingChanged => "booking_changed",
            Self::TimetableChanged => "timetable_changed",
            Self::ClassTypeChanged => "class_type_changed",
            Self::InstructorChanged => "instructor_changed",
            Self::CalendarTokenMade => "calendar_token_made",
            Self::CalendarTokenWithdrawn => "calendar_token_withdrawn",
        }
    }

    /// What the member's own devices are told of it, if anything.
    fn member_event(self) -> Option<&'static str> {
        match self {
            Self::SignedUp | Self::SignedIn => Some("session_started"),
            Self::SignedOut | Self::SessionEnded => Some("session_ended"),
            Self::SessionsEnded | Self::PasswordChanged | Self::AccountDeactivated => {
                Some("sessions_ended")
            }
            _ => None,
        }
    }
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
    let (app, caller) = (app.clone(), caller.clone());
    background::spawn(async move {
        let written = async {
            let client = app.db().client().await?;
            insert(&client, kind, user_id, &caller).await
        };
        if let Err(error) = written.await {
            tracing::error!(kind = kind.as_str(), error = %chain(&error), "security event not written");
        }
    });
}
