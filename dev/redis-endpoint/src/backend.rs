//! Where commands are run: in memory, or by a Redis server.

use std::io;
use std::slice;
use std::sync::{Mutex, PoisonError};

use crate::memory::Memory;
use crate::refused_command::find_refusal;
use crate::reply::CommandResult;
use crate::upstream::Upstream;

/// Where an endpoint keeps its data.
pub struct Backend(Store);

enum Store {
    Memory(Mutex<Memory>),
    Upstream(Box<Upstream>),
}

impl Backend {
    /// Creates an empty database in memory, with string values and the commands
    /// that Sabor uses. Keys expire by the system clock.
    pub fn memory() -> Self {
        Self(Store::Memory(Mutex::default()))
    }

    /// Uses the Redis server at `redis://[user:password@]host[:port][/database]`,
    /// `rediss://…` for TLS, or `unix:///path/to/socket`. Special characters in
    /// user and password are percent-encoded. TLS trusts the system's root
    /// certificates, or those in the file that `SSL_CERT_FILE` names.
    ///
    /// Forwards every command except those that block, or change the state of a
    /// connection, because all requests share the connections. A lost connection is
    /// replaced when the next command arrives.
    ///
    /// # Errors
    ///
    /// Fails when the URL is invalid, or the server does not reply to a PING.
    pub async fn redis(url: &str) -> io::Result<Self> {
        let upstream = Upstream::new(url).map_err(io::Error::other)?;
        let ping = upstream.run(&[vec!["PING".to_owned()]], false).await;
        match ping.and_then(|replies| replies.into_iter().collect::<Result<Vec<_>, _>>()) {
            Ok(_) => Ok(Self(Store::Upstream(Box::new(upstream)))),
            Err(error) => Err(io::Error::other(format!("cannot use Redis: {error}"))),
        }
    }

    /// Runs commands in order and returns the result of each. With `atomic`, no other
    /// command runs between them, and none of them runs if one is unknown, has a wrong
    /// number of arguments, or is refused. `refuse` returns the error text of a command
    /// that must not run.
    pub(crate) async fn run(
        &self,
        commands: &[Vec<String>],
        atomic: bool,
        refuse: impl Fn(&[String]) -> Option<String>,
    ) -> Result<Vec<CommandResult>, String> {
        let refusal = |command: &Vec<String>| find_refusal(command).or_else(|| refuse(command));
        let refusals: Vec<_> = commands.iter().map(refusal).collect();
        if refusals.iter().all(Option::is_none) {
            return self.run_all(commands, atomic).await;
        }
        if atomic {
            let reasons: Vec<_> = refusals.into_iter().flatten().collect();
            return Err(format!(
                "EXECABORT Transaction discarded because of previous errors. ({})",
                reasons.join("; ")
            ));
        }
        let mut results = Vec::new();
        for (command, refusal) in commands.iter().zip(refusals) {
            match refusal {
                Some(text) => results.push(Err(text)),
                None => results.extend(self.run_all(slice::from_ref(command), false).await?),
            }
        }
        Ok(results)
    }

    async fn run_all(
        &self,
        commands: &[Vec<String>],
        atomic: bool,
    ) -> Result<Vec<CommandResult>, String> {
        match &self.0 {
            Store::Memory(memory) => {
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                memory.run(commands, atomic)
            }
            Store::Upstream(upstream) => upstream.run(commands, atomic).await,
        }
    }
}
