//! The endpoint: starting it, its settings, and direct access to its data.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Mutex;

use crate::backend::Backend;
use crate::hold::{Hold, Predicate, WhileHeld};
use crate::listener::Listener;
use crate::log::LogEntry;
use crate::mode::FaultMode;
use crate::reply::{CommandResult, Encoding, Reply};
use crate::state::State;

/// Settings of an [`Endpoint`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on 127.0.0.1. 0 selects a free port.
    pub port: u16,
    /// The token that requests must carry.
    pub token: String,
    /// How many requests [`Endpoint::log`] keeps.
    pub log_capacity: usize,
}

impl Default for Options {
    /// A free port, the token `local`, a log of 1000 requests.
    fn default() -> Self {
        Self {
            port: 0,
            token: "local".to_owned(),
            log_capacity: 1000,
        }
    }
}

/// A running endpoint. It stops when it is dropped.
pub struct Endpoint {
    address: SocketAddr,
    state: Arc<State>,
    listener: Mutex<Listener>,
}

impl Endpoint {
    /// Starts to listen on 127.0.0.1, in tasks of the current tokio runtime.
    ///
    /// # Errors
    ///
    /// Fails when the port is taken.
    pub async fn start(backend: Backend, options: Options) -> io::Result<Self> {
        let state = State::new(backend, &options.token, options.log_capacity);
        let state = Arc::new(state);
        let mut listener = Listener::new(options.port)?;
        listener.open(&state)?;
        Ok(Self {
            address: listener.address,
            state,
            listener: Mutex::new(listener),
        })
    }

    /// Returns the URL for clients, such as `http://127.0.0.1:8079`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the token for clients.
    pub fn token(&self) -> &str {
        self.state.authorization.trim_start_matches("Bearer ")
    }

    /// Changes how the endpoint responds to clients. The new mode applies to requests that
    /// arrive after this function returns. Requests that were accepted in [`FaultMode::Silent`]
    /// never get a response.
    ///
    /// # Errors
    ///
    /// Fails when the port cannot be taken again after [`FaultMode::Unreachable`].
    pub async fn set_mode(&self, mode: FaultMode) -> io::Result<()> {
        self.state.set_mode(mode);
        let mut listener = self.listener.lock().await;
        match mode {
            FaultMode::Unreachable => listener.close().await,
            _ => listener.open(&self.state),
        }
    }

    /// Closes every connection and reopens the port, unless the mode is
    /// [`FaultMode::Unreachable`].
    ///
    /// # Errors
    ///
    /// Fails when the port cannot be taken again.
    pub async fn close_connections(&self) -> io::Result<()> {
        let mut listener = self.listener.lock().await;
        listener.close().await?;
        match self.state.mode() {
            FaultMode::Unreachable => Ok(()),
            _ => listener.open(&self.state),
        }
    }

    /// Holds the next request in which a command matches, without running it.
    /// The predicate gets the command's name and arguments.
    pub fn hold_next(
        &self,
        predicate: impl FnMut(&[String]) -> bool + Send + 'static,
        while_held: WhileHeld,
    ) -> HeldRequests {
        self.hold(Box::new(predicate), while_held, 1)
    }

    /// Holds every request in which a command matches, without running it, until
    /// the requests are released.
    pub fn hold_all(
        &self,
        predicate: impl FnMut(&[String]) -> bool + Send + 'static,
        while_held: WhileHeld,
    ) -> HeldRequests {
        self.hold(Box::new(predicate), while_held, usize::MAX)
    }

    fn hold(&self, predicate: Predicate, while_held: WhileHeld, limit: usize) -> HeldRequests {
        let hold = Arc::new(Hold::new(predicate, while_held, limit));
        self.state.add_hold(&hold);
        HeldRequests {
            state: Arc::clone(&self.state),
            hold,
        }
    }

    /// Returns the last requests, oldest first, up to [`Options::log_capacity`]. A request
    /// is logged before it is run. Requests with a wrong token, path or body are not
    /// logged, and neither are requests in [`FaultMode::Unauthorized`].
    pub fn log(&self) -> Vec<LogEntry> {
        self.state.log().entries()
    }

    /// Returns how many HTTP requests were logged.
    pub fn request_count(&self) -> u64 {
        self.state.log().request_count()
    }

    /// Returns how many commands were logged.
    pub fn command_count(&self) -> u64 {
        self.state.log().command_count()
    }

    /// Returns how often this command was logged.
    pub fn count(&self, name: &str) -> u64 {
        self.state.log().count(name)
    }

