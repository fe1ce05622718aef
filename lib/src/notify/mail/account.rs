//! E-mails about accounts.

use super::message::{Content, Message};
use super::notice::{Notice, NoticeKind};
use super::texts::{Labels, MailTexts};
use crate::error::Result;
use crate::models::mail_outbox::MailRecipient;
use crate::runtime::config::StudioConfig;
use crate::values::locale::Locale;
use crate::values::time_zone::TimeZone;

/// Composes the e-mail for a notice. `token` is the secret token in the link. `texts` are those
/// in the recipient's language.
pub(super) fn compose(
    kind: NoticeKind,
    recipient: &MailRecipient,
    notice: &Notice,
    token: Option<&str>,
    studio: &StudioConfig,
    zone: &TimeZone,
    texts: &dyn MailTexts,
) -> Result<Message> {
    // Text that somebody has entered is sent only to confirmed addresses. Otherwise, anyone
    // could send text to a stranger.
    let new_address_or_provider = match (kind, recipient.is_confirmed) {
        (NoticeKind::EmailChangeRequested | NoticeKind::EmailChanged, false) => None,
        _ => notice.new_address_or_provider.as_deref(),
    };
    let mut opening = texts.notice(kind, new_address_or_provider, &notice.access);
    opening.paragraphs.push(texts.advice(kind).to_owned());
    let content = Content {
        language: recipient.locale,
        studio: &studio.name,
        subject: opening.subject,
        headline: opening.headline.to_owned(),
        greeting: greeting(texts, &recipient.first_name, recipient.is_confirmed),
        paragraphs: opening.paragraphs,
        facts: facts(notice, zone, texts, recipient.locale),
        links: link(kind, token, studio, &texts.labels())
            .into_iter()
            .collect(),
        footer: texts.account_footer(&studio.name),
        unsubscribe: None,
    };
    content.render(None)
}

/// Returns the greeting. An e-mail to an unconfirmed address omits the name, because anyone
/// could use the name to send text to a stranger.
pub(super) fn greeting(texts: &dyn MailTexts, first_name: &str, is_confirmed: bool) -> String {
    // The name of a closed account is erased.
    let is_shown = is_confirmed && !first_name.is_empty();
    texts.greeting(is_shown.then_some(first_name))
}

fn facts(
    notice: &Notice,
    zone: &TimeZone,
    texts: &dyn MailTexts,
    locale: Locale,
) -> Vec<(&'static str, String)> {
    let at = texts.date_and_time_in(
        &zone.format_date(notice.at, locale),
        &zone.format_time(notice.at, locale),
        &zone.city(),
    );
    let labels = texts.labels();
    let mut facts = vec![(labels.when, at)];
    let device = notice.device.as_deref();
    facts.extend(device.map(|device| (labels.device, texts.device(device))));
    facts.extend(notice.ip.map(|ip| (labels.ip_address, ip.to_string())));
    facts
}

/// Returns the label and the address of the link. The token is in the fragment, which
/// browsers do not send to the server.
fn link(
    kind: NoticeKind,
    token: Option<&str>,
    studio: &StudioConfig,
    labels: &Labels,
) -> Option<(&'static str, String)> {
    let site = &studio.site_url;
    match (kind, token) {
        (NoticeKind::VerifyEmail | NoticeKind::Invitation, Some(token)) => Some((
            labels.confirm_address,
            format!("{site}/verify-email#token={token}"),
        )),
        (NoticeKind::ResetPassword, Some(token)) => Some((
            labels.choose_password,
            format!("{site}/reset-password#token={token}"),
        )),
        (NoticeKind::AccountClosed, _) => None,
        _ => Some((labels.open_account, format!("{site}/account"))),
    }
}
