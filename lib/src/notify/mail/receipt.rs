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
    let opening = texts.class_paid(&total, &receipt.reference());
    let class_time = |line: &ReceiptLine| class_time(line, recipient.locale, zone, texts);
    let mut facts = vec![(texts.labels().receipt, receipt.reference())];
    facts.extend(line_facts(
        receipt,
        texts.labels().product,
        texts,
        class_time,
    ));
    facts.extend(sum_facts(receipt, texts));
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

/// Returns what was paid for, with the amounts. `class_time` returns the time of a line's class.
pub(super) fn line_facts(
    receipt: &Receipt,
    product_label: &'static str,
    texts: &dyn MailTexts,
    class_time: impl Fn(&ReceiptLine) -> Option<String>,
) -> Vec<(&'static str, String)> {
    let labels = texts.labels();
    let fact = |line: &ReceiptLine| {
        let label = match line.kind {
            ReceiptLineKind::Product => product_label,
            ReceiptLineKind::Class => labels.class,
            ReceiptLineKind::LateCancellation => labels.late_cancellation,
            ReceiptLineKind::NoShow => labels.missed_class,
        };
        let time = class_time(line).map(|time| format!(", {time}"));
        let amount = amount_text(line.amount, &receipt.currency);
        let text = format!("{}{}: {amount}", line.description, time.unwrap_or_default());
        (label, text)
    };
    receipt.lines.iter().map(fact).collect()
}

/// Returns the total, and the tax in it if there is any.
pub(super) fn sum_facts(receipt: &Receipt, texts: &dyn MailTexts) -> Vec<(&'static str, String)> {
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
