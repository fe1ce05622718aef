//! Requests that are held back, and run only when they are released.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{oneshot, watch};

use crate::protocol::RequestKind;
use crate::reply::CommandResult;

/// What a client gets while its request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhileHeld {
    /// No response until the request is released.
    Wait,
    /// A response as if the commands had been run: `OK` for a SET, otherwise 1.
    Acknowledge,
    /// A closed connection.
    Disconnect,
}

pub(crate) type Predicate = Box<dyn FnMut(&[String]) -> bool + Send>;

/// Holds the requests in which a command matches the predicate, up to a limit.
pub(crate) struct Hold {
    predicate: Mutex<Predicate>,
    while_held: WhileHeld,
    limit: usize,
    requests: watch::Sender<Vec<HeldRequest>>,
}

pub(crate) struct HeldRequest {
    pub(crate) kind: RequestKind,
    pub(crate) commands: Vec<Vec<String>>,
    pub(crate) response: oneshot::Sender<Results>,
}

/// The results of a request's commands, or the error of the whole request.
pub(crate) type Results = Result<Vec<CommandResult>, String>;

/// The response to a client whose request is held.
pub(crate) enum HeldResponse {
    Later(oneshot::Receiver<Results>),
    Now(Vec<CommandResult>),
    Disconnect,
}

impl Hold {
    pub(crate) fn new(predicate: Predicate, while_held: WhileHeld, limit: usize) -> Self {
        Self {
            predicate: Mutex::new(predicate),
            while_held,
            limit,
            requests: watch::Sender::default(),
        }
    }

    /// Holds the request if it matches and the limit is not reached. Otherwise returns `None`.
    pub(crate) fn try_hold(
        &self,
        kind: RequestKind,
        commands: &[Vec<String>],
    ) -> Option<HeldResponse> {
        let mut matches = self
            .predicate
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.requests.borrow().len() >= self.limit
            || !commands.iter().any(|command| matches(command))
        {
            return None;
        }
        let (response, receiver) = oneshot::channel();
        let request = HeldRequest {
            kind,
            commands: commands.to_vec(),
            response,
        };
        self.requests.send_modify(|requests| requests.push(request));
        Some(match self.while_held {
            WhileHeld::Wait => HeldResponse::Later(receiver),
            WhileHeld::Acknowledge => {
                let replies = commands.iter().map(|command| acknowledgement(command));
                HeldResponse::Now(replies.collect())
            }
            WhileHeld::Disconnect => HeldResponse::Disconnect,
        })
    }

    /// Waits until at least one request is held.
    pub(crate) async fn wait(&self) {
        let mut requests = self.requests.subscribe();
        // The channel cannot close, because `self` holds its sender.
        _ = requests.wait_for(|requests| !requests.is_empty()).await;
    }

    pub(crate) fn commands(&self) -> Vec<Vec<String>> {
        let requests = self.requests.borrow();
        let commands = requests.iter().map(|request| request.commands.clone());
        commands.flatten().collect()
    }

    pub(crate) fn take(&self) -> Vec<HeldRequest> {
        self.requests.send_replace(Vec::new())
    }
}

fn acknowledgement(command: &[String]) -> CommandResult {
    let is_set = command
        .first()
        .is_some_and(|name| name.eq_ignore_ascii_case("SET"));
    Ok(if is_set { "OK".into() } else { 1.into() })
}
