//! Accounts: `api/auth/`. A story that is named after a line holds what that
//! line of the list of an outside reviewer asks for (README, security).

mod links;
mod login;
mod logout;
mod me;
mod oauth;
mod password;
mod register;
mod throttle;
mod tokens;
mod two_factor;
