//! E-mails about orders.

use chrono::{DateTime, Utc};

use super::account::greeting;
use super::message::{Content, Message};
use super::receipt;
use super::texts::{MailTexts, amount_text};
use crate::error::Result;
use crate::models::mail_outbox::MailOrder;
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
    let product_names = order.product_names.join(", ");
    let labels = texts.labels();
    let product = match (order.is_gift_card, order.is_course) {
        (true, _) => labels.gift_card,
        (false, true) => labels.course,
        (false, false) => labels.product,
    };
    let mut facts = match receipt {
        None => vec![(product, product_names.clone())],
        Some(receipt) => receipt::line_facts(receipt, product, zone, order.locale, texts),
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
    let opening = match kind {
        "order_paid" if order.is_paid && order.is_course => {
            texts.course_paid(&product_names, order.total.is_zero())
        }
        "order_paid" if order.is_paid => texts.order_paid(&product_names, order.total.is_zero()),
        "gift_card_issued" if order.is_paid => {
            facts.push((labels.gift_card_code, code?.to_owned()));
            texts.gift_card_issued(&product_names)
        }
        // The previous version of the program queues this without the refund.
        "order_refunded" if !order.refunded.is_zero() => {
            let refunded = amount_text(order.refunded, &order.currency);
            let opening = match order.is_cancelled {
                true => {
                    texts.late_payment_refunded(&product_names, texts.refund_to_card(&refunded))
                }
                false => texts.refund_made(&product_names, texts.refunded(&refunded)),
            };
            facts.push((labels.refund, refunded));
            opening
        }
        "order_disputed" if order.is_disputed && order.is_course => {
            texts.course_disputed(&product_names)
        }
        "order_disputed" if order.is_disputed => texts.order_disputed(&product_names),
        _ => return None,
    };
    let link = match (order.is_gift_card, order.is_course) {
        (true, _) => (labels.open_shop, format!("{}/shop", studio.site_url)),
        (false, true) => (
            labels.open_bookings,
            format!("{}/bookings", studio.site_url),
        ),
        (false, false) => (labels.open_passes, format!("{}/bookings", studio.site_url)),
    };
    let receipts = receipt.map(|_| receipt::link(studio, texts));
    let content = Content {
        language: order.locale,
        studio: &studio.name,
        subject: opening.subject,
        headline: opening.headline.to_owned(),
        greeting: greeting(texts, &order.first_name, order.is_confirmed),
        paragraphs: opening.paragraphs,
        facts,
        links: [link].into_iter().chain(receipts).collect(),
        footer: texts.order_footer(&studio.name),
        unsubscribe: None,
    };
    Some(content.render(None))
}
