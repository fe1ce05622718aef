//! Tools that the tests and `cargo dev` share. They are not deployed.
//!
//! - [`postgres::Cluster`] runs a private Postgres.
//! - [`pgbouncer::PgBouncer`] runs a connection pooler for it.
//! - [`faulty_proxy::FaultyProxy`] forwards connections to Postgres and breaks
//!   them on request.
//! - [`functions::routes`] and [`functions::serve`] run every function of `api/`
//!   in one process.
//! - [`openapi::document`] returns the API description.
//! - [`port`], [`environment`], [`private_file`] and [`progress`] are small helpers.

pub mod environment;
pub mod faulty_proxy;
pub mod functions;
pub mod openapi;
pub mod pgbouncer;
pub mod port;
pub mod postgres;
pub mod private_file;
pub mod progress;
