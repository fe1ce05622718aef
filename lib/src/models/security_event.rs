//! The security log: events of accounts and sessions, for administrators.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::Result;
use crate::models::member_event::MemberEventKind;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::caller::Caller;

macro_rules! kinds {
    ($($(#[$doc:meta])+ $kind:ident = $text:literal,)+) => {
        /// The kind of a security event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
        pub enum SecurityEventKind {
            $($(#[$doc])+ #[schema(rename = $text)] $kind,)+
        }

        impl SecurityEventKind {
            /// Returns the value of the column.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $text,)+
                }
            }

            /// Parses the value that [`SecurityEventKind::as_str`] returns.
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
    /// An account was created.
    SignedUp = "signed_up",
    /// A member signed in.
    SignedIn = "signed_in",
    /// A sign-in failed.
    SignInFailed = "sign_in_failed",
    /// Sign-in was blocked after too many attempts.
    SignInThrottled = "sign_in_throttled",
    /// A member ended their own session.
    SignedOut = "signed_out",
    /// A member ended another of their sessions.
    SessionEnded = "session_ended",
    /// A member ended several of their sessions at once, or an administrator ended all sessions
    /// of a member.
    SessionsEnded = "sessions_ended",
    /// An administrator ended the sessions of all members.
    SessionsCleared = "sessions_cleared",
    /// A member changed their password.
    PasswordChanged = "password_changed",
    /// A member closed their account, or an administrator deactivated it.
    AccountDeactivated = "account_deactivated",
    /// A member became an administrator through the command line.
    AdminGranted = "admin_granted",
    /// Staff marked a contact message as processed or unprocessed.
    ContactProcessed = "contact_processed",
    /// Money moved in a way that fits no payment, a refund failed, or a payment was disputed.
    PaymentMismatch = "payment_mismatch",
    /// An administrator changed the role of an account.
    RoleChanged = "role_changed",
    /// An administrator reactivated an account.
    AccountActivated = "account_activated",
    /// An administrator lifted the block after failed sign-ins.
    SignInUnlocked = "sign_in_unlocked",
    /// Staff created or changed a member's booking, or the instructor of its class recorded or
    /// undid a check-in.
    BookingChanged = "booking_changed",
    /// Staff created an account for a member.
    MemberCreated = "member_created",
    /// Staff read a member's medical notes.
    MedicalNotesRead = "medical_notes_read",
    /// Staff changed a weekly class or one occurrence.
    TimetableChanged = "timetable_changed",
    /// Staff created, changed or retired a class type.
    ClassTypeChanged = "class_type_changed",
    /// Staff created, changed or retired a room.
    RoomChanged = "room_changed",
    /// Staff created, changed or deleted a closure of the studio.
    ClosureChanged = "closure_changed",
    /// Staff created, changed or retired a product.
    ProductChanged = "product_changed",
    /// Staff created, changed or ended a promo code.
    PromoCodeChanged = "promo_code_changed",
    /// Staff sold something, or gave money of a sale back.
    OrderChanged = "order_changed",
    /// Staff added to a member's credit, or deducted from it.
    CreditChanged = "credit_changed",
    /// Staff ended a membership, or undid that.
    MembershipChanged = "membership_changed",
    /// Staff changed a member's pass.
    PassChanged = "pass_changed",
    /// Staff created, changed or retired an instructor.
    InstructorChanged = "instructor_changed",
    /// A member created a token for their calendar feed, which replaced the previous
    /// one.
    CalendarTokenCreated = "calendar_token_made",
    /// A member deleted the token of their calendar feed.
    CalendarTokenDeleted = "calendar_token_withdrawn",
    /// A refresh token was used again after it had been replaced, and its session was
    /// ended.
    RefreshReplayed = "refresh_replayed",
    /// A link to set a new password was requested.
    PasswordForgotten = "password_forgotten",
    /// A password was reset through a link.
    PasswordReset = "password_reset",
    /// A member requested a change of their e-mail address.
    EmailChangeRequested = "email_change_asked",
    /// An e-mail address was confirmed.
    EmailVerified = "email_verified",
    /// The e-mail address of an account was changed.
    EmailChanged = "email_changed",
    /// A second factor was set up.
    TwoFactorEnabled = "two_factor_enabled",
    /// A second factor was removed.
    TwoFactorDisabled = "two_factor_disabled",
    /// A code of a second factor was wrong.
    TwoFactorFailed = "two_factor_failed",
    /// Codes were blocked after too many attempts.
    TwoFactorThrottled = "two_factor_throttled",
    /// A recovery code was used.
    RecoveryCodeUsed = "recovery_code_used",
    /// A provider was linked.
    IdentityLinked = "identity_linked",
    /// A provider was unlinked.
    IdentityUnlinked = "identity_unlinked",
    /// A partner application signed a member in.
    CrossAppSignedIn = "cross_app_signed_in",
    /// A partner application presented a token for another application.
    CrossAppRefused = "cross_app_refused",
    /// A token for a partner application was revoked.
    CrossAppRevoked = "cross_app_revoked",
    /// An administrator created or changed a partner application.
    PartnerAppChanged = "partner_app_changed",
    /// An administrator created or changed an organization or its members.
    PartnerAccountChanged = "partner_account_changed",
    /// A sign-in through a provider failed.
    ProviderSignInFailed = "provider_sign_in_failed",
}

impl SecurityEventKind {
    /// Returns the kind of the event that the member's own devices receive, if any.
    fn member_event_kind(self) -> Option<MemberEventKind> {
        match self {
            Self::SignedUp | Self::SignedIn => Some(MemberEventKind::SessionStarted),
            Self::SignedOut | Self::SessionEnded => Some(MemberEventKind::SessionEnded),
            Self::SessionsEnded
            | Self::PasswordChanged
            | Self::PasswordReset
            | Self::TwoFactorEnabled
            | Self::TwoFactorDisabled
            | Self::AccountDeactivated => Some(MemberEventKind::SessionsEnded),
            _ => None,
        }
    }
}

/// A security event.
#[derive(Clone, Debug)]
pub struct SecurityEvent {
    /// `security_events.id`
    pub id: Uuid,
    /// The text of the [`SecurityEventKind`].
    pub kind: String,
    /// The affected member. `None` if the member is unknown or deleted.
    pub user_id: Option<Uuid>,
    /// The member's current e-mail address. `None` if the account is closed.
    pub email: Option<String>,
    /// The IP address of the client. `None` for the command line.
    pub ip: Option<IpAddr>,
    /// The user agent of the client, if it sent one.
    pub user_agent: Option<String>,
    /// Details that depend on the kind, such as the member who acted.
    pub detail: Value,
    /// When the event happened.
    pub created_at: DateTime<Utc>,
}

/// The conditions for a list of events. A field that is `None` does not filter.
#[derive(Clone, Copy, Debug, Default)]
pub struct SecurityEventFilter {
    /// The kind.
    pub kind: Option<SecurityEventKind>,
    /// The affected member.
    pub user_id: Option<Uuid>,
    /// The IP address of the client.
    pub ip: Option<IpAddr>,
}

static LIST: Statement = Statement::new(
    "security_event.list",
    "select e.id, e.kind, e.user_id,
        case when u.closed_at is null then u.email end as email, e.ip, e.user_agent, e.detail, e.created_at
    from security_events e left join users u on u.id = e.user_id
    where ($1::text is null or e.kind = $1)
      and ($2::uuid is null or e.user_id = $2)
      and ($3::inet is null or e.ip = $3)
      and ($4::timestamptz is null or (e.created_at, e.id) < ($4, $5))
    order by e.created_at desc, e.id desc limit $6",
);

/// Lists events, newest first. Returns one row more than the page has if there is a
/// next page.
pub async fn list(
    client: &Client,
    filter: SecurityEventFilter,
    page: &Page,
) -> Result<Vec<SecurityEvent>> {
    let (time, id) = page.after();
    let kind = filter.kind.map(SecurityEventKind::as_str);
    let rows = LIST
        .all(
            client,
            &[
                &kind,
                &filter.user_id,
                &filter.ip,
                &time,
                &id,
                &page.row_limit(),
            ],
        )
        .await?;
    rows.iter().map(SecurityEvent::from_row).collect()
}

impl SecurityEvent {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
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
}

static INSERT: Statement = Statement::new(
    "security_event.insert",
    "with inserted as (
        insert into security_events (id, user_id, kind, ip, user_agent, detail)
        values ($1, $2, $3, $4, $5, $6)
    )
    insert into member_events (id, user_id, kind)
    select $7, $2, $8 where $2 is not null and $8 is not null",
);

/// Inserts an event. Inside a transaction this must be the last statement, because it
/// may lock the member's event stream.
pub async fn insert(
    client: &Client,
    kind: SecurityEventKind,
    user_id: Option<Uuid>,
    caller: &Caller,
) -> Result<()> {
    insert_with_detail(client, kind, user_id, caller, json!({})).await
}

/// Inserts an event with details, such as the id of the changed row. `user_id` is the
/// affected member. If someone else acted, `by` in the details is their id. The details
/// must not contain secrets, because administrators read them. Like [`insert`], this must
/// be the last statement of a transaction.
pub async fn insert_with_detail(
    client: &Client,
    kind: SecurityEventKind,
    user_id: Option<Uuid>,
    caller: &Caller,
    detail: Value,
) -> Result<()> {
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
                &kind.member_event_kind().map(MemberEventKind::as_str),
            ],
        )
        .await
}
