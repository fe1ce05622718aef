//! E-mails about refunds.

use super::account::greeting;
use super::message::{Content, Message};
use super::receipt;
use super::texts::{MailTexts, amount_text};
use crate::error::Result;
use crate::models::mail_outbox::{MailRecipient, MailRefund, RefundedItem};
use crate::runtime::config::StudioConfig;
use crate::values::time_zone::TimeZone;

/// Composes the e-mail about a refund that was made. `texts` are those in the member's language.
pub(super) fn compose(
    recipient: &MailRecipient,
    refund: &MailRefund,
    studio: &StudioConfig,
    zone: &TimeZone,
    texts: &dyn MailTexts,
) -> Result<Message> {
    let (labels, amount) = (texts.labels(), amount_text(refund.amount, &refund.currency));
    let (opening, mut facts) = match &refund.item {
        RefundedItem::Class { title, start_time } => {
            let day = zone.format_date(*start_time, recipient.locale);
            let time = zone.format_time(*start_time, recipient.locale);
            let item = format!("{title}, {day}");
            let when = texts.date_and_time_in(&day, &time, &zone.city());
            let facts = vec![(labels.class, title.clone()), (labels.when, when)];
            (texts.refund_made(&item, &amount, refund.way), facts)
        }
        RefundedItem::Order {
            product_names,
            is_cancelled,
        } => {
            let names = product_names.join(", ");
            let opening = match is_cancelled {
                true => texts.late_payment_refunded(&names),
                false => texts.refund_made(&names, &amount, refund.way),
            };
            (opening, vec![(labels.order, names)])
        }
    };
    facts.push((labels.amount, amount));
    let number = refund
        .receipt
        .map(|(year, number)| format!("{year}-{number}"));
    let links = number
        .iter()
        .map(|_| receipt::link(studio, texts))
        .collect();
    facts.extend(number.map(|number| (labels.receipt, number)));
    let content = Content {
        language: recipient.locale,
        studio: &studio.name,
        subject: opening.subject,
        headline: opening.headline.to_owned(),
        greeting: greeting(texts, &recipient.first_name, recipient.is_confirmed),
        paragraphs: opening.paragraphs,
        facts,
        links,
        footer: texts.payment_footer(&studio.name),
        unsubscribe: None,
    };
    content.render(None)
}
