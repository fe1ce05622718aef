//! Several commands in one request.

use std::fmt;
use std::time::Duration;

use crate::transport::RequestKind;
use crate::{Command, Error, Redis, Reply, ReplyFuture, reply};

/// Commands that are sent in one request, as a pipeline or as a transaction.
#[must_use = "commands do nothing until they are sent"]
pub struct Pipeline {
    redis: Redis,
    kind: RequestKind,
    /// Each command as a JSON array.
    commands: Vec<String>,
    timeout: Duration,
}

impl Pipeline {
    pub(crate) fn new(redis: &Redis, kind: RequestKind) -> Self {
        Self {
            redis: redis.clone(),
            kind,
            commands: Vec::new(),
            timeout: redis.timeout(),
        }
    }

    /// Appends a command. A timeout of the command itself has no effect.
    pub fn push(mut self, command: impl Command) -> Self {
        self.commands.push(command.into_request().into_json());
        self
    }

    /// Sets how long the request may take, including connecting.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends the commands and returns the result of each, in order. A command can
    /// fail with [`Error::Command`] while others succeed.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when the pipeline is empty. [`Error::Command`] when
    /// Redis refused all commands. The errors of [`Command::send`].
    pub fn exec(self) -> ReplyFuture<Vec<Result<Reply, Error>>> {
        let expected = self.commands.len();
        let body = format!("[{}]", self.commands.join(","));
        let response = self.redis.execute(self.kind, body, self.timeout);
        Box::pin(async move {
            if expected == 0 {
                return Err(Error::InvalidCommand("the pipeline is empty"));
            }
            reply::parse_many(&response.await?, expected)
        })
    }
}

/// Shows only the number of commands, because keys and values may be secrets.
impl fmt::Debug for Pipeline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pipeline")
            .field("commands", &self.commands.len())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
