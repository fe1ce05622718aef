//! Payments: Stripe Checkout, the webhook, and reconciliation.

pub mod booking_payment;
pub mod checkout;
pub mod fees;
pub mod list;
pub mod memberships;
mod provider_state;
pub mod reconcile;
pub mod stripe;
mod stripe_report;
pub mod view;
pub mod webhook;
