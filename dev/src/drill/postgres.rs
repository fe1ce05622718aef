//! Postgres dies, is restarted, is cut off, or has no connection left.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sabor_testing::faulty_proxy::ProxyMode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::play::Play;
use crate::testbed::DATABASE;

/// Killed with -9; what was committed is recovered when it starts. That the
/// machine dies as well is not played: a throw-away cluster runs without fsync.
pub(super) async fn killed(play: &Play) -> Result<()> {
    play.stage.testbed.cluster.kill().await?;
    play.stage.last().await;
    play.stage.testbed.cluster.restart().await
}

/// Stopped in order, and started at once: as when a host updates it.
pub(super) async fn restarted(play: &Play) -> Result<()> {
    play.stage.testbed.cluster.restart().await
}

/// What is sent to it vanishes. The connections of then never carry again.
pub(super) async fn silent(play: &Play) -> Result<()> {
    cut_off(play, ProxyMode::Stall).await
}

/// Connections end, and new ones are refused.
pub(super) async fn reset(play: &Play) -> Result<()> {
    cut_off(play, ProxyMode::Disconnect).await
}

async fn cut_off(play: &Play, mode: ProxyMode) -> Result<()> {
    play.stage.proxy.set_mode(mode);
    play.stage.last().await;
    play.stage.proxy.set_mode(ProxyMode::Forward);
    Ok(())
}

/// Somebody else takes every connection that there is, and each that the
/// functions had or come by.
pub(super) async fn full(play: &Play) -> Result<()> {
    const END_THEIRS: &str =
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1";
    let cluster = &play.stage.testbed.cluster;
    let ours = cluster.connect("postgres").await?;
    let mut taken = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < play.stage.lasting() {
        ours.execute(END_THEIRS, &[&DATABASE]).await?;
        while let Some(another) = take_connection(cluster.port()).await? {
            taken.push(another);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// `too_many_connections`, the field of an error that has its code.
const TOO_MANY: &str = "C53300\0";

/// Takes one of the connections that Postgres has to give: it waits for our
/// password, which costs nobody anything. `None` when none is left, which Postgres
/// must say itself.
async fn take_connection(port: u16) -> Result<Option<TcpStream>> {
    // Length and version 3.0, then names and values, each with a NUL behind.
    const GREETING: &[u8] = b"\0\0\0\x26\0\x03\0\0user\0sabor\0database\0postgres\0\0";
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(GREETING).await?;
    if stream.read_u8().await? == b'R' {
        return Ok(Some(stream));
    }
    let mut told = Vec::new();
    stream.read_to_end(&mut told).await?;
    let told = String::from_utf8_lossy(&told);
    ensure!(told.contains(TOO_MANY), "Postgres refuses: {told}");
    Ok(None)
}
