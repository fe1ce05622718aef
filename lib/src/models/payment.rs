//! Payments for bookings.
//!
//! A transaction that changes a payment locks the occurrence of its booking first, and then
//! the payment, in the same order as a cancellation. Otherwise, a payment could be refunded
//! twice, or a spot given to two members.

mod claim;
mod desk;
mod dispute;
mod errors;
mod find;
mod list;
mod pass;
mod provider_refund;
mod refund;
mod row;
mod settlement;
mod start;

pub use self::claim::{claim_unclosed, claim_unpaid};
pub use self::desk::{mark_paid_at_desk, refund};
pub use self::dispute::{ProviderDispute, record_dispute};
pub use self::find::{find, find_by_provider_payment, find_last};
pub use self::list::{ListedPayment, list};
pub use self::pass::pay_with_pass;
pub use self::provider_refund::{ProviderRefund, record_refunds};
pub use self::refund::{
    ClaimedRefund, RefundState, claim_refunds, count_refunds_due, refund_state,
};
pub use self::row::Payment;
pub use self::settlement::{CheckoutEnd, CheckoutReport, Outcome, settle_ended, settle_paid};
pub use self::start::{Checkout, StartedPayment, abandon, extend, start, store_checkout};
pub use super::payment_method::PaymentMethod;
