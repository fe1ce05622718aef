//! A TCP proxy to Postgres that breaks connections on request.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A proxy between an application and its database. It stops when the runtime
/// that started it stops.
#[derive(Debug)]
pub struct FaultyProxy {
    url: String,
    faults: Arc<Faults>,
}

/// How the proxy treats connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyMode {
    /// Accepts and forwards all connections.
    #[default]
    Forward,
    /// Accepts connections, but forwards no data. Connections that were open when this
    /// mode was set stay stalled in all later modes, because bytes were lost.
    Stall,
    /// Closes open and new connections immediately.
    Disconnect,
    /// Closes open connections, and forwards new ones after this time, like a
    /// database that has to wake up.
    Delay(Duration),
}

#[derive(Debug, Default)]
struct Faults {
    next_disconnection: Mutex<Option<Disconnection>>,
    mode: Mutex<ProxyMode>,
    /// Signals open connections to stall or to close.
    fault_signal: watch::Sender<ProxyMode>,
}

/// The message at which a connection is closed.
#[derive(Clone, Copy, Debug)]
struct Disconnection {
    /// A string that the application's message contains.
    text: &'static str,
    /// Whether Postgres still receives the message.
    forward: bool,
}

impl FaultyProxy {
    /// Starts a proxy to the database of a connection string. It forwards
    /// everything at first.
    ///
    /// # Errors
    ///
    /// Fails if the string has no port, or no local port is free.
    pub async fn start(database: &str) -> io::Result<Self> {
        let config: tokio_postgres::Config = database.parse().map_err(io::Error::other)?;
        let target = config.get_ports().first().copied();
        let target = target.ok_or_else(|| io::Error::other("the connection string has no port"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let faults = Arc::<Faults>::default();
        let shared = faults.clone();
        tokio::spawn(async move {
            while let Ok((application, _)) = listener.accept().await {
                tokio::spawn(handle(shared.clone(), application, target));
            }
        });
        Ok(Self {
            url: database.replacen(&format!(":{target}"), &format!(":{port}"), 1),
            faults,
        })
    }

    /// Returns the connection string that leads through the proxy.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Closes the connection before the next message that contains `text` is
    /// forwarded.
    pub fn disconnect_before(&self, text: &'static str) {
        self.faults.disconnect_at(text, false);
    }

    /// Forwards the next message that contains `text`, and closes the
    /// connection before the response is forwarded.
    pub fn disconnect_after(&self, text: &'static str) {
        self.faults.disconnect_at(text, true);
    }

    /// Stalls the connections that are open now. New ones are forwarded.
    pub fn stall_open_connections(&self) {
        self.faults.fault_signal.send_replace(ProxyMode::Stall);
    }

    /// Sets what happens to open and new connections from now on.
    pub fn set_mode(&self, mode: ProxyMode) {
        *lock(&self.faults.mode) = mode;
        if mode != ProxyMode::Forward {
            self.faults.fault_signal.send_replace(mode);
        }
    }
}

impl Faults {
    fn disconnect_at(&self, text: &'static str, forward: bool) {
        *lock(&self.next_disconnection) = Some(Disconnection { text, forward });
    }

    /// Takes the pending disconnection if `message` triggers it.
    fn take_triggered(&self, message: &[u8]) -> Option<Disconnection> {
        let is_triggered = |pending: &mut Disconnection| {
            let mut parts = message.windows(pending.text.len());
            parts.any(|part| part == pending.text.as_bytes())
        };
        lock(&self.next_disconnection).take_if(is_triggered)
    }
}

/// Handles a new connection according to the mode.
async fn handle(faults: Arc<Faults>, application: TcpStream, port: u16) {
    // Subscribed before the mode is read, so that no change is missed.
    let fault_signal = faults.fault_signal.subscribe();
    let mode = *lock(&faults.mode);
    match mode {
        ProxyMode::Forward => {}
        ProxyMode::Stall => return stall(application).await,
        ProxyMode::Disconnect => return,
        ProxyMode::Delay(time) => tokio::time::sleep(time).await,
    }
    // If Postgres is down, the application's connection is closed.
    if let Ok(postgres) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        forward(&faults, fault_signal, application, postgres).await;
    }
}

/// Discards what the application sends until it disconnects.
async fn stall(mut application: TcpStream) {
    let mut discarded = vec![0; 65_536];
    while let Ok(1..) = application.read(&mut discarded).await {}
}

async fn forward(
    faults: &Faults,
    mut fault_signal: watch::Receiver<ProxyMode>,
    mut application: TcpStream,
    mut postgres: TcpStream,
) {
    let (mut request, mut response) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = application.read(&mut request) => {
                let Ok(length @ 1..) = read else { return };
                let triggered = faults.take_triggered(&request[..length]);
                if triggered.is_some_and(|disconnection| !disconnection.forward) {
                    return;
                }
                if postgres.write_all(&request[..length]).await.is_err() {
                    return;
                }
                if triggered.is_some() {
                    // Postgres responds once it has committed.
                    let _ = postgres.read(&mut response).await;
                    return;
                }
            }
            read = postgres.read(&mut response) => {
                let Ok(length @ 1..) = read else { return };
                if application.write_all(&response[..length]).await.is_err() {
                    return;
                }
            }
            _ = fault_signal.changed() => {
                let mode = *fault_signal.borrow_and_update();
                if mode == ProxyMode::Stall {
                    // The connection to Postgres stays open, so that Postgres
                    // does not notice the fault.
                    stall(application).await;
                }
                return;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
