//! `api/auth/`: registration, sign-in and the member's own account.

mod access_and_refresh_tokens;
mod addresses;
mod change_password;
mod email_links;
mod login;
mod logout;
mod mail_preferences;
mod me;
mod oauth;
mod rate_limit;
mod register;
mod session;
mod two_factor;
mod unconfirmed_members;
