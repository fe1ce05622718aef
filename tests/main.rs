//! Stories through the public surface: the functions over HTTP, a real
//! Postgres, and a Redis endpoint that can be made to misbehave.

#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]
#![expect(
    unreachable_pub,
    reason = "one binary, and nothing reaches it from outside"
)]

mod conventions;
mod database_failures;
mod events;
mod harness;
mod internal_errors;
mod mail;
mod malformed_requests;
mod redis;
mod roles;
mod studio_name;

mod admin;
mod auth;
mod bookings;
mod calendar;
mod classes;
mod contact;
mod cross_app;
mod database_tls_and_pooler;
mod executables;
mod payments;
mod session;
