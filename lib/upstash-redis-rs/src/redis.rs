//! The client, and the commands that it makes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;

use crate::transport::{Path, Transport};
use crate::{Answering, Batch, Error, ReResponse, Request, Set};

/// A database at Upstash, or at an endpoint that answers alike.
///
/// Cheap to clone; clones share their connections. Nothing is connected before
/// the first request.
#[derive(Clone)]
pub struct Redis {
    transport: Arc<Transport>,
    deadline: Duration,
}

impl Redis {
    /// How long an answer may take unless something else is said.
    pub const DEADLINE: Duration = Duration::from_secs(5);

    /// A client for the database at `url`, `https://…` or, for local use,
    /// `http://…`, with or without a path. The token goes with each request.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`] and [`Error::InvalidToken`].
    pub fn new(url: &str, token: &str) -> Result<Self, Error> {
        Ok(Self {
            transport: Arc::new(Transport::new(url, token)?),
            deadline: Self::DEADLINE,
        })
    }

    /// Sets how long an answer may take, connecting included, for commands that
    /// say nothing else.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how long a connection may lie idle and still be used, for this
    /// client and its clones: 15 s unless something else is said.
    #[must_use]
    pub fn with_idle_limit(self, limit: Duration) -> Self {
        self.transport.set_idle_limit(limit);
        self
    }

    /// `GET`: the value, if the key is there.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when the key is empty, as for every command
    /// below that takes a key.
    pub fn get(&self, key: &str) -> Result<Request<Option<String>>, Error> {
        self.keyed("GET", &[key], &[])
    }

    /// `SET`: writes the value, and takes away an end that the key had.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when the key is empty.
    pub fn set(&self, key: &str, value: &str) -> Result<Set, Error> {
        self.keyed("SET", &[key], &[value]).map(Set)
    }

    /// `MGET`: the value of each key, in order.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when there is no key, or an empty one.
    pub fn mget(&self, keys: &[&str]) -> Result<Request<Vec<Option<String>>>, Error> {
        self.keyed("MGET", keys, &[])
    }

    /// `DEL`: how many of the keys were there and are gone.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when there is no key, or an empty one.
    pub fn del(&self, keys: &[&str]) -> Result<Request<i64>, Error> {
        self.keyed("DEL", keys, &[])
    }

    /// `EXISTS`: how many of the keys are there; one named twice counts twice.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when there is no key, or an empty one.
    pub fn exists(&self, keys: &[&str]) -> Result<Request<i64>, Error> {
        self.keyed("EXISTS", keys, &[])
    }

    /// `EXPIRE`: ends the key after so many seconds; `false` when it is absent.
    /// Zero or less deletes it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when the key is empty.
    pub fn expire(&self, key: &str, seconds: i64) -> Result<Request<bool>, Error> {
        self.keyed("EXPIRE", &[key], &[&seconds.to_string()])
    }

    /// `PEXPIRE`: as [`Redis::expire`], in milliseconds.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when the key is empty.
    pub fn pexpire(&self, key: &str, milliseconds: i64) -> Result<Request<bool>, Error> {
        self.keyed("PEXPIRE", &[key], &[&milliseconds.to_string()])
    }

    /// `INCR`: adds one and answers the sum; an absent key counts as 0.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when the key is empty.
    pub fn incr(&self, key: &str) -> Result<Request<i64>, Error> {
        self.keyed("INCR", &[key], &[])
    }

    /// `INCRBY`: adds `amount` and answers the sum; an absent key counts as 0.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when the key is empty.
    pub fn incrby(&self, key: &str, amount: i64) -> Result<Request<i64>, Error> {
        self.keyed("INCRBY", &[key], &[&amount.to_string()])
    }

    /// `PING`: answers `PONG`.
    pub fn ping(&self) -> Request<String> {
        Request::new(self, "PING", &[])
    }

    /// `DBSIZE`: how many keys there are.
    pub fn dbsize(&self) -> Request<i64> {
        Request::new(self, "DBSIZE", &[])
    }

    /// `FLUSHDB`: deletes every key. Answers `true`.
    pub fn flushdb(&self) -> Request<bool> {
        Request::new(self, "FLUSHDB", &[])
    }

    /// Any other command, its name first: `["ECHO", "hello"]`. The answer comes
    /// as it is, to be read with [`ReResponse::read`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when there is no name.
    pub fn command(&self, words: &[&str]) -> Result<Request<ReResponse>, Error> {
        match words {
            [] | ["", ..] => Err(Error::InvalidCommand("a command begins with its name")),
            [name, arguments @ ..] => Ok(Request::new(self, name, arguments)),
        }
    }

    /// Several commands in one request, run one after another. Commands of
    /// others may run between them.
    pub fn pipeline(&self) -> Batch {
        Batch::new(self, Path::Pipeline)
    }

    /// Several commands in one request, run as one: all of them, or none when
    /// Redis refuses one beforehand. One that fails while running undoes no
    /// other.
    pub fn transaction(&self) -> Batch {
        Batch::new(self, Path::MultiExec)
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    pub(crate) fn execute(&self, path: Path, body: String, deadline: Duration) -> Answering<Bytes> {
        Arc::clone(&self.transport).execute(path, body, deadline)
    }

    /// Redis itself takes an empty key; with us it is a key that was forgotten.
    fn keyed<T>(&self, name: &str, keys: &[&str], rest: &[&str]) -> Result<Request<T>, Error> {
        if keys.is_empty() {
            return Err(Error::InvalidCommand("a key is missing"));
        }
        if keys.contains(&"") {
            return Err(Error::InvalidCommand("a key is empty"));
        }
        Ok(Request::new(self, name, &[keys, rest].concat()))
    }
}

/// Shows the address and never the token.
impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Redis")
            .field("url", &self.transport.url())
            .field("token", &"<redacted>")
            .field("deadline", &self.deadline)
            .finish()
    }
}
