//! Batches: the commands of one turn of the runtime leave in one request.
//!
//! The first command of a turn spawns a task, which runs after the tasks that are ready
//! already. The commands that these tasks send until then are in the same batch. No command
//! waits for others, and none waits for the response to another request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::error::SendError;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use crate::transport::{RequestKind, Transport};
use crate::{Error, Reply, ReplyFuture, reply};

/// The maximum number of commands in a batch.
const MAX_COMMANDS: usize = 64;

/// The maximum size of the body of a batch, in bytes. A longer command leaves alone.
const MAX_BATCH_BYTES: usize = 256 * 1024;

/// The way into the current turn. Sending fails if the turn is over or its runtime has ended. The
/// command then starts a new turn.
pub(crate) struct Turn(Mutex<UnboundedSender<Waiting>>);

impl Turn {
    /// Returns a turn that is over.
    pub(crate) fn ended() -> Self {
        let (sender, _) = mpsc::unbounded_channel();
        Self(Mutex::new(sender))
    }
}

/// A command whose caller waits for the reply.
struct Waiting {
    /// The command as a JSON array.
    command: String,
    caller: ReplySender,
}

/// Passes the reply to the caller of a command. Closed when the caller has given up.
type ReplySender = oneshot::Sender<Result<Reply, Error>>;

#[derive(Default)]
struct Batch {
    commands: Vec<String>,
    callers: Vec<ReplySender>,
    body_bytes: usize,
}

impl Transport {
    /// Sends a command, a JSON array, together with the others of this turn. Returns its
    /// reply.
    ///
    /// If the timeout expires or the future is dropped, only this command ends. The request ends
    /// when no caller waits for it any more.
    pub(crate) fn send(self: Arc<Self>, command: String, timeout: Duration) -> ReplyFuture<Reply> {
        Box::pin(async move {
            let reply = tokio::time::timeout(timeout, self.join_turn(command)).await;
            let reply = reply.map_err(|_| Error::Timeout(timeout))?;
            reply.map_err(|error| Error::Transport(Arc::new(error)))?
        })
    }

    /// Adds a command to the current turn, or starts a turn.
    fn join_turn(self: &Arc<Self>, command: String) -> oneshot::Receiver<Result<Reply, Error>> {
        let (caller, reply) = oneshot::channel();
        let Turn(turn) = self.turn();
        let mut turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(SendError(first)) = turn.send(Waiting { command, caller }) {
            let (sender, commands) = mpsc::unbounded_channel();
            // This cannot fail, because the receiver is open.
            _ = sender.send(first);
            *turn = sender;
            tokio::spawn(Arc::clone(self).send_turn(commands));
        }
        reply
    }

    /// Closes a turn and sends its commands, in batches if there are many.
    async fn send_turn(self: Arc<Self>, mut commands: UnboundedReceiver<Waiting>) {
        // The next command starts another turn.
        commands.close();
        let mut batch = Batch::default();
        while let Some(waiting) = commands.recv().await {
            if waiting.caller.is_closed() {
                continue;
            }
            if !batch.has_room_for(&waiting.command) {
                let full = std::mem::take(&mut batch);
                tokio::spawn(Arc::clone(&self).exchange_batch(full));
            }
            batch.push(waiting);
        }
        drop(commands);
        self.exchange_batch(batch).await;
    }

    /// Sends a batch, and passes each caller its result.
    async fn exchange_batch(self: Arc<Self>, batch: Batch) {
        let Batch {
            mut commands,
            mut callers,
            ..
        } = batch;
        let (kind, body) = match commands.as_mut_slice() {
            [] => return,
            [command] => (RequestKind::Single, std::mem::take(command)),
            _ => (RequestKind::Pipeline, format!("[{}]", commands.join(","))),
        };
        let count = callers.len();
        let response = tokio::select! {
            response = self.exchange(kind, body, count) => response,
            // Dropping the exchange closes its connection.
            () = all_have_given_up(&mut callers) => return,
        };
        let results = response.and_then(|body| match kind {
            RequestKind::Single => Ok(vec![reply::parse(&body)]),
            _ => reply::parse_many(&body, count),
        });
        match results {
            Ok(results) => {
                for (caller, result) in callers.into_iter().zip(results) {
                    // The caller may have given up.
                    _ = caller.send(result);
                }
            }
            Err(error) => {
                for caller in callers {
                    _ = caller.send(Err(error.clone()));
                }
            }
        }
    }
}

impl Batch {
    /// Returns whether a command can be added. An empty batch takes any command.
    fn has_room_for(&self, command: &str) -> bool {
        // The brackets, and a comma for each command before this one.
        let body_bytes = self.body_bytes + self.commands.len() + command.len() + 2;
        self.commands.is_empty()
            || (self.commands.len() < MAX_COMMANDS && body_bytes <= MAX_BATCH_BYTES)
    }

    fn push(&mut self, waiting: Waiting) {
        self.body_bytes += waiting.command.len();
        self.commands.push(waiting.command);
        self.callers.push(waiting.caller);
    }
}

/// Waits until no caller waits for its reply any more.
async fn all_have_given_up(callers: &mut [ReplySender]) {
    for caller in callers {
        caller.closed().await;
    }
}
