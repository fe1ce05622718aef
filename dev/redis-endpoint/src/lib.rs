//! A server that speaks Upstash's REST protocol, for local use and for tests.
//!
//! An [`Endpoint`] serves `/`, `/pipeline`, `/multi-exec` and commands in the URL as
//! Upstash does, from memory or in front of a Redis server ([`Backend`]). [`RedisServer`]
//! starts a private server. While an endpoint runs, it can misbehave ([`FaultMode`]), hold
//! back a request that contains a chosen command ([`Endpoint::hold_next`]), and report its
//! requests ([`Endpoint::log`]).
//!
//! ```no_run
//! use redis_endpoint::{Backend, Endpoint, FaultMode, Options};
//!
//! # async fn example() -> std::io::Result<()> {
//! let endpoint = Endpoint::start(Backend::memory(), Options::default()).await?;
//! println!("{} {}", endpoint.url(), endpoint.token());
//!
//! endpoint.set_mode(FaultMode::Unreachable).await?;
//! endpoint.set_mode(FaultMode::Normal).await?;
//! # Ok(())
//! # }
//! ```

mod backend;
mod endpoint;
mod hold;
mod http;
mod listener;
mod log;
mod memory;
mod mode;
mod protocol;
mod redis_server;
mod refused_command;
mod reply;
mod state;
mod upstream;

pub use backend::Backend;
pub use endpoint::{Endpoint, HeldRequests, Options, Snapshot};
pub use hold::WhileHeld;
pub use log::LogEntry;
pub use mode::FaultMode;
pub use redis_server::RedisServer;
