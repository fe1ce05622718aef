//! A client for Upstash Redis over its REST protocol.
//!
//! Upstash accepts Redis commands as JSON over HTTPS: a single command at `/`,
//! several at `/pipeline`, a transaction at `/multi-exec`. Every request of this
//! client has a timeout.
//!
//! ```no_run
//! use std::time::Duration;
//! use upstash_redis_rs::{Command, Redis};
//!
//! # async fn example() -> Result<(), upstash_redis_rs::Error> {
//! let redis = Redis::new("https://eu1-example.upstash.io", "token")?;
//!
//! redis.set("greeting", "hello")?.ex(60).send().await?;
//! let greeting: Option<String> = redis.get("greeting")?.send().await?;
//!
//! let results = redis
//!     .pipeline()
//!     .push(redis.del(&["greeting"])?)
//!     .push(redis.incr("visits")?)
//!     .timeout(Duration::from_millis(500))
//!     .exec()
//!     .await?;
//! for result in results {
//!     println!("{:?}", result?);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Connections
//!
//! Connections are reused according to three rules.
//!
//! - When a request times out or its future is dropped, its connection is closed.
//!   A late response can therefore never reach another request.
//! - A connection that was idle for longer than [`Redis::with_idle_timeout`] is
//!   closed instead of reused. Idle time is measured by the system clock, because
//!   timers stop while a serverless instance is frozen.
//! - When the server has closed an idle connection and the client notices before it
//!   writes, the request is sent on another connection. A request that was written
//!   is never sent again, because it may have been applied.
//!
//! # The crate of the same name on crates.io
//!
//! crates.io has another crate of this name, last published in July 2023. Its API
//! is different. It has no timeouts and no pipelines. It depends on OpenSSL and on
//! h2 0.3 (see RUSTSEC-2026-0258), and it needs a nightly compiler.
//!
//! # Runtime
//!
//! Futures must be polled on a tokio runtime with its I/O and time drivers enabled.

mod command;
mod error;
mod pipeline;
mod redis;
mod reply;
mod transport;

pub use command::{Command, ReplyFuture, Request, Set};
pub use error::Error;
pub use pipeline::Pipeline;
pub use redis::Redis;
pub use reply::{FromReply, Reply};
