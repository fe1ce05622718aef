//! The payment's JSON.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::models::payment::{Payment, PaymentMethod, PaymentStatus};
use crate::values::money::Money;

/// A payment, as the API returns it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Payment)]
pub struct PaymentView {
    id: Uuid,
    booking_id: Uuid,
    amount: Money,
    /// ISO 4217 code.
    currency: String,
    method: PaymentMethod,
    status: PaymentStatus,
    /// The page on which to pay by card. Null when there is nothing to pay there.
    checkout_url: Option<String>,
    /// When an unpaid card payment ends, and with it the booking. Null for a
    /// payment at the desk.
    expires_at: Option<DateTime<Utc>>,
    paid_at: Option<DateTime<Utc>>,
    refunded_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl PaymentView {
    /// Describes a payment at `now`: an overdue one no longer has a checkout.
    pub fn new(payment: Payment, now: DateTime<Utc>) -> Self {
        let is_open = payment.status == PaymentStatus::Pending && !payment.is_overdue(now);
        Self {
            id: payment.id,
            booking_id: payment.booking_id,
            amount: payment.amount,
            currency: payment.currency,
            method: payment.method,
            status: payment.status,
            checkout_url: payment.checkout_url.filter(|_| is_open),
            expires_at: payment.expires_at,
            paid_at: payment.paid_at,
            refunded_at: payment.refunded_at,
            created_at: payment.created_at,
        }
    }
}
