//! Session checks: throughput, latency, and accesses to the stores.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;

use super::peers::{Peer, Peers};
use super::pgbench::Pgbench;
use super::row::{Row, Unit};
use crate::testbed::load::{Call, Load, LoadStats, median};
use crate::testbed::server::Server;
use crate::testbed::{DATABASE, Testbed};

/// The number of connections of a load.
const CONNECTIONS: usize = 16;

/// The name of our own candidate.
const SABOR: &str = "Sabor";

/// A server whose throughput is compared.
struct Candidate {
    name: &'static str,
    address: SocketAddr,
    calls: Vec<Call>,
    rounds: Vec<LoadStats>,
    /// The CPU time before the rounds, in milliseconds in user mode and in the kernel.
    cpu_time_before: (f64, f64),
    /// `None` for the Redis endpoint, which runs in this process.
    server: Option<Server>,
}

impl Candidate {
    async fn run(&self, time: Duration) -> Result<LoadStats> {
        let load = Load::once(self.address, self.calls.clone());
        load.connections(CONNECTIONS).during(time).run().await
    }

    fn rate(&self) -> f64 {
        median(self.rounds.iter().map(LoadStats::rate).collect())
    }

    /// Returns the CPU time of the process so far, or zero without a process.
    fn cpu_time(&self) -> Result<(f64, f64)> {
        let time = self.server.as_ref().map(Server::cpu_time);
        Ok(time.transpose()?.unwrap_or_default())
    }

    fn p99(&self) -> f64 {
        median(
            self.rounds
                .iter()
                .map(|round| round.percentile(0.99))
                .collect(),
        )
    }
}

/// Compares the throughput and p99 of warm session checks with those of the peers. The
/// throughput is also compared with that of the Redis endpoint.
pub(super) async fn measure_throughput(testbed: &Testbed, peers: &Peers) -> Result<Vec<Row>> {
    let (mut candidates, mut rows) = start_candidates(testbed, peers).await?;
    let time = Duration::from_secs(if testbed.quick { 1 } else { 3 });
    for candidate in &mut candidates {
        candidate.run(Duration::from_millis(500)).await?;
        candidate.cpu_time_before = candidate.cpu_time()?;
    }
    for _ in 0..testbed.rounds() {
        for candidate in &mut candidates {
            let stats = candidate.run(time).await?;
            candidate.rounds.push(stats);
        }
    }
    let [function, redis, peer_candidates @ ..] = candidates.as_slice() else {
        return Ok(rows);
    };
    rows.push(Row::info(
        "session check, 16 connections",
        function.rate(),
        Unit::Rate,
    ));
    for peer in peer_candidates {
        rows.extend(compare_with_peer(function, peer));
    }
    rows.push(cpu_time_row(function)?);
    for peer in peer_candidates {
        rows.push(cpu_time_row(peer)?);
    }
    let share = 100.0 * function.rate() / redis.rate();
    let label = "session check / GET of the Redis endpoint";
    let detail = format!(
        "{}; data in {}",
        describe_rates(function, redis),
        testbed.redis.storage()
    );
    rows.push(Row::at_least(label, share, Unit::Percent, 45.0).detail(detail));
    Ok(rows)
}

/// Returns the CPU time of a candidate's process per check. That of the load generator, the
/// endpoint and the stores is not included.
fn cpu_time_row(candidate: &Candidate) -> Result<Row> {
    let (before, after) = (candidate.cpu_time_before, candidate.cpu_time()?);
    let checks: usize = candidate.rounds.iter().map(LoadStats::count).sum();
    let per_check = |before: f64, after: f64| 1_000.0 * (after - before) / checks as f64;
    let (user, kernel) = (per_check(before.0, after.0), per_check(before.1, after.1));
    let label = format!(
        "CPU time of a session check in microseconds, {}",
        candidate.name
    );
    let time = user + kernel;
    let row = match candidate.name {
        SABOR => Row::at_most(label, time, Unit::Count, 25.0),
        _ => Row::info(label, time, Unit::Count),
    };
    Ok(row.detail(format!("{user:.1} in user mode, {kernel:.1} in the kernel")))
}

