//! E-mails about accounts.

use super::message::{Content, Message};
use super::notice::{Access, Notice, NoticeKind};
use crate::error::Result;
use crate::models::mail_outbox::MailRecipient;
use crate::runtime::config::StudioConfig;
use crate::values::time_zone::TimeZone;

/// Composes the e-mail for a notice. `token` is the secret token in the link.
pub(super) fn compose(
    kind: NoticeKind,
    recipient: &MailRecipient,
    notice: &Notice,
    token: Option<&str>,
    studio: &StudioConfig,
    zone: &TimeZone,
) -> Result<Message> {
    // Text that somebody has entered is sent only to confirmed addresses. Otherwise, anyone
    // could send text to a stranger.
    let new_address_or_provider = match (kind, recipient.is_confirmed) {
        (NoticeKind::EmailChangeRequested | NoticeKind::EmailChanged, false) => None,
        _ => notice.new_address_or_provider.as_deref(),
    };
    let name = new_address_or_provider.unwrap_or("another address");
    let (subject, headline, paragraph) = compose_text(kind, notice, name);
    let content = Content {
        studio: &studio.name,
        subject: subject.to_owned(),
        headline: headline.to_owned(),
        greeting: greeting(&recipient.first_name, recipient.is_confirmed),
        paragraphs: vec![paragraph, advice(kind).to_owned()],
        facts: facts(notice, zone),
        link: link(kind, token, studio),
        footer: format!(
            "You receive this e-mail because it concerns your account with {}. \
             We will never ask you for a password or a code.",
            studio.name
        ),
    };
    content.render(None)
}

/// Returns the greeting. An e-mail to an unconfirmed address omits the name, because anyone
/// could use the name to send text to a stranger.
pub(super) fn greeting(first_name: &str, is_confirmed: bool) -> String {
    // The name of a closed account is erased.
    match is_confirmed && !first_name.is_empty() {
        true => format!("Hola {first_name},"),
        false => "Hola,".to_owned(),
    }
}

/// Returns the subject, the headline and the first paragraph. `name` is the new e-mail
/// address or the name of the provider.
fn compose_text(
    kind: NoticeKind,
    notice: &Notice,
    name: &str,
) -> (&'static str, &'static str, String) {
    match kind {
        NoticeKind::VerifyEmail => (
            "Please confirm your e-mail address",
            "Confirm your e-mail address",
            "Please confirm your e-mail address with the button below. The link works once \
             and expires after 24 hours."
                .to_owned(),
        ),
        NoticeKind::Invitation => (
            "Your account with us",
            "Your account is ready",
            "We have created an account for you, where you can see and cancel your bookings. \
             Please confirm your e-mail address with the button below and choose a password. The \
             link works once and expires after seven days. If it has expired, you can get a new one with \
             \u{201c}Forgot your password?\u{201d} on the sign-in page."
                .to_owned(),
        ),
        NoticeKind::ResetPassword => (
            "Reset your password",
            "Choose a new password",
            "Choose a new password with the button below. The link works once \
             and expires after one hour. A newer link replaces it."
                .to_owned(),
        ),
        NoticeKind::AccountExists => (
            "You already have an account",
            "You already have an account",
            "Somebody has just tried to use your e-mail address for another account. If it was \
             you, sign in, or reset your password if you have forgotten it."
                .to_owned(),
        ),
        NoticeKind::EmailChangeRequested => (
            "Your e-mail address is about to change",
            "Your e-mail address is about to change",
            format!(
                "The e-mail address of your account will change to {name} when that address is \
                 confirmed."
            ),
        ),
        NoticeKind::EmailChanged => (
            "Your e-mail address has changed",
            "Your e-mail address has changed",
            format!("The e-mail address of your account is now {name}."),
        ),
        NoticeKind::PasswordChanged => (
            "Your password has been changed",
            "Your password has been changed",
            "Your password has been changed, and you are signed out on all other devices."
                .to_owned(),
        ),
        NoticeKind::PasswordReset => (
            "Your password has been reset",
            "Your password has been reset",
            password_reset(&notice.access),
        ),
        NoticeKind::NewDevice => (
            "A new sign-in to your account",
            "Was this you?",
            "Please check this sign-in: somebody has signed in to your account on a new device."
                .to_owned(),
        ),
        NoticeKind::TwoFactorEnabled => (
            "Two-factor authentication is on",
            "Two-factor authentication is on",
            "From now on you need a code to sign in. Keep your recovery codes in a place that you \
             can reach without your phone."
                .to_owned(),
        ),
        NoticeKind::TwoFactorDisabled => (
            "Two-factor authentication is off",
            "Two-factor authentication is off",
            "From now on you can sign in with your password alone.".to_owned(),
        ),
        NoticeKind::RecoveryCodeUsed => (
            "A recovery code has been used",
            "A recovery code has been used",
            "One of your recovery codes has been used and no longer works. To get new codes, set \
             up two-factor authentication again."
                .to_owned(),
        ),
        NoticeKind::WrongCodesEntered => (
            "Somebody knows your password",
            "Somebody knows your password",
            "Please change your password: somebody has entered it, and then so many wrong codes that \
             no more are accepted for now. They did not get in. To sign in on a new device in the \
             meantime, use a recovery code."
                .to_owned(),
        ),
        NoticeKind::SignInBlocked => (
            "Somebody is guessing your password",
            "Somebody is guessing your password",
            "Somebody has entered so many wrong passwords for your account that no more are accepted \
             on unknown devices for up to an hour. They did not get in. Until then, you can sign in only \
             on a device that you have used before. To sign in on \
             another device, reset your password first (\u{201c}Forgot your password?\u{201d} on \
             the sign-in page)."
                .to_owned(),
        ),
        NoticeKind::IdentityLinked => (
            "A sign-in method was added",
            "A sign-in method was added",
            format!("You can now sign in with {name}."),
        ),
        NoticeKind::IdentityUnlinked => (
            "A sign-in method was removed",
            "A sign-in method was removed",
            format!("You can no longer sign in with {name}."),
        ),
        NoticeKind::AccountClosed => (
            "Your account is closed",
            "Your account is closed",
            "Your account is closed, as you asked. Your upcoming bookings are cancelled, and your \
             personal details are erased. You can register with this address again at any time."
                .to_owned(),
        ),
    }
}

