//! The objects of Stripe's API: Checkout Sessions, payment intents, refunds and disputes.

use std::collections::HashMap;

use serde::Deserialize;
use uuid::Uuid;

/// The metadata of an object, in which we store the id of the payment or the membership.
pub(super) type Metadata = HashMap<String, String>;

pub(super) fn id_in(metadata: Option<&Metadata>, name: &str) -> Option<Uuid> {
    metadata?.get(name)?.parse().ok()
}

/// A page of a list.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct List<T> {
    /// The objects, newest first.
    pub data: Vec<T>,
    /// Whether there are older ones.
    #[serde(default)]
    pub has_more: bool,
}

/// A Checkout Session.
#[derive(Clone, Debug, Deserialize)]
pub struct Session {
    /// The id, such as `cs_…`.
    pub id: String,
    /// The URL of the payment page. `None` when the session is over.
    pub url: Option<String>,
    /// `None` if Stripe leaves it out.
    #[serde(default)]
    pub status: Option<SessionStatus>,
    payment_status: SessionPaymentStatus,
    /// The id of the payment intent, such as `pi_…`. `None` when nothing was paid.
    pub payment_intent: Option<String>,
    /// The amount in the smallest unit of the currency.
    pub amount_total: Option<i64>,
    /// ISO 4217 code in lower case.
    pub currency: Option<String>,
    /// The id of the subscription that was started, such as `sub_…`.
    #[serde(default)]
    pub subscription: Option<String>,
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
    /// Returns our id of the payment, if the session is ours.
    ///
    /// The id is read from the metadata, which only our requests set. The
    /// `client_reference_id` is not used, because anyone with a payment link can set it.
    pub fn payment_id(&self) -> Option<Uuid> {
        id_in(self.metadata.as_ref(), "payment_id")
    }

    /// Returns our id of the membership, if the session starts one.
    pub fn membership_id(&self) -> Option<Uuid> {
        id_in(self.metadata.as_ref(), "membership_id")
    }

    /// Returns whether the session was paid.
    pub fn is_paid(&self) -> bool {
        self.payment_status == SessionPaymentStatus::Paid
    }
}

/// A payment intent: money that is taken from a card, in one or more attempts.
#[derive(Clone, Debug, Deserialize)]
pub struct PaymentIntent {
    #[serde(default)]
    metadata: Option<Metadata>,
}

impl PaymentIntent {
    /// Returns our id of the payment, if the payment intent is ours.
    pub fn payment_id(&self) -> Option<Uuid> {
        id_in(self.metadata.as_ref(), "payment_id")
    }
}

/// A refund.
#[derive(Clone, Debug, Deserialize)]
pub struct Refund {
    /// The id, such as `re_…`.
    pub id: String,
    /// The status.
    pub status: Option<RefundStatus>,
    /// Why it failed. `None` if it has not.
    #[serde(default)]
    pub failure_reason: Option<String>,
    /// The amount in the smallest unit of the currency.
    pub amount: i64,
    /// ISO 4217 code in lower case.
    pub currency: String,
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
        id_in(self.metadata.as_ref(), "payment_id")
    }

    /// Returns our id of the refund, if the refund contains it.
    pub fn refund_id(&self) -> Option<Uuid> {
        id_in(self.metadata.as_ref(), "refund_id")
    }
}

/// A dispute.
#[derive(Clone, Debug, Deserialize)]
pub struct Dispute {
    /// The id, such as `du_…`.
    pub id: String,
    /// The disputed amount in the smallest unit of the currency.
    pub amount: i64,
    /// ISO 4217 code in lower case.
    pub currency: String,
    /// The status in Stripe's terms, such as `needs_response`.
    pub status: String,
    /// The id of the payment intent, such as `pi_…`.
    pub payment_intent: Option<String>,
    /// When the dispute was opened, in seconds since 1970.
    pub created: i64,
    #[serde(default)]
    balance_transactions: Vec<BalanceTransaction>,
}

/// A balance transaction: money that a dispute takes from the studio or returns to it.
#[derive(Clone, Debug, Deserialize)]
struct BalanceTransaction {
    /// Negative if the money was taken from the studio.
    amount: i64,
    currency: String,
    fee: i64,
}

impl Dispute {
    /// Returns whether the dispute is an inquiry, which moves no money.
    pub fn is_inquiry(&self) -> bool {
        self.status.starts_with("warning_")
    }

    /// Returns whether the dispute is decided.
    pub fn is_closed(&self) -> bool {
        matches!(
            self.status.as_str(),
            "won" | "lost" | "warning_closed" | "prevented"
        )
    }

    /// Returns whether the disputed money is currently withdrawn from the studio. A new
    /// dispute counts as withdrawn, because it may not list its balance transaction yet.
    /// The balance transactions of a won dispute may not add up to zero, because the exchange
    /// rate can change.
    pub fn is_withdrawn(&self) -> bool {
        if self.is_inquiry() || matches!(self.status.as_str(), "won" | "prevented") {
            return false;
        }
        match self.balance_transactions.as_slice() {
            [] => true,
            transactions => {
                transactions
                    .iter()
                    .map(|transaction| transaction.amount)
                    .sum::<i64>()
                    < 0
            }
        }
    }

    /// Returns Stripe's fee, if it is in the currency of the dispute.
    pub fn fee(&self) -> Option<i64> {
        let transactions = &self.balance_transactions;
        let is_same_currency = transactions
            .iter()
            .all(|transaction| transaction.currency == self.currency);
        is_same_currency.then(|| transactions.iter().map(|transaction| transaction.fee).sum())
    }
}
