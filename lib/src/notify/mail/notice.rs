//! E-mails to members about their accounts, and the links in them.

use uuid::Uuid;

use crate::crypto::encryption::Keyring;
use crate::error::Result;
pub use crate::models::mail_notice::{Access, AccessWay, Link, Notice};
use crate::models::mail_outbox;
use crate::models::one_time_token::{self, Purpose};
use crate::models::user::{Credentials, User};
use crate::store::client::Client as Postgres;

/// The kind of an e-mail about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// The link that confirms an e-mail address.
    VerifyEmail,
    /// The link that confirms the address of an account that staff have created.
    Invitation,
    /// The link for a new password.
    ResetPassword,
    /// Someone tried to use the member's e-mail address for another account.
    AccountExists,
    /// A change of the address was requested. Sent to the old address.
    EmailChangeRequested,
    /// The address was changed. Sent to the old address.
    EmailChanged,
    /// A signed-in member has set a new password.
    PasswordChanged,
    /// The password was reset with a link.
    PasswordReset,
    /// A sign-in on an unknown device.
    NewDevice,
    /// The second factor was enabled.
    TwoFactorEnabled,
    /// The second factor was disabled.
    TwoFactorDisabled,
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// Someone entered the correct password, or signed in with a provider, and then entered several
    /// wrong codes.
    WrongCodesEntered,
    /// Many wrong passwords were entered on unknown devices, so sign-in on unknown devices
    /// is blocked for now.
    SignInBlocked,
    /// A provider was linked.
    IdentityLinked,
    /// A provider was unlinked.
    IdentityUnlinked,
    /// The member has closed the account.
    AccountClosed,
}

impl NoticeKind {
    pub(super) const ALL: [Self; 17] = [
        Self::VerifyEmail,
        Self::Invitation,
        Self::ResetPassword,
        Self::AccountExists,
        Self::EmailChangeRequested,
        Self::EmailChanged,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::NewDevice,
        Self::TwoFactorEnabled,
        Self::TwoFactorDisabled,
        Self::RecoveryCodeUsed,
        Self::WrongCodesEntered,
        Self::SignInBlocked,
        Self::IdentityLinked,
        Self::IdentityUnlinked,
        Self::AccountClosed,
    ];

    /// Returns the kind as stored in the outbox.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::Invitation => "invitation",
            Self::ResetPassword => "reset_password",
            Self::AccountExists => "account_exists",
            Self::EmailChangeRequested => "email_change_asked",
            Self::EmailChanged => "email_changed",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::NewDevice => "new_device",
            Self::TwoFactorEnabled => "two_factor_enabled",
            Self::TwoFactorDisabled => "two_factor_disabled",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::WrongCodesEntered => "codes_guessed",
            Self::SignInBlocked => "sign_in_blocked",
            Self::IdentityLinked => "identity_linked",
            Self::IdentityUnlinked => "identity_unlinked",
            Self::AccountClosed => "account_closed",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Writes a notice for a member to the outbox. If the notice reports a
/// change, this must be called in the transaction of that change.
pub async fn notify(
    client: &Postgres,
    kind: NoticeKind,
    user: &User,
    notice: Notice,
) -> Result<()> {
    notify_address(client, kind, user.id, &user.email, notice).await
}

/// Notifies the owner of an account that someone tried to use the owner's e-mail address.
/// The owner of a closed or deactivated account is not notified.
pub async fn notify_account_exists(
    client: &Postgres,
    owner: &Credentials,
    notice: Notice,
) -> Result<()> {
    if !owner.is_active {
        return Ok(());
    }
    notify(client, NoticeKind::AccountExists, &owner.user, notice).await
}

/// Writes a notice to the outbox, for an address that may differ from the account's.
pub async fn notify_address(
    client: &Postgres,
    kind: NoticeKind,
    user_id: Uuid,
    address: &str,
    notice: Notice,
) -> Result<()> {
    mail_outbox::insert(client, address, kind.as_str(), &notice.payload(user_id)).await
}

/// Writes an e-mail for `address` to the outbox, with a link that works once. The link
/// replaces the member's earlier one for the same purpose. [`Purpose::VerifyEmail`] and
/// [`Purpose::Invitation`] count as one purpose.
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
        Purpose::Invitation => NoticeKind::Invitation,
        Purpose::ResetPassword => NoticeKind::ResetPassword,
    };
    notify_address(client, kind, user_id, address, notice).await
}
