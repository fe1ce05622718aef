//! Several commands in one request.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::transport::Path;
use crate::{Answering, Command, Error, ReResponse, Redis, response};

/// Commands sent in one request: a pipeline or a transaction.
#[must_use = "commands do nothing until they are sent"]
pub struct Batch {
    redis: Redis,
    path: Path,
    commands: Vec<Vec<String>>,
    deadline: Duration,
}

impl Batch {
    pub(crate) fn new(redis: &Redis, path: Path) -> Self {
        Self {
            redis: redis.clone(),
            path,
            commands: Vec::new(),
            deadline: redis.deadline(),
        }
    }

    /// Adds a command at the end. A deadline of its own has no effect here.
    pub fn push(mut self, command: impl Command) -> Self {
        self.commands.push(command.into_request().arguments);
        self
    }

    /// Sets how long the whole answer may take, connecting included.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sends the commands. Each has an answer of its own, in order, which is to
    /// be looked at: one may be an [`Error::Command`] where others are not.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCommand`] when there is no command, [`Error::Command`]
    /// when Redis refused the whole; else as [`Command::send`].
    pub fn send(self) -> Answering<Vec<Result<ReResponse, Error>>> {
        let expected = self.commands.len();
        let body = Value::from(self.commands).to_string();
        let answer = self.redis.execute(self.path, body, self.deadline);
        Box::pin(async move {
            if expected == 0 {
                return Err(Error::InvalidCommand("there is no command to send"));
            }
            response::many(&answer.await?, expected)
        })
    }
}

/// Shows how many commands there are: keys and values may be secrets.
impl fmt::Debug for Batch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Batch")
            .field("commands", &self.commands.len())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
