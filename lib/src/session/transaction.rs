//! Database transactions. Every change that needs more than one statement, or makes an
//! entry in Redis outdated, runs in one.
//!
//! ```no_run
//! # async fn example(app: sabor::App, key: sabor::session::SessionKey) -> sabor::Result<()> {
//! app.transaction()
//!     .invalidate([app.schedule()])
//!     .run(async |tx| {
//!         tx.execute("delete from user_sessions where session_key = $1", &[&"…"]).await?;
//!         tx.invalidate_sessions([key.clone()]);
//!         Ok(())
//!     })
//!     .await
//! # }
//! ```
//!
//! The Redis entries that a change affects are invalidated after the commit, by the
//! protocol of [`store::cache`](crate::store::cache). They are also invalidated when it
//! is unknown whether the commit happened, and when the caller has disconnected. They are
//! kept when nothing was committed, because members depend on them while Postgres is
//! unavailable.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::crypto::token::SessionKey;
use crate::error::{Error, Result, chain, database_error};
use crate::models::idempotency_key::{self, IdempotencyKey, StoredResponse};
use crate::runtime::background;
use crate::session::cache::SessionCache;
use crate::session::locks::Actor;
use crate::store::cache::{Invalidation, PreparedInvalidation};
use crate::store::client::Client;
use crate::store::postgres::Db;
use crate::store::response_cache::ResponseCache;

/// The maximum number of attempts of a change that runs into deadlocks or lock timeouts.
const MAX_ATTEMPTS: u32 = 3;

/// A change that ran into a lock timeout is repeated only within this time. Otherwise, the
/// caller would wait too long if `lock_timeout` is long.
const LOCK_RETRY_TIME: Duration = Duration::from_secs(5);

/// A transaction that has not run yet, with its options.
#[must_use = "nothing is sent before `run`"]
pub struct Transaction<'a> {
    db: &'a Db,
    cache: &'a SessionCache,
    actor: Option<Actor>,
    /// Whether the actor needs a second factor.
    requires_second_factor: bool,
    invalidations: Vec<Invalidation>,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(db: &'a Db, cache: &'a SessionCache, requires_second_factor: bool) -> Self {
        Self {
            db,
            cache,
            actor: None,
            requires_second_factor,
            invalidations: Vec::new(),
        }
    }

    /// Begins the transaction with a check, under a lock, that `actor` still has its role and
    /// the required second factor.
    /// The request may have been accepted because of an outdated record in Redis.
    pub fn authorize(mut self, actor: impl AsRef<Actor>) -> Self {
        self.actor = Some(actor.as_ref().clone());
        self
    }

    /// Invalidates these cached responses after the commit.
    pub fn invalidate<'c>(mut self, caches: impl IntoIterator<Item = &'c ResponseCache>) -> Self {
        let caches = caches.into_iter().map(ResponseCache::invalidation);
        self.invalidations.extend(caches);
        self
    }

    /// Invalidates the records of these sessions after the commit. Keys that are found
    /// inside the transaction go to [`Tx::invalidate_sessions`].
    pub fn invalidate_sessions(mut self, keys: impl IntoIterator<Item = SessionKey>) -> Self {
        self.invalidations.extend(self.cache.invalidations(keys));
        self
    }

    /// If there is a `key`, stores the response under it. A repeated request then receives
    /// the stored response.
    pub fn idempotent(self, owner: Uuid, key: Option<IdempotencyKey>) -> IdempotentTransaction<'a> {
        IdempotentTransaction {
            transaction: self,
            owner,
            key,
        }
    }

    /// Runs `work` in a transaction. It is committed when `work` returns a value,
    /// and rolled back when `work` returns an error, panics, or is dropped. After
    /// a deadlock or a lock timeout, `work` is run again.
    ///
    /// # Errors
    ///
    /// Fails with the error of `work`. With [`Transaction::authorize`], also fails with
    /// [`Error::SessionGone`], [`Error::FORBIDDEN`] or [`Error::TWO_FACTOR_SETUP_REQUIRED`].
    /// Fails with [`Error::Unavailable`] when the commit was not acknowledged; it may have
    /// happened.
    // The closure is cloned for each attempt. `AsyncFn` does not work, because the compiler
    // cannot prove that its future is `Send` if it borrows from the caller.
    pub async fn run<T>(self, work: impl AsyncFnOnce(&Tx) -> Result<T> + Clone) -> Result<T> {
        let mut attempts = Attempts::first();
        loop {
            match self.try_run(work.clone()).await {
                Err(error) if attempts.allow_retry(&error) => {}
                outcome => return outcome,
            }
        }
    }

    /// Runs `work`, which must be a single statement. The statement is committed
    /// automatically, and so needs one round trip instead of three. After a deadlock or a
    /// lock timeout, it is run again. With [`Transaction::authorize`], this is
    /// [`Transaction::run`].
    ///
    /// # Errors
    ///
    /// Fails with the errors of [`Transaction::run`].
    pub async fn run_statement<T>(
        self,
        work: impl AsyncFnOnce(&Client) -> Result<T> + Clone,
    ) -> Result<T> {
        if self.actor.is_some() {
            return self.run(async move |tx| work(tx).await).await;
        }
        let mut attempts = Attempts::first();
        loop {
            let client = Arc::new(self.db.client().await?);
            match self
                .commit(client, self.invalidations.clone(), work.clone())
                .await
            {
                Err(error) if attempts.allow_retry(&error) => {}
                outcome => return outcome,
            }
        }
    }

    async fn try_run<T>(&self, work: impl AsyncFnOnce(&Tx) -> Result<T>) -> Result<T> {
        let tx = self.begin().await?;
        let value = work(&tx).await?;
        let (client, changes) = tx.finish();
        let invalidations = self.invalidations_of(changes);
        let commit = async |client: &Client| client.command("commit").await;
        self.commit(client, invalidations, commit).await?;
        Ok(value)
    }

    fn invalidations_of(&self, changes: Changes) -> Vec<Invalidation> {
        if changes.is_undone {
            return Vec::new();
        }
        let mut invalidations = self.invalidations.clone();
        invalidations.extend(self.cache.invalidations(changes.sessions));
        invalidations.extend(changes.responses);
        invalidations
    }

    async fn begin(&self) -> Result<Tx> {
        let tx = match Tx::begin(self.db.client().await?).await {
            Err(error) if self.db.record_if_closed(&error) => {
                Tx::begin(self.db.client().await?).await?
            }
            begun => begun?,
        };
        if let Some(actor) = &self.actor {
            actor.authorize(&tx, self.requires_second_factor).await?;
        }
        Ok(tx)
    }

    /// Runs `send`, which commits. Then runs the invalidations, unless it is certain that
    /// nothing was committed.
    async fn commit<T>(
        &self,
        client: Arc<Client>,
        invalidations: Vec<Invalidation>,
        send: impl AsyncFnOnce(&Client) -> Result<T>,
    ) -> Result<T> {
        let mut commit = Commit {
            client,
            invalidation: Some(self.cache.prepare(invalidations)),
        };
        let outcome = send(&commit.client).await;
        let invalidation = commit.invalidation.take();
        // The connection returns to the pool before Redis is called.
        drop(commit);
        if may_have_committed(&outcome)
            && let Some(invalidation) = invalidation
        {
            invalidation.run().await;
        }
        outcome
    }
}

