//! The membership that an e-mail is about.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::error::Result;
use crate::models::membership::paid_periods;
use crate::models::user::locale_from_column;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::locale::Locale;
use crate::values::money::Money;

/// A membership, as it is when the e-mail is sent.
#[derive(Clone, Debug)]
pub struct MailMembership {
    /// The member's first name.
    pub first_name: String,
    /// Whether the recipient's address is the member's confirmed address.
    pub is_confirmed: bool,
    /// The member's language.
    pub locale: Locale,
    /// The name of the membership.
    pub name: String,
    /// The price of a period.
    pub price: Money,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// Whether the payment of the current period has failed.
    pub is_past_due: bool,
    /// Whether it has ended.
    pub has_ended: bool,
    /// The first day of the period that waits for its payment. `None` if none does.
    pub unpaid_from: Option<NaiveDate>,
    /// The last day that is paid. `None` if nothing was paid.
    pub paid_until: Option<NaiveDate>,
}

static FIND_MEMBERSHIP: Statement = Statement::new(
    "mail_outbox.find_membership",
    concat!(
        "select case when u.closed_at is null then u.first_name else '' end as first_name,
        u.email = $2 and u.email_verified_at is not null as is_confirmed, u.locale,
        m.name, m.price, m.currency, m.status = 'past_due' as is_past_due,
        m.status = 'ended' as has_ended,
        ",
        paid_periods!(),
        " from memberships m join users u on u.id = m.user_id where m.id = $1"
    ),
);

/// Finds the membership of an e-mail. Returns `None` if there is none.
pub async fn find_membership(
    client: &Client,
    id: Uuid,
    address: &str,
) -> Result<Option<MailMembership>> {
    let Some(row) = FIND_MEMBERSHIP.opt(client, &[&id, &address]).await? else {
        return Ok(None);
    };
    Ok(Some(MailMembership {
        first_name: row.try_get("first_name")?,
        is_confirmed: row.try_get("is_confirmed")?,
        locale: locale_from_column(row.try_get("locale")?)?.unwrap_or_default(),
        name: row.try_get("name")?,
        price: Money::from_column(row.try_get::<_, Decimal>("price")?),
        currency: row.try_get("currency")?,
        is_past_due: row.try_get("is_past_due")?,
        has_ended: row.try_get("has_ended")?,
        unpaid_from: row.try_get("unpaid_from")?,
        paid_until: row.try_get("paid_until")?,
    }))
}

// The e-mail goes to the member's current address.
static INSERT_FOR_MEMBERSHIP: Statement = Statement::new(
    "mail_outbox.insert_for_membership",
    "insert into mail_outbox (id, recipient, kind, payload)
    select gen_random_uuid(), u.email, $2, jsonb_build_object('membershipId', m.id)
    from memberships m join users u on u.id = m.user_id
    where m.id = $1 and u.closed_at is null",
);

/// Queues an e-mail about a membership. A closed account gets none. Must be called in the
/// transaction of the change that the e-mail reports.
pub async fn insert_for_membership(client: &Client, membership_id: Uuid, kind: &str) -> Result<()> {
    INSERT_FOR_MEMBERSHIP
        .execute(client, &[&membership_id, &kind])
        .await
}
