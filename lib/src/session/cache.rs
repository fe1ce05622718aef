//! The protocol between Redis and Postgres.
//!
//! A reader believes a record only under the mark that stands beside it; a
//! changer commits first, and then replaces the mark. Nobody deletes a record
//! and hopes that none comes back: a late one carries an old mark and is not
//! believed, in whatever order things arrive. A mark outlives every record
//! that could have been written before it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use deadpool_postgres::Object;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use super::record::Record;
use super::{Changed, Key, Session};
use crate::crypto::random;
use crate::error::{Error, Result, database_error};
use crate::runtime::background;
use crate::runtime::background::BoxFuture;
use crate::runtime::clock::Clock;
use crate::runtime::config::Timing;
use crate::store::postgres::{Db, chain};
use crate::store::redis::Kv;

/// How long an answer waits for its marks.
const MARK_WAIT: Duration = Duration::from_secs(1);

/// How long until a mark that was not acknowledged is sent again.
const MARK_RETRY: Duration = Duration::from_secs(1);

/// How many keys are marked by one request to Redis.
const MARKS_PER_PIPELINE: usize = 500;

/// How often a transaction that ran into a deadlock is tried.
pub(super) const DEADLOCK_TRIES: u32 = 3;

/// Work in a transaction, which a deadlock may make run again.
pub(super) type Work<T> =
    Box<dyn for<'c> Fn(&'c Client) -> BoxFuture<'c, Result<Changed<T>>> + Send + Sync>;

/// What Redis says of a key.
pub(super) enum Look {
    /// A record that may be believed.
    Hit(Box<Session>),
    /// Nothing to be believed, and the mark that stands.
    Miss { mark: Option<String> },
    /// Redis does not answer, or has a change of ours still to hear of.
    Away,
    /// There is no Redis.
    None,
}

/// The records in Redis, and the marks that this process owes it.
#[derive(Clone)]
pub(crate) struct Cache {
    kv: Option<Kv>,
    clock: Clock,
    timing: Timing,
    owed: Owed,
}

impl Cache {
    pub(crate) fn new(kv: Option<Kv>, clock: Clock, timing: Timing) -> Self {
        Self {
            kv,
            clock,
            timing,
            owed: Owed::default(),
        }
    }

    pub(super) fn look<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Look> {
        Box::pin(async move {
            let Some(kv) = &self.kv else {
                return Look::None;
            };
            if self.owed.contains(key) {
                return Look::Away;
            }
            let Ok(found) = kv.get_many(&[&key.record(), &key.mark()]).await else {
                return Look::Away;
            };
            let [record, mark] = match <[_; 2]>::try_from(found) {
                Ok(pair) => pair,
                Err(_) => return Look::Away,
            };
            let believed = record.and_then(|json| {
                Record::believed(&json, key, mark.as_deref(), self.clock.now_ms())
            });
            match believed {
                Some(session) => Look::Hit(Box::new(session)),
                None => Look::Miss { mark },
            }
        })
    }

    /// Puts a record into Redis, after the answer. However late it arrives, it
    /// is believed only under the mark that its reader saw, and until `until`.
    pub(super) fn write_back(
        &self,
        key: &Key,
        mark: Option<String>,
        until: DateTime<Utc>,
        session: Session,
    ) {
        let Some(kv) = self.kv.clone() else { return };
        let until_ms = until.timestamp_millis();
        let name = key.record();
        let Some(json) = Record::new(key, mark, until_ms, session).to_json() else {
            return;
        };
        background::spawn(async move {
            if let Err(error) = kv.set_until(&name, &json, until_ms).await {
                tracing::debug!(error = %chain(&error), "record not written");
            }
        });
    }

