//! What members are told about their own accounts, and the links that they get.

use tokio_postgres::Client as Postgres;
use uuid::Uuid;

use crate::crypto::encryption::Keyring;
use crate::error::Result;
pub use crate::models::mail_notice::{Link, Notice};
use crate::models::mail_outbox;
use crate::models::one_time_token::{self, Purpose};
use crate::models::user::{Credentials, User};

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
