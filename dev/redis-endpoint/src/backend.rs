//! Where commands are run: in memory, or by a Redis server.

use std::io;
use std::sync::{Mutex, PoisonError};

use crate::memory::Memory;
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
    /// Forwards every command except those that change the state of the shared
    /// connection. A lost connection is replaced when the next command arrives.
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

    /// Runs commands in order and returns the result of each. With `atomic`, no
    /// other command runs between them. If one of them is invalid, none runs, and the
    /// error says why.
    pub(crate) async fn run(
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
