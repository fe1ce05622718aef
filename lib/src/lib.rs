//! What the functions of Sabor share.
//!
//! A file under `api/` says what one URL does; everything that two of them
//! need is here. A tour, from the outside in:
//!
//! - [`serve()`] runs one function on Vercel; [`routes!`] makes its routes from
//!   the descriptions of its handlers.
//! - [`http`] stands before a handler: who may call ([`http::auth`]), where
//!   from, what a body may be, and what every answer carries.
//! - [`App`] is what a process has one of, made from [`Config`]; [`Error`] is all
//!   that can go wrong, each with its status and code.
//! - [`session`] is the heart: sessions that are read from Redis, kept in
//!   Postgres, and never come back once they have ended.
//! - [`sign_in`], [`registration`] and [`refresh`] lead from a person to a
//!   session, [`oauth`] does so through a provider; [`password`], [`two_factor`]
//!   with [`totp`], and [`throttle`] are what stands in between. [`profile`],
//!   [`email_address`], [`identities`] and [`password_reset`] look after the account.
//! - [`catalogue`] and [`schedule`] are what the studio offers, and when; visitors
//!   get both from Redis as finished answers. [`timetable`] is the same for staff,
//!   [`calendar`] for calendar programs.
//! - [`bookings`] are what members do with a place, [`front_desk`] what staff do
//!   with theirs; [`payment`] and [`stripe`] what they pay.
//! - [`staff`] lets staff change anything only while they still may, and notes it.
//! - [`contact`] takes what visitors write; [`mail`] and [`events`] tell people
//!   what has happened.
//! - [`dashboard`] and [`analytics`] are what staff look at, [`spreadsheet`] a
//!   way to take it along; [`administration`] looks after everybody's accounts,
//!   and [`security_events`] tells what happened to them.
//! - [`cross_app`] takes members on to partner applications, for the accounts that
//!   they belong to; [`partner_apps`] and [`accounts`] look after both.
//! - [`models`] holds the nouns, each with its SQL beside it.
//! - [`db`] and [`kv`] are Postgres and Redis; [`migrations`] the schema;
//!   [`idempotency`] does once what is asked for twice; [`outbound`] calls others.
//! - [`health`], [`counters`] and [`log`] tell how it goes; [`background`] is what
//!   goes on after the answer, [`cleanup`] what is done by the hour; [`demo`] the
//!   account that needs no store.
//! - [`text`] reads the fields of a form; [`shapes`] is what they look like in the
//!   description, which `openapi` collects for the local server alone.
//! - [`encryption`], [`money`], [`secret`], [`random`], [`clock`], [`time_zone`]
//!   are small tools, each the one place for what it does. `arbitrary` makes the
//!   inputs of the modules named `properties`.

pub mod accounts;
pub mod administration;
pub mod analytics;
pub mod app;
#[cfg(test)]
mod arbitrary;
pub mod background;
pub mod bookings;
pub mod calendar;
pub mod catalogue;
pub mod cleanup;
pub mod clock;
pub mod config;
pub mod contact;
pub mod counters;
pub mod cross_app;
pub mod dashboard;
pub mod db;
pub mod demo;
pub mod email_address;
pub mod encryption;
pub mod error;
pub mod events;
pub mod front_desk;
pub mod health;
pub mod http;
pub mod idempotency;
pub mod identities;
pub mod kv;
pub mod log;
pub mod mail;
pub mod migrations;
pub mod models;
pub mod money;
pub mod oauth;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod outbound;
pub mod partner_apps;
pub mod password;
pub mod password_reset;
pub mod payment;
pub mod profile;
pub mod random;
pub mod refresh;
pub mod registration;
pub mod schedule;
pub mod secret;
pub mod security_events;
pub mod serve;
pub mod session;
pub mod shapes;
pub mod sign_in;
pub mod spreadsheet;
pub mod staff;
pub mod stripe;
pub mod text;
pub mod throttle;
pub mod time_zone;
pub mod timetable;
pub mod totp;
pub mod two_factor;

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
