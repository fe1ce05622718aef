//! Faults of Postgres: it is killed, restarted, unreachable or out of connections.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sabor_testing::faulty_proxy::ProxyMode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::run::Run;
use crate::testbed::DATABASE;

/// Kills Postgres with SIGKILL. Committed data is recovered at the next start. A crash
/// of the machine is not simulated, because temporary clusters run without fsync.
pub(super) async fn kill(run: &Run) -> Result<()> {
    run.environment.testbed.cluster.kill().await?;
    run.environment.wait_fault_duration().await;
    run.environment.testbed.cluster.restart().await
}

/// Shuts Postgres down cleanly and starts it again immediately, as an update by the
/// hosting provider does.
pub(super) async fn restart(run: &Run) -> Result<()> {
    run.environment.testbed.cluster.restart().await
}

/// Stalls all connections. They stay broken after the fault.
pub(super) async fn stall(run: &Run) -> Result<()> {
    with_proxy_mode(run, ProxyMode::Stall).await
}

/// Closes all connections. New ones are closed immediately.
pub(super) async fn disconnect(run: &Run) -> Result<()> {
    with_proxy_mode(run, ProxyMode::Disconnect).await
}

async fn with_proxy_mode(run: &Run, mode: ProxyMode) -> Result<()> {
    run.environment.proxy.set_mode(mode);
    run.environment.wait_fault_duration().await;
    run.environment.proxy.set_mode(ProxyMode::Forward);
    Ok(())
}

/// Terminates the functions' connections and takes all connections that Postgres allows.
pub(super) async fn exhaust_connections(run: &Run) -> Result<()> {
    const TERMINATE_OTHERS: &str =
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1";
    let cluster = &run.environment.testbed.cluster;
    let client = cluster.connect("postgres").await?;
    let mut taken = Vec::new();
    let started = Instant::now();
    while started.elapsed() < run.environment.fault_duration() {
        client.execute(TERMINATE_OTHERS, &[&DATABASE]).await?;
        while let Some(connection) = take_connection(cluster.port()).await? {
            taken.push(connection);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// The code field of the error `too_many_connections`.
const TOO_MANY_CONNECTIONS: &str = "C53300\0";

/// Takes one connection, on which Postgres waits for a password. Returns `None` if
/// Postgres reports that none is left.
async fn take_connection(port: u16) -> Result<Option<TcpStream>> {
    // The length, protocol version 3.0, and NUL-terminated names and values.
    const STARTUP_MESSAGE: &[u8] = b"\0\0\0\x26\0\x03\0\0user\0sabor\0database\0postgres\0\0";
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(STARTUP_MESSAGE).await?;
    if stream.read_u8().await? == b'R' {
        return Ok(Some(stream));
    }
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await?;
    let response = String::from_utf8_lossy(&response);
    ensure!(
        response.contains(TOO_MANY_CONNECTIONS),
        "unexpected response of Postgres: {response}"
    );
    Ok(None)
}
