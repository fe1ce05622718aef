//! A large studio chain: a million members, and a hundred processes on one pooler.

use std::time::Instant;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use http_body_util::Full;
use hyper::Method;
use sabor_testing::pgbouncer::PgBouncer;

use super::row::{Row, Unit};
use crate::testbed::load::{Call, Load, LoadStats};
use crate::testbed::server::Server;
use crate::testbed::{Expired, Testbed, function};

const DATABASE: &str = "large";
const SESSION_CHECK_PATH: &str = "/api/auth/session";

/// The number of processes. Vercel starts another one when all are busy.
const INSTANCES: usize = 100;

/// The pooler's connections to Postgres, for all processes.
const POOLER_CONNECTIONS: u16 = 20;

/// The number of session checks per instance in a round.
const CHECKS_PER_INSTANCE: usize = 40;

/// Measures storage, the queries of administrators, and many instances on one pooler.
pub(super) async fn measure(testbed: &Testbed) -> Result<Vec<Row>> {
    let members = if testbed.quick { 50_000 } else { 1_000_000 };
    testbed
        .create_database_with(DATABASE, members, members, Expired::None)
        .await?;
    let client = testbed.cluster.connect(DATABASE).await?;
    // The role is set before the first request, because session records in Redis hold it.
    let promote = "update users set is_admin = true where id = md5('member1')::uuid";
    client.execute(promote, &[]).await?;
    drop(client);
    let mut rows = measure_storage(testbed, members).await?;
    rows.extend(measure_admin_queries(testbed, members).await?);
    match measure_instances(testbed, members).await {
        Ok(measured) => rows.extend(measured),
        Err(error) => rows.push(Row::not_measured(
            "instances on one pooler",
            &format!("{error:#}"),
        )),
    }
    testbed.cluster.drop_database(DATABASE).await?;
    Ok(rows)
}

/// Measures the bytes per member and session, including indexes.
async fn measure_storage(testbed: &Testbed, members: usize) -> Result<Vec<Row>> {
    let client = testbed.cluster.connect(DATABASE).await?;
    let mut rows = Vec::new();
    for (label, table) in [("a member", "users"), ("a session", "user_sessions")] {
        let query = "select pg_total_relation_size($1::text::regclass)";
        let bytes: i64 = client.query_one(query, &[&table]).await?.get(0);
        let bytes_per_row = bytes as f64 / members as f64;
        let row = Row::info(
            format!("bytes of {label} in Postgres"),
            bytes_per_row,
            Unit::Count,
        );
        rows.push(row.detail(format!("{members} take {} MB", bytes / 1_000_000)));
    }
    let server = function::start(
        SESSION_CHECK_PATH,
        &testbed.function_variables(DATABASE, true),
    )
    .await?;
    testbed
        .warm_up(&server, &testbed.session_checks(DATABASE, [1])?)
        .await?;
    server.stop().await?;
    if let Some(bytes) = testbed.record_size(DATABASE, 1).await? {
        let row = Row::info("bytes of a session's record in Redis", bytes, Unit::Count);
        rows.push(row.detail("key and overhead included (MEMORY USAGE)"));
    }
    Ok(rows)
}

/// Measures the queries of administrators.
async fn measure_admin_queries(testbed: &Testbed, members: usize) -> Result<Vec<Row>> {
    let rare_email = format!("member{}@", members - 7);
    let searches = [&rare_email, "member+4711", "nobody", ""];
    let searches = searches.map(|text| format!("/api/admin/users?search={text}"));
    let queries = [
        ("member search", searches.to_vec()),
        (
            "all sessions, with statistics",
            vec!["/api/session/sessions".to_owned()],
        ),
        ("dashboard", vec!["/api/admin/dashboard".to_owned()]),
    ];
    let mut rows = Vec::new();
    for (label, paths) in queries {
        let stats = request_in_turn(testbed, &paths).await?;
        let label = format!("{label} among {members}: p95");
        let row = Row::info(label, stats.percentile(0.95), Unit::Milliseconds);
        rows.push(row.detail(format!("median {:.1} ms", stats.percentile(0.5))));
    }
    Ok(rows)
}

