//! Single commands.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use crate::{Error, FromReply, Redis};

/// A future that sends a request and resolves to its reply.
///
/// Nothing is sent before the future is polled. Dropping the future gives its commands up:
/// they are not sent any more, but if they were sent already, they may have been applied.
/// The connection is closed unless another caller waits for the same request.
pub type ReplyFuture<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// A command that can be sent, alone or in a [`Pipeline`](crate::Pipeline).
pub trait Command: Sized {
    /// The type of the reply.
    type Output: FromReply + Send + 'static;

    /// Converts the command to a [`Request`].
    fn into_request(self) -> Request<Self::Output>;

    /// Sets how long the request may take, including connecting. This replaces the
    /// client's timeout.
    fn timeout(self, timeout: Duration) -> Request<Self::Output> {
        let mut request = self.into_request();
        request.timeout = timeout;
        request
    }

    /// Sends the command and reads its reply. Commands that are sent in the same turn of the
    /// runtime leave in [one request](crate#commands-that-leave-together).
    ///
    /// # Errors
    ///
    /// Any [`Error`] except [`Error::InvalidUrl`], [`Error::InvalidToken`] and
    /// [`Error::InvalidCommand`].
    fn send(self) -> ReplyFuture<Self::Output> {
        let request = self.into_request();
        let reply = request.redis.send(request.arguments, request.timeout);
        Box::pin(async move { reply.await?.read() })
    }
}

/// A command with its arguments. Its reply is a `T`.
#[must_use = "a command does nothing until it is sent"]
pub struct Request<T> {
    redis: Redis,
    pub(crate) arguments: Vec<String>,
    timeout: Duration,
    reply: PhantomData<fn() -> T>,
}

impl<T> Request<T> {
    pub(crate) fn new(redis: &Redis, name: &str, arguments: &[&str]) -> Self {
        let words = std::iter::once(&name).chain(arguments);
        Self {
            redis: redis.clone(),
            arguments: words.map(|&word| word.to_owned()).collect(),
            timeout: redis.timeout(),
            reply: PhantomData,
        }
    }
}

impl<T: FromReply + Send + 'static> Command for Request<T> {
    type Output = T;

    fn into_request(self) -> Request<T> {
        self
    }
}

/// Shows only the command's name, because keys and values may be secrets.
impl<T> fmt::Debug for Request<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("command", &self.arguments.first())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// `SET` with its options. Returns whether the value was written, which is `false`
/// only when [`Set::nx`] is set and the key exists.
#[derive(Debug)]
#[must_use = "a command does nothing until it is sent"]
pub struct Set(pub(crate) Request<bool>);

impl Set {
    /// Expires the key after this many seconds, which must be positive.
    pub fn ex(self, seconds: u64) -> Self {
        self.option("EX").option(&seconds.to_string())
    }

    /// Expires the key after this many milliseconds, which must be positive.
    pub fn px(self, milliseconds: u64) -> Self {
        self.option("PX").option(&milliseconds.to_string())
    }

    /// Expires the key at this time, in milliseconds since 1970 UTC. A time in the
    /// past deletes the key.
    pub fn pxat(self, unix_milliseconds: u64) -> Self {
        self.option("PXAT").option(&unix_milliseconds.to_string())
    }

    /// Writes only if the key does not exist.
    pub fn nx(self) -> Self {
        self.option("NX")
    }

    fn option(mut self, word: &str) -> Self {
        self.0.arguments.push(word.to_owned());
        self
    }
}

impl Command for Set {
    type Output = bool;

    fn into_request(self) -> Request<bool> {
        self.0
    }
}
