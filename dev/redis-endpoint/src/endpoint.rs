//! The endpoint: its port, its data, and direct access to them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::backend::{Backend, Reply};
use crate::faults::{Hold, Mode, lock, refusal};
use crate::http;
use crate::log::Log;
use crate::protocol::Path;

/// How long another process may take from its fork to its program.
const FORKED_WITHIN: Duration = Duration::from_secs(5);

/// Settings of an [`Endpoint`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The token that requests must carry.
    pub token: String,
    /// How many requests [`Endpoint::log`] keeps.
    pub log: usize,
}

impl Default for Options {
    /// A free port, the token `local`, a log of 1000 requests.
    fn default() -> Self {
        Self {
            port: 0,
            token: "local".to_owned(),
            log: 1000,
        }
    }
}

/// A running endpoint. It ends when this is dropped.
pub struct Endpoint {
    address: SocketAddr,
    pub(crate) shared: Arc<Shared>,
    pub(crate) door: tokio::sync::Mutex<Door>,
}

impl Endpoint {
    /// Starts to listen on 127.0.0.1, on tasks of the current tokio runtime.
    ///
    /// # Errors
    ///
    /// When the port is taken.
    pub async fn start(backend: Backend, options: Options) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            backend,
            authorization: format!("Bearer {}", options.token),
            mode: Mutex::default(),
            holds: Mutex::default(),
            log: Mutex::new(Log::new(options.log)),
            connections: AtomicU64::new(0),
        });
        let mut door = Door::new(options.port)?;
        door.open(&shared)?;
        Ok(Self {
            address: door.address,
            shared,
            door: tokio::sync::Mutex::new(door),
        })
    }

    /// The address to give to a client, such as `http://127.0.0.1:8079`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The token to give to a client.
    pub fn token(&self) -> &str {
        self.shared.authorization.trim_start_matches("Bearer ")
    }

    /// Runs a command directly: no mode, hold or log has a part in it.
    ///
    /// # Errors
    ///
    /// Redis' error text.
    pub async fn command(&self, words: &[&str]) -> Result<Value, String> {
        let command = words.iter().map(|&word| word.to_owned()).collect();
        let replies = self.shared.backend.run(&[command], false).await?;
        replies.into_iter().next().unwrap_or(Ok(Value::Null))
    }

    /// The value of a key, read directly.
    ///
    /// # Errors
    ///
    /// Redis' error text, as for all that follow.
    pub async fn get(&self, key: &str) -> Result<Option<String>, String> {
        let value = self.command(&["GET", key]).await?;
        Ok(value.as_str().map(str::to_owned))
    }

    /// Writes a value directly, without an end.
    ///
    /// # Errors
    ///
    /// Redis' error text.
    pub async fn set(&self, key: &str, value: &str) -> Result<(), String> {
        self.command(&["SET", key, value]).await.map(drop)
    }

    /// Loses a key, as an eviction or a failover would; says whether it was there.
    ///
    /// # Errors
    ///
    /// Redis' error text.
    pub async fn lose(&self, key: &str) -> Result<bool, String> {
        self.command(&["DEL", key]).await.map(|count| count == 1)
    }

    /// Loses everything.
    ///
    /// # Errors
    ///
    /// Redis' error text.
    pub async fn flush(&self) -> Result<(), String> {
        self.command(&["FLUSHDB"]).await.map(drop)
    }

    /// The strings there are, with their ends.
    ///
    /// # Errors
    ///
    /// Redis' error text; a key that holds no string is one.
    pub async fn snapshot(&self) -> Result<Snapshot, String> {
        let mut entries = Vec::new();
        let keys = self.command(&["KEYS", "*"]).await?;
        for key in keys
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            let ends = self.command(&["PEXPIRETIME", key]).await?.as_i64();
            // One that ended in between is left out.
            if let Some(value) = self.get(key).await? {
                entries.push((key.to_owned(), value, ends.filter(|&ends| ends >= 0)));
            }
        }
        Ok(Snapshot(entries))
    }

    /// Puts the database back to a snapshot. What has ended since stays ended.
    ///
    /// # Errors
    ///
    /// Redis' error text.
    pub async fn restore(&self, snapshot: &Snapshot) -> Result<(), String> {
        self.flush().await?;
        for (key, value, ends) in &snapshot.0 {
            match ends {
                Some(ends) => {
                    self.command(&["SET", key, value, "PXAT", &ends.to_string()])
                        .await?
                }
                None => self.command(&["SET", key, value]).await?,
            };
        }
        Ok(())
    }
}

