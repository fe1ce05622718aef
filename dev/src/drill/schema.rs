//! Faults of the schema: it is older or newer than the functions expect.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use http_body_util::Full;
use hyper::{Method, StatusCode};
use sabor_testing::progress;
use serde_json::Value;
use tokio::task::JoinSet;

use super::environment::Environment;
use super::run::Run;
use crate::database;
use crate::testbed::load::{Call, Connection};
use crate::testbed::{DATABASE, function};

const INIT_DB_PATH: &str = "/api/admin/init-db";

/// The number of concurrent callers, on two processes.
const CALLER_COUNT: usize = 8;

/// The maximum number of attempts at a schema change, which may deadlock with the load.
const MAX_ATTEMPTS: usize = 5;

/// The oldest migration that the drills revert. It creates the tables of cross-app
/// tokens, so its absence affects requests.
const OLDEST_REVERTED: &str = "0005_cross_app";

/// Reverts migrations while the functions run, and applies them again.
pub(super) async fn use_older_schema(run: &Run) -> Result<()> {
    let environment = &run.environment;
    revert_migrations(environment).await?;
    environment.wait_fault_duration().await;
    migrate(environment, None).await?;
    environment.add_app().await
}

/// Lets eight callers apply pending migrations concurrently. Each migration may be applied
/// only once.
pub(super) async fn migrate_concurrently(run: &Run) -> Result<()> {
    let environment = &run.environment;
    let variables = environment.variables();
    let first_server = function::start(INIT_DB_PATH, &variables).await?;
    let second_server = function::start(INIT_DB_PATH, &variables).await?;
    let reverted = revert_migrations(environment).await?;
    let mut callers = JoinSet::new();
    for number in 0..CALLER_COUNT {
        let server = if number % 2 == 0 {
            &first_server
        } else {
            &second_server
        };
        callers.spawn(call_init_db(server.address, init_db_request(environment)?));
    }
    let mut applied = 0;
    while let Some(result) = callers.join_next().await {
        applied += result??;
    }
    // `applied` is lower if the response to a caller that applied migrations was lost.
    let is_applied_once = applied <= reverted && count_migrations(environment).await? == reverted;
    run.check(
        is_applied_once,
        "init-db: a migration was not applied exactly once",
    );
    first_server.stop().await?;
    second_server.stop().await?;
    environment.add_app().await
}

/// Adds what a later deployment might add: columns, a table, another value in a check
/// constraint, and an unknown migration.
pub(super) async fn use_newer_schema(run: &Run) -> Result<()> {
    let environment = &run.environment;
    let client = environment.connect().await?;
    let row = client.query_one(STATUS_CONSTRAINT_QUERY, &[]).await?;
    let original: String = row.try_get(0)?;
    let widened = original.replacen("CHECK (", "CHECK (status = 'held' or ", 1);
    ensure!(
        widened != original,
        "cannot extend the constraint {original}"
    );
    execute(
        environment,
        &format!("{EXTEND_SCHEMA}; {}", set_status_constraint(&widened)),
    )
    .await?;
    run.environment.wait_fault_duration().await;
    let server = function::start(INIT_DB_PATH, &environment.variables()).await?;
    let applied = call_init_db(server.address, init_db_request(environment)?).await?;
    run.check(
        applied == 0,
        "init-db: a migration was applied to a newer schema",
    );
    server.stop().await?;
    execute(
        environment,
        &format!("{REVERT_SCHEMA}; {}", set_status_constraint(&original)),
    )
    .await
}

/// Reverts [`OLDEST_REVERTED`] and all later migrations. Returns how many these are.
async fn revert_migrations(environment: &Environment) -> Result<usize> {
    let reverted = count_migrations(environment).await?;
    ensure!(reverted > 0, "{OLDEST_REVERTED} is not applied");
    migrate(environment, Some(reverted)).await?;
    ensure!(
        count_migrations(environment).await? == 0,
        "no migration is pending"
    );
    Ok(reverted)
}

/// Counts the applied migrations, starting with [`OLDEST_REVERTED`].
async fn count_migrations(environment: &Environment) -> Result<usize> {
    let client = environment.connect().await?;
    let count: i64 = client
        .query_one(COUNT_MIGRATIONS, &[&OLDEST_REVERTED])
        .await?
        .try_get(0)?;
    Ok(usize::try_from(count)?)
}

async fn migrate(environment: &Environment, down: Option<usize>) -> Result<()> {
    let url = environment.testbed.cluster.url(DATABASE);
    retry(async || database::migrate(&url, down).await.map(drop)).await
}

async fn execute(environment: &Environment, statements: &str) -> Result<()> {
    let client = environment.connect().await?;
    retry(async || Ok(client.batch_execute(statements).await?)).await
}

/// Retries a schema change, which Postgres may abort because of a deadlock with the load.
async fn retry(work: impl AsyncFn() -> Result<()>) -> Result<()> {
    let mut attempts = 1;
    loop {
        match work().await {
            Err(error) if attempts < MAX_ATTEMPTS => {
                progress::status(&format!("  Retrying after: {error:#}"))
            }
            result => return result,
        }
        attempts += 1;
    }
}

fn init_db_request(environment: &Environment) -> Result<Call> {
    let mut call = environment.testbed.cron_request(INIT_DB_PATH)?;
    *call.method_mut() = Method::POST;
    *call.body_mut() = Full::default();
    Ok(call)
}

/// Calls `init-db`, and repeats the call after a 503, up to [`MAX_ATTEMPTS`] times in all.
/// Returns the number of applied migrations.
async fn call_init_db(address: SocketAddr, call: Call) -> Result<usize> {
    let mut attempts = 1;
    loop {
        let mut connection = Connection::open(address).await?;
        let (status, body) = connection.send(call.clone()).await?;
        if status == StatusCode::OK {
            let body: Value = serde_json::from_slice(&body)?;
            return Ok(body["applied"].as_array().map_or(0, Vec::len));
        }
        let may_retry = status == StatusCode::SERVICE_UNAVAILABLE && attempts < MAX_ATTEMPTS;
        ensure!(may_retry, "{INIT_DB_PATH} returned {status}");
        attempts += 1;
    }
}

const COUNT_MIGRATIONS: &str = "
    select count(*) from schema_migrations
    where version >= (select version from schema_migrations where name = $1)";

// No migration will use these names.
const EXTEND_SCHEMA: &str = "
    alter table users add column drill_nickname text;
    alter table user_sessions add column drill_country text;
    alter table bookings add column drill_note text not null default '';
    create table drill_vouchers (id uuid primary key, user_id uuid not null references users);
    insert into schema_migrations (version, name, checksum)
        select max(version) + 1, 'drill_vouchers', '' from schema_migrations";

const REVERT_SCHEMA: &str = "
    alter table users drop column drill_nickname;
    alter table user_sessions drop column drill_country;
    alter table bookings drop column drill_note;
    drop table drill_vouchers;
    delete from schema_migrations where name = 'drill_vouchers'";

const STATUS_CONSTRAINT_QUERY: &str = "
    select pg_get_constraintdef(oid) from pg_constraint
    where conrelid = 'bookings'::regclass and conname = 'bookings_status_known'";

/// Returns the statement that replaces the constraint.
fn set_status_constraint(check: &str) -> String {
    format!(
        "alter table bookings drop constraint bookings_status_known,
            add constraint bookings_status_known {check}"
    )
}
