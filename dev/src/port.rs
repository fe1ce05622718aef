//! Ports for programs that have to be told theirs.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

use crate::random;

/// Below the ports that systems give to outgoing connections: until the
/// program takes its port, and while it is stopped, nobody else does.
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
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no free port was found")
}
