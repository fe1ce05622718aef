//! The footprint of a function: cold start, memory and executable size.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::Method;

use super::peers::{Peer, Peers};
use super::row::{Row, Unit};
use crate::testbed::load::{Call, Load, median};
use crate::testbed::server::Server;
use crate::testbed::{DATABASE, Testbed, function};

const SESSION_CHECK_PATH: &str = "/api/auth/session";

/// The peers to compare with.
const COMPARED_PEERS: [Peer; 3] = [Peer::TowerSessions, Peer::DesignA, Peer::BetterAuth];

/// Measures the time from the start of a process to its first session check.
pub(super) async fn measure_cold_start(testbed: &Testbed, peers: &Peers) -> Result<Vec<Row>> {
    let (mut hits, mut misses, mut peer_times) = (
        Vec::new(),
        Vec::new(),
        vec![Vec::new(); COMPARED_PEERS.len()],
    );
    let warm_checks = testbed.warm_checks()?;
    testbed
        .warm_up(
            &testbed.start_function(SESSION_CHECK_PATH).await?,
            &warm_checks,
        )
        .await?;
    for _ in 0..2 * testbed.rounds() + 1 {
        hits.push(
            measure_first_response(
                testbed.start_function(SESSION_CHECK_PATH).await?,
                warm_checks[0].clone(),
            )
            .await?,
        );
        let fresh = testbed.fresh_checks(1)?.remove(0);
        misses.push(
            measure_first_response(testbed.start_function(SESSION_CHECK_PATH).await?, fresh)
                .await?,
        );
        for (times, peer) in peer_times.iter_mut().zip(COMPARED_PEERS) {
            if let Ok((server, calls)) = peers.start(testbed, peer).await {
                times.push(measure_first_response(server, calls[0].clone()).await?);
            }
        }
    }
    let (hit, miss) = (median(hits), median(misses));
    let mut rows = vec![
        Row::at_most(
            "cold start with a session check from Redis",
            hit,
            Unit::Milliseconds,
            8.0,
        ),
        Row::at_most(
            "cold start with a session check from Postgres",
            miss,
            Unit::Milliseconds,
            15.0,
        ),
    ];
    for (times, peer) in peer_times.into_iter().zip(COMPARED_PEERS) {
        rows.push(compare_cold_start(testbed, peers, hit, median(times), peer).await);
    }
    rows.extend(measure_cold_start_parts(testbed).await?);
    Ok(rows)
}

/// Measures the parts of a cold start.
async fn measure_cold_start_parts(testbed: &Testbed) -> Result<Vec<Row>> {
    let (warm_checks, rounds) = (testbed.warm_checks()?, 4 * testbed.rounds() + 1);
    let mut parts: [Vec<f64>; 7] = Default::default();
    for _ in 0..rounds {
        let mut record = |part: usize, time: f64| parts[part].push(time);
        record(0, time_unconfigured_process().await?);
        let server = testbed.start_function(SESSION_CHECK_PATH).await?;
        record(1, milliseconds(server.listen_time));
        for part in [2, 3] {
            let started = Instant::now();
            Load::once(server.address, vec![warm_checks[0].clone()])
                .run()
                .await?;
            record(part, milliseconds(started.elapsed()));
        }
        server.stop().await?;
        let started = Instant::now();
        let client = testbed.cluster.connect(DATABASE).await?;
        record(4, milliseconds(started.elapsed()));
        for part in [5, 6] {
            let started = Instant::now();
            client.query_typed(SESSION_QUERY, &[]).await?;
            record(part, milliseconds(started.elapsed()));
        }
    }
    let labels = [
        "a process that ends because of a missing setting",
        "until the function listens",
        "the first response after that, from Redis",
        "the second response",
        "connecting to Postgres, if a query is needed",
        "the first statement of a connection, if a query is needed",
        "the second statement of a connection, if a query is needed",
    ];
    let rows = labels.into_iter().zip(parts).map(|(label, times)| {
        let label = format!("part of a cold start: {label}");
        Row::info(label, median(times), Unit::Milliseconds)
    });
    Ok(rows.collect())
}

