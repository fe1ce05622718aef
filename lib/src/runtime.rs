//! The environment of a process: configuration, clock, log, background work, TLS, and HTTP client.

pub mod background;
pub mod clock;
pub mod config;
pub mod http_client;
pub mod log;
pub(crate) mod tls;
