//! Stories through the public surface: the functions over HTTP, a real
//! Postgres, and a Redis endpoint that can be made to misbehave.

#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]
#![expect(
    unreachable_pub,
    reason = "one binary, and nothing reaches it from outside"
)]

mod conventions;
mod database;
mod events;
mod faults;
mod harness;
mod input;
mod kv;
mod mail;
mod roles;

mod admin;
mod auth;
mod bookings;
mod calendar;
mod classes;
mod contact;
mod cross_app;
mod executables;
mod payments;
mod postgres;
mod session;
