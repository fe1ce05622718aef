//! The errors of this crate.

use std::sync::Arc;
use std::time::Duration;

/// Why a client or a command could not be created, or why a request failed.
///
/// No variant contains the token, a key or a value of the request. The exception is
/// [`Error::Command`], whose text comes from the server and may quote the command. The
/// `Display` of that variant leaves the quotation out.
#[derive(Clone, Debug, thiserror::Error)]
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
    #[error("the connection to Redis broke during the request")]
    Transport(#[source] Source),
    /// The server rejected the token (401).
    #[error("Redis does not accept the token")]
    Unauthorized,
    /// Redis rejected the command with this text, such as `ERR syntax error`.
    #[error("Redis rejected the command: {}", without_command(.0))]
    Command(String),
    /// The response does not follow the protocol.
    #[error("unexpected response from Redis: {0}")]
    Protocol(String),
}

/// The cause of a failed connection, as the HTTP client reports it. Commands that left in one
/// request share it.
type Source = Arc<dyn std::error::Error + Send + Sync>;

impl Error {
    /// Returns whether the timeout expired.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// Returns whether Redis rejected the command with an error.
    pub fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    /// Returns the kind of the error with which Redis rejected the command: the first word
    /// of its text if it is in capitals, such as `READONLY`, `OOM` or `NOPERM`, otherwise
    /// `ERR`. Returns `None` if Redis did not reject the command.
    pub fn command_kind(&self) -> Option<&str> {
        let Self::Command(text) = self else {
            return None;
        };
        let word = text.split(' ').next().unwrap_or_default();
        let is_kind =
            (2..=20).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_uppercase());
        Some(if is_kind { word } else { "ERR" })
    }

    /// Returns whether both errors are the same broken connection. The commands that leave in
    /// one request fail with it together.
    pub fn is_same_failure(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Connect(cause), Self::Connect(other))
            | (Self::Transport(cause), Self::Transport(other)) => Arc::ptr_eq(cause, other),
            _ => false,
        }
    }

    pub(crate) fn protocol(what: &str) -> Self {
        Self::Protocol(what.to_owned())
    }
}

/// Returns the text of an error without the command that Redis and Upstash may append.
fn without_command(text: &str) -> &str {
    let quotations = [", command was", ", with args"];
    let ends = quotations.iter().filter_map(|start| text.find(start));
    &text[..ends.min().unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_rejection_is_its_first_word_in_capitals() {
        for (text, kind) in [
            (
                "READONLY You can't write against a read only replica.",
                "READONLY",
            ),
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                "OOM",
            ),
            ("ERR syntax error", "ERR"),
            ("max daily request limit exceeded", "ERR"),
            ("", "ERR"),
        ] {
            assert_eq!(Error::Command(text.to_owned()).command_kind(), Some(kind));
        }
        assert_eq!(Error::Unauthorized.command_kind(), None);
    }

    #[test]
    fn the_message_leaves_out_the_command_that_the_server_quotes() {
        for text in [
            "NOPERM this user has no permissions to run the 'set' command, command was: \
                [\"SET\",\"session:secret\"]",
            "ERR unknown command 'foo', with args beginning with: 'secret'",
        ] {
            let shown = Error::Command(text.to_owned()).to_string();
            assert!(
                shown.ends_with('\'') || shown.ends_with("command"),
                "{shown}"
            );
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
