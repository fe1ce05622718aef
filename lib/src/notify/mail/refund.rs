//! E-mails about refunds.

use super::account::greeting;
use super::message::{Content, Message};
use super::receipt;
use super::texts::{MailTexts, amount_text};
use crate::error::Result;
use crate::models::mail_outbox::{MailRecipient, MailRefund, RefundedItem};
use crate::models::receipt::receipt_number_text;
use crate::runtime::config::StudioConfig;
use crate::values::time_zone::TimeZone;

/// Composes the e-mail about a refund that was made, or that the bank has returned. Returns `None` if
/// the e-mail is outdated. `texts` are those in the member's language.
pub(super) fn compose(
    kind: &str,
    recipient: &MailRecipient,
    refund: &MailRefund,
    studio: &StudioConfig,
    zone: &TimeZone,
    texts: &dyn MailTexts,
) -> Option<Result<Message>> {
    let is_failed = kind == "refund_failed";
    if refund.is_done == is_failed {
        return None;
    }
    let (labels, amount) = (texts.labels(), amount_text(refund.amount, &refund.currency));
    let made = texts.refund_destination(&amount, refund.destination);
    let (item, is_order_cancelled, mut facts) = match &refund.item {
        RefundedItem::Class { title, start_time } => {
            let day = zone.format_date(*start_time, recipient.locale);
            let time = zone.format_time(*start_time, recipient.locale);
            let item = format!("{title}, {day}");
            let when = texts.date_and_time_in(&day, &time, &zone.city());
            let facts = vec![(labels.class, title.clone()), (labels.when, when)];
            (item, false, facts)
        }
        RefundedItem::Order {
            product_names,
            is_cancelled,
        } => {
            let names = product_names.join(", ");
            (names.clone(), *is_cancelled, vec![(labels.order, names)])
        }
    };
    let opening = match (is_failed, is_order_cancelled) {
        (true, _) => texts.refund_failed(&item, &amount),
        (false, true) => texts.late_payment_refunded(&item, made),
        (false, false) => texts.refund_made(&item, made),
    };
    facts.push((labels.amount, amount));
    let links = refund.receipt.map(|_| receipt::link(studio, texts));
    let number = refund
        .receipt
        .map(|(year, number)| receipt_number_text(year, number));
    facts.extend(number.map(|number| (labels.receipt, number)));
    let content = Content {
        language: recipient.locale,
        studio: &studio.name,
        subject: opening.subject,
        headline: opening.headline.to_owned(),
        greeting: greeting(texts, &recipient.first_name, recipient.is_confirmed),
        paragraphs: opening.paragraphs,
        facts,
        links: links.into_iter().collect(),
        footer: texts.payment_footer(&studio.name),
        unsubscribe: None,
    };
    Some(content.render(None))
}
