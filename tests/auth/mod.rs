//! Accounts: `api/auth/`.

mod login;
mod logout;
mod me;
mod password;
mod register;
