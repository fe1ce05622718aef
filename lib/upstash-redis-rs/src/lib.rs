//! A client for Upstash Redis over its REST protocol.
//!
//! Upstash answers Redis commands sent as JSON over HTTPS: one command to `/`,
//! many to `/pipeline`, an atomic group to `/multi-exec`. This crate speaks
//! that protocol on stable Rust, with a deadline on every request.
//!
//! ```no_run
//! use std::time::Duration;
//! use upstash_redis_rs::{Command, Redis};
//!
//! # async fn example() -> Result<(), upstash_redis_rs::Error> {
//! let redis = Redis::new("https://eu1-example.upstash.io", "the token")?;
//!
//! redis.set("greeting", "hello")?.ex(60).send().await?;
//! let greeting: Option<String> = redis.get("greeting")?.send().await?;
//!
//! let answers = redis
//!     .pipeline()
//!     .push(redis.del(&["greeting"])?)
//!     .push(redis.incr("visits")?)
//!     .deadline(Duration::from_millis(500))
//!     .send()
//!     .await?;
//! for answer in answers {
//!     println!("{:?}", answer?);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Connections
//!
//! Connections are kept and used again, with three rules.
//!
//! - A connection whose request was given up, by its deadline or because its
//!   future was dropped, is closed. The next request cannot meet a late answer.
//! - A connection that has lain idle longer than [`Redis::with_idle_limit`]
//!   says is closed rather than used. This is judged by wall clock, because
//!   timers stand still in a frozen instance.
//! - Where the other side closed an idle connection, and this is known before
//!   anything was written, the request goes out again on another connection.
//!   Once something was written it is never repeated: it may have been applied.
//!
//! # Relation to the registry's crate
//!
//! crates.io has another crate of this name, last changed in July 2023. Its API
//! differs from this one in eight places. It sets expiry, but it has no
//! deadlines and no pipelines, depends on OpenSSL and on h2 0.3 (see
//! RUSTSEC-2026-0258), and needs a nightly compiler for one unused line.
//!
//! # Runtime
//!
//! Futures must be polled on a tokio runtime that has its network and time
//! drivers enabled.

mod batch;
mod command;
mod error;
mod redis;
mod response;
mod transport;

pub use batch::Batch;
pub use command::{Answering, Command, Request, Set};
pub use error::Error;
pub use redis::Redis;
pub use response::{FromResponse, ReResponse};
