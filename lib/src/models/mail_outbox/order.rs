//! The order that an e-mail is about.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::models::from_json;
use crate::models::product::ProductKind;
use crate::models::user::locale_from_column;
use crate::models::wallet::MailedCode;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::locale::Locale;
use crate::values::money::Money;

/// An order, as it is when the e-mail is sent.
#[derive(Clone, Debug)]
pub struct MailOrder {
    /// The member's first name.
    pub first_name: String,
    /// Whether the recipient's address is the member's confirmed address.
    pub is_confirmed: bool,
    /// The member's language.
    pub locale: Locale,
    /// Whether the order is paid, or costs nothing.
    pub is_paid: bool,
    /// Whether it is the order of a gift card.
    pub is_gift_card: bool,
    /// Whether it is the order of a course, and of nothing else.
    pub is_course: bool,
    /// The starts of the classes that the member has a spot in with this order, earliest first.
    pub class_starts: Vec<DateTime<Utc>>,
    /// Whether the order was cancelled before it was paid.
    pub is_cancelled: bool,
    /// Whether a bank has taken back a payment because of a dispute.
    pub is_disputed: bool,
    /// The names of the products at the time of the order.
    pub product_names: Vec<String>,
    /// The kinds of these products.
    pub product_kinds: Vec<ProductKind>,
    /// The promo code. `None` without one.
    pub promo_code: Option<String>,
    /// What the promo code has taken off.
    pub discount: Money,
    /// The sum, which is what is paid.
    pub total: Money,
    /// The amount that was refunded or will be refunded.
    pub refunded: Money,
    /// The part of it that the member can collect at the desk.
    pub due_at_desk: Money,
    /// The ISO 4217 code of the currency.
    pub currency: String,
}

static FIND_ORDER: Statement = Statement::new(
    "mail_outbox.find_order",
    "select case when u.closed_at is null then u.first_name else '' end as first_name,
        u.email = $2 and u.email_verified_at is not null as is_confirmed, u.locale,
        o.state = 'paid' as is_paid, o.state = 'cancelled' as is_cancelled,
        exists (select from order_lines l where l.order_id = o.id and l.kind = 'gift_card')
            as is_gift_card,
        not exists (select from order_lines l where l.order_id = o.id and l.kind <> 'course')
            as is_course,
        array(select c.start_time from order_lines l join bookings b on b.course_line_id = l.id
            join scheduled_classes c on c.id = b.scheduled_class_id
            where l.order_id = o.id and b.status in ('booked', 'attended')
            order by c.start_time) as class_starts,
        o.total, o.currency,
        exists (select from disputes d join payments p on p.id = d.payment_id
            where p.order_id = o.id and d.withdrawn) as is_disputed,
        (select code from promo_codes where id = o.promo_code_id) as promo_code,
        (select sum(discount) from order_lines where order_id = o.id) as discount,
        (select coalesce(sum(refunded), 0) from payments where order_id = o.id) as refunded,
        (select coalesce(sum(r.amount), 0) from refunds r join payments p on p.id = r.payment_id
            where p.order_id = o.id and r.state = 'due'
              and p.tender in ('cash', 'terminal', 'transfer')) as due_at_desk,
        array(select l.kind from order_lines l where l.order_id = o.id
            order by l.created_at, l.id) as product_kinds,
        (select jsonb_agg(l.description order by l.created_at, l.id)
            from order_lines l where l.order_id = o.id) as product_names
    from orders o join users u on u.id = o.user_id
    where o.id = $1",
);

/// Finds the order of an e-mail. Returns `None` if there is no such order.
pub async fn find_order(client: &Client, id: Uuid, address: &str) -> Result<Option<MailOrder>> {
    let Some(row) = FIND_ORDER.opt(client, &[&id, &address]).await? else {
        return Ok(None);
    };
    let kinds: Vec<String> = row.try_get("product_kinds")?;
    let kinds = kinds.iter().map(|kind| ProductKind::from_column(kind));
    Ok(Some(MailOrder {
        first_name: row.try_get("first_name")?,
        is_confirmed: row.try_get("is_confirmed")?,
        locale: locale_from_column(row.try_get("locale")?)?.unwrap_or_default(),
        is_paid: row.try_get("is_paid")?,
        is_course: row.try_get("is_course")?,
        class_starts: row.try_get("class_starts")?,
        is_gift_card: row.try_get("is_gift_card")?,
        is_cancelled: row.try_get("is_cancelled")?,
        is_disputed: row.try_get("is_disputed")?,
        product_names: from_json(row.try_get("product_names")?)?,
        product_kinds: kinds.collect::<Result<_>>()?,
        promo_code: row.try_get("promo_code")?,
        discount: Money::from_column(row.try_get::<_, Decimal>("discount")?),
        total: Money::from_column(row.try_get::<_, Decimal>("total")?),
        refunded: Money::from_column(row.try_get::<_, Decimal>("refunded")?),
        due_at_desk: Money::from_column(row.try_get::<_, Decimal>("due_at_desk")?),
        currency: row.try_get("currency")?,
    }))
}

// The e-mail goes to the member's current address.
static INSERT_FOR_ORDER: Statement = Statement::new(
    "mail_outbox.insert_for_order",
    "insert into mail_outbox (id, recipient, kind, payload)
    select gen_random_uuid(), u.email, $2, jsonb_build_object('orderId', o.id)
    from orders o join users u on u.id = o.user_id
    where o.id = $1 and u.closed_at is null",
);

/// Queues an e-mail about an order. A closed account gets none. Must be called in the
/// transaction of the change that the e-mail reports.
pub async fn insert_for_order(client: &Client, order_id: Uuid, kind: &str) -> Result<()> {
    INSERT_FOR_ORDER.execute(client, &[&order_id, &kind]).await
}

static INSERT_FOR_PAYMENT: Statement = Statement::new(
    "mail_outbox.insert_for_payment",
    "insert into mail_outbox (id, recipient, kind, payload)
    select gen_random_uuid(), u.email, 'receipt_issued',
        jsonb_build_object('userId', u.id, 'paymentId', r.payment_id)
    from receipts r join users u on u.id = r.user_id
    where r.payment_id = $1 and u.closed_at is null",
);

/// Queues the e-mail about the receipt of a payment for a class or a fee. A closed account gets none.
/// Must be called in the transaction that issues the receipt.
pub async fn insert_for_payment(client: &Client, payment_id: Uuid) -> Result<()> {
    INSERT_FOR_PAYMENT.execute(client, &[&payment_id]).await
}

static INSERT_GIFT_CARD: Statement = Statement::new(
    "mail_outbox.insert_gift_card",
    "insert into mail_outbox (id, recipient, kind, payload)
    select gen_random_uuid(), u.email, 'gift_card_issued',
        jsonb_build_object('orderId', o.id, 'giftCard', $2::jsonb)
    from orders o join users u on u.id = o.user_id
    where o.id = $1 and u.closed_at is null",
);

/// Queues the e-mail with the code of a gift card. Must be called in the transaction that issues
/// it.
pub async fn insert_gift_card(client: &Client, order_id: Uuid, code: &MailedCode) -> Result<()> {
    let code = serde_json::to_value(code).map_err(|error| Error::Internal(Box::new(error)))?;
    INSERT_GIFT_CARD.execute(client, &[&order_id, &code]).await
}
