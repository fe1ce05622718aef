//! Sign-in through a provider: the authorization code flow with PKCE (RFC 6749,
//! RFC 7636, RFC 9700), and OpenID Connect on top of it.
//!
//! `flow` redirects the browser to the provider and handles the provider's response. A row in
//! `oauth_states` and a cookie connect the two steps. `provider` sends requests to the
//! provider, `id_token` verifies the ID token, and `account` finds, links or creates
//! the account.

mod account;
mod claims;
mod errors;
mod flow;
mod github;
mod id_token;
mod metadata;
mod provider;
pub mod provider_list;
mod redirect;
mod request;

pub use self::flow::{begin, finish};
pub use self::redirect::{
    AuthorizationQuery, CallbackParams, FailedStep, SeeOther, redirect_to_callback, respond,
};
