//! Single commands.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use crate::{Error, FromReply, Redis};

/// A future that sends a request and resolves to its reply.
///
/// Nothing is sent before the future is polled. After the future is dropped, a command that was not
/// sent yet is not sent. One that was sent may have been applied.
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
        let (redis, timeout) = (request.redis.clone(), request.timeout);
        let reply = redis.send(request.into_json(), timeout);
        Box::pin(async move { reply.await?.read() })
    }
}

/// A command with its arguments. Its reply is a `T`.
#[must_use = "a command does nothing until it is sent"]
pub struct Request<T> {
    redis: Redis,
    /// The command and its arguments as a JSON array without its last bracket, so that
    /// arguments can be added.
    json: String,
    timeout: Duration,
    reply: PhantomData<fn() -> T>,
}

impl<T> Request<T> {
    pub(crate) fn new(redis: &Redis, name: &str, arguments: &[&str]) -> Self {
        let lengths = arguments.iter().map(|argument| argument.len() + 3);
        let mut json = String::with_capacity(name.len() + 4 + lengths.sum::<usize>());
        json.push('[');
        push_json(&mut json, name);
        let mut request = Self {
            redis: redis.clone(),
            json,
            timeout: redis.timeout(),
            reply: PhantomData,
        };
        for argument in arguments {
            request.push(argument);
        }
        request
    }

    fn push(&mut self, argument: &str) {
        self.json.push(',');
        push_json(&mut self.json, argument);
    }

    /// Returns the command as a JSON array.
    pub(crate) fn into_json(mut self) -> String {
        self.json.push(']');
        self.json
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
            .field("command", &self.json.split('"').nth(1))
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
        self.0.push(word);
        self
    }
}

impl Command for Set {
    type Output = bool;

    fn into_request(self) -> Request<bool> {
        self.0
    }
}

/// Appends a JSON string.
fn push_json(json: &mut String, text: &str) {
    json.push('"');
    let mut rest = text;
    while let Some(position) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
        let (plain, special) = rest.split_at(position);
        json.push_str(plain);
        let code = special.as_bytes()[0];
        json.push_str(&format!("\\u{code:04x}"));
        rest = &special[1..];
    }
    json.push_str(rest);
    json.push('"');
}

#[cfg(test)]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_words_are_read_back_from_the_json_of_a_command(
            words in vec(prop_oneof![any::<String>(), "[\\x00-\\x22\\\\a]{0,9}"], 1..5),
            option in any::<String>(),
        ) {
            let redis = Redis::new("http://localhost", "token").unwrap();
            let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
            let mut request: Request<()> = Request::new(&redis, &words[0], &arguments);
            request.push(&option);
            let read: Vec<String> = serde_json::from_str(&request.into_json()).unwrap();
            assert_eq!(read, [words, vec![option]].concat());
        }
    }
}
