//! Functions and schema are not of one deployment.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use http_body_util::Full;
use hyper::{Method, StatusCode};
use sabor_testing::progress;
use serde_json::Value;
use tokio::task::JoinSet;

use super::play::Play;
use super::stage::Stage;
use crate::database;
use crate::testbed::load::{Call, Connection};
use crate::testbed::{DATABASE, function};

const INIT: &str = "/api/admin/init-db";

/// How many call it at once, of two processes.
const CALLERS: usize = 8;

/// How often something is tried that meets a deadlock with what goes on.
const TRIES: usize = 5;

/// The newest migration is taken back while the functions run, and comes again.
pub(super) async fn older(play: &Play) -> Result<()> {
    migrate(&play.stage, Some(1)).await?;
    play.stage.last().await;
    migrate(&play.stage, None).await?;
    play.stage.add_app().await
}

/// The newest migration is pending, and eight apply it at once: one of them does.
pub(super) async fn at_once(play: &Play) -> Result<()> {
    let stage = &play.stage;
    let variables = stage.variables();
    let one = function::start(INIT, &variables).await?;
    let other = function::start(INIT, &variables).await?;
    let all = migrations(stage).await?;
    migrate(stage, Some(1)).await?;
    let taken_back = migrations(stage).await? == all - 1;
    ensure!(taken_back, "no migration is pending");
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let server = if number % 2 == 0 { &one } else { &other };
        callers.spawn(init(server.address, call(stage)?));
    }
    let mut applied = 0;
    while let Some(called) = callers.join_next().await {
        applied += called??;
    }
    // None, where the one that did it lost its answer and asked again.
    let once = applied <= 1 && migrations(stage).await? == all;
    play.expect(once, "init-db: a migration was not applied once");
    one.stop().await?;
    other.stop().await?;
    stage.add_app().await
}

/// What a later deployment might add is there already: columns, a table, a value
/// that a check lets through, a migration that nobody here knows.
pub(super) async fn newer(play: &Play) -> Result<()> {
    let stage = &play.stage;
    let client = stage.postgres().await?;
    let row = client.query_one(STATUS_KNOWN, &[]).await?;
    let known: String = row.try_get(0)?;
    let widened = known.replacen("CHECK (", "CHECK (status = 'held' or ", 1);
    ensure!(widened != known, "{known} cannot be widened");
    change(stage, &format!("{ADD}; {}", status_known(&widened))).await?;
    play.stage.last().await;
    let server = function::start(INIT, &stage.variables()).await?;
    let applied = init(server.address, call(stage)?).await?;
    play.expect(
        applied == 0,
        "init-db: something was applied to a newer schema",
    );
    server.stop().await?;
    change(stage, &format!("{TAKE_BACK}; {}", status_known(&known))).await
}

/// How many migrations there are in the database.
async fn migrations(stage: &Stage) -> Result<i64> {
    let question = "select count(*) from schema_migrations";
    let row = stage.postgres().await?.query_one(question, &[]).await?;
    Ok(row.try_get(0)?)
}

async fn migrate(stage: &Stage, down: Option<usize>) -> Result<()> {
    let url = stage.testbed.cluster.url(DATABASE);
    tried(async || database::migrate(&url, down).await.map(drop)).await
}

async fn change(stage: &Stage, statements: &str) -> Result<()> {
    let client = stage.postgres().await?;
    tried(async || Ok(client.batch_execute(statements).await?)).await
}

/// Who changes a schema that is in use may lose a deadlock, and does it again.
async fn tried(work: impl AsyncFn() -> Result<()>) -> Result<()> {
    let mut tries = 1;
    loop {
        match work().await {
            Err(error) if tries < TRIES => progress::status(&format!("  again: {error:#}")),
            outcome => return outcome,
        }
        tries += 1;
    }
}

fn call(stage: &Stage) -> Result<Call> {
    let mut call = stage.testbed.cron(INIT)?;
    *call.method_mut() = Method::POST;
    *call.body_mut() = Full::default();
    Ok(call)
}

/// Applies what is pending, until it is told that nothing is; how much that was.
async fn init(address: SocketAddr, call: Call) -> Result<usize> {
    let mut tries = 1;
    loop {
        let mut connection = Connection::open(address).await?;
        let (status, body) = connection.ask(call.clone()).await?;
        if status == StatusCode::OK {
            let body: Value = serde_json::from_slice(&body)?;
            return Ok(body["applied"].as_array().map_or(0, Vec::len));
        }
        let lost = status == StatusCode::SERVICE_UNAVAILABLE && tries < TRIES;
        ensure!(lost, "{INIT} was answered with {status}");
        tries += 1;
    }
}

// By names that no migration will have.
const ADD: &str = "
    alter table users add column drill_nickname text;
    alter table user_sessions add column drill_country text;
    alter table bookings add column drill_note text not null default '';
    create table drill_vouchers (id uuid primary key, user_id uuid not null references users);
    insert into schema_migrations (version, name, checksum)
        select max(version) + 1, 'drill_vouchers', '' from schema_migrations";

const TAKE_BACK: &str = "
    alter table users drop column drill_nickname;
    alter table user_sessions drop column drill_country;
    alter table bookings drop column drill_note;
    drop table drill_vouchers;
    delete from schema_migrations where name = 'drill_vouchers'";

const STATUS_KNOWN: &str = "
    select pg_get_constraintdef(oid) from pg_constraint
    where conrelid = 'bookings'::regclass and conname = 'bookings_status_known'";

/// Puts this check in the place of the one that there is.
fn status_known(check: &str) -> String {
    format!(
        "alter table bookings drop constraint bookings_status_known,
            add constraint bookings_status_known {check}"
    )
}
