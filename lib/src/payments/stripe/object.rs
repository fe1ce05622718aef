//! The objects of Stripe's API: Checkout Sessions, charges and refunds.

use std::collections::HashMap;

use serde::Deserialize;
use uuid::Uuid;

/// The metadata of an object, in which we store the id of the payment.
type Metadata = HashMap<String, String>;

fn payment_id(metadata: Option<&Metadata>) -> Option<Uuid> {
    metadata?.get("payment_id")?.parse().ok()
}

/// A Checkout Session.
#[derive(Clone, Debug, Deserialize)]
pub struct Session {
    /// The id, such as `cs_…`.
    pub id: String,
    /// The address of the payment page. `None` when the session is over.
    pub url: Option<String>,
    /// `None` in events that do not contain it.
    #[serde(default)]
    pub status: Option<SessionStatus>,
    payment_status: SessionPaymentStatus,
    /// The id of the payment intent, such as `pi_…`. `None` when nothing was paid.
    pub payment_intent: Option<String>,
    /// The amount in the smallest unit of the currency.
    pub amount_total: Option<i64>,
    /// ISO 4217 code in lower case.
    pub currency: Option<String>,
    client_reference_id: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

/// The status of a Checkout Session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// The session can be paid.
    Open,
    /// The member has finished the session. The payment may still be in progress.
    Complete,
    /// The session can no longer be paid.
    Expired,
    /// Any other status.
    #[serde(other)]
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SessionPaymentStatus {
    Paid,
    /// Unpaid, or nothing to pay.
    #[serde(other)]
    Other,
}

impl Session {
    /// Returns our id of the payment, if the session contains it.
    pub fn payment_id(&self) -> Option<Uuid> {
        let reference = self.client_reference_id.as_deref();
        reference
            .and_then(|id| id.parse().ok())
            .or_else(|| payment_id(self.metadata.as_ref()))
    }

    /// Returns whether the session was paid.
    pub fn is_paid(&self) -> bool {
        self.payment_status == SessionPaymentStatus::Paid
    }
}

/// A charge: money that was taken from a card.
#[derive(Clone, Debug, Deserialize)]
pub struct Charge {
    /// The amount in the smallest unit of the currency.
    pub amount: i64,
    /// ISO 4217 code in lower case.
    pub currency: String,
    /// Whether the whole amount was refunded.
    pub refunded: bool,
    /// The id of the payment intent, such as `pi_…`.
    pub payment_intent: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

impl Charge {
    /// Returns our id of the payment, if the charge contains it. Stripe copies the
    /// metadata of a payment intent to its charges.
    pub fn payment_id(&self) -> Option<Uuid> {
        payment_id(self.metadata.as_ref())
    }
}

/// A refund.
#[derive(Clone, Debug, Deserialize)]
pub struct Refund {
    /// The id, such as `re_…`.
    pub id: String,
    /// `None` in events that do not contain it.
    pub status: Option<RefundStatus>,
    /// The amount in the smallest unit of the currency.
    pub amount: i64,
    /// ISO 4217 code in lower case.
    pub currency: String,
    /// The id of the payment intent, such as `pi_…`.
    pub payment_intent: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

/// The status of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// In progress.
    Pending,
    /// Stripe waits for an action of the customer.
    RequiresAction,
    /// The money was returned.
    Succeeded,
    /// The money could not be returned.
    Failed,
    /// The refund was cancelled.
    Canceled,
    /// Any other status.
    #[serde(other)]
    Other,
}

impl Refund {
    /// Returns our id of the payment, if the refund contains it.
    pub fn payment_id(&self) -> Option<Uuid> {
        payment_id(self.metadata.as_ref())
    }

    /// Returns whether the money was returned.
    pub fn has_succeeded(&self) -> bool {
        self.status == Some(RefundStatus::Succeeded)
    }

    /// Returns whether this refund will never return the money.
    pub fn has_failed(&self) -> bool {
        matches!(
            self.status,
            Some(RefundStatus::Failed | RefundStatus::Canceled)
        )
    }
}
