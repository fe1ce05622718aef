//! Sign-in, registration, sign-out and refresh.

use std::time::{Duration, Instant};

use anyhow::Result;
use http_body_util::Full;
use hyper::{Method, StatusCode};
use sabor::crypto::password::{Hasher, Password};
use sabor::crypto::random;
use sabor::crypto::secret::sha256_hex;
use serde_json::json;

use super::row::{Row, Unit};
use super::session_check::commands_row;
use crate::testbed::load::{Call, Load, LoadStats};
use crate::testbed::server::Server;
use crate::testbed::{DATABASE, PASSWORD, Testbed};

/// The number of requests or hashes in a round.
const CALLS_PER_ROUND: usize = 10;

/// Compares sign-ins, one at a time, with the hash function alone. Also measures eight
/// concurrent sign-ins, and the peak memory.
pub(super) async fn compare_with_hashing(testbed: &Testbed) -> Result<Vec<Row>> {
    let server = testbed.start_function("/api/auth/login").await?;
    measure_sign_ins(testbed, &server, 2, 1).await?;
    let hasher = Hasher::new(1);
    let hash = hasher.hash(Password::submitted(PASSWORD)).await?;
    let (mut hash_rounds, mut request_rounds) = (Vec::new(), Vec::new());
    for _ in 0..testbed.rounds() {
        hash_rounds.push(time_hashes(&hasher, &hash).await?);
        request_rounds.push(measure_sign_ins(testbed, &server, CALLS_PER_ROUND, 1).await?);
    }
    let [hash_time, request_time] =
        [hash_rounds, request_rounds].map(|rounds| LoadStats::merge(&rounds).percentile(0.5));
    let (label, overhead) = ("sign-in minus argon2 alone", request_time - hash_time);
    let single_row = Row::at_most(label, overhead, Unit::Milliseconds, 5.0);
    let concurrent = measure_sign_ins(testbed, &server, 20 * testbed.rounds(), 8).await?;
    Ok(vec![
        single_row.detail(format!("{request_time:.1} ms against {hash_time:.1} ms")),
        p95_row("8 concurrent sign-ins, p95", &concurrent, 200.0),
        peak_memory_row(&server),
    ])
}

async fn measure_sign_ins(
    testbed: &Testbed,
    server: &Server,
    count: usize,
    concurrency: usize,
) -> Result<LoadStats> {
    let calls = (0..count).map(|_| testbed.sign_in_request(PASSWORD));
    let load = Load::once(server.address, calls.collect::<Result<_>>()?);
    load.connections(concurrency).run().await
}

/// Compares the peak memory with that of an idle function (14 MB) plus the memory of one hash
/// per core (20 MB, which is 19 MiB).
fn peak_memory_row(server: &Server) -> Row {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (label, bound) = ("peak memory of sign-ins", 14.0 + 20.0 * cores as f64);
    match server.peak_memory() {
        Ok(peak) => Row::at_most(label, peak, Unit::Megabytes, bound),
        Err(error) => Row::not_measured(label, &format!("{error:#}")),
    }
}

async fn time_hashes(hasher: &Hasher, hash: &str) -> Result<LoadStats> {
    let round_started = Instant::now();
    let mut latencies = Vec::new();
    for _ in 0..CALLS_PER_ROUND {
        let hash_started = Instant::now();
        hasher
            .verify(Password::submitted(PASSWORD), Some(hash))
            .await?;
        latencies.push(hash_started.elapsed());
    }
    Ok(LoadStats::new(latencies, round_started.elapsed()))
}

impl Testbed {
    /// Builds the sign-in request of a random member.
    pub(super) fn sign_in_request(&self, password: &str) -> Result<Call> {
        let number = random::below(256);
        let email = format!("member{number}@example.com");
        self.post(
            "/api/auth/login",
            &json!({ "email": email, "password": password }),
        )
    }
}

