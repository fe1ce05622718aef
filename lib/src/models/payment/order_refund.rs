//! Refunds of orders.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::desk::PAYMENT_DISPUTED;
use super::refund::RefundState;
use super::row::{Payment, PaymentChange, event, payment_columns};
use crate::crypto::random;
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::models::member_event::NewMemberEvent;
use crate::models::payment_method::PaymentMethod;
use crate::models::payment_status::PaymentStatus;
use crate::models::{ids, order, wallet};
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// How money is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundMethod {
    /// The way in which it was paid.
    Original,
    /// Cash.
    Cash,
    /// A bank transfer.
    Transfer,
    /// The member's credit.
    Credit,
}

impl RefundMethod {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Cash => "cash",
            Self::Transfer => "transfer",
            Self::Credit => "credit",
        }
    }
}

/// A refund of an order that staff decide on.
#[derive(Clone, Debug)]
pub struct NewOrderRefund {
    /// The order's id.
    pub order_id: Uuid,
    /// The amount. More than 0.
    pub amount: Money,
    /// How the money is given back.
    pub method: RefundMethod,
    /// Why.
    pub reason: Option<String>,
    /// The id of the member of staff who gives it back.
    pub staff_id: Uuid,
}

static LOCK_PAID: Statement = Statement::new(
    "payment.lock_paid_of_order",
    concat!(
        "select ",
        payment_columns!(),
        " from payments p
        where order_id = $1 and status in ('paid', 'refund_due', 'refunded')
        order by created_at desc, id desc for no key update"
    ),
);

static INSERT: Statement = Statement::new(
    "refund.insert_for_order",
    "insert into refunds (id, payment_id, amount, method, state, source, reason, by,
        next_attempt_at, done_at)
    values ($1, $2, $3, $4, $5, 'staff', $6, $7, $8, case $5 when 'done' then $8 end)",
);

/// Refunds an order, in whole or in part. The newest payment is refunded first, and none more than
/// what is left of it. A payment is left out while it is disputed. A refund to the card becomes due,
/// and must be sent to the provider after the transaction. Any other refund is done at once, and one to
/// a gift card or to credit raises its balance. For a refund to credit, the wallet must exist
/// ([`wallet::ensure_credit`]). A refund of a gift card that was sold lowers its balance. The passes
/// stay unless staff revoke them. Must be called in a transaction. Returns the member's events, which
/// the caller records at the end of it.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `nothing_to_refund` when the amount exceeds what is left of the
/// payments; 409 `gift_card_not_enough` when less is left on the gift card that was sold; 409
/// `payment_disputed` when the rest of the amount is in payments that the member's bank has taken
/// back; 409 `account_closed` when it would go to the credit of a closed account.
pub async fn refund_order(
    client: &Client,
    refund: &NewOrderRefund,
    now: DateTime<Utc>,
) -> Result<Vec<NewMemberEvent>> {
    order::lock(client, refund.order_id).await?;
    let rows = LOCK_PAID.all(client, &[&refund.order_id]).await?;
    let payments = rows.iter().map(Payment::from_row);
    let payments: Vec<Payment> = payments.collect::<Result<_>>()?;
    let parts = divide(refund.amount.as_column(), &payments)?;
    let ids = parts.iter().map(|(payment, _)| payment.id).collect();
    wallet::lock_for_refund(client, &ids).await?;
    // Closing an account locks its wallet too, so this sees whether the account is closed.
    if refund.method == RefundMethod::Original {
        wallet::check_credit_not_closed(client, &ids).await?;
    }
    let balance = wallet::sold_balance(client, refund.order_id).await?;
    if balance.is_some_and(|balance| balance < refund.amount) {
        return Err(wallet::GIFT_CARD_NOT_ENOUGH);
    }
    for (payment, amount) in &parts {
        insert_part(client, refund, payment, *amount, now).await?;
    }
    let change = |payment| match is_to_card(refund, payment) {
        true => PaymentChange::RefundDue,
        false => PaymentChange::Refunded,
    };
    let events = parts.iter();
    Ok(events
        .map(|(payment, _)| event(payment, change(payment)))
        .collect())
}

/// Divides a refund among the payments that are not disputed, in their order.
fn divide(amount: Decimal, payments: &[Payment]) -> Result<Vec<(&Payment, Decimal)>> {
    let is_disputed = |payment: &&Payment| payment.shown_status == PaymentStatus::Disputed;
    let mut left = amount;
    let mut parts = Vec::new();
    for payment in payments.iter().filter(|payment| !is_disputed(payment)) {
        let part = left.min(payment.amount.as_column() - payment.refunded.as_column());
        if part > Decimal::ZERO {
            left -= part;
            parts.push((payment, part));
        }
    }
    match payments.iter().find(is_disputed) {
        _ if left.is_zero() => Ok(parts),
        Some(_) => Err(PAYMENT_DISPUTED),
        None => Err(NOTHING_LEFT),
    }
}

fn is_to_card(refund: &NewOrderRefund, payment: &Payment) -> bool {
    refund.method == RefundMethod::Original && payment.method == PaymentMethod::Card
}

async fn insert_part(
    client: &Client,
    refund: &NewOrderRefund,
    payment: &Payment,
    amount: Decimal,
    now: DateTime<Utc>,
) -> Result<()> {
    let state = match is_to_card(refund, payment) {
        true => RefundState::Due,
        false => RefundState::Done,
    };
    INSERT
        .execute(
            client,
            &[
                &random::id(),
                &payment.id,
                &amount,
                &refund.method.as_str(),
                &state.as_str(),
                &refund.reason,
                &refund.staff_id,
                &now,
            ],
        )
        .await
        .on_constraint("payments_refunded", NOTHING_LEFT)
}

static PAY_OUT: Statement = Statement::new(
    "refund.pay_out_order",
    concat!(
        "with paid_out as (
            update refunds r set state = 'done', done_at = $2, by = $3,
                method = case when $4 then 'credit' else r.method end
            from payments p
            where p.order_id = $1 and r.payment_id = p.id and r.state = 'due'
              and p.tender in ('cash', 'terminal', 'transfer')
            returning r.payment_id
        )
        select ",
        payment_columns!(),
        " from payments p where id in (select payment_id from paid_out)"
    ),
);

/// Records that what is due at the desk for an order was paid out, or adds it to the member's credit,
/// whose wallet must exist ([`wallet::ensure_credit`]). Must be called in a transaction. Returns the member's
/// events, which the caller records at the end of it.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `nothing_to_refund` when nothing is due at the desk.
pub async fn pay_out_order(
    client: &Client,
    order_id: Uuid,
    to_credit: bool,
    staff_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<NewMemberEvent>> {
    order::lock(client, order_id).await?;
    let payment_ids = ids(&LOCK_PAID.all(client, &[&order_id]).await?)?;
    wallet::lock_for_refund(client, &payment_ids).await?;
    let rows = PAY_OUT
        .all(client, &[&order_id, &now, &staff_id, &to_credit])
        .await?;
    if rows.is_empty() {
        return Err(NOTHING_DUE);
    }
    rows.iter()
        .map(|row| Ok(event(&Payment::from_row(row)?, PaymentChange::Refunded)))
        .collect()
}

const NOTHING_DUE: Error = Error::Conflict {
    code: ErrorCode::NothingToRefund,
    message: "Nothing of this order is due at the desk",
};

pub(super) const NOTHING_LEFT: Error = Error::Conflict {
    code: ErrorCode::NothingToRefund,
    message: "The amount is more than what is left of the payment",
};
