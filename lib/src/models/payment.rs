//! Payments for bookings and for orders.
//!
//! A transaction that changes a payment locks it last. Before it, the transaction locks the order,
//! or the occurrence of the booking, as a cancellation does. Otherwise, a payment could be refunded
//! twice, or a spot given to two members.

mod claim;
mod desk;
mod dispute;
mod errors;
mod failed_refund;
mod fee;
mod find;
mod given;
mod invoice;
mod list;
mod order_refund;
mod pass;
mod provider_refund;
mod refund;
mod row;
mod settlement;
mod start;

pub use self::claim::{claim_unclosed, claim_unpaid};
pub use self::desk::{mark_paid_at_desk, refund};
pub use self::dispute::{ProviderDispute, record_dispute};
pub use self::failed_refund::{
    FailedRefund, FailedRefundResolution, list_failed_refunds, resolve_failed_refund,
};
pub(in crate::models) use self::failed_refund::{has_failed_for_good, refundable_amount};
pub use self::fee::{OwedFee, list_owed_fees, waive_fee};
pub use self::find::{find, find_by_provider_payment, find_last};
pub use self::given::give_spot;
pub use self::invoice::{InvoicePayment, insert_for_invoice, record_invoice_event, refund_invoice};
pub use self::list::{ListedPayment, list};
pub use self::order_refund::{NewOrderRefund, RefundMethod, pay_out_order, refund_order};
pub use self::pass::pay_with_pass;
pub use self::provider_refund::{ProviderRefund, record_refunds};
pub use self::refund::{
    ClaimedRefund, RefundState, claim_refunds, count_refunds_due, refund_state,
};
pub use self::row::{Payment, PaymentSubject};
pub use self::settlement::{CheckoutEnd, CheckoutReport, Outcome, settle_ended, settle_paid};
pub use self::start::{
    CardPayment, Checkout, StartedPayment, abandon, extend, later_expiry, start, start_for_order,
    store_checkout,
};
pub use super::payment_method::PaymentMethod;