/// Measures session look-ups, sign-outs, health checks and registrations, one request at a
/// time, and counts the Redis commands of a sign-in and a sign-out.
pub(super) async fn measure_operations(testbed: &Testbed) -> Result<Vec<Row>> {
    let count = if testbed.quick { 100 } else { 300 };
    let session_check = testbed.start_function("/api/auth/session").await?;
    let warm_checks = testbed.warm_checks()?;
    testbed.warm_up(&session_check, &warm_checks).await?;
    let hits = warm_checks.into_iter().cycle().take(count).collect();
    let hits = Load::once(session_check.address, hits).run().await?;
    let misses = Load::once(session_check.address, testbed.fresh_checks(count)?)
        .run()
        .await?;
    let health = testbed.start_function("/api/health").await?;
    let health_call = |_| {
        Ok(testbed
            .call(Method::GET, "/api/health")
            .body(Full::default())?)
    };
    let health_calls = (0..count).map(health_call).collect::<Result<_>>()?;
    let health_checks = Load::once(health.address, health_calls).run().await?;
    testbed.redis.endpoint.clear_log();
    let sign_outs = measure_sign_outs(testbed, count).await?;
    let sign_out_commands = testbed.redis.endpoint.command_count();
    testbed.redis.endpoint.clear_log();
    let login = testbed.start_function("/api/auth/login").await?;
    let calls = (0..CALLS_PER_ROUND).map(|_| testbed.sign_in_request(PASSWORD));
    let load = Load::once(login.address, calls.collect::<Result<_>>()?);
    load.run().await?;
    let sign_in_commands = testbed.redis.endpoint.command_count();
    Ok(vec![
        commands_row("a sign-in", sign_in_commands, CALLS_PER_ROUND),
        commands_row("a sign-out", sign_out_commands, count),
        p95_row("session look-up in Redis, p95", &hits, 10.0),
        p95_row("session look-up with a query, p95", &misses, 50.0),
        p95_row("sign-out, p95", &sign_outs, 20.0),
        p95_row("health, p95", &health_checks, 100.0),
        measure_registrations(testbed).await?,
    ])
}

fn p95_row(label: &str, stats: &LoadStats, bound: f64) -> Row {
    let row = Row::at_most(label, stats.percentile(0.95), Unit::Milliseconds, bound);
    row.detail(format!("median {:.2} ms", stats.percentile(0.5)))
}

async fn measure_sign_outs(testbed: &Testbed, count: usize) -> Result<LoadStats> {
    let server = testbed.start_function("/api/auth/logout").await?;
    let mut calls = testbed.fresh_checks(count)?;
    for call in &mut calls {
        *call.method_mut() = Method::POST;
        *call.uri_mut() = "/api/auth/logout".parse()?;
        // Marks the request as sent by the site's own pages.
        call.headers_mut()
            .insert("sec-fetch-site", "same-origin".parse()?);
    }
    Load::once(server.address, calls).run().await
}

async fn measure_registrations(testbed: &Testbed) -> Result<Row> {
    let server = testbed.start_function("/api/auth/register").await?;
    let hasher = Hasher::new(1);
    let hash = hasher.hash(Password::submitted(PASSWORD)).await?;
    let (mut hash_rounds, mut request_rounds) = (Vec::new(), Vec::new());
    for _ in 0..testbed.rounds() {
        let calls = (0..CALLS_PER_ROUND).map(|_| {
            let email = format!("{}@example.com", random::hex::<8>());
            let form = json!({ "email": email, "password": PASSWORD, "name": "Ana García" });
            testbed.post("/api/auth/register", &form)
        });
        let load = Load::once(server.address, calls.collect::<Result<_>>()?);
        request_rounds.push(load.expect(StatusCode::CREATED).run().await?);
        hash_rounds.push(time_hashes(&hasher, &hash).await?);
    }
    let [hash_time, request_time] =
        [hash_rounds, request_rounds].map(|rounds| LoadStats::merge(&rounds).percentile(0.95));
    let label = "registration minus argon2 alone, p95";
    let row = Row::at_most(label, request_time - hash_time, Unit::Milliseconds, 10.0);
    Ok(row.detail(format!("{request_time:.1} ms against {hash_time:.1} ms")))
}

