//! The crate that all functions of Sabor share.
//!
//! A file under `api/` serves one URL. Code that several of these files need is in this
//! crate. The modules of the crate, from the outermost to the innermost:
//!
//! - [`serve()`] runs one function on Vercel. [`routes!`] builds its routes
//!   from the descriptions of its handlers. [`App`] is the state of a process.
//! - The features: [`identity`] (accounts and sign-in), [`classes`] (catalog and
//!   timetable), [`bookings`], [`payments`], [`shop`] (products,
//!   passes, and sales), [`partners`] (tokens for partner
//!   applications), [`admin`], [`reports`], [`notify`] (mail and events), and [`studio`].
//! - [`http`] has the extractors, the middleware, and the responses.
//!   The extractors in a handler's signature say who may call it.
//! - [`session`] is the session model: Postgres is authoritative, Redis is a
//!   positive cache.
//! - [`models`] has the database rows and the SQL statements.
//! - [`store`] has Postgres, Redis, the cache, the migrations, and the counters.
//! - [`values`] parses and formats: form fields, money, time zones, CSV, iCalendar.
//! - [`crypto`] has secrets, randomness, hashing, encryption, and tokens.
//! - [`runtime`] has configuration, clock, log, background work, and the HTTP client.
//! - [`Error`] lists every failure with its status and code.
//!
//! A module imports only from modules below it in this list, with two exceptions. The features
//! and [`http`] use [`App`]. The features may import from each other, and so may the last four
//! items.

pub mod admin;
pub mod app;
pub mod bookings;
pub mod classes;
pub mod cleanup;
pub mod crypto;
pub mod error;
pub mod health;
pub mod http;
pub mod identity;
pub mod models;
pub mod notify;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod partners;
pub mod payments;
pub mod reports;
pub mod runtime;
pub mod serve;
pub mod session;
pub mod shop;
pub mod store;
pub mod studio;
#[cfg(test)]
mod testing;
pub mod values;

pub use app::App;
pub use error::{Error, ErrorCode, Result};
pub use http::Routes;
pub use runtime::background::BoxFuture;
pub use runtime::config::Config;
pub use serve::{Exit, serve};

/// The items that [`routes!`] needs in the crate that calls it.
#[doc(hidden)]
pub mod reexported {
    pub use pastey::paste;
    pub use utoipa::Path;
}
