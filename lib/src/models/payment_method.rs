//! How a payment is made.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, ErrorCode, Result};

/// How a payment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PaymentMethod {
    /// By card, with Stripe Checkout.
    Card,
    /// At the studio's front desk.
    Desk,
}

impl PaymentMethod {
    pub(super) fn from_column(text: &str) -> Result<Self> {
        Ok(match text {
            "card" => Self::Card,
            "desk" => Self::Desk,
            _ => return Err(Error::internal("unknown payment method")),
        })
    }

    pub(super) fn from_nullable_column(text: Option<&str>) -> Result<Option<Self>> {
        text.map(Self::from_column).transpose()
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Desk => "desk",
        }
    }
}

/// The error for a card payment without Stripe.
pub(super) const CARD_NOT_AVAILABLE: Error = Error::Conflict {
    code: ErrorCode::CardNotAvailable,
    message: "Card payments are not available; please pay at the desk",
};
