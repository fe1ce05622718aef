//! E-mails about memberships.

use chrono::NaiveDate;

use super::account::greeting;
use super::message::{Content, Message};
use super::texts::{MailTexts, amount_text};
use crate::error::Result;
use crate::models::mail_outbox::MailMembership;
use crate::runtime::config::StudioConfig;
use crate::values::time_zone::TimeZone;

/// Composes the e-mail about a membership. Returns `None` if the e-mail is outdated. `texts` are
/// those in the member's language.
pub(super) fn compose(
    kind: &str,
    membership: &MailMembership,
    studio: &StudioConfig,
    zone: &TimeZone,
    texts: &dyn MailTexts,
) -> Option<Result<Message>> {
    let day_text = |day: NaiveDate| zone.format_date(zone.day_start(day), membership.locale);
    let name = &membership.name;
    let price = amount_text(membership.price, &membership.currency);
    let labels = texts.labels();
    let (opening, button) = match kind {
        "membership_payment_failed" if membership.is_past_due => {
            let unpaid_from = membership.unpaid_from;
            let grace_ends_on = unpaid_from.map(|first_day| studio.membership_grace_end(first_day));
            let grace_ends_on = grace_ends_on.map(day_text);
            let opening = texts.membership_payment_failed(name, &price, grace_ends_on.as_deref());
            (opening, labels.open_membership)
        }
        "membership_ended" if membership.has_ended => {
            let paid_until = membership.paid_until.map(day_text);
            let opening = texts.membership_ended(name, paid_until.as_deref());
            (opening, labels.open_shop)
        }
        _ => return None,
    };
    let content = Content {
        language: membership.locale,
        studio: &studio.name,
        subject: opening.subject,
        headline: opening.headline.to_owned(),
        greeting: greeting(texts, &membership.first_name, membership.is_confirmed),
        paragraphs: opening.paragraphs,
        facts: vec![(labels.product, name.clone()), (labels.price, price)],
        links: vec![(button, format!("{}/shop", studio.site_url))],
        footer: texts.order_footer(&studio.name),
        unsubscribe: None,
    };
    Some(content.render(None))
}
