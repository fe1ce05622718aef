//! The local stack, the local server and the benchmark: what never deploys.
//!
//! `cargo dev` is [`run`]. The tests take [`postgres::Cluster`] for a private
//! Postgres, and [`routes`] with [`serve`] for every function in one process.

mod bench;
mod claim;
mod commands;
mod database;
mod demo;
mod env_file;
mod environment;
mod fuzz;
mod lab;
mod openapi;
mod platform;
pub mod postgres;
mod private_file;
mod progress;
mod redis;
mod schemathesis;
mod server;
mod stack;
mod statistics;

use sabor::random;

pub use commands::run;
pub use openapi::document;
pub use server::{routes, serve, site};
