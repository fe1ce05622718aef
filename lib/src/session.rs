//! Sessions: Postgres holds the truth, Redis stands in front of it.
//!
//! [`Sessions`] is the whole surface. What a session is called and how its
//! cookie is made stands in `token`, the tokens of those who have no cookie in
//! `access` and `refresh`, how somebody gets a session in `admission`, what is
//! kept of one in `record`, the protocol between the two stores in `cache`, the
//! SQL in `store`, what has to be so before a member is changed in `authority`,
//! and how people see a session in `shown`.
//!
//! ```no_run
//! # async fn example(app: sabor::App) -> sabor::Result<()> {
//! use serde_json::json;
//! use sabor::session::NewSession;
//!
//! let sessions = app.sessions();
//! let (token, session) = sessions.create(NewSession::default()).await?;
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
mod locks;
mod record;
mod refresh_token;
mod store;
mod view;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

pub use self::access_token::{ACCESS_LIFE, AccessTokens};
pub(crate) use self::create::DEVICE_LIFE;
pub use self::create::{Admission, Credential, Telling, Trust, insert};
pub use self::locks::{lock_for_admin, lock_member, lock_owner, require_admin, require_staff};
pub use self::record::Session;
pub use self::refresh_token::{Refreshed, Rotated};
pub use self::store::{Life, Listed, Statistics};
pub use self::view::{Day, Overview, Shown, ShownToAdmin};
pub use crate::crypto::token::{Key, Token};

pub(crate) use self::cache::Cache;
use self::cache::DEADLOCK_TRIES;
use crate::error::{Error, Result};
use crate::runtime::background::BoxFuture;
use crate::runtime::config::Timing;
use crate::store::counters::Counters;
use crate::store::page::Page;
use crate::store::postgres::Db;
use crate::values::caller::Caller;

/// What is to be kept in a new anonymous session.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// A JSON object of at most 16 KiB.
    pub data: Value,
    /// Where it is made.
    pub caller: Option<Caller>,
    /// Bounds its life in all; without it, seven days.
    pub ttl: Option<Duration>,
}

impl Default for NewSession {
    fn default() -> Self {
        Self {
            data: json!({}),
            caller: None,
            ttl: None,
        }
    }
}

/// What a transaction has come to: its value, and the sessions that ended or
/// whose record changed.
pub struct Changed<T> {
    /// What to answer with.
    pub value: T,
    /// The keys to mark in Redis.
    pub keys: Vec<Key>,
}

impl<T> Changed<T> {
    /// A value, and no session that ended or looks different.
    pub fn nothing(value: T) -> Self {
        Self {
            value,
            keys: Vec::new(),
        }
    }
}

/// All sessions. Cheap to clone.
///
/// Every method fails with [`Error::Unavailable`] when Postgres does not
/// answer; Redis being away costs time, never an error. What changes a session
/// answers [`Error::SessionGone`] when it is no longer there.
#[derive(Clone)]
pub struct Sessions {
    db: Arc<Db>,
    cache: Cache,
    counters: Counters,
    timing: Timing,
}

impl Sessions {
    pub(crate) fn new(db: Arc<Db>, cache: Cache, counters: Counters, timing: Timing) -> Self {
        Self {
            db,
            cache,
            counters,
            timing,
        }
    }

