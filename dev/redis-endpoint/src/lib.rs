//! Upstash's REST protocol for local use and for tests.
//!
//! An [`Endpoint`] answers `/`, `/pipeline` and `/multi-exec` as Upstash does,
//! from memory or in front of a real Redis ([`Backend`]); [`RedisServer`] is a
//! private one. It can be made to misbehave while it runs ([`Mode`]), to keep a
//! chosen command and deliver it later ([`Endpoint::hold_next`]), and it tells
//! what it was asked ([`Endpoint::log`]).
//!
//! ```no_run
//! use redis_endpoint::{Backend, Endpoint, Mode, Options};
//!
//! # async fn example() -> std::io::Result<()> {
//! let endpoint = Endpoint::start(Backend::memory(), Options::default()).await?;
//! println!("{} {}", endpoint.url(), endpoint.token());
//!
//! endpoint.set_mode(Mode::Away).await?;
//! endpoint.set_mode(Mode::Normal).await?;
//! # Ok(())
//! # }
//! ```

mod backend;
mod endpoint;
mod faults;
mod http;
mod log;
mod memory;
mod protocol;
mod real;
mod redis_server;

pub use backend::Backend;
pub use endpoint::{Endpoint, Options, Snapshot};
pub use faults::{Held, Meanwhile, Mode};
pub use log::Entry;
pub use redis_server::RedisServer;
