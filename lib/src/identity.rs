//! Accounts: registration, sign-in, and how members authenticate.

pub(crate) mod closing;
pub mod demo;
pub mod email_change;
pub(crate) mod first_proof;
pub mod linked_providers;
pub mod mail_preferences;
pub mod oauth;
pub mod password_reset;
pub mod profile;
pub mod rate_limit;
pub mod reauthenticate;
pub mod registration;
pub mod renewal;
pub mod sign_in;
pub mod token_pair;
pub mod token_refresh;
pub mod two_factor;
pub mod view;
