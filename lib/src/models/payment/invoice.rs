//! The payments of memberships, which the provider takes by itself for each period.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::refund::{NewRefund, RefundSource, RefundState, insert_rest};
use super::row::{Payment, PaymentChange, payment_columns, record_event};
use crate::crypto::random;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// An invoice that was paid.
pub struct InvoicePayment<'a> {
    /// The order's id.
    pub order_id: Uuid,
    /// The member's id.
    pub user_id: Uuid,
    /// The amount. More than 0.
    pub amount: Money,
    /// The ISO 4217 code of the currency.
    pub currency: &'a str,
    /// The provider's id of the payment. `None` if the money came to the studio in another way.
    pub provider_payment: Option<&'a str>,
}

static INSERT: Statement = Statement::new(
    "payment.insert_of_invoice",
    concat!(
        "insert into payments as p (id, order_id, user_id, amount, currency, tender, status,
            paid_at, provider, provider_payment, created_at)
        values ($1, $2, $3, $4, $5, case when $7::text is null then 'transfer' else 'card' end,
            'paid', $6, 'stripe', $7, clock_timestamp()) returning ",
        payment_columns!()
    ),
);

/// Inserts the payment of an order that was inserted by this transaction.
pub async fn insert_for_invoice(
    client: &Client,
    new: &InvoicePayment<'_>,
    now: DateTime<Utc>,
) -> Result<Payment> {
    let row = INSERT
        .one(
            client,
            &[
                &random::id(),
                &new.order_id,
                &new.user_id,
                &new.amount.as_column(),
                &new.currency.to_owned(),
                &now,
                &new.provider_payment.map(str::to_owned),
            ],
        )
        .await?;
    Payment::from_row(&row)
}

/// Makes the refund of such a payment due, because the account was closed before it arrived.
/// Returns whether it must be sent to the provider.
pub async fn refund_invoice(
    client: &Client,
    payment: &Payment,
    now: DateTime<Utc>,
) -> Result<bool> {
    let refund = NewRefund {
        source: RefundSource::Rule,
        staff_id: None,
        is_done: false,
    };
    let state = insert_rest(client, payment.id, &refund, now).await?;
    Ok(state == Some(RefundState::Due))
}

/// Records for the member that the payment was received, or will be refunded. Must come last in
/// the transaction.
pub async fn record_invoice_event(
    client: &Client,
    payment: &Payment,
    is_refunded: bool,
) -> Result<()> {
    let change = match is_refunded {
        true => PaymentChange::RefundDue,
        false => PaymentChange::Paid,
    };
    record_event(client, payment, change).await
}
