//! The local stack, the local server and the benchmark: what never deploys.

mod environment;
pub mod postgres;
mod progress;
mod random;
