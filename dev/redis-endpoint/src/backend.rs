//! Where commands are run: in memory, or by a real Redis.

use std::io;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::memory::Memory;
use crate::real::Real;

/// A command's result, or Redis' error text.
pub(crate) type Reply = Result<Value, String>;

/// Where an endpoint keeps its data.
pub struct Backend(Store);

enum Store {
    Memory(Mutex<Memory>),
    Real(Real),
}

impl Backend {
    /// A database in memory, empty, with string values and the commands that
    /// Sabor uses. Ends are honoured by wall clock.
    pub fn memory() -> Self {
        Self(Store::Memory(Mutex::default()))
    }

    /// A real Redis, at `redis://[:password@]host[:port][/database]` or
    /// `unix:///path/to/socket`, without percent-encoding. Every command is passed on, except those that
    /// would change the connection itself. A lost connection is made again
    /// with the next command.
    ///
    /// # Errors
    ///
    /// When the URL is of no use, or nothing there answers a PING.
    pub async fn real(url: &str) -> io::Result<Self> {
        let real = Real::connect(url)?;
        match real.run(&[vec!["PING".to_owned()]], false).await {
            Ok(replies) if matches!(replies[..], [Ok(_)]) => Ok(Self(Store::Real(real))),
            other => Err(io::Error::other(format!("no Redis to use: {other:?}"))),
        }
    }

    /// Runs commands in order and gives the reply of each. `atomic` lets no
    /// other command between them, and runs none when one is refused
    /// beforehand, which is then the error.
    pub(crate) async fn run(
        &self,
        commands: &[Vec<String>],
        atomic: bool,
    ) -> Result<Vec<Reply>, String> {
        match &self.0 {
            Store::Memory(memory) => {
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                memory.run(commands, atomic)
            }
            Store::Real(real) => real.run(commands, atomic).await,
        }
    }
}
