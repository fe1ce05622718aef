//! Sessions. Postgres is authoritative; Redis is a positive cache.
//!
//! A request's session is usually read from Redis alone, with one command. Redis
//! can only confirm a session: whenever it has no current record, Postgres
//! decides. [`store::cache`](crate::store::cache) describes how records are read and
//! invalidated.
//!
//! - [`Sessions`] reads, creates, changes and ends sessions.
//! - [`Transaction`] changes the database, and invalidates the outdated records.
//! - [`AccessTokens`] issues and verifies the tokens of clients without cookies;
//!   `refresh_token` handles the tokens that renew them.
//! - [`SessionLifetime`] defines when sessions expire.
//! - `store` contains the SQL, and `locks` the checks at the start of a transaction.
//!
//! ```no_run
//! # async fn example(app: sabor::App) -> sabor::Result<()> {
//! use serde_json::json;
//! use sabor::session::NewAnonymousSession;
//!
//! let sessions = app.sessions();
//! let (token, session) = sessions.create(NewAnonymousSession::default()).await?;
//! sessions.update(&token.key(), json!({ "basket": ["salsa-1"] })).await?;
//! let read = sessions.get(&token.key()).await?;
//! assert_eq!(read.map(|read| read.id), Some(session.id));
//! sessions.destroy(&token.key()).await?;
//! # Ok(()) }
//! ```

mod access_token;
mod cache;
mod create;
pub mod demo;
mod lifetime;
mod list;
mod locks;
mod record;
mod refresh_token;
mod renew;
mod sessions;
mod store;
mod transaction;
mod view;

pub use self::access_token::{ACCESS_LIFETIME, AccessTokens};
pub(crate) use self::cache::SessionCache;
pub(crate) use self::create::DEVICE_LIFETIME;
pub use self::create::{Credential, NewSession, Notification, Trust, create_session};
pub use self::lifetime::SessionLifetime;
pub use self::list::{ListedSession, SessionStatistics, SessionsCreated};
pub use self::locks::{Actor, lock_for_admin, lock_member, lock_owner};
pub use self::record::Session;
pub use self::refresh_token::{Refreshed, Rotated};
pub use self::renew::{Renewal, RenewedSession};
pub use self::sessions::{NewAnonymousSession, Sessions};
pub(crate) use self::store::delete_all_of as end_all_of;
pub use self::transaction::{IdempotentTransaction, Transaction, Tx};
pub use self::view::{AdminSessionView, SessionView};
pub use crate::crypto::token::{SessionKey, Token};