/// A [`Transaction`] whose response is stored under an `Idempotency-Key`.
#[must_use = "nothing is sent before `run`"]
pub struct IdempotentTransaction<'a> {
    transaction: Transaction<'a>,
    owner: Uuid,
    key: Option<IdempotencyKey>,
}

impl IdempotentTransaction<'_> {
    /// Runs `work` and stores its response in one transaction. A refusal is stored too, and
    /// only the changes of `work` are then rolled back.
    ///
    /// # Errors
    ///
    /// Fails with the errors of [`Transaction::run`], with [`Error::Repeated`] if the first
    /// request was refused, and with 409 `idempotency_key_reused`.
    pub async fn run(
        self,
        work: impl AsyncFnOnce(&Tx) -> Result<StoredResponse> + Clone,
    ) -> Result<StoredResponse> {
        let Some(key) = &self.key else {
            return self.transaction.run(work).await;
        };
        let owner = self.owner;
        self.transaction
            .run(async move |tx| run_once(tx, owner, key, work).await)
            .await?
    }

    /// Runs `work`, which must be a single statement. Without a key, this is
    /// [`Transaction::run_statement`].
    ///
    /// # Errors
    ///
    /// Fails with the errors of [`IdempotentTransaction::run`].
    pub async fn run_statement(
        self,
        work: impl AsyncFnOnce(&Client) -> Result<StoredResponse> + Clone,
    ) -> Result<StoredResponse> {
        if self.key.is_none() {
            return self.transaction.run_statement(work).await;
        }
        self.run(async move |tx| work(tx).await).await
    }
}

/// Runs `work` unless the key has a stored response. The outer error rolls the
/// transaction back; the inner one is a refusal that is stored.
async fn run_once(
    tx: &Tx,
    owner: Uuid,
    key: &IdempotencyKey,
    work: impl AsyncFnOnce(&Tx) -> Result<StoredResponse>,
) -> Result<Result<StoredResponse>> {
    if let Some(stored) = idempotency_key::claim(tx, owner, key).await? {
        return Ok(Ok(stored));
    }
    tx.command("savepoint work").await?;
    let response = work(tx).await;
    match &response {
        Ok(_) => {}
        Err(error) if error.refusal().is_some() => {
            tx.command("rollback to savepoint work").await?;
            tx.changes().is_undone = true;
        }
        Err(_) => return response.map(Ok),
    }
    idempotency_key::store_response(tx, owner, key, &response).await?;
    Ok(response)
}

