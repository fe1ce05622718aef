//! What members are told about their own accounts, and the links that they get.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Client as Postgres;
use uuid::Uuid;

use crate::crypto::encryption::Keyring;
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::http::Client;
use crate::models::mail_outbox;
use crate::models::one_time_token::{self, Purpose};
use crate::models::user::{Credentials, User};
use crate::session::Token;
use crate::values::user_agent::{browser, device};

/// What a member is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// A link that confirms an address.
    VerifyEmail,
    /// A link to a new password.
    ResetPassword,
    /// Somebody tried to use the address of an account for another.
    AccountExists,
    /// To the old address: another one has been asked for.
    EmailChangeAsked,
    /// To the old address: another one has taken its place.
    EmailChanged,
    /// The password was changed by one who knew it.
    PasswordChanged,
    /// The password was set anew by a link.
    PasswordReset,
    /// A sign-in on a device that was not known.
    NewDevice,
    /// A code is asked for from now on.
    TwoFactorEnabled,
    /// No code is asked for any more.
    TwoFactorDisabled,
    /// A recovery code was used up.
    RecoveryCodeUsed,
    /// Somebody has the password, and tries codes.
    CodesGuessed,
    /// A provider was linked.
    IdentityLinked,
    /// A provider was unlinked.
    IdentityUnlinked,
}

impl NoticeKind {
    const ALL: [Self; 14] = [
        Self::VerifyEmail,
        Self::ResetPassword,
        Self::AccountExists,
        Self::EmailChangeAsked,
        Self::EmailChanged,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::NewDevice,
        Self::TwoFactorEnabled,
        Self::TwoFactorDisabled,
        Self::RecoveryCodeUsed,
        Self::CodesGuessed,
        Self::IdentityLinked,
        Self::IdentityUnlinked,
    ];

    /// As it stands in the outbox.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::AccountExists => "account_exists",
            Self::EmailChangeAsked => "email_change_asked",
            Self::EmailChanged => "email_changed",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::NewDevice => "new_device",
            Self::TwoFactorEnabled => "two_factor_enabled",
            Self::TwoFactorDisabled => "two_factor_disabled",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::CodesGuessed => "codes_guessed",
            Self::IdentityLinked => "identity_linked",
            Self::IdentityUnlinked => "identity_unlinked",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a notice tells of what happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// When.
    pub at: DateTime<Utc>,
    /// From where; `None`: it was not on the member's side.
    pub ip: Option<IpAddr>,
    /// On what, such as `Firefox on Linux`.
    pub device: Option<String>,
    /// The other address, of a change; or the provider.
    pub other: Option<String>,
    /// The link's row, and its token, encrypted: the outbox is in every dump.
    pub link: Option<Link>,
}

/// A link in a mail that has not gone out yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Its row in `one_time_tokens`.
    pub id: Uuid,
    sealed: String,
}

impl Notice {
    /// Of something that this client did.
    pub fn of(client: &Client, now: DateTime<Utc>) -> Self {
        let named = client.user_agent.as_deref();
        Self {
            at: now,
            ip: Some(client.address),
            device: named.map(|agent| format!("{} on {}", browser(agent), device(agent))),
            other: None,
            link: None,
        }
    }

    /// Of something that the studio did.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self {
            at: now,
            ip: None,
            device: None,
            other: None,
            link: None,
        }
    }

    /// As it stands in the outbox, for a member.
    pub fn payload(&self, user_id: Uuid) -> Value {
        json!({ "userId": user_id, "notice": self })
    }

    /// The same, naming another address or a provider.
    #[must_use]
    pub fn naming(mut self, other: &str) -> Self {
        self.other = Some(other.to_owned());
        self
    }
}

impl Link {
    fn place(id: Uuid) -> String {
        format!("mail_outbox.link:{id}")
    }

    /// A link, and the token that it carries.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when it cannot be encrypted.
    pub fn new(keys: &Keyring) -> Result<(Self, Token)> {
        let (id, token) = (random::id(), Token::generate());
        let sealed = BASE64.encode(keys.seal(&Self::place(id), token.expose())?);
        Ok((Self { id, sealed }, token))
    }

    pub(super) fn open(&self, keys: &Keyring) -> Result<String> {
        let sealed = BASE64.decode(&self.sealed);
        let sealed = sealed.map_err(|_| Error::internal("a mail's link cannot be read"))?;
        keys.open(&Self::place(self.id), &sealed)
    }
}

/// Writes a notice to a member, in the transaction of what it tells. It goes to
/// the address in `user`: of a change, the one that it is for.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn notify(
    client: &Postgres,
    kind: NoticeKind,
    user: &User,
    notice: Notice,
) -> Result<()> {
    notify_at(client, kind, user.id, &user.email, notice).await
}

/// Writes to the owner of an account that somebody has tried to use its address.
/// Who has closed theirs is left alone.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn notify_of_use(client: &Postgres, owner: &Credentials, notice: Notice) -> Result<()> {
    if !owner.is_active {
        return Ok(());
    }
    notify(client, NoticeKind::AccountExists, &owner.user, notice).await
}

/// As [`notify`], to another address than the account's.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn notify_at(
    client: &Postgres,
    kind: NoticeKind,
    user_id: Uuid,
    address: &str,
    notice: Notice,
) -> Result<()> {
    mail_outbox::insert(client, address, kind.as_str(), &notice.payload(user_id)).await
}

/// Writes a mail with a link that is good once; the one before it ends. To
/// `address`, which it confirms or proves.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn send_link(
    client: &Postgres,
    keys: &Keyring,
    purpose: Purpose,
    user_id: Uuid,
    address: &str,
    mut notice: Notice,
) -> Result<()> {
    let (link, token) = Link::new(keys)?;
    one_time_token::issue(client, purpose, (link.id, &token), user_id, address).await?;
    notice.link = Some(link);
    let kind = match purpose {
        Purpose::VerifyEmail => NoticeKind::VerifyEmail,
        Purpose::ResetPassword => NoticeKind::ResetPassword,
    };
    notify_at(client, kind, user_id, address, notice).await
}
