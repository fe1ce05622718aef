//! The status of a payment, as it is stored and as it is shown.

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, Result};

/// The status of a payment.
///
/// `partly_refunded` and `disputed` are never stored. They are derived from the refunds and
/// disputes of the payment. `refund_due` is stored if the whole amount is to be refunded,
/// and derived if a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Not paid yet.
    Pending,
    /// Paid.
    Paid,
    /// The payment was attempted and failed.
    Failed,
    /// Cancelled before it was paid.
    Cancelled,
    /// Paid, but to be refunded, in whole or in part.
    RefundDue,
    /// Refunded in part.
    PartlyRefunded,
    /// Refunded.
    Refunded,
    /// The member has disputed the payment, and their bank has taken the money back.
    Disputed,
}

impl PaymentStatus {
    /// All statuses.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Paid,
        Self::Failed,
        Self::Cancelled,
        Self::RefundDue,
        Self::PartlyRefunded,
        Self::Refunded,
        Self::Disputed,
    ];

    pub(super) fn from_column(text: &str) -> Result<Self> {
        Self::parse(text).ok_or_else(|| Error::internal("unknown payment status"))
    }

    pub(super) fn from_nullable_column(text: Option<&str>) -> Result<Option<Self>> {
        text.map(Self::from_column).transpose()
    }

    /// Parses the name that [`PaymentStatus::as_str`] returns.
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|status| status.as_str() == text)
    }

    /// Returns the name in requests and responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::RefundDue => "refund_due",
            Self::PartlyRefunded => "partly_refunded",
            Self::Refunded => "refunded",
            Self::Disputed => "disputed",
        }
    }
}

/// The SQL expression for the shown status of a payment `p`.
macro_rules! shown_payment_status {
    () => {
        "case
            when exists (select from disputes d where d.payment_id = p.id and d.withdrawn)
                then 'disputed'
            when p.status <> 'paid' or p.refunded = 0 then p.status
            when exists (
                select from refunds r where r.payment_id = p.id and r.state in ('due', 'sent')
            ) then 'refund_due'
            else 'partly_refunded' end"
    };
}
pub(super) use shown_payment_status;
