//! Two clean-ups at once, and one of them dies.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hyper::StatusCode;
use serde_json::Value;
use tokio_postgres::Client;

use super::play::Play;
use super::stage::{APP, Stage};
use crate::testbed::function;
use crate::testbed::load::Connection;
use crate::testbed::server::Server;

const PATH: &str = "/api/admin/cleanup-sessions";

/// What is made for each round: expired sessions, and old tokens as many.
const ROWS: i32 = 4_000;

/// How long the last of it may take.
const DONE_WITHIN: Duration = Duration::from_secs(20);

/// By then one has been killed in the middle, if one can be.
const ROUNDS: i32 = 30;

/// Again and again two processes clean up at the same moment; every third time
/// one of them is killed in the middle. In the end nothing is left that was to go,
/// each token is in the archive once, and nothing else has gone.
pub(super) async fn overlap(play: &Play) -> Result<()> {
    let (stage, client) = (&play.stage, play.stage.postgres().await?);
    let one = function::start(PATH, &stage.variables()).await?;
    let (begun, mut round, mut tokens, mut killed) = (Instant::now(), 0, 0, 0);
    while begun.elapsed() < stage.lasting() || killed == 0 && round < ROUNDS {
        round += 1;
        client.execute(INSERT_SESSIONS, &[&ROWS]).await?;
        tokens += client
            .execute(INSERT_TOKENS, &[&ROWS, &round, &APP])
            .await?;
        let other = function::start(PATH, &stage.variables()).await?;
        let both =
            async { tokio::try_join!(clean_up(stage, &one), clean_up(stage, &other)).map(drop) };
        if round % 3 == 0 {
            let before = expired(&client).await?;
            let in_the_middle = async {
                while expired(&client).await? == before {}
                Ok::<_, anyhow::Error>(())
            };
            tokio::select! {
                cleaned = both => cleaned?,
                begun = in_the_middle => begun?,
            }
            other.stop().await?;
            killed += i32::from(expired(&client).await? > 0);
        } else {
            both.await?;
            other.stop().await?;
        }
    }
    ensure!(killed > 0, "no clean-up was killed in the middle");
    let begun = Instant::now();
    loop {
        let told = clean_up(stage, &one).await?;
        // Not `remaining`, which mail is that waits: there is no mail server here.
        if told["deletedCount"] == 0 && told["details"]["crossAppArchived"] == 0 {
            break;
        }
        let in_time = begun.elapsed() < DONE_WITHIN;
        ensure!(in_time, "the clean-up comes to no end: {told}");
    }
    one.stop().await?;
    let gone = expired(&client).await? == 0;
    play.expect(gone, "clean-up: what had expired is still there");
    let row = client.query_one(ARCHIVED, &[]).await?;
    let (rows, distinct): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let once = u64::try_from(rows)? == tokens && rows == distinct;
    play.expect(once, "clean-up: a token is not in the archive once");
    Ok(client.batch_execute(FORGET).await?)
}

/// What a clean-up says that it has done.
async fn clean_up(stage: &Stage, server: &Server) -> Result<Value> {
    let mut connection = Connection::open(server.address).await?;
    let (status, body) = connection.ask(stage.testbed.cron(PATH)?).await?;
    let body: Value = serde_json::from_slice(&body)?;
    ensure!(
        status == StatusCode::OK,
        "the clean-up was answered with {status}"
    );
    Ok(body)
}

async fn expired(client: &Client) -> Result<i64> {
    let question = "select count(*) from user_sessions where expires_at <= now()";
    Ok(client.query_one(question, &[]).await?.try_get(0)?)
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

const ARCHIVED: &str =
    "select count(*), count(distinct token_hash) from cross_app_sessions_archive";

const FORGET: &str = "delete from cross_app_sessions_archive";
