//! Ports for programs that cannot choose one themselves.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use sabor::crypto::random;
use tokio::net::TcpSocket;

/// The ports to choose from. They are below the range that systems use for outgoing
/// connections. An outgoing connection therefore never takes a port while the program that
/// uses the port is not running.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// The ports that this process has chosen. A program that gets a port needs some time until it
/// listens, and until then the port looks free.
static CHOSEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Returns the preferred port if it is free, otherwise a random free one that this process has
/// not chosen before.
///
/// # Errors
///
/// Fails if a hundred random ports are all in use.
pub fn find_free(preferred: Option<u16>) -> Result<u16> {
    let width = u64::from(PORTS.end - PORTS.start);
    let random_ports = (0..100).map(|_| PORTS.start + random::below(width) as u16);
    let mut chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
    let new_ports = random_ports.filter(|port| !chosen.contains(port));
    let port = preferred
        .into_iter()
        .chain(new_ports)
        .find(|port| is_free(*port))
        .context("no free port was found")?;
    chosen.insert(port);
    Ok(port)
}

/// Tests a port with a socket that is bound but does not listen. If a child process
/// inherits a copy of such a socket, the port stays usable.
fn is_free(port: u16) -> bool {
    TcpSocket::new_v4().is_ok_and(|socket| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        socket.set_reuseaddr(true).is_ok() && socket.bind(address).is_ok()
    })
}
