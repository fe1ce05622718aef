//! Payments for bookings.
//!
//! A transaction that changes a payment locks the occurrence of its booking first, and
//! then the payment, in the same order as a cancellation. This prevents double refunds
//! and spots that are given away twice.

mod claim;
mod desk;
mod errors;
mod row;
mod settlement;
mod start;

pub use self::claim::{claim_refund, claim_unclosed, claim_unpaid, store_refund};
pub use self::desk::{mark_paid_at_desk, refund};
pub use self::row::{Payment, PaymentMethod, PaymentStatus, find_last};
pub use self::settlement::{
    CheckoutEnd, Outcome, ProviderReport, settle_ended, settle_failed_refund, settle_paid,
    settle_refunded,
};
pub use self::start::{Checkout, StartedPayment, abandon, extend, start, store_checkout};
