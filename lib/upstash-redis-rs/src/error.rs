//! What can go wrong with a request.

use std::time::Duration;

/// Why a request could not be made, or was not answered as it should have been.
///
/// No variant carries the token, a key or a value of the request. The text in
/// [`Error::Command`] is the server's, which may quote the command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL given to [`Redis::new`](crate::Redis::new) is of no use.
    #[error("the Redis URL {0}")]
    InvalidUrl(&'static str),
    /// The token contains what cannot stand in an HTTP header.
    #[error("the Redis token cannot stand in an HTTP header")]
    InvalidToken,
    /// The command was refused before sending.
    #[error("invalid Redis command: {0}")]
    InvalidCommand(&'static str),
    /// No whole answer within this time. The command may have been applied.
    #[error("Redis did not answer within {0:?}")]
    Deadline(Duration),
    /// No connection could be made. Nothing was sent.
    #[error("cannot connect to Redis")]
    Connect(#[source] Source),
    /// The connection failed under way. The command may have been applied.
    #[error("the connection to Redis failed")]
    Transport(#[source] Source),
    /// The server does not accept the token (401).
    #[error("Redis does not accept the token")]
    Unauthorized,
    /// Redis refused the command, with this text, such as `ERR syntax error`.
    #[error("Redis refused the command: {0}")]
    Command(String),
    /// The answer is not what the protocol documents.
    #[error("unexpected answer from Redis: {0}")]
    Protocol(String),
}

/// The cause of a failed connection, as the HTTP client gave it.
type Source = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Deadline(_))
    }

    /// Whether the server was reached and answered this very command with an
    /// error. All else says nothing about the command.
    pub fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    pub(crate) fn protocol(what: &str) -> Self {
        Self::Protocol(what.to_owned())
    }
}
