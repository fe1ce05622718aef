//! E-mails about passes that end soon.

use chrono::NaiveTime;

use super::account::greeting;
use super::message::{Content, Message};
use super::texts::MailTexts;
use super::unsubscribe::UnsubscribeLinks;
use crate::error::Result;
use crate::models::mail_outbox::{MailEndingPass, MailRecipient};
use crate::runtime::config::StudioConfig;
use crate::values::time_zone::TimeZone;

/// Composes the e-mail about a pass that ends soon. `texts` are those in the member's language.
pub(super) fn compose(
    recipient: &MailRecipient,
    pass: &MailEndingPass,
    studio: &StudioConfig,
    zone: &TimeZone,
    texts: &dyn MailTexts,
    unsubscribe: Option<UnsubscribeLinks>,
) -> Result<Message> {
    let labels = texts.labels();
    let noon = NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default();
    let last_day = zone.format_date(zone.resolve(pass.last_day, noon), recipient.locale);
    let opening = texts.pass_ending(&pass.name, &last_day, pass.credits_left);
    let content = Content {
        language: recipient.locale,
        studio: &studio.name,
        subject: opening.subject,
        headline: opening.headline.to_owned(),
        greeting: greeting(texts, &recipient.first_name, recipient.is_confirmed),
        paragraphs: opening.paragraphs,
        facts: vec![
            (labels.product, pass.name.clone()),
            (labels.last_day, last_day),
        ],
        links: vec![(labels.open_shop, format!("{}/shop", studio.site_url))],
        footer: texts.pass_footer(&studio.name),
        unsubscribe: unsubscribe.map(|links| (texts.unsubscribe(links.category), links)),
    };
    content.render(None)
}
