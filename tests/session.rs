//! The session model: `api/session/`, `api/sessions`, and what lies beneath.

mod data;
mod everybodys;
mod expiry;
mod list;
mod outages;
mod persistence;
mod races;
mod store;