/// Requests the paths in turn as an administrator.
async fn request_in_turn(testbed: &Testbed, paths: &[String]) -> Result<LoadStats> {
    let path = paths.first().map_or("", String::as_str);
    let path = path.split('?').next().unwrap_or_default();
    let server = function::start(path, &testbed.function_variables(DATABASE, true)).await?;
    let call = |path: &String| {
        let call = testbed.call(Method::GET, path);
        let call = call.header("cookie", testbed.cookie(DATABASE, 1)?);
        Ok(call.body(Full::default())?)
    };
    let calls = paths.iter().map(call).collect::<Result<Vec<Call>>>()?;
    testbed.warm_up(&server, &calls).await?;
    let calls = calls.into_iter().cycle().take(40).collect();
    let stats = Load::once(server.address, calls).run().await?;
    server.stop().await?;
    Ok(stats)
}

/// Measures many processes on one pooler: first cold and with sessions from Postgres,
/// then with sessions from Redis.
async fn measure_instances(testbed: &Testbed, members: usize) -> Result<Vec<Row>> {
    let pooler = PgBouncer::start(&testbed.cluster, DATABASE, POOLER_CONNECTIONS).await?;
    let mut variables = testbed.function_variables(DATABASE, true);
    variables.retain(|(name, _)| *name != "POSTGRES_URL");
    variables.push(("POSTGRES_URL", pooler.url()));
    let started = Instant::now();
    let starts = (0..INSTANCES).map(|_| function::start(SESSION_CHECK_PATH, &variables));
    let servers = try_join_all(starts).await?;
    let time_to_start = started.elapsed();
    let step = members / (INSTANCES * CHECKS_PER_INSTANCE + 1);
    let mut numbers = (1..=members).step_by(step.max(1));
    let calls: Vec<Vec<Call>> = servers
        .iter()
        .map(|_| testbed.session_checks(DATABASE, numbers.by_ref().take(CHECKS_PER_INSTANCE)))
        .collect::<Result<_>>()?;
    let misses = request_all(&servers, &calls).await?;
    let connection_count = testbed.count_connections(DATABASE).await?;
    let hits = request_all(&servers, &calls).await?;
    let mut memory = 0.0;
    for server in servers {
        memory += server.memory().await?;
        server.stop().await?;
    }
    let row = |label: &str, stats: &LoadStats| {
        let label = format!("{INSTANCES} concurrent instances, {label}");
        let row = Row::info(label, stats.rate(), Unit::Rate);
        row.detail(format!(
            "{} responses, all with status 200; p99 {:.0} ms",
            stats.count(),
            stats.percentile(0.99)
        ))
    };
    Ok(vec![
        Row::at_most(
            format!("{INSTANCES} instances: connections to Postgres"),
            connection_count as f64,
            Unit::Count,
            f64::from(POOLER_CONNECTIONS),
        )
        .detail("through one PgBouncer, in transaction mode"),
        row("cold, sessions from Postgres", &misses),
        row("warm, sessions from Redis", &hits),
        Row::info(
            format!("memory of {INSTANCES} instances"),
            memory,
            Unit::Megabytes,
        )
        .detail(format!(
            "all started within {:.1} s",
            time_to_start.as_secs_f64()
        )),
    ])
}

/// Sends each server its calls on one connection. The servers work concurrently.
async fn request_all(servers: &[Server], calls: &[Vec<Call>]) -> Result<LoadStats> {
    let started = Instant::now();
    let loads = servers.iter().zip(calls);
    let loads = loads.map(|(server, calls)| async move {
        Load::once(server.address, calls.clone()).run().await
    });
    let stats = try_join_all(loads).await?;
    Ok(LoadStats::merge(&stats).with_elapsed(started.elapsed()))
}

impl Testbed {
    /// Returns the size of a session record, or `None` if the endpoint stores it in memory.
    async fn record_size(&self, database: &str, number: usize) -> Result<Option<f64>> {
        let key = self.session_key(database, number)?;
        let size = self
            .redis
            .endpoint
            .command(&["MEMORY", "USAGE", &key])
            .await;
        Ok(size.ok().and_then(|bytes| bytes.as_f64()))
    }

    /// Counts the open connections to a database.
    async fn count_connections(&self, database: &str) -> Result<i64> {
        let client = self.cluster.connect("postgres").await?;
        let query = "select count(*) from pg_stat_activity where datname = $1";
        let row = client.query_one(query, &[&database]).await;
        row?.try_get(0).context("the count is missing")
    }
}
