//! Ports for programs that have to be told theirs.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use sabor::crypto::random;
use tokio::net::TcpSocket;

/// Below the ports that systems give to outgoing connections: until the
/// program takes its port, and while it is stopped, no connection does.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// The wished port, if it is free, or another that is.
///
/// # Errors
///
/// When no free one is found in a hundred tries.
pub fn free(wished: Option<u16>) -> Result<u16> {
    let width = u64::from(PORTS.end - PORTS.start);
    let others = (0..100).map(|_| PORTS.start + random::below(width) as u16);
    wished
        .into_iter()
        .chain(others)
        .find(|port| is_free(*port))
        .context("no free port was found")
}

/// Asks by a socket that does not listen: a process that is being started just
/// now may hold a copy of it for a while, which then is in nobody's way.
fn is_free(port: u16) -> bool {
    TcpSocket::new_v4().is_ok_and(|socket| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        socket.set_reuseaddr(true).is_ok() && socket.bind(address).is_ok()
    })
}