/// A database as it once was; see [`Endpoint::restore`].
#[derive(Clone, Debug)]
pub struct Snapshot(Vec<(String, String, Option<i64>)>);

/// What the endpoint's connections have in common.
pub(crate) struct Shared {
    backend: Backend,
    pub(crate) authorization: String,
    mode: Mutex<Mode>,
    holds: Mutex<Vec<Arc<Hold>>>,
    log: Mutex<Log>,
    pub(crate) connections: AtomicU64,
}

impl Shared {
    pub(crate) fn mode(&self) -> Mode {
        *lock(&self.mode)
    }

    pub(crate) fn set_mode(&self, mode: Mode) {
        *lock(&self.mode) = mode;
    }

    pub(crate) fn holds(&self) -> MutexGuard<'_, Vec<Arc<Hold>>> {
        lock(&self.holds)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    /// Runs the commands of a request as the mode lets it; the error refuses
    /// the request as a whole.
    pub(crate) async fn run(
        &self,
        path: Path,
        commands: &[Vec<String>],
    ) -> Result<Vec<Reply>, String> {
        let mode = self.mode();
        let refusals: Vec<_> = commands
            .iter()
            .map(|command| refusal(mode, command))
            .collect();
        let atomic = path == Path::MultiExec;
        if refusals.iter().all(Option::is_none) {
            return self.backend.run(commands, atomic).await;
        }
        if atomic {
            return Err("EXECABORT Transaction discarded because of previous errors.".to_owned());
        }
        let mut replies = Vec::new();
        for (command, refusal) in commands.iter().zip(refusals) {
            match refusal {
                Some(text) => replies.push(Err(text)),
                None => replies.extend(
                    self.backend
                        .run(std::slice::from_ref(command), false)
                        .await?,
                ),
            }
        }
        Ok(replies)
    }
}

/// The port. It stays ours while the endpoint is away: a socket that is bound
/// and does not listen refuses connections.
pub(crate) struct Door {
    address: SocketAddr,
    bound: Option<TcpSocket>,
    server: Option<Server>,
}

struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Door {
    fn new(port: u16) -> io::Result<Self> {
        let bound = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        Ok(Self {
            address: bound.local_addr()?,
            bound: Some(bound),
            server: None,
        })
    }

    pub(crate) fn open(&mut self, shared: &Arc<Shared>) -> io::Result<()> {
        if self.server.is_some() {
            return Ok(());
        }
        let socket = match self.bound.take() {
            Some(socket) => socket,
            None => bind(self.address)?,
        };
        let listener = socket.listen(1024)?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(http::serve(listener, Arc::clone(shared), stopped));
        self.server = Some(Server { stop, task });
        Ok(())
    }

    pub(crate) async fn close(&mut self) -> io::Result<()> {
        if let Some(Server { stop, task }) = self.server.take() {
            drop(stop);
            _ = task.await;
            self.bound = Some(bind_again(self.address).await?);
        }
        Ok(())
    }
}

/// A process that is being started just now holds a copy of whatever listened,
/// until it executes its program.
async fn bind_again(address: SocketAddr) -> io::Result<TcpSocket> {
    let started = Instant::now();
    loop {
        match bind(address) {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && started.elapsed() < FORKED_WITHIN =>
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            outcome => return outcome,
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections that have just ended must not keep the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
