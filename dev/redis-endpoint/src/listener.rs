//! The port that an endpoint listens on.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::http;
use crate::state::State;

/// How long a forked process may keep copies of this process's sockets before it
/// executes its program.
const FORK_TIMEOUT: Duration = Duration::from_secs(5);

/// A port on 127.0.0.1. While the port is closed, a socket that is bound but does not
/// listen reserves the port, and connections are refused.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    bound: Option<TcpSocket>,
    server: Option<Server>,
}

struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Reserves the port, or a free one if it is 0.
    pub(crate) fn new(port: u16) -> io::Result<Self> {
        let bound = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        Ok(Self {
            address: bound.local_addr()?,
            bound: Some(bound),
            server: None,
        })
    }

    /// Starts the server, unless it is already running.
    pub(crate) fn open(&mut self, state: &Arc<State>) -> io::Result<()> {
        if self.server.is_some() {
            return Ok(());
        }
        let socket = match self.bound.take() {
            Some(socket) => socket,
            None => bind(self.address)?,
        };
        let listener = socket.listen(1024)?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(http::serve(listener, Arc::clone(state), stopped));
        self.server = Some(Server { stop, task });
        Ok(())
    }

    /// Closes all connections and refuses new ones.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        if let Some(Server { stop, task }) = self.server.take() {
            drop(stop);
            _ = task.await;
            self.bound = Some(bind_again(self.address).await?);
        }
        Ok(())
    }
}

/// Binds a port that was just closed. Retries, because a process that was just forked
/// keeps a copy of the old socket until it executes its program.
async fn bind_again(address: SocketAddr) -> io::Result<TcpSocket> {
    let started = Instant::now();
    loop {
        match bind(address) {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse && started.elapsed() < FORK_TIMEOUT =>
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            result => return result,
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Without this, connections that were just closed would keep the port in use.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
