//! Two concurrent clean-ups, one of which is killed.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hyper::StatusCode;
use serde_json::Value;
use tokio_postgres::Client;

use super::environment::{APP, Environment};
use super::run::Run;
use crate::testbed::function;
use crate::testbed::load::Connection;
use crate::testbed::server::Server;

const CLEAN_UP_PATH: &str = "/api/admin/cleanup-sessions";

/// The number of expired sessions and of old tokens that each round creates.
const ROWS_PER_ROUND: i32 = 4_000;

/// How long the final clean-up may take.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(20);

/// The maximum number of rounds until a clean-up is killed halfway.
const MAX_ROUNDS: i32 = 30;

/// Runs two concurrent clean-ups repeatedly. In every third round, one is killed halfway.
/// At the end, no expired session may be left, and each token must be in the archive once.
pub(super) async fn run_concurrently(run: &Run) -> Result<()> {
    let (environment, client) = (&run.environment, run.environment.connect().await?);
    let first_server = function::start(CLEAN_UP_PATH, &environment.variables()).await?;
    let (started, mut round, mut tokens, mut killed) = (Instant::now(), 0, 0, 0);
    while started.elapsed() < environment.fault_duration() || killed == 0 && round < MAX_ROUNDS {
        round += 1;
        client.execute(INSERT_SESSIONS, &[&ROWS_PER_ROUND]).await?;
        tokens += client
            .execute(INSERT_TOKENS, &[&ROWS_PER_ROUND, &round, &APP])
            .await?;
        let second_server = function::start(CLEAN_UP_PATH, &environment.variables()).await?;
        let clean_ups = async {
            tokio::try_join!(
                clean_up(environment, &first_server),
                clean_up(environment, &second_server)
            )
            .map(drop)
        };
        if round % 3 == 0 {
            let before = count_expired(&client).await?;
            let first_deletion = async {
                while count_expired(&client).await? == before {}
                Ok::<_, anyhow::Error>(())
            };
            tokio::select! {
                result = clean_ups => result?,
                result = first_deletion => result?,
            }
            second_server.stop().await?;
            killed += i32::from(count_expired(&client).await? > 0);
        } else {
            clean_ups.await?;
            second_server.stop().await?;
        }
    }
    ensure!(killed > 0, "no clean-up was killed halfway");
    let started = Instant::now();
    loop {
        let response = clean_up(environment, &first_server).await?;
        // The field `remaining` is not checked, because it includes queued e-mails, which are
        // never sent without a mail server.
        if response["deletedCount"] == 0 && response["details"]["crossAppArchived"] == 0 {
            break;
        }
        let has_time_left = started.elapsed() < CLEANUP_TIMEOUT;
        ensure!(has_time_left, "the clean-up does not finish: {response}");
    }
    first_server.stop().await?;
    let none_left = count_expired(&client).await? == 0;
    run.check(none_left, "clean-up: an expired session is left");
    let row = client.query_one(COUNT_ARCHIVED, &[]).await?;
    let (rows, distinct): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let is_archived_once = u64::try_from(rows)? == tokens && rows == distinct;
    run.check(
        is_archived_once,
        "clean-up: a token is missing from the archive or duplicated",
    );
    Ok(client.batch_execute(CLEAR_ARCHIVE).await?)
}

/// Runs a clean-up. Returns its response.
async fn clean_up(environment: &Environment, server: &Server) -> Result<Value> {
    let mut connection = Connection::open(server.address).await?;
    let (status, body) = connection
        .send(environment.testbed.cron_request(CLEAN_UP_PATH)?)
        .await?;
    let body: Value = serde_json::from_slice(&body)?;
    ensure!(status == StatusCode::OK, "the clean-up returned {status}");
    Ok(body)
}

async fn count_expired(client: &Client) -> Result<i64> {
    let query = "select count(*) from user_sessions where expires_at <= now()";
    Ok(client.query_one(query, &[]).await?.try_get(0)?)
}

const INSERT_SESSIONS: &str = "
    insert into user_sessions (id, user_id, session_key, login_method, created_at, last_activity,
        expires_at, absolute_expires_at)
    select gen_random_uuid(), md5('member' || n % 1000)::uuid, gen_random_uuid()::text, 'password',
        now() - interval '8 days', now() - interval '2 days', now() - interval '1 day',
        now() - interval '1 day'
    from generate_series(1, $1) n";

const INSERT_TOKENS: &str = "
    insert into cross_app_sessions (id, token_hash, user_id, target_app, ip_address, created_at,
        expires_at)
    select gen_random_uuid(), 'old ' || $2::int || ' ' || n, md5('member' || n % 1000)::uuid, $3,
        '192.0.2.1', at, at + interval '15 minutes'
    from generate_series(1, $1) n
    cross join lateral (select now() - make_interval(days => 31 + n % 60) as at) t";

const COUNT_ARCHIVED: &str =
    "select count(*), count(distinct token_hash) from cross_app_sessions_archive";

const CLEAR_ARCHIVE: &str = "delete from cross_app_sessions_archive";
