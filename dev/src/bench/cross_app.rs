//! Tokens for partner applications, and their archive.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::Full;
use hyper::{Method, StatusCode};
use sabor::crypto::random;
use sabor::crypto::secret::sha256_hex;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_postgres::Client;

use super::row::{Row, Unit};
use crate::testbed::load::{Call, Connection, Load, LoadStats};
use crate::testbed::{DATABASE, Testbed, function};

/// The name of the partner application.
const APP: &str = "ticket-shop";

/// The number of tokens that are issued and redeemed before the measurement.
const WARM_UP_TOKENS: usize = 100;

/// The number of sessions, which the requests use in turn.
const SESSIONS: usize = 500;

/// The number of concurrent members.
const CONNECTIONS: usize = 16;

/// Measures issuing and redeeming a token. There are enough sessions that none reaches the
/// rate limit.
pub(super) async fn measure_issue_and_redeem(testbed: &Testbed) -> Result<Vec<Row>> {
    let count = if testbed.quick { 400 } else { 4_000 };
    let secret = random::hex::<32>();
    let client = testbed.cluster.connect(DATABASE).await?;
    let hash = sha256_hex(secret.as_bytes());
    client.execute(INSERT_APP, &[&APP, &hash]).await?;
    let issuer = testbed.start_function("/api/cross-app/token").await?;
    let redeemer = testbed.start_function("/api/cross-app/validate").await?;
    let authorization = format!("Basic {}", BASE64.encode(format!("{APP}:{secret}")));
    // Each session is used at most nine times.
    let sessions = testbed.fresh_sessions(SESSIONS);
    let pair = |number: usize| {
        let issue = testbed.call(Method::POST, "/api/cross-app/token");
        let issue = issue.header(
            "cookie",
            testbed.cookie(DATABASE, sessions.start + number % SESSIONS)?,
        );
        // Marks the request as sent by the site's own pages.
        let issue = issue.header("sec-fetch-site", "same-origin");
        let issue = issue.header("content-type", "application/json");
        let issue = issue.body(Full::from(json!({ "targetApp": APP }).to_string()))?;
        let redeem = testbed.call(Method::POST, "/api/cross-app/validate");
        let redeem = redeem.header("authorization", &authorization);
        let redeem = redeem.header("content-type", "application/json");
        Ok((issue, redeem.body(Full::default())?))
    };
    let pairs: Vec<(Call, Call)> = (0..count + WARM_UP_TOKENS)
        .map(pair)
        .collect::<Result<_>>()?;
    let (pairs, next) = (Arc::new(pairs), Arc::new(AtomicUsize::new(0)));
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (pairs, next) = (pairs.clone(), next.clone());
        let mut to_issuer = Connection::open(issuer.address).await?;
        let mut to_redeemer = Connection::open(redeemer.address).await?;
        connections.spawn(async move {
            let mut latencies = Vec::new();
            while let Some((issue, redeem)) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let sent_at = Instant::now();
                issue_then_redeem(&mut to_issuer, &mut to_redeemer, issue, redeem).await?;
                latencies.push((sent_at, sent_at.elapsed()));
            }
            Ok::<_, anyhow::Error>(latencies)
        });
    }
    let mut timings = Vec::new();
    while let Some(result) = connections.join_next().await {
        timings.extend(result??);
    }
    timings.sort_unstable();
    let first = timings.get(WARM_UP_TOKENS);
    let started = first.map_or_else(Instant::now, |(sent_at, _)| *sent_at);
    let latencies = timings
        .into_iter()
        .skip(WARM_UP_TOKENS)
        .map(|(_, latency)| latency);
    let stats = LoadStats::new(latencies.collect(), started.elapsed());
    Ok(vec![
        Row::info(
            "cross-app: tokens issued and redeemed per second",
            stats.rate(),
            Unit::Count,
        )
        .detail(format!(
            "{} by {CONNECTIONS} concurrent members",
            stats.count()
        )),
        Row::info(
            "cross-app: issue and redeem, p95",
            stats.percentile(0.95),
            Unit::Milliseconds,
        )
        .detail(format!("median {:.1} ms", stats.percentile(0.5))),
    ])
}

async fn issue_then_redeem(
    issuer: &mut Connection,
    redeemer: &mut Connection,
    issue: &Call,
    redeem: &Call,
) -> Result<()> {
    let issued = parse_success(issuer.send(issue.clone()).await?)?;
    let mut redeem = redeem.clone();
    *redeem.body_mut() = Full::from(json!({ "token": issued["token"] }).to_string());
    parse_success(redeemer.send(redeem).await?)?;
    Ok(())
}

