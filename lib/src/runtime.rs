//! What a process runs on: configuration, clock, log, background work, TLS, and the HTTP client.

pub mod background;
pub mod clock;
pub mod config;
pub mod http_client;
pub mod log;
pub(crate) mod tls;
