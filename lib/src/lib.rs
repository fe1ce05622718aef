//! What the functions of Sabor share.
//!
//! A file under `api/` says what one URL does; everything that two of them
//! need is here. A tour, from the outside in:
//!
//! - [`serve()`] runs one function on Vercel; [`routes!`] makes its routes from
//!   the descriptions of its handlers.
//! - [`http`] stands before a handler: who may call ([`http::auth`]), where
//!   from, what a body may be, and what every answer carries.
//! - [`App`] is what a process has one of, made from [`Config`].
//! - [`session`] is the heart: sessions that are read from Redis, kept in
//!   Postgres, and never come back once they have ended.
//! - [`sign_in`], [`registration`], [`profile`] and [`password`] lead from a
//!   person to a session, and look after the account.
//! - [`calendar`] tells calendar programs of classes; [`time_zone`] is the studio's
//!   clock on the wall.
//! - [`models`] holds the nouns, each with its SQL beside it.
//! - [`db`] and [`kv`] are Postgres and Redis; [`migrations`] the schema.
//! - [`health`], [`counters`] and [`log`] tell how it goes; [`background`] is what
//!   goes on after the answer; [`demo`] the account that needs no store.
//! - [`encryption`], [`money`], [`secret`], [`random`], [`clock`], [`text`] are small
//!   tools, each the one place for what it does.

pub mod app;
pub mod background;
pub mod bookings;
pub mod calendar;
pub mod clock;
pub mod config;
pub mod counters;
pub mod db;
pub mod demo;
pub mod encryption;
pub mod error;
pub mod front_desk;
pub mod health;
pub mod http;
pub mod idempotency;
pub mod kv;
pub mod log;
pub mod migrations;
pub mod models;
pub mod money;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod password;
pub mod profile;
pub mod random;
pub mod registration;
pub mod secret;
pub mod serve;
pub mod session;
pub mod sign_in;
pub mod text;
pub mod time_zone;

pub use app::App;
pub use background::BoxFuture;
pub use config::Config;
pub use error::{Error, Result};
pub use http::Routes;
pub use serve::{Exit, serve};

/// What [`routes!`] needs in the crate that calls it.
#[doc(hidden)]
pub mod reexported {
    pub use pastey::paste;
    pub use utoipa::Path;
}
