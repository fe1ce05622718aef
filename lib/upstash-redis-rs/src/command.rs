//! One command: what it says, how long it may take, what it answers.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use serde_json::Value;

use crate::transport::Path;
use crate::{Error, FromResponse, Redis, response};

/// An answer under way.
///
/// Nothing is sent before it is polled. Dropping it gives the request up and
/// closes its connection; the command may have been applied all the same.
pub type Answering<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// A command that is ready to be sent, alone or in a [`Batch`](crate::Batch).
pub trait Command: Sized {
    /// What Redis answers to it.
    type Answer: FromResponse + Send + 'static;

    /// The command in its plain form.
    fn into_request(self) -> Request<Self::Answer>;

    /// Sets how long the answer may take, connecting included, instead of the
    /// client's own deadline.
    fn deadline(self, deadline: Duration) -> Request<Self::Answer> {
        let mut request = self.into_request();
        request.deadline = deadline;
        request
    }

    /// Sends the command and reads its answer.
    ///
    /// # Errors
    ///
    /// Any [`Error`] but the `Invalid…` ones of making a client or a command.
    fn send(self) -> Answering<Self::Answer> {
        let request = self.into_request();
        let body = Value::from(request.arguments).to_string();
        let answer = request.redis.execute(Path::Single, body, request.deadline);
        Box::pin(async move { response::one(&answer.await?)?.read() })
    }
}

/// A command and its arguments, answered with a `T`.
#[must_use = "a command does nothing until it is sent"]
pub struct Request<T> {
    redis: Redis,
    pub(crate) arguments: Vec<String>,
    deadline: Duration,
    answer: PhantomData<fn() -> T>,
}

impl<T> Request<T> {
    pub(crate) fn new(redis: &Redis, name: &str, arguments: &[&str]) -> Self {
        let words = std::iter::once(&name).chain(arguments);
        Self {
            redis: redis.clone(),
            arguments: words.map(|&word| word.to_owned()).collect(),
            deadline: redis.deadline(),
            answer: PhantomData,
        }
    }
}

impl<T: FromResponse + Send + 'static> Command for Request<T> {
    type Answer = T;

    fn into_request(self) -> Request<T> {
        self
    }
}

/// Shows the command's name alone: keys and values may be secrets.
impl<T> fmt::Debug for Request<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("command", &self.arguments.first())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// `SET`, with its options. It answers whether the value was written, which is
/// `false` only when [`Set::nx`] was asked for and the key is there.
#[derive(Debug)]
#[must_use = "a command does nothing until it is sent"]
pub struct Set(pub(crate) Request<bool>);

impl Set {
    /// Ends the key after this many seconds, more than 0.
    pub fn ex(self, seconds: u64) -> Self {
        self.option("EX").option(&seconds.to_string())
    }

    /// Ends the key after this many milliseconds, more than 0.
    pub fn px(self, milliseconds: u64) -> Self {
        self.option("PX").option(&milliseconds.to_string())
    }

    /// Ends the key at this time, in milliseconds since 1970 UTC. A time that
    /// is past deletes the key.
    pub fn pxat(self, unix_milliseconds: u64) -> Self {
        self.option("PXAT").option(&unix_milliseconds.to_string())
    }

    /// Writes only where the key is absent.
    pub fn nx(self) -> Self {
        self.option("NX")
    }

    fn option(mut self, word: &str) -> Self {
        self.0.arguments.push(word.to_owned());
        self
    }
}

impl Command for Set {
    type Answer = bool;

    fn into_request(self) -> Request<bool> {
        self.0
    }
}
