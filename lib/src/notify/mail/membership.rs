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
    let opening = match kind {
        "membership_payment_failed" if membership.is_past_due => {
            let stands_until = membership
                .unpaid_from
                .map(|first_day| studio.membership_grace_end(first_day));
            texts.membership_payment_failed(name, &price, stands_until.map(day_text).as_deref())
        }
        "membership_ended" if membership.has_ended => {
            texts.membership_ended(name, membership.paid_until.map(day_text).as_deref())
        }
        _ => return None,
    };
    let labels = texts.labels();
    let content = Content {
        language: membership.locale,
        studio: &studio.name,
        subject: opening.subject,
        headline: opening.headline.to_owned(),
        greeting: greeting(texts, &membership.first_name, membership.is_confirmed),
        paragraphs: opening.paragraphs,
        facts: vec![(labels.product, name.clone()), (labels.price, price)],
        link: Some((labels.open_membership, format!("{}/shop", studio.site_url))),
        footer: texts.order_footer(&studio.name),
    };
    Some(content.render(None))
}