/// Compares the response times for an unknown account and a wrong password, which must
/// not reveal whether the account exists.
pub(super) async fn compare_with_unknown_account(testbed: &Testbed) -> Result<Vec<Row>> {
    const ATTEMPTS: usize = 200;
    let server = testbed.start_function("/api/auth/login").await?;
    measure_rejected_sign_ins(&server, vec![testbed.sign_in_request("wrong password")?]).await?;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..ATTEMPTS / CALLS_PER_ROUND {
        let calls = (0..CALLS_PER_ROUND).map(|_| testbed.sign_in_request("wrong password"));
        known.push(measure_rejected_sign_ins(&server, calls.collect::<Result<_>>()?).await?);
        let calls = (0..CALLS_PER_ROUND).map(|_| {
            let email = format!("{}@example.com", random::hex::<8>());
            testbed.post(
                "/api/auth/login",
                &json!({ "email": email, "password": "wrong password" }),
            )
        });
        unknown.push(measure_rejected_sign_ins(&server, calls.collect::<Result<_>>()?).await?);
    }
    let [known, unknown] = [known, unknown].map(|rounds| LoadStats::merge(&rounds).percentile(0.5));
    let difference = 100.0 * (unknown - known).abs() / known;
    let label = "difference between unknown account and wrong password";
    let detail = format!("medians of {ATTEMPTS} each: {unknown:.2} ms and {known:.2} ms");
    Ok(vec![
        Row::at_most(label, difference, Unit::Percent, 2.0).detail(detail),
    ])
}

/// Measures refreshes, one at a time, each with its own single-use token.
pub(super) async fn measure_refresh(testbed: &Testbed) -> Result<Vec<Row>> {
    let count = if testbed.quick { 100 } else { 300 };
    let tokens: Vec<_> = (0..count).map(|_| random::hex::<32>()).collect();
    let hashes: Vec<_> = tokens
        .iter()
        .map(|token| sha256_hex(token.as_bytes()))
        .collect();
    let client = testbed.cluster.connect(DATABASE).await?;
    client.execute(INSERT_REFRESH_TOKENS, &[&hashes]).await?;
    let server = testbed.start_function("/api/auth/refresh").await?;
    let refresh_call = |token: &String| {
        let form = json!({ "refreshToken": token });
        testbed.post("/api/auth/refresh", &form)
    };
    let calls = tokens.iter().map(refresh_call).collect::<Result<_>>()?;
    let stats = Load::once(server.address, calls).run().await?;
    Ok(vec![p95_row("refresh, p95", &stats, 50.0)])
}

const INSERT_REFRESH_TOKENS: &str = "
    with member as (
        select id, session_epoch from users limit 1
    ), new_sessions as (
        insert into user_sessions (id, user_id, session_key, epoch, login_method,
            expires_at, absolute_expires_at)
        select session.id, member.id, 'sid:' || session.id, session_epoch, 'password', ends, ends
        from member, (
            select gen_random_uuid() as id, now() + interval '30 days' as ends
            from unnest($1::text[])
        ) session
        returning id, expires_at
    )
    insert into refresh_tokens (id, session_id, family_id, token_hash, expires_at)
    select id, id, id, hash, expires_at
    from (select id, expires_at, row_number() over () as number from new_sessions) numbered
    join unnest($1::text[]) with ordinality as token (hash, number) using (number)";

async fn measure_rejected_sign_ins(server: &Server, calls: Vec<Call>) -> Result<LoadStats> {
    let load = Load::once(server.address, calls);
    // Without the pause, work that continues after a response could delay the next request.
    let load = load.pause(Duration::from_millis(10));
    load.expect(StatusCode::UNAUTHORIZED).run().await
}