    /// Runs a change of one statement and marks the keys that it changes, in a
    /// task of its own. They are marked also when nobody knows whether it
    /// happened, but not when it was never sent: a record that is still right
    /// is all that a member has while Postgres is away.
    pub(super) fn change<T, F>(
        &self,
        db: Arc<Db>,
        keys: Vec<Key>,
        work: impl FnOnce(Object) -> F + Send + 'static,
    ) -> BoxFuture<'static, Result<T>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let owed = self.owed.clone();
        self.answer(async move {
            let client = match db.client().await {
                Ok(client) => client,
                Err(error) => return (Err(error), Vec::new(), owed.incur(&[])),
            };
            let debt = owed.incur(&keys);
            match work(client).await {
                Err(error) if !is_unknown(&error) => (Err(error), Vec::new(), debt),
                outcome => (outcome, keys, debt),
            }
        })
    }

    /// As [`Cache::change`], for a transaction: the keys are those that `work`
    /// names, from before the commit.
    pub(super) fn transaction<T: Send + 'static>(
        &self,
        db: Arc<Db>,
        work: Work<T>,
    ) -> BoxFuture<'static, Result<T>> {
        let cache = self.clone();
        self.answer(async move {
            let mut tries = 1;
            loop {
                let reached = Mutex::new((Vec::new(), cache.owed.incur(&[])));
                let outcome = db
                    .transaction(async |client| {
                        let changed = work(client).await?;
                        let debt = cache.owed.incur(&changed.keys);
                        *lock(&reached) = (changed.keys, debt);
                        Ok(changed.value)
                    })
                    .await;
                match outcome {
                    Err(error) if is_deadlock(&error) && tries < DEADLOCK_TRIES => tries += 1,
                    outcome => {
                        let (keys, debt) =
                            reached.into_inner().unwrap_or_else(PoisonError::into_inner);
                        return (outcome, keys, debt);
                    }
                }
            }
        })
    }

    /// Runs `commit` and sends the marks that it calls for, to the end; what it
    /// came to is answered once the marks have been tried.
    fn answer<T: Send + 'static>(
        &self,
        commit: impl Future<Output = (Result<T>, Vec<Key>, Debt)> + Send + 'static,
    ) -> BoxFuture<'static, Result<T>> {
        let cache = self.clone();
        let (answer, answered) = tokio::sync::oneshot::channel();
        background::spawn(async move {
            let (outcome, keys, debt) = commit.await;
            let left = timeout(MARK_WAIT, cache.mark(keys.clone())).await;
            // The caller may have gone; what follows is done all the same.
            let _ = answer.send(outcome);
            cache.mark_until_heard(left.unwrap_or(keys)).await;
            drop(debt);
        });
        Box::pin(async move {
            answered
                .await
                .unwrap_or_else(|_| Err(Error::internal("a change panicked")))
        })
    }

    async fn mark_until_heard(&self, mut keys: Vec<Key>) {
        let started_ms = self.clock.now_ms();
        let life = i64::try_from(self.timing.record_life.as_millis()).unwrap_or(i64::MAX);
        while !keys.is_empty() && self.clock.now_ms() - started_ms < life {
            sleep(MARK_RETRY).await;
            keys = self.mark(keys).await;
        }
    }

    /// Marks each key anew; returns those whose mark was not acknowledged.
    fn mark(&self, keys: Vec<Key>) -> BoxFuture<'_, Vec<Key>> {
        Box::pin(async move {
            let Some(kv) = &self.kv else {
                return Vec::new();
            };
            let mut left = Vec::new();
            for keys in keys.chunks(MARKS_PER_PIPELINE) {
                match self.mark_batch(kv, keys).await {
                    Ok(unheard) => left.extend(unheard),
                    Err(error) => {
                        tracing::warn!(error = %chain(&error), keys = keys.len(), "marks not set");
                        left.extend_from_slice(keys);
                    }
                }
            }
            left
        })
    }

    async fn mark_batch(&self, kv: &Kv, keys: &[Key]) -> Result<Vec<Key>, upstash_redis_rs::Error> {
        let redis = kv.redis();
        let mut pipeline = redis.pipeline().timeout(MARK_WAIT);
        for key in keys {
            // New for every attempt: a mark that arrives twice would lift the
            // ban on what was written between its arrivals.
            let mark = random::hex::<16>();
            let life = self.timing.mark_life.as_millis();
            let life = u64::try_from(life).unwrap_or(u64::MAX);
            pipeline = pipeline
                .push(redis.del(&[&key.record()])?)
                .push(redis.set(&key.mark(), &mark)?.px(life));
        }
        let answers = pipeline.exec().await?;
        let heard = answers.chunks(2).map(|pair| pair.iter().all(Result::is_ok));
        let unheard = keys.iter().zip(heard).filter(|(_, heard)| !heard);
        Ok(unheard.map(|(key, _)| key.clone()).collect())
    }
}

/// Whether what was asked for may have happened all the same.
fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::Internal(_))
}

pub(super) fn is_deadlock(error: &Error) -> bool {
    database_error(error).is_some_and(|error| error.code().code() == "40P01")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The keys whose mark Redis has not acknowledged, with the number of changes
/// that wait for it. In this process they are read from Postgres alone.
#[derive(Clone, Default)]
struct Owed(Arc<Mutex<HashMap<Key, usize>>>);

impl Owed {
    fn contains(&self, key: &Key) -> bool {
        lock(&self.0).contains_key(key)
    }

    fn incur(&self, keys: &[Key]) -> Debt {
        let mut owed = lock(&self.0);
        for key in keys {
            *owed.entry(key.clone()).or_default() += 1;
        }
        Debt {
            owed: self.clone(),
            keys: keys.to_vec(),
        }
    }
}

/// Settled when dropped.
struct Debt {
    owed: Owed,
    keys: Vec<Key>,
}

impl Drop for Debt {
    fn drop(&mut self) {
        let mut owed = lock(&self.owed.0);
        for key in &self.keys {
            if let Some(count) = owed.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    owed.remove(key);
                }
            }
        }
    }
}
