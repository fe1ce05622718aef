//! Accounts: `api/auth/`. A story that is named after a line holds what that
//! line of the list of an outside reviewer asks for (README, security).

mod access_and_refresh_tokens;
mod change_password;
mod email_links;
mod login;
mod logout;
mod me;
mod oauth;
mod rate_limit;
mod register;
mod two_factor;