/// Starts Sabor and the peers. Returns the candidates, including the Redis endpoint, and a
/// row for each peer that did not start.
async fn start_candidates(testbed: &Testbed, peers: &Peers) -> Result<(Vec<Candidate>, Vec<Row>)> {
    let server = testbed.start_function("/api/auth/session").await?;
    let candidate = |name, address, calls, server| Candidate {
        name,
        address,
        calls,
        rounds: Vec::new(),
        cpu_time_before: (0.0, 0.0),
        server,
    };
    let calls = testbed.warm_checks()?;
    testbed.warm_up(&server, &calls).await?;
    let (redis, get) = testbed.redis_read_request()?;
    let mut candidates = vec![
        candidate(SABOR, server.address, calls, Some(server)),
        candidate("Redis", redis, vec![get], None),
    ];
    let mut rows = Vec::new();
    for peer in Peer::ALL {
        match peers.start(testbed, peer).await {
            Ok((server, calls)) => {
                candidates.push(candidate(peer.name(), server.address, calls, Some(server)));
            }
            Err(error) => {
                let label = format!("session check / {}", peer.name());
                rows.push(Row::not_measured(label, &format!("{error:#}")));
            }
        }
    }
    Ok((candidates, rows))
}

fn compare_with_peer(function: &Candidate, peer: &Candidate) -> Vec<Row> {
    let label = format!("session check / {}", peer.name);
    let ratio = function.rate() / peer.rate();
    let bound = match peer.name {
        "tower-sessions" => Some(0.55),
        "design A" => Some(12.0),
        "better-auth" => Some(8.0),
        _ => None,
    };
    let row = match bound {
        Some(bound) => Row::at_least(label, ratio, Unit::Times, bound),
        None => Row::info(label, ratio, Unit::Times),
    };
    let (label, ratio) = (
        format!("session check p99 / {}", peer.name),
        function.p99() / peer.p99(),
    );
    let latency = match peer.name {
        "tower-sessions" => Row::at_most(label, ratio, Unit::Times, 2.0),
        "design A" => Row::at_most(label, ratio, Unit::Times, 1.0 / 8.0),
        _ => Row::info(label, ratio, Unit::Times),
    };
    let detail = format!("{:.2} ms against {:.2} ms", function.p99(), peer.p99());
    vec![
        row.detail(describe_rates(function, peer)),
        latency.detail(detail),
    ]
}

fn describe_rates(function: &Candidate, other: &Candidate) -> String {
    format!("{:.0} /s against {:.0} /s", function.rate(), other.rate())
}

/// Counts how often a session check accesses Redis and Postgres if Redis has the record.
pub(super) async fn count_round_trips(testbed: &Testbed) -> Result<Vec<Row>> {
    const HITS: usize = 1_000;
    let (_, transactions_without_hits) = count_accesses(testbed, 0).await?;
    let (accesses, transactions) = count_accesses(testbed, HITS).await?;
    let hit_transactions = transactions - transactions_without_hits;
    let queries = hit_transactions as f64 / HITS as f64;
    let per_hit = accesses.requests as f64 / HITS as f64;
    let detail = format!("{} MGET in {} requests", accesses.mget, accesses.requests);
    Ok(vec![
        Row::at_most("Redis requests per hit", per_hit, Unit::Count, 1.0).detail(detail),
        Row::at_most("queries per hit", queries, Unit::Count, 0.0).detail(format!(
            "{hit_transactions} of {HITS} hits; the counters write once in 5 s"
        )),
    ])
}

struct RedisAccesses {
    requests: u64,
    mget: u64,
}