    /// Empties the log and sets all counters to 0.
    pub fn clear_log(&self) {
        self.state.log().clear();
    }

    /// Runs a command directly, regardless of mode and holds. It is not logged.
    ///
    /// # Errors
    ///
    /// Fails with the error text of Redis.
    pub async fn command(&self, words: &[&str]) -> Result<Value, String> {
        let reply = self.run(words).await?;
        Ok(reply.to_json(Encoding::Text))
    }

    async fn run(&self, words: &[&str]) -> CommandResult {
        let command = words.iter().map(|&word| word.to_owned()).collect();
        let results = self.state.backend.run(&[command], false, |_| None).await?;
        results.into_iter().next().unwrap_or(Ok(Reply::Nil))
    }

    /// Reads the value of a key directly.
    ///
    /// # Errors
    ///
    /// Fails with the error text of Redis.
    pub async fn get(&self, key: &str) -> Result<Option<String>, String> {
        let value = self.run(&["GET", key]).await?;
        Ok(value.as_text().map(Into::into))
    }

    /// Writes a value directly, without expiry.
    ///
    /// # Errors
    ///
    /// Fails with the error text of Redis.
    pub async fn set(&self, key: &str, value: &str) -> Result<(), String> {
        self.run(&["SET", key, value]).await.map(drop)
    }

    /// Removes a key, as an eviction or a failover would. Returns whether the key
    /// existed.
    ///
    /// # Errors
    ///
    /// Fails with the error text of Redis.
    pub async fn evict(&self, key: &str) -> Result<bool, String> {
        let count = self.run(&["DEL", key]).await?;
        Ok(count == Reply::Integer(1))
    }

    /// Removes every key.
    ///
    /// # Errors
    ///
    /// Fails with the error text of Redis.
    pub async fn flush(&self) -> Result<(), String> {
        self.run(&["FLUSHDB"]).await.map(drop)
    }

    /// Copies all keys, with their values and expiry.
    ///
    /// # Errors
    ///
    /// Fails with the error text of Redis, for example if a value is not a string.
    pub async fn snapshot(&self) -> Result<Snapshot, String> {
        let mut entries = Vec::new();
        let Reply::Array(keys) = self.run(&["KEYS", "*"]).await? else {
            return Err("ERR KEYS did not return an array".to_owned());
        };
        for key in keys.iter().filter_map(Reply::as_text) {
            let expires_at = self.run(&["PEXPIRETIME", &key]).await?.as_integer();
            // A key that has expired since KEYS is left out.
            if let Some(value) = self.get(&key).await? {
                let expires_at = expires_at.filter(|&time| time >= 0);
                entries.push((key.into_owned(), value, expires_at));
            }
        }
        Ok(Snapshot(entries))
    }

    /// Replaces all keys with those of a snapshot. Keys that have expired in the meantime
    /// are not restored.
    ///
    /// # Errors
    ///
    /// Fails with the error text of Redis.
    pub async fn restore(&self, snapshot: &Snapshot) -> Result<(), String> {
        self.flush().await?;
        for (key, value, expires_at) in &snapshot.0 {
            match expires_at.map(|time| time.to_string()) {
                Some(time) => self.run(&["SET", key, value, "PXAT", &time]).await?,
                None => self.run(&["SET", key, value]).await?,
            };
        }
        Ok(())
    }
}

/// A copy of a database. See [`Endpoint::restore`].
#[derive(Clone, Debug)]
pub struct Snapshot(Vec<(String, String, Option<i64>)>);

/// Held requests. If this is dropped without [`HeldRequests::release`], the requests are never
/// run, and the connections of waiting clients are closed.
pub struct HeldRequests {
    state: Arc<State>,
    hold: Arc<Hold>,
}

impl HeldRequests {
    /// Waits until at least one request is held.
    pub async fn wait(&self) {
        self.hold.wait().await;
    }

    /// Returns the commands that are held so far, in the order of arrival.
    pub fn commands(&self) -> Vec<Vec<String>> {
        self.hold.commands()
    }

    /// Runs the held requests in the order of arrival, and responds to the clients that
    /// are still waiting. A request runs even if its client has disconnected.
    pub async fn release(self) {
        self.state.remove_hold(&self.hold);
        for request in self.hold.take() {
            let results = self.state.run(request.kind, &request.commands).await;
            _ = request.response.send(results);
        }
    }
}

impl Drop for HeldRequests {
    fn drop(&mut self) {
        self.state.remove_hold(&self.hold);
    }
}
