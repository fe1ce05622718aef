//! Faults that an endpoint can simulate.

use std::time::Duration;

/// How an endpoint responds to its clients. Direct calls, such as
/// [`Endpoint::command`](crate::Endpoint::command), are not affected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FaultMode {
    /// Responds as Upstash does.
    #[default]
    Normal,
    /// Drops all connections and refuses new ones.
    Unreachable,
    /// Runs commands immediately and responds after this time.
    Slow(Duration),
    /// Refuses commands that write, with `READONLY …`, as a replica does.
    ReadOnly,
    /// Refuses commands that write, with `NOPERM …`, as for a read-only token.
    ReadOnlyToken,
    /// Accepts requests, does not run them, and never responds.
    Silent,
    /// Does not run commands. Responds with an HTML page and status 200.
    NotJson,
    /// Runs commands and closes the connection halfway through the response.
    CutOff,
    /// Responds with 401 to every token.
    Unauthorized,
    /// Does not run commands. Responds with an error for each command.
    CommandErrors,
}

impl FaultMode {
    /// Returns the error that the command fails with, if any.
    pub(crate) fn refusal(self, command: &[String]) -> Option<String> {
        let name = command.first().map_or("", String::as_str);
        match self {
            Self::CommandErrors => Some("ERR refused by the endpoint's mode".to_owned()),
            Self::ReadOnly if writes(name) => {
                Some("READONLY You can't write against a read only replica.".to_owned())
            }
            Self::ReadOnlyToken if writes(name) => Some(format!(
                "NOPERM this user has no permissions to run the '{}' command",
                name.to_ascii_lowercase()
            )),
            _ => None,
        }
    }
}

fn writes(name: &str) -> bool {
    const READ_COMMANDS: [&str; 13] = [
        "DBSIZE",
        "ECHO",
        "EXISTS",
        "GET",
        "KEYS",
        "MGET",
        "PEXPIRETIME",
        "PING",
        "PTTL",
        "SCAN",
        "TIME",
        "TTL",
        "TYPE",
    ];
    !READ_COMMANDS
        .iter()
        .any(|read| name.eq_ignore_ascii_case(read))
}
