//! The client and its commands.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;

use crate::transport::{RequestKind, Transport};
use crate::{Error, Pipeline, Reply, ReplyFuture, Request, Set};

/// A client for one database at Upstash, or at an endpoint with the same protocol.
///
/// Clones are cheap and share their connections. The client connects when the
/// first request is sent.
#[derive(Clone)]
pub struct Redis {
    transport: Arc<Transport>,
    timeout: Duration,
}

impl Redis {
    /// The default timeout of a request.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

    /// Creates a client for the database at `url`, which begins with `https://` or,
    /// for local use, `http://`. The URL may have a path. Each request sends the token.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`] or [`Error::InvalidToken`].
    pub fn new(url: &str, token: &str) -> Result<Self, Error> {
        Ok(Self {
            transport: Arc::new(Transport::new(url, token)?),
            timeout: Self::DEFAULT_TIMEOUT,
        })
    }

    /// Sets how long a request may take, including connecting. Commands and
    /// pipelines may override it.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long a connection may be idle and still be reused, for this client
    /// and its clones. The default is 15 s.
    #[must_use]
    pub fn with_idle_timeout(self, timeout: Duration) -> Self {
        self.transport.set_idle_timeout(timeout);
        self
    }

    /// `GET`: returns the value, or `None` when the key does not exist.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when the key is empty.
    pub fn get(&self, key: &str) -> Result<Request<Option<String>>, Error> {
        self.command_with_keys("GET", &[key], &[])
    }

    /// `SET`: writes the value and removes the key's expiry.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when the key is empty.
    pub fn set(&self, key: &str, value: &str) -> Result<Set, Error> {
        self.command_with_keys("SET", &[key], &[value]).map(Set)
    }

    /// `MGET`: returns the value of each key, in order.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when there is no key, or when a key is empty.
    pub fn mget(&self, keys: &[&str]) -> Result<Request<Vec<Option<String>>>, Error> {
        self.command_with_keys("MGET", keys, &[])
    }

    /// `DEL`: deletes keys and returns how many of them existed.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when there is no key, or when a key is empty.
    pub fn del(&self, keys: &[&str]) -> Result<Request<i64>, Error> {
        self.command_with_keys("DEL", keys, &[])
    }

    /// `EXISTS`: returns how many of the keys exist. A repeated key is counted each
    /// time.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when there is no key, or when a key is empty.
    pub fn exists(&self, keys: &[&str]) -> Result<Request<i64>, Error> {
        self.command_with_keys("EXISTS", keys, &[])
    }

    /// `EXPIRE`: sets the key to expire after this many seconds and returns whether the key
    /// existed. Zero or less deletes the key.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when the key is empty.
    pub fn expire(&self, key: &str, seconds: i64) -> Result<Request<bool>, Error> {
        self.command_with_keys("EXPIRE", &[key], &[&seconds.to_string()])
    }

    /// `PEXPIRE`: like [`Redis::expire`], in milliseconds.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when the key is empty.
    pub fn pexpire(&self, key: &str, milliseconds: i64) -> Result<Request<bool>, Error> {
        self.command_with_keys("PEXPIRE", &[key], &[&milliseconds.to_string()])
    }

    /// `INCR`: adds one and returns the sum. A key that does not exist counts as 0.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when the key is empty.
    pub fn incr(&self, key: &str) -> Result<Request<i64>, Error> {
        self.command_with_keys("INCR", &[key], &[])
    }

    /// `INCRBY`: adds `amount` and returns the sum. A key that does not exist counts
    /// as 0.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when the key is empty.
    pub fn incrby(&self, key: &str, amount: i64) -> Result<Request<i64>, Error> {
        self.command_with_keys("INCRBY", &[key], &[&amount.to_string()])
    }

    /// `PING`: returns `PONG`.
    pub fn ping(&self) -> Request<String> {
        Request::new(self, "PING", &[])
    }

    /// `DBSIZE`: returns the number of keys.
    pub fn dbsize(&self) -> Request<i64> {
        Request::new(self, "DBSIZE", &[])
    }

    /// `FLUSHDB`: deletes every key and returns `true`.
    pub fn flushdb(&self) -> Request<bool> {
        Request::new(self, "FLUSHDB", &[])
    }

    /// Creates any other command, such as `["ECHO", "hello"]`. [`Reply::read`]
    /// converts its reply.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when the first word, the command's name, is missing or
    /// empty.
    pub fn command(&self, words: &[&str]) -> Result<Request<Reply>, Error> {
        match words {
            [] | ["", ..] => Err(Error::InvalidCommand("the name of the command is missing")),
            [name, arguments @ ..] => Ok(Request::new(self, name, arguments)),
        }
    }

    /// Creates a pipeline: several commands in one request, run in order. Commands
    /// of other clients may run between them.
    pub fn pipeline(&self) -> Pipeline {
        Pipeline::new(self, RequestKind::Pipeline)
    }

    /// Creates a transaction (`MULTI`): several commands in one request, with no
    /// other command between them. None runs if one is invalid. A command that fails
    /// while it runs does not undo the others.
    pub fn multi(&self) -> Pipeline {
        Pipeline::new(self, RequestKind::MultiExec)
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn send(&self, command: String, timeout: Duration) -> ReplyFuture<Reply> {
        Arc::clone(&self.transport).send(command, timeout)
    }

    pub(crate) fn execute(
        &self,
        kind: RequestKind,
        body: String,
        timeout: Duration,
    ) -> ReplyFuture<Bytes> {
        Arc::clone(&self.transport).execute(kind, body, timeout)
    }

    /// Creates a command with keys. Empty keys are rejected: Redis accepts them, but they
    /// are usually mistakes.
    fn command_with_keys<T>(
        &self,
        name: &str,
        keys: &[&str],
        rest: &[&str],
    ) -> Result<Request<T>, Error> {
        if keys.is_empty() {
            return Err(Error::InvalidCommand("a key is missing"));
        }
        if keys.contains(&"") {
            return Err(Error::InvalidCommand("a key is empty"));
        }
        Ok(Request::new(self, name, &[keys, rest].concat()))
    }
}

/// Shows the URL, but not the token.
impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Redis")
            .field("url", &self.transport.url())
            .field("token", &"<redacted>")
            .field("timeout", &self.timeout)
            .finish()
    }
}
