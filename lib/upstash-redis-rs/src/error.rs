//! The errors of this crate.

use std::time::Duration;

/// Why a client or a command could not be created, or why a request failed.
///
/// No variant contains the token, a key or a value of the request. The exception is
/// [`Error::Command`], whose text comes from the server and may quote the command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL given to [`Redis::new`](crate::Redis::new) is invalid.
    #[error("the Redis URL {0}")]
    InvalidUrl(&'static str),
    /// The token contains characters that an HTTP header cannot have.
    #[error("the Redis token contains characters that an HTTP header cannot have")]
    InvalidToken,
    /// The command is invalid. It was not sent.
    #[error("invalid Redis command: {0}")]
    InvalidCommand(&'static str),
    /// Redis did not respond within this time. The command may have been applied.
    #[error("Redis did not respond within {0:?}")]
    Timeout(Duration),
    /// The connection could not be established. The command was not sent.
    #[error("cannot connect to Redis")]
    Connect(#[source] Source),
    /// The connection failed during the request. The command may have been applied.
    #[error("the connection to Redis failed")]
    Transport(#[source] Source),
    /// The server rejected the token (401).
    #[error("Redis does not accept the token")]
    Unauthorized,
    /// Redis rejected the command with this text, such as `ERR syntax error`.
    #[error("Redis rejected the command: {0}")]
    Command(String),
    /// The response does not follow the protocol.
    #[error("unexpected response from Redis: {0}")]
    Protocol(String),
}

/// The cause of a failed connection, as the HTTP client reports it.
type Source = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    /// Returns whether the timeout expired.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// Returns whether Redis rejected the command with an error.
    pub fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    pub(crate) fn protocol(what: &str) -> Self {
        Self::Protocol(what.to_owned())
    }
}