/// Counts the Redis accesses of a new process during `hits` hits, and the Postgres
/// transactions during its whole life.
async fn count_accesses(testbed: &Testbed, hits: usize) -> Result<(RedisAccesses, i64)> {
    let redis = &testbed.redis.endpoint;
    let transactions_before = testbed.count_transactions(DATABASE).await?;
    let server = testbed.start_function("/api/auth/session").await?;
    let calls = testbed.fresh_checks(16)?;
    testbed.warm_up(&server, &calls).await?;
    // Records are written after the response.
    tokio::time::sleep(Duration::from_millis(500)).await;
    redis.clear_log();
    let hit_calls = calls.into_iter().cycle().take(hits).collect();
    Load::once(server.address, hit_calls).run().await?;
    let accesses = RedisAccesses {
        requests: redis.request_count(),
        mget: redis.count("MGET"),
    };
    server.stop().await?;
    Ok((
        accesses,
        testbed.count_transactions(DATABASE).await? - transactions_before,
    ))
}

/// Compares session checks from Postgres with `pgbench`.
pub(super) async fn compare_with_pgbench(testbed: &Testbed) -> Result<Vec<Row>> {
    let label = "session check from Postgres / pgbench, select only";
    let pgbench = match Pgbench::prepare(&testbed.cluster).await {
        Ok(pgbench) => pgbench,
        Err(error) => return Ok(vec![Row::not_measured(label, &format!("{error:#}"))]),
    };
    let server = testbed
        .start_function_without_redis("/api/auth/session")
        .await?;
    let calls = testbed.warm_checks()?;
    testbed.warm_up(&server, &calls).await?;
    let load = Load::once(server.address, calls).connections(CONNECTIONS);
    let load = load.during(Duration::from_secs(2));
    let (mut own_rates, mut pgbench_rates) = (Vec::new(), Vec::new());
    for _ in 0..testbed.rounds() {
        own_rates.push(load.run().await?.rate());
        pgbench_rates.push(pgbench.run(CONNECTIONS).await?);
    }
    let (own_rate, pgbench_rate) = (median(own_rates), median(pgbench_rates));
    let detail = format!("{own_rate:.0} /s against {pgbench_rate:.0} /s");
    Ok(vec![
        Row::info(label, 100.0 * own_rate / pgbench_rate, Unit::Percent).detail(detail),
    ])
}

/// Measures the hit ratio of members who send a request every ten seconds.
pub(super) async fn measure_hit_ratio(testbed: &Testbed) -> Result<Vec<Row>> {
    const SESSIONS: usize = 200;
    const INTERVAL: Duration = Duration::from_secs(10);
    let label = "hit ratio of browsing members";
    if testbed.quick {
        return Ok(vec![Row::not_measured(
            label,
            "takes ten minutes, so it is left out with --quick",
        )]);
    }
    let server = testbed.start_function("/api/auth/session").await?;
    let redis = &testbed.redis.endpoint;
    redis.clear_log();
    // Twice the lifetime of a record, so that each one expires twice.
    let load = Load::once(server.address, testbed.fresh_checks(SESSIONS)?)
        .connections(SESSIONS)
        .pause(INTERVAL)
        .during(Duration::from_secs(600));
    let requests = load.run().await?.count();
    let (written, commands) = (redis.count("SET"), redis.command_count());
    let share = 100.0 * (1.0 - written as f64 / requests as f64);
    let detail = format!(
        "{requests} requests in 600 s, {written} from Postgres, including the first of each session"
    );
    Ok(vec![
        Row::at_least(label, share, Unit::Percent, 95.0).detail(detail),
        commands_row("a session check while browsing", commands, requests),
    ])
}

pub(super) fn commands_row(label: &str, commands: u64, requests: usize) -> Row {
    let per_request = commands as f64 / requests as f64;
    let row = Row::info(
        format!("Redis commands of {label}"),
        per_request,
        Unit::Count,
    );
    row.detail(format!("{commands} in {requests} requests"))
}
