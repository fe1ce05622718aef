//! What the studio sells: products, passes, memberships, gift cards, and orders at the desk and by
//! card.

mod code_attempt;
pub mod courses;
pub mod cover;
pub mod credit;
pub mod failed_refunds;
pub mod gift_cards;
mod maintenance;
pub mod memberships;
mod order_lines;
pub mod orders;
pub mod pass_view;
pub mod passes;
pub mod products;
pub mod promo_codes;
pub mod purchases;
pub mod receipts;

use crate::error::{Error, ErrorCode};

/// The error for staff who would sell to themselves, or change what they have bought.
const OWN_PURCHASE: Error = Error::Forbidden {
    code: ErrorCode::OwnPurchase,
    message: "You cannot act as staff on your own passes, memberships, orders, and credit; please ask a colleague",
};