fn parse_success((status, body): (StatusCode, hyper::body::Bytes)) -> Result<Value> {
    if status != StatusCode::OK {
        bail!("{status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(serde_json::from_slice(&body)?)
}

const INSERT_APP: &str = "
    insert into apps (id, name, secret_hash, allowed_origins)
    values (gen_random_uuid(), $1, $2, '{}')";

/// Measures the archive of 400 days of tokens. Afterwards each token must be in the
/// partition of its month, and the daily counters must match.
pub(super) async fn measure_archive(testbed: &Testbed) -> Result<Vec<Row>> {
    const CLEAN_UP_PATH: &str = "/api/admin/cleanup-sessions";
    let count: i32 = if testbed.quick { 100_000 } else { 1_000_000 };
    let database = "archive";
    testbed
        .create_database(database, 1_000, crate::testbed::Expired::None)
        .await?;
    let client = testbed.cluster.connect(database).await?;
    client.execute(INSERT_APP, &[&APP, &""]).await?;
    client.execute(INSERT_TOKENS, &[&count, &APP]).await?;
    client
        .batch_execute("vacuum analyze cross_app_sessions")
        .await?;
    let due = query_counts(&client, DUE_BY_MONTH).await?;

    let mut variables = testbed.function_variables(database, true);
    // Keeps all months, so that all tokens can be counted.
    variables.push(("ARCHIVE_RETENTION_MONTHS", "24".to_owned()));
    let cleaner = function::start(CLEAN_UP_PATH, &variables).await?;
    let started = Instant::now();
    let mut runs = 0;
    while client.query_one(HAS_OLD_TOKENS, &[]).await?.try_get(0)? {
        let calls = vec![testbed.cron_request(CLEAN_UP_PATH)?];
        Load::once(cleaner.address, calls).run().await?;
        runs += 1;
    }
    let seconds = started.elapsed().as_secs_f64();
    let archived = query_counts(&client, ARCHIVED_BY_MONTH).await?;
    ensure!(
        archived == due,
        "a token is not in the partition of its month"
    );
    let counters = query_counts(&client, COUNTER_TOTALS).await?;
    Load::once(cleaner.address, vec![testbed.cron_request(CLEAN_UP_PATH)?])
        .run()
        .await?;
    let after_second_run = (
        query_counts(&client, ARCHIVED_BY_MONTH).await?,
        query_counts(&client, COUNTER_TOTALS).await?,
    );
    ensure!(
        after_second_run == (archived, counters.clone()),
        "a second run changed the archive or the counters"
    );
    let quarter = i64::from(count) / 4;
    let expected = [("created", 4), ("expired", 1), ("revoked", 2), ("used", 2)];
    let expected = expected.map(|(label, parts)| (format!("{label}:{APP}"), parts * quarter));
    ensure!(counters == expected, "unexpected counters: {counters:?}");
    cleaner.stop().await?;
    drop(client);
    testbed.cluster.drop_database(database).await?;
    let label = format!("archive of {count} tokens of 400 days in seconds");
    let detail = format!("in {runs} run(s), into {} months", due.len());
    Ok(vec![
        Row::at_most(label, seconds, Unit::Count, 60.0).detail(detail),
    ])
}

async fn query_counts(client: &Client, query: &str) -> Result<Vec<(String, i64)>> {
    let rows = client.query(query, &[]).await?;
    let pair = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.iter().map(pair).collect()
}

const INSERT_TOKENS: &str = "
    insert into cross_app_sessions (id, token_hash, user_id, target_app, ip_address, created_at,
        expires_at, used_at, revoked_at)
    select gen_random_uuid(), encode(sha256(convert_to(n::text, 'UTF8')), 'hex'),
        md5('member' || n % 1000)::uuid, $2, '192.0.2.1', at, at + interval '15 minutes',
        case when n % 4 in (0, 2) then at + interval '1 minute' end,
        case when n % 4 in (1, 2) then at + interval '2 minutes' end
    from generate_series(1, $1) n
    cross join lateral (select now() - make_interval(days => n % 400, hours => 12) as at) t";

const HAS_OLD_TOKENS: &str = "select exists (
    select from cross_app_sessions where created_at <= now() - interval '30 days')";

const DUE_BY_MONTH: &str = "
    select cross_app_archive_partition(created_at), count(*) from cross_app_sessions
    where created_at <= now() - interval '30 days' group by 1 order by 1";

const ARCHIVED_BY_MONTH: &str = "
    select tableoid::regclass::text, count(*) from cross_app_sessions_archive
    group by 1 order by 1";

const COUNTER_TOTALS: &str = "
    select substr(name, 11), sum(count)::bigint from daily_counters
    where starts_with(name, 'cross_app_') group by 1 order by 1";
