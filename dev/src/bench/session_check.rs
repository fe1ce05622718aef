//! The session check: how many, how soon, and what each asks of the stores.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};

use super::peers::{Peer, Peers};
use super::pgbench::Pgbench;
use super::table::{Row, Unit};
use crate::testbed::load::{Call, Figures, Load, median};
use crate::testbed::server::Server;
use crate::testbed::{DATABASE, Testbed};

const CONNECTIONS: usize = 16;

/// Somebody who answers session checks, and how well.
struct Contestant {
    name: &'static str,
    address: SocketAddr,
    calls: Vec<Call>,
    rounds: Vec<Figures>,
    /// `None`: it is not a process of its own.
    server: Option<Server>,
}

impl Contestant {
    async fn run(&self, time: Duration) -> Result<Figures> {
        let load = Load::once(self.address, self.calls.clone());
        load.connections(CONNECTIONS).during(time).run().await
    }

    fn rate(&self) -> f64 {
        median(self.rounds.iter().map(Figures::rate).collect())
    }

    fn processor_time(&self) -> Result<(f64, f64)> {
        let server = self.server.as_ref().context("it has no process")?;
        server.processor_time()
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

/// Throughput and p99 of warm session checks, beside the peers and the ceilings.
pub(super) async fn throughput(testbed: &Testbed, peers: &Peers) -> Result<Vec<Row>> {
    let (mut all, mut rows) = contestants(testbed, peers).await?;
    let time = Duration::from_secs(if testbed.quick { 1 } else { 3 });
    for contestant in &all {
        contestant.run(Duration::from_millis(500)).await?;
    }
    let before = all[0].processor_time()?;
    for _ in 0..testbed.rounds() {
        for contestant in &mut all {
            let figures = contestant.run(time).await?;
            contestant.rounds.push(figures);
        }
    }
    let after = all[0].processor_time()?;
    let [ours, redis, others @ ..] = all.as_slice() else {
        return Ok(rows);
    };
    rows.push(Row::noted(
        "session check, 16 connections",
        ours.rate(),
        Unit::Rate,
    ));
    for peer in others {
        rows.extend(against(ours, peer));
    }
    rows.push(processor_time(ours, before, after));
    let share = 100.0 * ours.rate() / redis.rate();
    let what = "session check / the Redis endpoint's own GET";
    let detail = format!(
        "{}, {} behind it",
        rates(ours, redis),
        testbed.redis.behind()
    );
    rows.push(Row::at_least(what, share, Unit::Percent, 45.0).detail(detail));
    Ok(rows)
}

/// What of a check is spent in the function itself; the rest is the load
/// generator's, the Redis endpoint's and Redis'.
fn processor_time(ours: &Contestant, before: (f64, f64), after: (f64, f64)) -> Row {
    let checks: usize = ours.rounds.iter().map(Figures::count).sum();
    let each = |before: f64, after: f64| 1_000.0 * (after - before) / checks as f64;
    let (own, kernel) = (each(before.0, after.0), each(before.1, after.1));
    let row = Row::noted(
        "… microseconds of processor in the function",
        own + kernel,
        Unit::Count,
    );
    row.detail(format!(
        "{own:.0} in the program, {kernel:.0} in the kernel for it"
    ))
}

/// Sabor, the Redis endpoint, and those peers that there are; a row for each other.
async fn contestants(testbed: &Testbed, peers: &Peers) -> Result<(Vec<Contestant>, Vec<Row>)> {
    let server = testbed.function("/api/auth/session").await?;
    let contestant = |name, address, calls, server| Contestant {
        name,
        address,
        calls,
        rounds: Vec::new(),
        server,
    };
    let calls = testbed.warm_checks()?;
    testbed.warm(&server, &calls).await?;
    let (redis, get) = testbed.redis_get()?;
    let mut all = vec![
        contestant("Sabor", server.address, calls, Some(server)),
        contestant("Redis", redis, vec![get], None),
    ];
    let mut rows = Vec::new();
    for peer in Peer::ALL {
        match peers.start(testbed, peer).await {
            Ok((server, calls)) => {
                all.push(contestant(peer.name(), server.address, calls, Some(server)));
            }
            Err(error) => {
                let what = format!("session check / {}", peer.name());
                rows.push(Row::not_measured(what, &format!("{error:#}")));
            }
        }
    }
    Ok((all, rows))
}

fn against(ours: &Contestant, peer: &Contestant) -> Vec<Row> {
    let what = format!("session check / {}", peer.name);
    let ratio = ours.rate() / peer.rate();
    let bound = match peer.name {
        "design A" => Some(12.0),
        "better-auth" => Some(8.0),
        _ => None,
    };
    let row = match bound {
        Some(bound) => Row::at_least(what, ratio, Unit::Times, bound),
        None => Row::noted(what, ratio, Unit::Times),
    };
    let (what, ratio) = (
        format!("its p99 / {}'s", peer.name),
        ours.p99() / peer.p99(),
    );
    let latency = match peer.name {
        "design A" => Row::at_most(what, ratio, Unit::Times, 1.0 / 8.0),
        _ => Row::noted(what, ratio, Unit::Times),
    };
    let detail = format!("{:.2} ms against {:.2} ms", ours.p99(), peer.p99());
    vec![row.detail(rates(ours, peer)), latency.detail(detail)]
}

fn rates(ours: &Contestant, other: &Contestant) -> String {
    format!("{:.0} /s against {:.0} /s", ours.rate(), other.rate())
}

/// What a session check on a hit asks of Redis and of Postgres.
pub(super) async fn round_trips(testbed: &Testbed) -> Result<Vec<Row>> {
    const HITS: usize = 1_000;
    let (_, before) = asked(testbed, 0).await?;
    let (commands, after) = asked(testbed, HITS).await?;
    let queries = (after - before) as f64 / HITS as f64;
    let per_hit = commands.requests as f64 / HITS as f64;
    let detail = format!("{} MGET in {} requests", commands.mget, commands.requests);
    Ok(vec![
        Row::at_most("requests to Redis a hit", per_hit, Unit::Count, 1.0).detail(detail),
        Row::at_most("queries a hit", queries, Unit::Count, 0.0).detail(format!(
            "{} of {HITS} hits; the counters write once in 5 s",
            after - before
        )),
    ])
}

struct Commands {
    requests: u64,
    mget: u64,
}

/// Counts what a new process asks for `hits` hits, with the queries of its
/// whole life.
async fn asked(testbed: &Testbed, hits: usize) -> Result<(Commands, i64)> {
    let redis = &testbed.redis.endpoint;
    let before = testbed.transactions(DATABASE).await?;
    let server = testbed.function("/api/auth/session").await?;
    let calls = testbed.fresh_checks(16)?;
    testbed.warm(&server, &calls).await?;
    // Records are written after the answer.
    tokio::time::sleep(Duration::from_millis(500)).await;
    redis.clear_log();
    let hits = calls.into_iter().cycle().take(hits).collect();
    Load::once(server.address, hits).run().await?;
    let commands = Commands {
        requests: redis.requests(),
        mget: redis.count("MGET"),
    };
    server.stop().await?;
    Ok((commands, testbed.transactions(DATABASE).await? - before))
}

/// Checks that Redis cannot answer, beside what Postgres alone can do.
pub(super) async fn without_redis(testbed: &Testbed) -> Result<Vec<Row>> {
    let what = "session check from Postgres / pgbench, select only";
    let pgbench = match Pgbench::prepare(&testbed.cluster).await {
        Ok(pgbench) => pgbench,
        Err(error) => return Ok(vec![Row::not_measured(what, &format!("{error:#}"))]),
    };
    let server = testbed.function_without_redis("/api/auth/session").await?;
    let calls = testbed.warm_checks()?;
    testbed.warm(&server, &calls).await?;
    let load = Load::once(server.address, calls).connections(CONNECTIONS);
    let load = load.during(Duration::from_secs(2));
    let (mut ours, mut ceiling) = (Vec::new(), Vec::new());
    for _ in 0..testbed.rounds() {
        ours.push(load.run().await?.rate());
        ceiling.push(pgbench.run(CONNECTIONS).await?);
    }
    let (ours, ceiling) = (median(ours), median(ceiling));
    let detail = format!("{ours:.0} /s against {ceiling:.0} /s");
    Ok(vec![
        Row::noted(what, 100.0 * ours / ceiling, Unit::Percent).detail(detail),
    ])
}

/// The share of hits when members browse: a request every ten seconds a session.
pub(super) async fn hit_ratio(testbed: &Testbed) -> Result<Vec<Row>> {
    const SESSIONS: usize = 200;
    const EVERY: Duration = Duration::from_secs(10);
    let what = "hits under a browsing load";
    if testbed.quick {
        return Ok(vec![Row::not_measured(
            what,
            "it takes ten minutes; run it without --quick",
        )]);
    }
    let server = testbed.function("/api/auth/session").await?;
    let redis = &testbed.redis.endpoint;
    redis.clear_log();
    // Two lives of a record, so that each is seen to end twice.
    let load = Load::once(server.address, testbed.fresh_checks(SESSIONS)?)
        .connections(SESSIONS)
        .pause(EVERY)
        .during(Duration::from_secs(600));
    let requests = load.run().await?.count();
    let (written, commands) = (redis.count("SET"), redis.commands());
    let share = 100.0 * (1.0 - written as f64 / requests as f64);
    let detail =
        format!("{requests} requests in 600 s, {written} from Postgres, all first ones among them");
    Ok(vec![
        Row::at_least(what, share, Unit::Percent, 95.0).detail(detail),
        commands_each(
            "a session check of somebody who browses",
            commands,
            requests,
        ),
    ])
}

pub(super) fn commands_each(what: &str, commands: u64, times: usize) -> Row {
    let each = commands as f64 / times as f64;
    let row = Row::noted(format!("commands of Redis: {what}"), each, Unit::Count);
    row.detail(format!("{commands} of {times}"))
}
