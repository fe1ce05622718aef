//! Misbehaviour on demand: modes, and commands that are kept for later.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::Endpoint;
use crate::backend::Reply;
use crate::endpoint::Shared;
use crate::protocol::Path;

/// How an endpoint behaves towards its clients. [`Endpoint::command`] and what
/// builds on it are never affected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// As Upstash does.
    #[default]
    Normal,
    /// Not there: connections are dropped and new ones refused.
    Away,
    /// Commands are run at once and answered after this time.
    Slow(Duration),
    /// Whatever writes is refused with `READONLY …`.
    ReadOnly,
    /// Requests are taken, not run, and never answered.
    Silent,
    /// Commands are not run; the answer is a page of HTML, with status 200.
    NotJson,
    /// Commands are run; the connection ends half-way through the answer.
    CutOff,
    /// 401 for every token.
    Unauthorized,
    /// Commands are not run, and each is answered with an error of its own.
    CommandErrors,
}

/// What the client of a held request sees while it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meanwhile {
    /// Nothing: the answer comes with the release.
    Waiting,
    /// An answer as if the commands had been run: `OK` for a SET, 1 else.
    Acknowledged,
    /// The end of its connection.
    CutOff,
}

impl Endpoint {
    /// Changes the behaviour. When this returns, requests that arrive meet the
    /// new one; those that [`Mode::Silent`] has swallowed stay so.
    ///
    /// # Errors
    ///
    /// When the port cannot be taken again after [`Mode::Away`].
    pub async fn set_mode(&self, mode: Mode) -> io::Result<()> {
        self.shared.set_mode(mode);
        let mut door = self.door.lock().await;
        match mode {
            Mode::Away => door.close().await,
            _ => door.open(&self.shared),
        }
    }

    /// Closes every connection and goes on accepting new ones.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::set_mode`].
    pub async fn close_connections(&self) -> io::Result<()> {
        let mut door = self.door.lock().await;
        door.close().await?;
        match self.shared.mode() {
            Mode::Away => Ok(()),
            _ => door.open(&self.shared),
        }
    }

    /// Keeps the next request in which a command matches, without running it.
    /// A command is its name and arguments as the client sent them.
    pub fn hold_next(
        &self,
        predicate: impl FnMut(&[String]) -> bool + Send + 'static,
        meanwhile: Meanwhile,
    ) -> Held {
        self.hold(Box::new(predicate), meanwhile, 1)
    }

    /// Keeps every request in which a command matches, without running it,
    /// until the release.
    pub fn hold_all(
        &self,
        predicate: impl FnMut(&[String]) -> bool + Send + 'static,
        meanwhile: Meanwhile,
    ) -> Held {
        self.hold(Box::new(predicate), meanwhile, usize::MAX)
    }

    fn hold(&self, predicate: Predicate, meanwhile: Meanwhile, limit: usize) -> Held {
        let hold = Arc::new(Hold {
            predicate: Mutex::new(predicate),
            meanwhile,
            limit,
            caught: watch::Sender::default(),
        });
        self.shared.holds().push(Arc::clone(&hold));
        Held {
            shared: Arc::clone(&self.shared),
            hold,
        }
    }
}

type Predicate = Box<dyn FnMut(&[String]) -> bool + Send>;

/// Requests that are kept. Dropping this without [`Held::release`] loses them:
/// they are never run, and a client that still waits sees its connection end.
pub struct Held {
    shared: Arc<Shared>,
    hold: Arc<Hold>,
}

impl Held {
    /// Waits until at least one request is held.
    pub async fn wait(&self) {
        let mut caught = self.hold.caught.subscribe();
        // Its sender is in `self` and outlives this.
        _ = caught.wait_for(|caught| !caught.is_empty()).await;
    }

    /// The commands held so far, in the order of their arrival.
    pub fn commands(&self) -> Vec<Vec<String>> {
        let caught = self.hold.caught.borrow();
        caught
            .iter()
            .flat_map(|request| request.commands.clone())
            .collect()
    }

    /// Runs what is held, in the order of its arrival, and answers the clients
    /// that still wait. Whether they do makes no difference to the running.
    pub async fn release(self) {
        self.shared.forget(&self.hold);
        for request in self.hold.caught.send_replace(Vec::new()) {
            let replies = self.shared.run(request.path, &request.commands).await;
            _ = request.answer.send(replies);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.forget(&self.hold);
    }
}

pub(crate) struct Hold {
    predicate: Mutex<Predicate>,
    meanwhile: Meanwhile,
    limit: usize,
    caught: watch::Sender<Vec<Caught>>,
}

struct Caught {
    path: Path,
    commands: Vec<Vec<String>>,
    answer: oneshot::Sender<Answered>,
}

/// The replies to a request, or the error that refuses it as a whole.
type Answered = Result<Vec<Reply>, String>;

/// What the client of a held request is to get.
pub(crate) enum Fate {
    Later(oneshot::Receiver<Answered>),
    Now(Vec<Reply>),
    CutOff,
}

impl Hold {
    fn catch(&self, path: Path, commands: &[Vec<String>]) -> Option<Fate> {
        let mut predicate = lock(&self.predicate);
        if self.caught.borrow().len() >= self.limit
            || !commands.iter().any(|command| predicate(command))
        {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        let caught = Caught {
            path,
            commands: commands.to_vec(),
            answer,
        };
        self.caught.send_modify(|all| all.push(caught));
        Some(match self.meanwhile {
            Meanwhile::Waiting => Fate::Later(answered),
            Meanwhile::Acknowledged => Fate::Now(
                commands
                    .iter()
                    .map(|command| acknowledge(command))
                    .collect(),
            ),
            Meanwhile::CutOff => Fate::CutOff,
        })
    }
}

impl Shared {
    pub(crate) fn catch(&self, path: Path, commands: &[Vec<String>]) -> Option<Fate> {
        self.holds()
            .iter()
            .find_map(|hold| hold.catch(path, commands))
    }

    fn forget(&self, gone: &Arc<Hold>) {
        self.holds().retain(|hold| !Arc::ptr_eq(hold, gone));
    }
}

/// The mode's error for this command, if it has one.
pub(crate) fn refusal(mode: Mode, command: &[String]) -> Option<String> {
    let name = command.first().map_or("", String::as_str);
    match mode {
        Mode::CommandErrors => Some("ERR refused by the endpoint's mode".to_owned()),
        Mode::ReadOnly if writes(name) => {
            Some("READONLY You can't write against a read only replica.".to_owned())
        }
        _ => None,
    }
}

fn writes(name: &str) -> bool {
    const READS: [&str; 13] = [
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
    !READS.iter().any(|read| name.eq_ignore_ascii_case(read))
}

fn acknowledge(command: &[String]) -> Reply {
    let set = command
        .first()
        .is_some_and(|name| name.eq_ignore_ascii_case("SET"));
    Ok(if set { "OK".into() } else { 1.into() })
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