/// Measures how long a function takes to report that its configuration is missing and to exit.
async fn time_unconfigured_process() -> Result<f64> {
    let executables = function::executables()?;
    let entry = executables
        .iter()
        .find(|(path, _)| path == SESSION_CHECK_PATH);
    let (_, executable) = entry.context("the session check has no executable")?;
    let started = Instant::now();
    let mut command = tokio::process::Command::new(executable);
    command.env_clear().stderr(std::process::Stdio::null());
    command.status().await?;
    Ok(milliseconds(started.elapsed()))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// Queries the tables of a session check, and matches no row.
const SESSION_QUERY: &str =
    "select u.id, s.id from user_sessions s join users u on u.id = s.user_id
    where s.session_key = 'none'";

async fn measure_first_response(server: Server, call: Call) -> Result<f64> {
    let time = server.first_response(call).await?;
    server.stop().await?;
    Ok(time)
}

async fn compare_cold_start(
    testbed: &Testbed,
    peers: &Peers,
    own_time: f64,
    peer_time: f64,
    peer: Peer,
) -> Row {
    let label = format!("cold start / {}", peer.name());
    if let Err(error) = peers.start(testbed, peer).await {
        return Row::not_measured(label, &format!("{error:#}"));
    }
    let row = match peer {
        Peer::DesignA => Row::at_most(label, own_time / peer_time, Unit::Times, 1.0 / 15.0),
        _ => Row::info(label, own_time / peer_time, Unit::Times),
    };
    row.detail(format!("{own_time:.1} ms against {peer_time:.1} ms"))
}

/// Measures the idle memory of every function after one response, and the size of its
/// executable. Also measures the idle memory of a session check after a warm-up, and compares
/// it with the peers.
pub(super) async fn measure_memory_and_size(testbed: &Testbed, peers: &Peers) -> Result<Vec<Row>> {
    let (mut memory, mut sizes) = (Vec::new(), Vec::new());
    for (path, executable) in function::executables()? {
        let server =
            function::start_executable(&executable, &testbed.function_variables(DATABASE, true))
                .await?;
        // No function supports TRACE, so all of them return 405 immediately.
        let call = testbed.call(Method::TRACE, &path).body(Full::default())?;
        Load::once(server.address, vec![call])
            .expect(hyper::StatusCode::METHOD_NOT_ALLOWED)
            .run()
            .await?;
        memory.push((measure_idle_memory(&server).await?, path.clone()));
        sizes.push((std::fs::metadata(&executable)?.len() as f64 / 1e6, path));
    }
    let server = testbed.start_function(SESSION_CHECK_PATH).await?;
    testbed.warm_up(&server, &testbed.warm_checks()?).await?;
    let warm_memory = measure_idle_memory(&server).await?;
    let mut rows = vec![
        largest_row("memory of an idle function", memory, 14.0),
        Row::at_most(
            "memory of a session check after a warm-up",
            warm_memory,
            Unit::Megabytes,
            14.0,
        ),
        largest_row("size of an executable", sizes, 10.0),
    ];
    for peer in COMPARED_PEERS {
        rows.push(compare_memory(testbed, peers, warm_memory, peer).await);
    }
    Ok(rows)
}

/// Waits until the work that follows a response has ended, and returns the memory.
async fn measure_idle_memory(server: &Server) -> Result<f64> {
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.memory().await
}

/// Returns a row with the largest value. Its detail names the smallest one.
fn largest_row(label: &str, mut values: Vec<(f64, String)>, bound: f64) -> Row {
    values.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (smallest, smallest_path) = values.first().cloned().unwrap_or_default();
    let (largest, largest_path) = values.last().cloned().unwrap_or_default();
    let detail = format!(
        "{largest_path}; smallest {smallest:.2} MB, {smallest_path}; {} functions",
        values.len()
    );
    Row::at_most(label, largest, Unit::Megabytes, bound).detail(detail)
}

async fn compare_memory(testbed: &Testbed, peers: &Peers, own_memory: f64, peer: Peer) -> Row {
    let label = format!("memory / {}", peer.name());
    let peer_memory = async {
        let (server, calls) = peers.start(testbed, peer).await?;
        Load::once(server.address, calls).run().await?;
        measure_idle_memory(&server).await
    };
    match peer_memory.await {
        Ok(peer_memory) => Row::info(label, own_memory / peer_memory, Unit::Times)
            .detail(format!("{own_memory:.1} MB against {peer_memory:.1} MB")),
        Err(error) => Row::not_measured(label, &format!("{error:#}")),
    }
}
