//! End-to-end tests over HTTP, with a real Postgres and a Redis endpoint that can simulate
//! failures. Most folders mirror `api/`; `harness/` has what all tests share, and
//! `conventions/` has rules for all functions and for the code.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]
#![expect(unreachable_pub, reason = "a test binary exports nothing")]

mod conventions;
mod crawlers;
mod database_failures;
mod events;
mod harness;
mod instructors;
mod internal_errors;
mod local_time;
mod locale;
mod mail;
mod malformed_requests;
mod names;
mod redis;
mod reminders;
mod roles;
mod staff_events;
mod studio;
mod studio_currency;
mod studio_name;
mod teaching;

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
mod shop;
