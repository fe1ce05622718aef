//! E-mails about orders.

use chrono::{DateTime, Utc};

use super::account::greeting;
use super::message::{Content, Message};
use super::receipt;
use super::texts::{Labels, MailTexts, Opening, amount_text};
use crate::error::Result;
use crate::models::mail_outbox::MailOrder;
use crate::models::product::ProductKind;
use crate::models::receipt::Receipt;
use crate::runtime::config::StudioConfig;
use crate::values::time_zone::TimeZone;

/// Composes the e-mail about an order. Returns `None` if the e-mail is outdated. `receipt` is that of
/// the order, and `None` if nothing was paid. `code` is that of the gift card that was sold. `texts`
/// are those in the member's language.
pub(super) fn compose(
    kind: &str,
    order: &MailOrder,
    receipt: Option<&Receipt>,
    code: Option<&str>,
    studio: &StudioConfig,
    zone: &TimeZone,
    texts: &dyn MailTexts,
) -> Option<Result<Message>> {
    let labels = texts.labels();
    let mut facts = facts(order, receipt, zone, texts);
    match kind {
        "gift_card_issued" => facts.push((labels.gift_card_code, code?.to_owned())),
        "order_refunded" => {
            facts.push((labels.refund, amount_text(order.refunded, &order.currency)));
        }
        _ => {}
    }
    let opening = opening(kind, order, texts)?;
    let receipts = receipt.map(|_| receipt::link(studio, texts));
    let content = Content {
        language: order.locale,
        studio: &studio.name,
        subject: opening.subject,
        headline: opening.headline.to_owned(),
        greeting: greeting(texts, &order.first_name, order.is_confirmed),
        paragraphs: opening.paragraphs,
        facts,
        links: [link(order, studio, texts)]
            .into_iter()
            .chain(receipts)
            .collect(),
        footer: texts.order_footer(&studio.name),
        unsubscribe: None,
    };
    Some(content.render(None))
}

/// Returns what was ordered, the classes of courses, and what it costs.
fn facts(
    order: &MailOrder,
    receipt: Option<&Receipt>,
    zone: &TimeZone,
    texts: &dyn MailTexts,
) -> Vec<(&'static str, String)> {
    let labels = texts.labels();
    let kinds = order.product_kinds.iter();
    let product_labels: Vec<&'static str> = kinds.map(|kind| label(*kind, &labels)).collect();
    let mut facts = match receipt {
        None => product_labels
            .iter()
            .copied()
            .zip(order.product_names.iter().cloned())
            .collect(),
        Some(receipt) => receipt::line_facts(receipt, &product_labels, zone, order.locale, texts),
    };
    let class_fact = |start: &DateTime<Utc>| {
        let day = zone.format_date(*start, order.locale);
        let time = zone.format_time(*start, order.locale);
        (labels.class, texts.date_and_time(&day, &time))
    };
    facts.extend(order.class_starts.iter().map(class_fact));
    if let Some(code) = &order.promo_code {
        let discount = amount_text(order.discount, &order.currency);
        facts.push((labels.promo_code, texts.promo_code_saved(code, &discount)));
    }
    match receipt {
        None => facts.push((labels.price, amount_text(order.total, &order.currency))),
        Some(receipt) => {
            facts.extend(receipt::total_facts(receipt, texts));
            facts.push((labels.receipt, receipt.number_text()));
        }
    }
    facts
}

fn label(kind: ProductKind, labels: &Labels) -> &'static str {
    match kind {
        ProductKind::GiftCard => labels.gift_card,
        ProductKind::Course => labels.course,
        ProductKind::Pass | ProductKind::Membership => labels.product,
    }
}

/// Returns how the e-mail begins, or `None` if it is outdated.
fn opening(kind: &str, order: &MailOrder, texts: &dyn MailTexts) -> Option<Opening> {
    let names = order.product_names.join(", ");
    let money = |amount| amount_text(amount, &order.currency);
    Some(match kind {
        "order_paid" if order.is_paid && order.is_course => {
            texts.course_paid(&names, order.total.is_zero())
        }
        "order_paid" if order.is_paid => texts.order_paid(&names, order.total.is_zero()),
        "gift_card_issued" if order.is_paid => texts.gift_card_issued(&names),
        // The previous version of the program queues this without the refund.
        "order_refunded" if !order.refunded.is_zero() => match order.is_cancelled {
            true => {
                texts.late_payment_refunded(&names, texts.refund_to_card(&money(order.refunded)))
            }
            false => texts.refund_made(&names, texts.refunded(&money(order.refunded))),
        },
        "order_disputed" if order.is_disputed && order.is_course => texts.course_disputed(&names),
        "order_disputed" if order.is_disputed => texts.order_disputed(&names),
        "course_refund_at_desk" if !order.due_at_desk.is_zero() => {
            texts.course_refund_at_desk(&course_names(order), &money(order.due_at_desk))
        }
        "course_spots_lost" => texts.course_spots_lost(&course_names(order), order.is_cancelled),
        _ => return None,
    })
}

/// Returns the names of the courses. Staff also sell other products with them.
fn course_names(order: &MailOrder) -> String {
    let products = order.product_names.iter().zip(&order.product_kinds);
    let names: Vec<&str> = products
        .filter(|(_, kind)| **kind == ProductKind::Course)
        .map(|(name, _)| name.as_str())
        .collect();
    names.join(", ")
}

/// Returns the page that is about what was ordered.
fn link(order: &MailOrder, studio: &StudioConfig, texts: &dyn MailTexts) -> (&'static str, String) {
    let labels = texts.labels();
    let site = &studio.site_url;
    match (order.is_gift_card, order.is_course) {
        (true, _) => (labels.open_shop, format!("{site}/shop")),
        (false, true) => (labels.open_bookings, format!("{site}/bookings")),
        (false, false) => (labels.open_passes, format!("{site}/bookings")),
    }
}
