//! What the mails about an account say.

use super::{Letter, Said};
use crate::error::Result;
use crate::models::mail_outbox::MemberTold;
use crate::notify::mail::{Notice, NoticeKind};
use crate::runtime::config::StudioConfig;

/// A notice as its reader sees it; `token` is what its link carries.
pub(in crate::notify::mail) fn about_account(
    kind: NoticeKind,
    member: &MemberTold,
    notice: &Notice,
    token: Option<&str>,
    studio: &StudioConfig,
) -> Result<Letter> {
    let other = notice.other.as_deref().unwrap_or_default();
    let Words {
        subject,
        headline,
        paragraphs,
        reaction,
    } = words(kind, other);
    let said = Said {
        subject: subject.to_owned(),
        headline: headline.to_owned(),
        greeting: greeting(kind, member),
        paragraphs: paragraphs.into_iter().chain(reaction).collect(),
        facts: facts(member, notice),
        link: link(kind, token, studio),
        footer: "You get this mail because it is about your account with us. \
                 Nobody from the studio will ever ask you for a password or a code."
            .to_owned(),
    };
    said.render(None)
}

/// Whose address is not confirmed yet is not called by a name that somebody else
/// may have typed, to have us mail it.
fn greeting(kind: NoticeKind, member: &MemberTold) -> String {
    match kind {
        NoticeKind::VerifyEmail => "Hola,".to_owned(),
        _ => format!("Hola {},", member.first_name),
    }
}

struct Words {
    subject: &'static str,
    headline: &'static str,
    paragraphs: Vec<String>,
    /// What to do if it was somebody else.
    reaction: Option<String>,
}

fn words(kind: NoticeKind, other: &str) -> Words {
    let (subject, headline, paragraph) = match kind {
        NoticeKind::VerifyEmail => (
            "Please confirm your e-mail address",
            "Is this your address?",
            "Confirm it by the button below. The link is good for 24 hours, and once.".to_owned(),
        ),
        NoticeKind::ResetPassword => (
            "A new password for your account",
            "Choose a new password",
            "You can set a new password by the button below. The link is good for an hour, and \
             once; a newer one ends it."
                .to_owned(),
        ),
        NoticeKind::AccountExists => (
            "You have an account already",
            "You have an account already",
            "Somebody has just tried to use your address for another account. If it was you: sign \
             in, or ask for a new password if you do not remember it."
                .to_owned(),
        ),
        NoticeKind::EmailChangeAsked => (
            "Your e-mail address is about to change",
            "Another address for your account",
            format!(
                "Your account is to have the address {other}. It changes as soon as that address \
                 is confirmed."
            ),
        ),
        NoticeKind::EmailChanged => (
            "Your e-mail address has changed",
            "Your address has changed",
            format!("Your account has the address {other} from now on."),
        ),
        NoticeKind::PasswordChanged => (
            "Your password has been changed",
            "Your password has been changed",
            "You are signed out on all other devices.".to_owned(),
        ),
        NoticeKind::PasswordReset => (
            "You have a new password",
            "You have a new password",
            "It was set by a link that we had mailed to you. You are signed out everywhere."
                .to_owned(),
        ),
        NoticeKind::NewDevice => (
            "A new sign-in to your account",
            "Was this you?",
            "Somebody has signed in to your account on a device that we do not know yet."
                .to_owned(),
        ),
        NoticeKind::TwoFactorEnabled => (
            "Your second factor is on",
            "Your second factor is on",
            "From now on we ask for a code when you sign in. Keep your recovery codes where you \
             find them without your telephone."
                .to_owned(),
        ),
        NoticeKind::TwoFactorDisabled => (
            "Your second factor is off",
            "Your second factor is off",
            "From now on your password alone is enough to sign in.".to_owned(),
        ),
        NoticeKind::RecoveryCodeUsed => (
            "A recovery code has been used",
            "A recovery code has been used",
            "One of your recovery codes has been used. It is good no more; you can get new ones by \
             setting up your second factor again."
                .to_owned(),
        ),
        NoticeKind::CodesGuessed => (
            "Somebody knows your password",
            "Somebody knows your password",
            "Somebody has given your password, and then one wrong code after another. They have \
             not got in, and have to wait now."
                .to_owned(),
        ),
        NoticeKind::IdentityLinked => (
            "Another way to sign in",
            "Another way to sign in",
            format!("You can sign in by {other} from now on."),
        ),
        NoticeKind::IdentityUnlinked => (
            "One way less to sign in",
            "One way less to sign in",
            format!("You can not sign in by {other} any more."),
        ),
    };
    Words {
        subject,
        headline,
        paragraphs: vec![paragraph],
        reaction: reaction(kind).map(str::to_owned),
    }
}

/// What to do when it was somebody else.
fn reaction(kind: NoticeKind) -> Option<&'static str> {
    match kind {
        NoticeKind::VerifyEmail | NoticeKind::ResetPassword => Some(
            "If you have not asked for this, you need not do anything: without the link nothing \
             happens.",
        ),
        NoticeKind::AccountExists => Some("If it was not you, you need not do anything."),
        NoticeKind::EmailChanged => {
            Some("If this was not you, answer this mail at once: we will help you.")
        }
        _ => Some(
            "If this was not you, set a new password at once (\u{201c}Forgot your password?\u{201d} \
             where you sign in), which signs everybody out, and answer this mail.",
        ),
    }
}

/// What it is recognised by.
fn facts(member: &MemberTold, notice: &Notice) -> Vec<(&'static str, String)> {
    let mut facts = vec![("When", member.at.clone())];
    facts.extend(notice.device.clone().map(|device| ("Device", device)));
    facts.extend(notice.ip.map(|ip| ("Address", ip.to_string())));
    facts
}

/// Where the pages of the site take a token from the fragment, which no browser
/// sends to anybody.
fn link(
    kind: NoticeKind,
    token: Option<&str>,
    studio: &StudioConfig,
) -> Option<(&'static str, String)> {
    let site = &studio.site_url;
    match (kind, token) {
        (NoticeKind::VerifyEmail, Some(token)) => Some((
            "Confirm my address",
            format!("{site}/verify-email.html#token={token}"),
        )),
        (NoticeKind::ResetPassword, Some(token)) => Some((
            "Choose a new password",
            format!("{site}/reset-password.html#token={token}"),
        )),
        _ => Some(("Open my account", format!("{site}/"))),
    }
}
