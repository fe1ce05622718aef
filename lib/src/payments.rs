//! Payments: Stripe Checkout, the webhook, and reconciliation.

pub mod booking_payment;
mod check_error;
pub mod checkout;
pub mod fees;
pub mod list;
pub(crate) mod membership_checkout;
pub(crate) mod membership_state;
pub(crate) mod provider_entries;
mod provider_state;
pub mod reconcile;
pub mod stripe;
mod stripe_report;
pub mod view;
pub mod webhook;
