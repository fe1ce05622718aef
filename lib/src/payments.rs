//! Payments: Stripe Checkout, the webhook, and reconciliation.

pub mod checkout;
pub mod reconcile;
mod settlement;
pub mod stripe;
pub mod view;
pub mod webhook;
