//! The migrations of the schema, which can be applied and reverted.
//!
//! Sabor has its own runner, because the libraries for this driver cannot revert
//! migrations. They also take no lock, so most of several concurrent callers fail.

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

static MIGRATIONS: [Migration; 36] = [
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
    migration!(11, "0011_free_cancellation"),
    migration!(12, "0012_rate_limit_failures"),
    migration!(13, "0013_mail_priority"),
    migration!(14, "0014_replaced_refunds"),
    migration!(15, "0015_front_desk"),
    migration!(16, "0016_room_names"),
    migration!(17, "0017_reusable_payments"),
    migration!(18, "0018_invitation_priority"),
    migration!(19, "0019_member_locale"),
    migration!(20, "0020_roster_order"),
    migration!(21, "0021_payment_status"),
    migration!(22, "0022_report_sums"),
    migration!(23, "0023_colleagues"),
    migration!(24, "0024_staff_events"),
    migration!(25, "0025_cached_plans"),
    migration!(26, "0026_passes"),
    migration!(27, "0027_fees_and_receipts"),
    migration!(28, "0028_promo_codes_and_gift_cards"),
    migration!(29, "0029_memberships"),
    migration!(30, "0030_sales_reports"),
    migration!(31, "0031_mail_priorities"),
    migration!(32, "0032_reminders_and_mail_preferences"),
    migration!(33, "0033_staff_places"),
    migration!(34, "0034_courses"),
    migration!(35, "0035_provider_entries"),
    migration!(36, "0036_member_credit"),
];

/// Takes the advisory lock of migrations, whose number is "sabor" in ASCII. The commands
/// of this module have no deadline, because a migration may take long and other callers
/// wait for it.
const LOCK: &str = "select pg_advisory_xact_lock(x'7361626f72'::bigint)";

const TABLE_EXISTS: &str = "select to_regclass('schema_migrations') is not null";
const SELECT_APPLIED: &str = "select version, checksum from schema_migrations order by version";
const INSERT: &str = "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)";
const DELETE: &str = "delete from schema_migrations where version = $1";

const CREATE_TABLE: &str = "
    create table if not exists schema_migrations (
        version integer primary key,
        name text not null,
        checksum varchar(64) not null,
        applied_at timestamptz not null default now()
    )";

/// Applies the pending migrations, each in its own transaction. Returns the
/// names of those that this call applied. Concurrent callers apply each one only once.
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
/// own. Returns their names. The data in the tables is lost: see [`preview_down`].
///
/// # Errors
///
/// Fails with the errors of [`up`], and with [`Error::Internal`] when fewer than `count`
/// migrations are applied.
pub async fn down(client: &mut Client, count: usize) -> Result<Vec<String>> {
    last_applied(&client.transaction().await?, count).await?;
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

/// A table or a column with data that reverting migrations deletes.
#[derive(Clone, Debug)]
pub struct Loss {
    /// The table.
    pub table: String,
    /// The column, if the table itself stays.
    pub column: Option<String>,
    /// The number of rows, or of rows with a value in the column.
    pub rows: i64,
}

/// What [`down`] would do.
#[derive(Clone, Debug)]
pub struct DownPreview {
    /// The names of the migrations that would be reverted, newest first.
    pub names: Vec<String>,
    /// The tables and columns with data that would be deleted.
    pub losses: Vec<Loss>,
}

/// Finds out what reverting the last `count` migrations deletes. Reverts them in
/// a transaction that is rolled back, and compares the tables and columns.
///
/// # Errors
///
/// Fails with the errors of [`down`]. Also fails when the tables are locked for ten seconds.
pub async fn preview_down(client: &mut Client, count: usize) -> Result<DownPreview> {
    let transaction = client.transaction().await?;
    let reverted = last_applied(&transaction, count).await?;
    transaction
        .batch_execute("set local lock_timeout = '10s'")
        .await?;
    let before = list_columns(&transaction).await?;
    for migration in &reverted {
        transaction.batch_execute(migration.down).await?;
    }
    let after = list_columns(&transaction).await?;
    transaction.rollback().await?;

    let mut losses: Vec<Loss> = Vec::new();
    for (table, column) in &before {
        if after.contains(&(table.clone(), column.clone())) {
            continue;
        }
        let is_table_kept = after.iter().any(|(kept, _)| kept == table);
        if !is_table_kept && losses.iter().any(|loss| loss.table == *table) {
            continue;
        }
        let column = is_table_kept.then(|| column.clone());
        let counted = column.as_deref().unwrap_or("*");
        let rows = client
            .query_typed(&format!("select count({counted}) from {table}"), &[])
            .await?;
        losses.push(Loss {
            table: table.clone(),
            column,
            rows: rows[0].try_get(0)?,
        });
    }
    losses.retain(|loss| loss.rows > 0);
    Ok(DownPreview {
        names: reverted.iter().map(|one| one.name.to_owned()).collect(),
        losses,
    })
}

/// Returns the last `count` applied migrations, newest first.
async fn last_applied(
    transaction: &Transaction<'_>,
    count: usize,
) -> Result<Vec<&'static Migration>> {
    let applied = list_applied(transaction).await?;
    let is_applied = |migration: &&Migration| {
        let mut versions = applied.iter().map(|(version, _)| *version);
        versions.any(|version| version == migration.version)
    };
    let mut newest: Vec<_> = MIGRATIONS.iter().rev().filter(is_applied).collect();
    if count > newest.len() {
        return Err(Error::internal(format!(
            "{count} cannot be reverted, because the number of applied migrations is {}",
            newest.len()
        )));
    }
    newest.truncate(count);
    Ok(newest)
}

/// Lists the columns of all tables, quoted, except those of the table of migrations.
/// Partitions are left out, because their rows are counted in the partitioned table.
const LIST_COLUMNS: &str = "
    select quote_ident(c.relname), quote_ident(a.attname)
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'p') and not c.relispartition
        and c.relnamespace = current_schema()::regnamespace and c.relname <> 'schema_migrations'
    order by 1, a.attnum";

async fn list_columns(transaction: &Transaction<'_>) -> Result<Vec<(String, String)>> {
    let rows = transaction.query_typed(LIST_COLUMNS, &[]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

/// Waits for other callers, then lists the versions and checksums of the applied
/// migrations.
async fn list_applied(transaction: &Transaction<'_>) -> Result<Vec<(i32, String)>> {
    transaction.batch_execute(LOCK).await?;
    let exists = transaction.query_typed(TABLE_EXISTS, &[]).await?;
    if !exists[0].try_get::<_, bool>(0)? {
        transaction.batch_execute(CREATE_TABLE).await?;
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

/// Reverts a migration. For the first migration, also drops the table of migrations, so
/// that the schema is empty.
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
