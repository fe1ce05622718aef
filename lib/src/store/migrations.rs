//! The migrations of the schema, which can be applied and reverted.
//!
//! Sabor has its own runner, because the libraries for this driver cannot revert
//! migrations. They also take no lock, so that most of several concurrent callers fail.

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};

use crate::crypto::secret::sha256_hex;
use crate::error::{Error, Result};

struct Migration {
    version: i32,
    name: &'static str,
    up: &'static str,
    down: &'static str,
}

macro_rules! migration {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            up: include_str!(concat!("../../../migrations/", $name, ".up.sql")),
            down: include_str!(concat!("../../../migrations/", $name, ".down.sql")),
        }
    };
}

static MIGRATIONS: [Migration; 10] = [
    migration!(1, "0001_initial"),
    migration!(2, "0002_classes"),
    migration!(3, "0003_bookings"),
    migration!(4, "0004_identity"),
    migration!(5, "0005_cross_app"),
    migration!(6, "0006_refunds"),
    migration!(7, "0007_canonical_texts"),
    migration!(8, "0008_moved_classes"),
    migration!(9, "0009_closed_accounts"),
    migration!(10, "0010_rooms_and_closures"),
];

/// Takes the advisory lock of migrations, whose number is "sabor" in ASCII. The commands
/// of this module have no deadline, because a migration may take long and other callers
/// wait for it.
const LOCK: &str = "select pg_advisory_xact_lock(x'7361626f72'::bigint)";

const LIST_EXISTS: &str = "select to_regclass('schema_migrations') is not null";
const SELECT_APPLIED: &str = "select version, checksum from schema_migrations order by version";
const INSERT: &str = "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)";
const DELETE: &str = "delete from schema_migrations where version = $1";

const CREATE_LIST: &str = "
    create table if not exists schema_migrations (
        version integer primary key,
        name text not null,
        checksum varchar(64) not null,
        applied_at timestamptz not null default now()
    )";

/// Applies the pending migrations, each in its own transaction. Returns the
/// names of those that this call applied. Concurrent callers apply each one once.
///
/// # Errors
///
/// Fails with [`Error::Internal`] when a migration fails, or when an applied one has been
/// changed since, and with [`Error::Unavailable`] when Postgres does not answer. The
/// schema stays as the last successful migration left it.
pub async fn up(client: &mut Client) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for migration in &MIGRATIONS {
        let transaction = client.transaction().await?;
        let applied = list_applied(&transaction).await?;
        let found = applied
            .iter()
            .find(|(version, _)| *version == migration.version);
        match found {
            None => {
                apply(&transaction, migration).await?;
                names.push(migration.name.to_owned());
            }
            Some((_, checksum)) if *checksum != sha256_hex(migration.up.as_bytes()) => {
                return Err(Error::internal(format!(
                    "migration {} was changed after it had been applied; write a new one instead",
                    migration.name
                )));
            }
            Some(_) => {}
        }
        transaction.commit().await?;
    }
    Ok(names)
}

/// Reverts the last `count` migrations, newest first, each in a transaction of its
/// own. Returns their names. The data in the tables is lost.
///
/// # Errors
///
/// Fails with the errors of [`up`].
pub async fn down(client: &mut Client, count: usize) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for migration in MIGRATIONS.iter().rev() {
        if names.len() == count {
            break;
        }
        let transaction = client.transaction().await?;
        let applied = list_applied(&transaction).await?;
        if applied
            .iter()
            .any(|(version, _)| *version == migration.version)
        {
            revert(&transaction, migration).await?;
            names.push(migration.name.to_owned());
        }
        transaction.commit().await?;
    }
    Ok(names)
}

/// Waits for other callers, then lists the versions and checksums of the applied
/// migrations.
async fn list_applied(transaction: &Transaction<'_>) -> Result<Vec<(i32, String)>> {
    transaction.batch_execute(LOCK).await?;
    let exists = transaction.query_typed(LIST_EXISTS, &[]).await?;
    if !exists[0].try_get::<_, bool>(0)? {
        transaction.batch_execute(CREATE_LIST).await?;
    }
    let rows = transaction.query_typed(SELECT_APPLIED, &[]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("version")?, row.try_get("checksum")?)))
        .collect()
}

async fn apply(transaction: &Transaction<'_>, migration: &Migration) -> Result<()> {
    transaction.batch_execute(migration.up).await?;
    let checksum = sha256_hex(migration.up.as_bytes());
    transaction
        .query_typed(
            INSERT,
            &[
                (&migration.version, Type::INT4),
                (&migration.name, Type::TEXT),
                (&checksum, Type::TEXT),
            ],
        )
        .await?;
    Ok(())
}

/// Reverts a migration. For the first migration, also drops the list, so that the schema
/// is empty.
async fn revert(transaction: &Transaction<'_>, migration: &Migration) -> Result<()> {
    transaction.batch_execute(migration.down).await?;
    if migration.version == 1 {
        transaction
            .batch_execute("drop table schema_migrations")
            .await?;
    } else {
        transaction
            .query_typed(DELETE, &[(&migration.version, Type::INT4)])
            .await?;
    }
    Ok(())
}
