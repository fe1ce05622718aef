//! The local stack, the local server, the benchmark and the drills: what never
//! deploys.
//!
//! `cargo dev` is [`run`]. The tests take [`postgres::Cluster`] for a private
//! Postgres, [`wire::Wire`] for one that fails on the way, [`pooler::PgBouncer`] for a
//! pooler in front of it, [`port::free`] for a port, and [`routes`] with
//! [`serve`] for every function in one process.

mod bench;
mod claim;
mod commands;
mod database;
mod demo;
mod drill;
mod env_file;
mod environment;
mod fuzz;
mod lab;
mod openapi;
mod platform;
pub mod pooler;
pub mod port;
pub mod postgres;
mod private_file;
mod progress;
mod redis;
mod report;
mod schemathesis;
mod server;
mod stack;
mod statistics;
pub mod wire;

use sabor::crypto::random;

pub use commands::run;
pub use openapi::document;
pub use server::{routes, serve, site};