    /// Reads a session: from Redis when its record may be believed, else from
    /// Postgres. `None` when there is none, it has expired, or its member has
    /// been deactivated.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`]: nothing is known, which is not "no".
    pub fn get(&self, key: &Key) -> BoxFuture<'_, Result<Option<Session>>> {
        let key = key.clone();
        Box::pin(async move {
            let mark = match self.cache.look(&key).await {
                cache::Look::Hit(session) => {
                    self.counters.add("redis_hits", 1);
                    return Ok(Some(*session));
                }
                cache::Look::Miss { mark } => {
                    self.counters.add("redis_misses", 1);
                    Some(mark)
                }
                cache::Look::Away => {
                    self.counters.add("redis_away", 1);
                    None
                }
                cache::Look::None => None,
            };
            let found = self.find(&key).await?;
            let Some((session, until)) = found else {
                return Ok(None);
            };
            if let Some(mark) = mark {
                self.cache.write_back(&key, mark, until, session.clone());
            }
            Ok(Some(session))
        })
    }

    /// What Postgres says of it, in a statement that begins now.
    fn find<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<store::Found>>> {
        let (key, timing) = (key.clone(), self.timing);
        Box::pin(async move {
            self.db
                .read(async move |client| store::find(client, &key, &timing).await)
                .await
        })
    }

    /// Makes an anonymous session; the token is for its owner alone.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the data are larger than 16 KiB or hold a NUL.
    pub fn create(&self, new: NewSession) -> BoxFuture<'_, Result<(Token, Session)>> {
        Box::pin(async move {
            storable(&new.data)?;
            let token = Token::generate();
            let client = self.db.client().await?;
            let session = store::create(
                &client,
                &token.key(),
                &new.data,
                new.caller.as_ref(),
                new.ttl,
            )
            .await?;
            self.counters.add("sessions_created", 1);
            Ok((token, session))
        })
    }

    /// Replaces the data; of two at once the last one wins. Returns what is
    /// there now.
    ///
    /// # Errors
    ///
    /// [`Error::SessionGone`]; [`Error::Invalid`] as for [`Sessions::create`].
    pub fn set(&self, key: &Key, data: Value) -> BoxFuture<'_, Result<Value>> {
        self.write(key, data, |client, key, data| {
            Box::pin(store::set(client, key, data))
        })
    }

    /// Merges `patch` into the data at the top level; other fields stay, also
    /// those that somebody else writes at this moment. Returns what is there now.
    ///
    /// # Errors
    ///
    /// As [`Sessions::set`].
    pub fn update(&self, key: &Key, patch: Value) -> BoxFuture<'_, Result<Value>> {
        self.write(key, patch, |client, key, patch| {
            Box::pin(store::update(client, key, patch))
        })
    }

    /// Adds one to the number `field` of the data: N at once add N. Returns
    /// what is there now.
    ///
    /// # Errors
    ///
    /// As [`Sessions::set`].
    pub fn increment(&self, key: &Key, field: &'static str) -> BoxFuture<'_, Result<Value>> {
        self.write(key, json!({}), move |client, key, _| {
            Box::pin(store::increment(client, key, field))
        })
    }

    fn write(
        &self,
        key: &Key,
        data: Value,
        statement: impl for<'c> Fn(&'c Client, &'c Key, &'c Value) -> BoxFuture<'c, Result<Value>>
        + Send
        + Sync
        + 'static,
    ) -> BoxFuture<'_, Result<Value>> {
        if let Err(error) = storable(&data) {
            return Box::pin(async move { Err(error) });
        }
        let key = key.clone();
        let keys = vec![key.clone()];
        self.cache
            .change(self.db.clone(), keys, async move |client| {
                statement(&client, &key, &data).await
            })
    }

    /// Notes that a session is in use, and moves its idle end forward.
    ///
    /// # Errors
    ///
    /// [`Error::SessionGone`].
    pub fn touch(&self, key: &Key) -> BoxFuture<'_, Result<Session>> {
        let key = key.clone();
        let keys = vec![key.clone()];
        self.cache
            .change(self.db.clone(), keys, async move |client| {
                store::touch(&client, &key).await
            })
    }

    /// Ends the session of this key. Says whose it was: `None` when there was
    /// none, `Some(None)` when it was anonymous.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`]: it has not ended for certain.
    pub fn destroy(&self, key: &Key) -> BoxFuture<'_, Result<Option<Option<Uuid>>>> {
        let key = key.clone();
        let keys = vec![key.clone()];
        let ending = self
            .cache
            .change(self.db.clone(), keys, async move |client| {
                store::destroy(&client, &key).await
            });
        Box::pin(async move {
            let ended = ending.await?;
            self.counters
                .add("sessions_ended", u64::from(ended.is_some()));
            Ok(ended)
        })
    }

    /// Makes the session of a member who has proved who they are; the session
    /// that they had before ends. `false` when the proof has been overtaken.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`].
    pub fn sign_in(&self, admission: Admission) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            let mut tries = 1;
            let made = loop {
                let (one, ended) = (admission.clone(), admission.before.iter().cloned());
                let making =
                    self.cache
                        .change(self.db.clone(), ended.collect(), async move |client| {
                            insert(&client, &one).await
                        });
                match making.await {
                    Err(error) if cache::is_deadlock(&error) && tries < DEADLOCK_TRIES => {
                        tries += 1
                    }
                    made => break made?,
                }
            };
            self.counters.add("sessions_created", u64::from(made));
            Ok(made)
        })
    }

    /// Ends one of the caller's sessions by its public id. `false` when the
    /// caller has no such session.
    ///
    /// # Errors
    ///
    /// [`Error::SessionGone`] when the caller's own has ended.
    pub fn delete_one(&self, caller: &Key, id: Uuid) -> BoxFuture<'_, Result<bool>> {
        let caller = caller.clone();
        Box::pin(async move {
            let gone = self
                .transaction(move |client| {
                    let caller = caller.clone();
                    Box::pin(async move {
                        let key = store::delete_one(client, &caller, id).await?;
                        Ok(Changed {
                            value: key.is_some(),
                            keys: key.into_iter().collect(),
                        })
                    })
                })
                .await?;
            self.counters.add("sessions_revoked", u64::from(gone));
            Ok(gone)
        })
    }

    /// Ends all sessions of the caller, or all but the caller's own. Returns
    /// how many ended.
    ///
    /// # Errors
    ///
    /// [`Error::SessionGone`] when the caller's own has ended already.
    pub fn delete_all_of(
        &self,
        caller: &Key,
        user_id: Uuid,
        keep_own: bool,
    ) -> BoxFuture<'_, Result<usize>> {
        let caller = caller.clone();
        Box::pin(async move {
            let ended = self
                .transaction(move |client| {
                    let caller = caller.clone();
                    Box::pin(async move {
                        locks::lock_caller(client, &caller, user_id).await?;
                        let kept = keep_own.then_some(&caller);
                        let keys = store::delete_all_of(client, user_id, kept).await?;
                        let value = keys.len() - usize::from(keep_own);
                        Ok(Changed { value, keys })
                    })
                })
                .await?;
            self.counters.add("sessions_revoked", ended as u64);
            Ok(ended)
        })
    }

    /// Runs `work` in a transaction, commits, and marks the keys that it
    /// names; all of it in a task of its own, which a caller who hangs up does
    /// not end. A deadlock is tried again, so `work` may run more than once.
    ///
    /// # Errors
    ///
    /// What `work` returns; [`Error::Unavailable`] when the commit was not
    /// acknowledged. The marks are set then too.
    pub fn transaction<T: Send + 'static>(
        &self,
        work: impl for<'c> Fn(&'c Client) -> BoxFuture<'c, Result<Changed<T>>> + Send + Sync + 'static,
    ) -> BoxFuture<'_, Result<T>> {
        self.cache.transaction(self.db.clone(), Box::new(work))
    }

    /// A member's sessions, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`].
    pub fn list(&self, user_id: Uuid, page: Page) -> BoxFuture<'_, Result<Vec<Listed>>> {
        Box::pin(async move {
            self.db
                .read(async move |client| store::list(client, user_id, &page).await)
                .await
        })
    }

    /// Everybody's sessions, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`].
    pub fn all(&self, page: Page) -> BoxFuture<'_, Result<Vec<Listed>>> {
        Box::pin(async move {
            self.db
                .read(async move |client| store::all(client, &page).await)
                .await
        })
    }

    /// How many sessions there are.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`].
    pub fn length(&self) -> BoxFuture<'_, Result<i64>> {
        Box::pin(async move {
            self.db
                .read(async |client| store::length(client).await)
                .await
        })
    }

    /// Counts over all sessions; reads the whole table.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`].
    pub fn statistics(&self) -> BoxFuture<'_, Result<Statistics>> {
        Box::pin(async move {
            self.db
                .read(async |client| store::statistics(client).await)
                .await
        })
    }

    /// Ends all sessions there are, in batches. Returns how many. `by` is the
    /// session of the administrator who asks for it, if it is one who asks.
    ///
    /// # Errors
    ///
    /// [`Error::SessionGone`] or [`Error::FORBIDDEN`] when `by` is no longer an
    /// administrator's; [`Error::Unavailable`]: what was ended until then has ended.
    pub fn clear(&self, by: Option<&Key>) -> BoxFuture<'_, Result<usize>> {
        const BATCH: i64 = 2_000;
        let mut by = by.cloned();
        Box::pin(async move {
            let mut ended = 0;
            loop {
                // Asked with the first batch alone, for it may end with that.
                let by = by.take();
                let batch = self
                    .transaction(move |client| {
                        let by = by.clone();
                        Box::pin(async move {
                            if let Some(by) = &by {
                                require_admin(client, by).await?;
                            }
                            let keys = store::clear(client, BATCH).await?;
                            Ok(Changed {
                                value: keys.len(),
                                keys,
                            })
                        })
                    })
                    .await?;
                ended += batch;
                self.counters.add("sessions_revoked", batch as u64);
                if batch == 0 {
                    return Ok(ended);
                }
            }
        })
    }
}

/// Ends all sessions of a member but the one that is kept, within a
/// transaction of [`Sessions::transaction`] that has called [`lock_member`].
/// Proofs of identity that are under way are worth nothing any more.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn end_all_of(client: &Client, user_id: Uuid, kept: Option<&Key>) -> Result<Vec<Key>> {
    store::delete_all_of(client, user_id, kept).await
}

/// What Postgres' `jsonb` cannot hold is refused before it is asked: a NUL in
/// a text, wherever it stands, and anything at the top but an object.
fn storable(data: &Value) -> Result<()> {
    fn holds_nul(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(holds_nul),
            Value::Object(fields) => fields
                .iter()
                .any(|(name, value)| name.contains('\0') || holds_nul(value)),
            _ => false,
        }
    }
    if !data.is_object() {
        return Err(Error::field("data", "must be a JSON object"));
    }
    if holds_nul(data) {
        return Err(Error::field("data", "must not contain NUL"));
    }
    Ok(())
}
