//! Reading, creating, changing and ending sessions.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::cache::SessionCache;
use super::create::{NewSession, create_session};
use super::list::{self, ListedSession, SessionStatistics};
use super::locks::{Actor, lock_caller};
use super::record::Session;
use super::store;
use super::transaction::Transaction;
use crate::crypto::token::{SessionKey, Token};
use crate::error::{Error, Result};
use crate::runtime::background::BoxFuture;
use crate::runtime::config::Timing;
use crate::store::cache::Lookup;
use crate::store::counters::Counters;
use crate::store::page::Page;
use crate::store::postgres::Db;
use crate::values::caller::Caller;

/// An anonymous session to be created.
#[derive(Clone, Debug)]
pub struct NewAnonymousSession {
    /// A JSON object of at most 16 KiB.
    pub data: Value,
    /// The client that the session is created for.
    pub caller: Option<Caller>,
    /// The maximum age that the session can reach. The default is seven days.
    pub ttl: Option<Duration>,
}

impl Default for NewAnonymousSession {
    fn default() -> Self {
        Self {
            data: json!({}),
            caller: None,
            ttl: None,
        }
    }
}

/// Reads, creates, changes and ends sessions. Clones are cheap.
///
/// A method fails with [`Error::Unavailable`] when it needs Postgres and Postgres does not
/// answer. Without Redis, sessions work but are slower. A method that changes the data of a
/// session or extends it fails with [`Error::SessionGone`] when the session has ended.
#[derive(Clone)]
pub struct Sessions {
    pub(super) db: Arc<Db>,
    cache: SessionCache,
    counters: Counters,
    timing: Timing,
    /// Whether staff and administrators need a second factor for staff functions.
    requires_staff_second_factor: bool,
}

impl Sessions {
    pub(crate) fn new(
        db: Arc<Db>,
        cache: SessionCache,
        counters: Counters,
        timing: Timing,
        requires_staff_second_factor: bool,
    ) -> Self {
        Self {
            db,
            cache,
            counters,
            timing,
            requires_staff_second_factor,
        }
    }

