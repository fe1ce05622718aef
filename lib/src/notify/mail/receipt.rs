//! Receipts in e-mails.

use super::account::greeting;
use super::message::{Content, Message};
use super::texts::{MailTexts, amount_text};
use crate::error::Result;
use crate::models::mail_outbox::MailRecipient;
use crate::models::receipt::{Receipt, ReceiptLine, ReceiptLineKind};
use crate::runtime::config::StudioConfig;
use crate::values::locale::Locale;
use crate::values::time_zone::TimeZone;

/// Composes the e-mail with the receipt of a class or a fee. `texts` are those in the member's
/// language.
pub(super) fn compose(
    recipient: &MailRecipient,
    receipt: &Receipt,
    studio: &StudioConfig,
    zone: &TimeZone,
    texts: &dyn MailTexts,
) -> Result<Message> {
    let total = amount_text(receipt.total(), &receipt.currency);
    let (labels, number) = (texts.labels(), receipt.number_text());
    let opening = texts.receipt_issued(&total, &number);
    let mut facts = vec![(labels.receipt, number)];
    facts.extend(line_facts(
        receipt,
        &[labels.product],
        zone,
        recipient.locale,
        texts,
    ));
    facts.extend(total_facts(receipt, texts));
    let content = Content {
        language: recipient.locale,
        studio: &studio.name,
        subject: opening.subject,
        headline: opening.headline.to_owned(),
        greeting: greeting(texts, &recipient.first_name, recipient.is_confirmed),
        paragraphs: opening.paragraphs,
        facts,
        links: vec![link(studio, texts)],
        footer: texts.payment_footer(&studio.name),
        unsubscribe: None,
    };
    content.render(None)
}

/// Returns the link to the member's receipts.
pub(super) fn link(studio: &StudioConfig, texts: &dyn MailTexts) -> (&'static str, String) {
    let url = format!("{}/receipts", studio.site_url);
    (texts.labels().open_receipts, url)
}

/// Returns what was paid for, with the amounts. `product_labels` are those of the products, in their
/// order.
pub(super) fn line_facts(
    receipt: &Receipt,
    product_labels: &[&'static str],
    zone: &TimeZone,
    locale: Locale,
    texts: &dyn MailTexts,
) -> Vec<(&'static str, String)> {
    let labels = texts.labels();
    let mut product_labels = product_labels.iter();
    let fact = |line: &ReceiptLine| {
        let label = match line.kind {
            ReceiptLineKind::Product => product_labels.next().unwrap_or(&labels.product),
            ReceiptLineKind::Class => labels.class,
            ReceiptLineKind::LateCancellation => labels.late_cancellation,
            ReceiptLineKind::NoShow => labels.no_show,
        };
        let mut parts = vec![line.description.clone()];
        parts.extend(class_time(line, locale, zone, texts));
        parts.push(amount_text(line.amount, &receipt.currency));
        (label, parts.join(", "))
    };
    receipt.lines.iter().map(fact).collect()
}

/// Returns the total, and the tax in it if there is any.
pub(super) fn total_facts(receipt: &Receipt, texts: &dyn MailTexts) -> Vec<(&'static str, String)> {
    let (labels, currency) = (texts.labels(), &receipt.currency);
    let mut facts = vec![(labels.total, amount_text(receipt.total(), currency))];
    if !receipt.tax().is_zero() {
        facts.push((labels.included_tax, amount_text(receipt.tax(), currency)));
    }
    facts
}

fn class_time(
    line: &ReceiptLine,
    locale: Locale,
    zone: &TimeZone,
    texts: &dyn MailTexts,
) -> Option<String> {
    let start = line.class_start?;
    let day = zone.format_date(start, locale);
    Some(texts.date_and_time(&day, &zone.format_time(start, locale)))
}