fn password_reset(access: &Access) -> String {
    let mut text = "Your password has been reset with a link that we e-mailed to you. You are \
        signed out on all devices."
        .to_owned();
    if !access.ended.is_empty() {
        text += &format!(" This has also ended: {}.", access.ended.join(", "));
    }
    if !access.remaining.is_empty() {
        text += &format!(" What still works: {}.", access.remaining.join(", "));
    }
    text
}

/// Returns the advice for a member who did not cause the notice.
fn advice(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Invitation => "If you have not been to our studio, you can ignore this e-mail.",
        NoticeKind::VerifyEmail | NoticeKind::ResetPassword => {
            "If you did not request this, you can ignore this e-mail."
        }
        NoticeKind::AccountExists => "If it was not you, you can ignore this e-mail.",
        NoticeKind::SignInBlocked => {
            "If your password is long and you use it nowhere else, you need not do anything."
        }
        NoticeKind::EmailChanged | NoticeKind::AccountClosed => {
            "If this was not you, reply to this e-mail at once, and we will help you."
        }
        _ => {
            "If this was not you, reset your password at once (\u{201c}Forgot your \
             password?\u{201d} on the sign-in page). That signs out all devices. Then reply to this \
             e-mail."
        }
    }
}

fn facts(notice: &Notice, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let at = format!(
        "{}, {} ({} time)",
        zone.format_date(notice.at),
        zone.format_time(notice.at),
        zone.city()
    );
    let mut facts = vec![("When", at)];
    facts.extend(notice.device.clone().map(|device| ("Device", device)));
    facts.extend(notice.ip.map(|ip| ("IP address", ip.to_string())));
    facts
}

/// Returns the label and the address of the link. The token is in the fragment, which
/// browsers do not send to the server.
fn link(
    kind: NoticeKind,
    token: Option<&str>,
    studio: &StudioConfig,
) -> Option<(&'static str, String)> {
    let site = &studio.site_url;
    match (kind, token) {
        (NoticeKind::VerifyEmail | NoticeKind::Invitation, Some(token)) => Some((
            "Confirm my address",
            format!("{site}/verify-email#token={token}"),
        )),
        (NoticeKind::ResetPassword, Some(token)) => Some((
            "Choose a new password",
            format!("{site}/reset-password#token={token}"),
        )),
        (NoticeKind::AccountClosed, _) => None,
        _ => Some(("Open my account", format!("{site}/"))),
    }
}