    /// Prepares a transaction.
    pub(crate) fn transaction(&self) -> Transaction<'_> {
        Transaction::new(&self.db, &self.cache, self.requires_staff_second_factor)
    }

    /// Reads a session from Redis if there is a current record, or else from Postgres.
    /// Returns `None` when the session does not exist, has expired, or belongs to a
    /// deactivated member.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Unavailable`] when it is unknown whether the session exists.
    pub fn get(&self, key: &SessionKey) -> BoxFuture<'_, Result<Option<Session>>> {
        let key = key.clone();
        Box::pin(async move {
            let lookup = self.cache.get(&key).await;
            self.count_lookup(&lookup);
            let generation = match lookup {
                Lookup::Hit(record) => return Ok(Some(record.into_session())),
                Lookup::Miss { generation } => Some(generation),
                Lookup::Unavailable | Lookup::Disabled => None,
            };
            let Some((session, until)) = self.find(&key).await? else {
                return Ok(None);
            };
            if let Some(generation) = generation {
                self.cache.put(&key, generation, until, session.clone());
            }
            Ok(Some(session))
        })
    }

    fn count_lookup<E>(&self, lookup: &Lookup<E>) {
        let name = match lookup {
            Lookup::Hit(_) => "redis_hits",
            Lookup::Miss { .. } => "redis_misses",
            Lookup::Unavailable => "redis_away",
            Lookup::Disabled => return,
        };
        self.counters.add(name, 1);
    }

    /// Reads a session from Postgres.
    pub(super) async fn find(&self, key: &SessionKey) -> Result<Option<store::Found>> {
        self.db
            .repeatable_write(async |client| store::find(client, key, &self.timing).await)
            .await
    }

    /// Creates an anonymous session. Only its owner may receive the token.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Invalid`] when the data is not a JSON object, is larger than 16 KiB, or
    /// contains a NUL.
    pub fn create(
        &self,
        new_session: NewAnonymousSession,
    ) -> BoxFuture<'_, Result<(Token, Session)>> {
        Box::pin(async move {
            let token = Token::generate();
            let session = self.create_with_token(&token, new_session).await?;
            let session = session.ok_or_else(|| Error::internal("a new token is taken"))?;
            Ok((token, session))
        })
    }

    /// Creates an anonymous session with a token that its owner already has. Returns `None`
    /// if the token has a session.
    ///
    /// # Errors
    ///
    /// Fails with the errors of [`Sessions::create`].
    pub fn create_with_token<'a>(
        &'a self,
        token: &'a Token,
        new_session: NewAnonymousSession,
    ) -> BoxFuture<'a, Result<Option<Session>>> {
        Box::pin(async move {
            check_storable(&new_session.data)?;
            let client = self.db.client().await?;
            let session = store::create(
                &client,
                &token.key(),
                &new_session.data,
                new_session.caller.as_ref(),
                new_session.ttl,
            )
            .await?;
            self.counters
                .add("sessions_created", u64::from(session.is_some()));
            Ok(session)
        })
    }

    /// Replaces the session's data. Of two concurrent calls, the last one wins. Returns
    /// the new data.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::SessionGone`], or with [`Error::Invalid`] as [`Sessions::create`]
    /// does.
    pub async fn set(&self, key: &SessionKey, data: Value) -> Result<Value> {
        check_storable(&data)?;
        self.prepare_change(key)
            .run_statement(async |client| store::set(client, key, &data).await)
            .await
    }

    /// Merges the top-level fields of `patch` into the data. Other fields stay, including
    /// those that a concurrent call writes. Returns the new data.
    ///
    /// # Errors
    ///
    /// Fails with the errors of [`Sessions::set`].
    pub async fn update(&self, key: &SessionKey, patch: Value) -> Result<Value> {
        check_storable(&patch)?;
        self.prepare_change(key)
            .run_statement(async |client| store::update(client, key, &patch).await)
            .await
    }

    /// Adds one to the number in `field` of the data. N concurrent calls add N. Returns
    /// the new data.
    ///
    /// # Errors
    ///
    /// Fails with the errors of [`Sessions::set`].
    pub fn increment(&self, key: &SessionKey, field: &'static str) -> BoxFuture<'_, Result<Value>> {
        let key = key.clone();
        Box::pin(async move {
            self.prepare_change(&key)
                .run_statement(async |client| store::increment(client, &key, field).await)
                .await
        })
    }

    /// Records that a session is in use, and extends it by its idle timeout.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::SessionGone`] when the session has ended.
    pub async fn touch(&self, key: &SessionKey) -> Result<Session> {
        self.prepare_change(key)
            .run_statement(async |client| store::touch(client, key).await)
            .await
    }

    /// Ends a session. Returns the id of its member: `None` when there was no session,
    /// `Some(None)` when it was anonymous.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Unavailable`] when the session may not have ended.
    pub fn destroy(&self, key: &SessionKey) -> BoxFuture<'_, Result<Option<Option<Uuid>>>> {
        let key = key.clone();
        Box::pin(async move {
            let ended = self
                .prepare_change(&key)
                .run_statement(async |client| store::destroy(client, &key).await)
                .await?;
            self.counters
                .add("sessions_ended", u64::from(ended.is_some()));
            Ok(ended)
        })
    }

    /// Creates the session of an authenticated member, and ends the session that it
    /// replaces. Returns `false` when the authentication is no longer valid.
    pub async fn sign_in(&self, new_session: NewSession) -> Result<bool> {
        let created = self
            .transaction()
            .invalidate_sessions(new_session.replaces.clone())
            .run_statement(async |client| create_session(client, &new_session).await)
            .await?;
        self.counters.add("sessions_created", u64::from(created));
        Ok(created)
    }

    /// Ends one of the caller's sessions by its public id. Returns `false` when the
    /// caller has no such session.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::SessionGone`] when the caller's own session has ended.
    pub fn delete_one(&self, caller: &SessionKey, id: Uuid) -> BoxFuture<'_, Result<bool>> {
        let caller = caller.clone();
        Box::pin(async move {
            let ended = self
                .transaction()
                .run(async |tx| {
                    let key = store::delete_one(tx, &caller, id).await?;
                    let ended = key.is_some();
                    tx.invalidate_sessions(key);
                    Ok(ended)
                })
                .await?;
            self.counters.add("sessions_revoked", u64::from(ended));
            Ok(ended)
        })
    }

    /// Ends all sessions of the caller's member. With `keep_own`, the caller's own session
    /// stays. Returns the number of ended sessions.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::SessionGone`] when the caller's own session has ended.
    pub fn delete_all_of(
        &self,
        caller: &SessionKey,
        user_id: Uuid,
        keep_own: bool,
    ) -> BoxFuture<'_, Result<usize>> {
        let caller = caller.clone();
        Box::pin(async move {
            let ended = self
                .transaction()
                .run(async |tx| {
                    lock_caller(tx, &caller, user_id).await?;
                    let kept = keep_own.then_some(&caller);
                    let keys = store::delete_all_of(tx, user_id, kept).await?;
                    // The keys include that of the kept session, whose record has changed.
                    let ended = keys.len() - usize::from(keep_own);
                    tx.invalidate_sessions(keys);
                    Ok(ended)
                })
                .await?;
            self.counters.add("sessions_revoked", ended as u64);
            Ok(ended)
        })
    }

    /// Lists a member's sessions, newest first.
    pub fn list(&self, user_id: Uuid, page: Page) -> BoxFuture<'_, Result<Vec<ListedSession>>> {
        Box::pin(async move {
            self.db
                .read(async |client| list::list(client, user_id, &page).await)
                .await
        })
    }

    /// Lists all sessions that have not expired, newest first.
    pub fn all(&self, page: Page) -> BoxFuture<'_, Result<Vec<ListedSession>>> {
        Box::pin(async move {
            self.db
                .read(async |client| list::all(client, &page).await)
                .await
        })
    }

    /// Counts the sessions that have not expired.
    pub async fn length(&self) -> Result<i64> {
        self.db
            .read(async |client| list::length(client).await)
            .await
    }

    /// Computes statistics of all sessions. Reads the whole table.
    pub fn statistics(&self) -> BoxFuture<'_, Result<SessionStatistics>> {
        Box::pin(async move {
            self.db
                .read(async |client| list::statistics(client).await)
                .await
        })
    }

    /// Ends all sessions in batches. Returns the number of ended sessions. `admin` is the
    /// session of the administrator who requests this.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::SessionGone`] or [`Error::FORBIDDEN`] when `admin` is no longer
    /// the session of an administrator, with [`Error::TWO_FACTOR_SETUP_REQUIRED`] when the
    /// administrator lacks a required second factor, and with [`Error::Unavailable`] when
    /// Postgres does not answer. Some sessions may already have ended then.
    pub fn clear(&self, admin: Option<&SessionKey>) -> BoxFuture<'_, Result<usize>> {
        const BATCH_SIZE: i64 = 2_000;
        let mut admin = admin.cloned();
        Box::pin(async move {
            let mut ended = 0;
            loop {
                let mut transaction = self.transaction();
                // Only the first transaction authorizes `admin`, because it may end that session.
                if let Some(key) = admin.take() {
                    transaction = transaction.authorize(Actor::admin(key));
                }
                let batch = transaction
                    .run(async |tx| {
                        let keys = store::clear(tx, BATCH_SIZE).await?;
                        let ended = keys.len();
                        tx.invalidate_sessions(keys);
                        Ok(ended)
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

    /// Prepares a transaction that changes this session.
    fn prepare_change(&self, key: &SessionKey) -> Transaction<'_> {
        self.transaction().invalidate_sessions([key.clone()])
    }
}

/// Rejects data that cannot be stored: a value that is not an object, or that has a string or a
/// field name with a NUL. Postgres checks the size.
fn check_storable(data: &Value) -> Result<()> {
    fn contains_nul(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(contains_nul),
            Value::Object(fields) => fields
                .iter()
                .any(|(name, value)| name.contains('\0') || contains_nul(value)),
            _ => false,
        }
    }
    if !data.is_object() {
        return Err(Error::field("data", "must be a JSON object"));
    }
    if contains_nul(data) {
        return Err(Error::field("data", "must not contain NUL"));
    }
    Ok(())
}
