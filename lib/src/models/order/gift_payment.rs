//! Payments with a gift card.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::{Error, ErrorCode, Result};
use crate::models::product::{Product, ProductKind};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A payment with a gift card. A trigger takes the money from the gift card.
pub(super) struct GiftPayment<'a> {
    pub(super) order_id: Uuid,
    pub(super) user_id: Uuid,
    pub(super) wallet_id: Uuid,
    /// More than 0, and not more than the balance of the locked gift card.
    pub(super) amount: Decimal,
    pub(super) currency: &'a str,
    /// The member of staff who takes it, and when. `None` if the order is open: the payment is paid
    /// when the order is.
    pub(super) taken: Option<(Uuid, DateTime<Utc>)>,
}

static INSERT: Statement = Statement::new(
    "order.insert_gift_payment",
    "insert into payments (id, order_id, user_id, amount, currency, tender, wallet_id, status,
        paid_at, taken_by, created_at)
    values ($1, $2, $3, $4, $5, 'gift', $6, case when $7::timestamptz is null then 'pending'
        else 'paid' end, $7, $8, clock_timestamp())",
);

/// Inserts a payment with a locked gift card.
pub(super) async fn insert(client: &Client, payment: &GiftPayment<'_>) -> Result<()> {
    let (taken_by, taken_at) = payment.taken.unzip();
    INSERT
        .execute(
            client,
            &[
                &random::id(),
                &payment.order_id,
                &payment.user_id,
                &payment.amount,
                &payment.currency.to_owned(),
                &payment.wallet_id,
                &taken_at,
                &taken_by,
            ],
        )
        .await
}

static SUM_OF: Statement = Statement::new(
    "order.sum_gift_payments",
    "select coalesce(sum(amount), 0) as sum from payments
    where order_id = $1 and tender = 'gift' and status = 'pending'",
);

/// Returns what a gift card pays for an open order.
pub(super) async fn sum_of(client: &Client, order_id: Uuid) -> Result<Decimal> {
    Ok(SUM_OF.one(client, &[&order_id]).await?.try_get("sum")?)
}

/// Checks that products can be paid with a gift card.
///
/// # Errors
///
/// 409 `gift_card_not_applicable`.
pub(super) fn check_products(products: &[Product]) -> Result<()> {
    let is_gift_card = |product: &Product| product.kind == ProductKind::GiftCard;
    match products.iter().any(is_gift_card) {
        true => Err(NOT_APPLICABLE),
        false => Ok(()),
    }
}

const NOT_APPLICABLE: Error = Error::Conflict {
    code: ErrorCode::GiftCardNotApplicable,
    message: "A gift card cannot be bought with a gift card",
};
