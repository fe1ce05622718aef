//! A client for Upstash Redis over its REST protocol.
//!
//! Upstash accepts Redis commands as JSON over HTTPS: a single command at `/`,
//! several at `/pipeline`, a transaction at `/multi-exec`. Every command of this
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
//! # Commands that leave together
//!
//! Commands whose futures are polled in the same turn of the runtime, which means before it
//! waits for new events, leave in one request: a single command by `/`, several by
//! `/pipeline`. A request takes up to 64 commands and 256 KB; the rest leaves in further
//! requests at the same time, and a longer command leaves alone. No command waits for others
//! to join it, and none waits for a response under way. [`Redis::pipeline`] and
//! [`Redis::multi`] still are one request each. On a multi-threaded runtime, few commands
//! leave together.
//!
//! The order of commands that are sent in one turn is not defined. Await the first one, or use a
//! pipeline.
//!
//! Each caller gets the reply to its own command, when the whole response has arrived.
//!
//! - A command that Redis rejects fails alone. A failure of the request, such as a broken
//!   connection or a response larger than 16 MiB for each command, fails each command in it.
//! - A timeout, or a dropped future, ends only its own command.
//! - Other clients' commands may run between those of a request, as in any pipeline.
//!
//! # Connections
//!
//! Connections are reused according to three rules.
//!
//! - When nobody waits for a request any more, because of timeouts or dropped futures, its
//!   connection is closed. A late response can therefore never reach another request.
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

mod batch;
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