/// A transaction that has begun. It dereferences to its [`Client`].
pub struct Tx {
    client: Arc<Client>,
    is_open: bool,
    changes: Mutex<Changes>,
}

/// What a transaction has changed so far, and so must be invalidated.
#[derive(Default)]
struct Changes {
    sessions: Vec<SessionKey>,
    responses: Vec<Invalidation>,
    /// Whether the changes were rolled back. Only a refusal is then committed.
    is_undone: bool,
}

impl Tx {
    async fn begin(client: Client) -> Result<Self> {
        // `tx` exists before the statement is sent, so that it rolls back if the caller
        // disconnects meanwhile.
        let tx = Self {
            client: Arc::new(client),
            is_open: true,
            changes: Mutex::default(),
        };
        tx.command("begin").await?;
        Ok(tx)
    }

    /// Invalidates the records of these sessions after the commit. This is necessary for
    /// sessions that end, and for sessions whose records contain changed data.
    pub fn invalidate_sessions(&self, keys: impl IntoIterator<Item = SessionKey>) {
        self.changes().sessions.extend(keys);
    }

    /// Invalidates these cached responses after the commit, in addition to those of
    /// [`Transaction::invalidate`].
    pub fn invalidate<'c>(&self, caches: impl IntoIterator<Item = &'c ResponseCache>) {
        let caches = caches.into_iter().map(ResponseCache::invalidation);
        self.changes().responses.extend(caches);
    }

    /// Runs `work`, and then undoes its changes if `undo` is true, or if `work` fails.
    /// The transaction continues in either case.
    ///
    /// # Errors
    ///
    /// Fails with the error of `work`.
    pub async fn run_part<T>(
        &self,
        undo: bool,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.command("savepoint part").await?;
        let outcome = work.await;
        if undo || outcome.is_err() {
            self.command("rollback to savepoint part").await?;
        }
        self.command("release savepoint part").await?;
        outcome
    }

    /// Returns the changes, and the connection on which the commit must be sent.
    fn finish(mut self) -> (Arc<Client>, Changes) {
        self.is_open = false;
        let changes = std::mem::take(&mut *self.changes());
        (Arc::clone(&self.client), changes)
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Tx {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Tx {
    /// Rolls back. The connection returns to the pool once Postgres has answered.
    fn drop(&mut self) {
        if !self.is_open {
            return;
        }
        let client = Arc::clone(&self.client);
        background::spawn(async move {
            if let Err(error) = client.command("rollback").await {
                tracing::debug!(error = %chain(&error), "failed to roll back");
            }
        });
    }
}

/// A commit, or an automatically committed statement, that is sent to Postgres.
struct Commit {
    client: Arc<Client>,
    /// Taken when Postgres has answered.
    invalidation: Option<PreparedInvalidation>,
}

impl Drop for Commit {
    /// If the caller disconnects before Postgres has answered, the commit may still happen.
    /// A task then waits for the answer and runs the invalidation, which must not overtake
    /// the commit.
    fn drop(&mut self) {
        let Some(invalidation) = self.invalidation.take() else {
            return;
        };
        let client = Arc::clone(&self.client);
        background::spawn(async move {
            client.wait_until_answered().await;
            drop(client);
            invalidation.run().await;
        });
    }
}

/// Counts the attempts of a change.
struct Attempts {
    count: u32,
    started: Instant,
}

impl Attempts {
    fn first() -> Self {
        Self {
            count: 1,
            started: Instant::now(),
        }
    }

    /// Counts another attempt, and returns whether it may run. It may run after a deadlock or a
    /// lock timeout, until the limits are reached. Postgres has then rolled the change back,
    /// and another attempt may succeed.
    fn allow_retry(&mut self, error: &Error) -> bool {
        self.count += 1;
        let is_in_time = self.started.elapsed() < LOCK_RETRY_TIME;
        self.count <= MAX_ATTEMPTS && (is_deadlock(error) || is_lock_timeout(error) && is_in_time)
    }
}

/// Returns whether the change may have been committed, even if there was an error.
fn may_have_committed<T>(outcome: &Result<T>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(error) if is_deadlock(error) || is_lock_timeout(error) => false,
        Err(error) => matches!(error, Error::Unavailable(_) | Error::Internal(_)),
    }
}

fn is_deadlock(error: &Error) -> bool {
    database_error(error).is_some_and(|error| error.code().code() == "40P01")
}

/// Returns whether a lock was not free within the server's `lock_timeout`.
fn is_lock_timeout(error: &Error) -> bool {
    database_error(error).is_some_and(|error| error.code().code() == "55P03")
}
