//! Payments as the API returns them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::models::payment::{Payment, PaymentMethod};
use crate::models::payment_status::PaymentStatus;
use crate::values::money::Amount;

/// A payment, as the API returns it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Payment)]
pub struct PaymentView {
    id: Uuid,
    booking_id: Uuid,
    amount: Amount,
    /// The amount that was refunded or will be refunded.
    refunded: Amount,
    /// ISO 4217 code.
    currency: String,
    method: PaymentMethod,
    status: PaymentStatus,
    /// The URL of the page on which the member pays by card. Null when the payment is not
    /// open or is made at the desk.
    checkout_url: Option<String>,
    /// When an unpaid card payment expires. Its booking is then cancelled, unless the payment
    /// page was never created or the class has started. Null for a payment at the desk.
    expires_at: Option<DateTime<Utc>>,
    paid_at: Option<DateTime<Utc>>,
    /// When the whole amount was refunded.
    refunded_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl PaymentView {
    /// Creates the view of the payment of a booking at the time `now`. The view of an overdue
    /// payment has no checkout URL.
    pub fn new(booking_id: Uuid, payment: Payment, now: DateTime<Utc>) -> Self {
        let is_open = payment.status == PaymentStatus::Pending && !payment.is_overdue(now);
        Self {
            id: payment.id,
            booking_id,
            amount: payment.amount.in_currency(&payment.currency),
            refunded: payment.refunded.in_currency(&payment.currency),
            currency: payment.currency,
            method: payment.method,
            status: payment.shown_status,
            checkout_url: payment.checkout_url.filter(|_| is_open),
            expires_at: payment.expires_at,
            paid_at: payment.paid_at,
            refunded_at: payment.refunded_at,
            created_at: payment.created_at,
        }
    }
}
