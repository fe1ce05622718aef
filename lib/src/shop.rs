//! What the studio sells: products, the passes of members, and orders at the desk.

pub mod cover;
pub mod orders;
pub mod pass_view;
pub mod passes;
pub mod products;

use crate::error::{Error, ErrorCode};

/// The error for staff who would sell to themselves, or change what they have bought.
const OWN_PURCHASE: Error = Error::Forbidden {
    code: ErrorCode::OwnPurchase,
    message: "You cannot act as staff on your own passes and orders; please ask a colleague",
};
