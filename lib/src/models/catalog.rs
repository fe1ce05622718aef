//! The operations that class types, instructors and rooms share. Staff create, change and
//! retire these items, but never delete them.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use super::security_event::SecurityEventKind;
use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;

/// A class type, an instructor or a room.
pub trait CatalogItem: Sized {
    /// The data of a new item.
    type New: Sync;
    /// The changes to an item.
    type Changes: Sync;

    /// The security event that is recorded for every change.
    const CHANGE_EVENT: SecurityEventKind;

    /// Returns the statement that lists a page of items, made by `list_statement!`.
    fn list_statement() -> &'static Statement;

    /// Returns the statement that retires an item, made by `retire_statement!`.
    fn retire_statement() -> &'static Statement;

    /// Reads an item from a row of the list.
    fn from_row(row: &Row) -> Result<Self>;

    /// Returns the item's id.
    fn id(&self) -> Uuid;

    /// Returns the item's position in the list.
    fn position(&self) -> (DateTime<Utc>, Uuid);

    /// Inserts a new item.
    ///
    /// # Errors
    ///
    /// The errors of the table's constraints, such as 409 `class_type_exists`.
    fn insert(client: &Client, item: &Self::New) -> impl Future<Output = Result<Self>> + Send;

    /// Changes an item, even if it is retired.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; the errors of [`CatalogItem::insert`].
    fn update(
        client: &Client,
        id: Uuid,
        changes: &Self::Changes,
    ) -> impl Future<Output = Result<Self>> + Send;
}

/// Lists a page of items, newest first. `is_active` selects active or retired items; `None`
/// selects both.
pub async fn list<T: CatalogItem>(
    client: &Client,
    is_active: Option<bool>,
    page: &Page,
) -> Result<Vec<T>> {
    let (time, id) = page.after();
    let rows = T::list_statement()
        .all(client, &[&is_active, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(T::from_row).collect()
}

/// An active item and when it was last changed.
#[derive(Clone, Copy, Debug)]
pub struct LastChange {
    /// The item's id.
    pub id: Uuid,
    /// When the row was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Reads the last changes of the active items, for a statement that selects them.
pub(super) async fn list_last_changes(
    client: &Client,
    statement: &Statement,
) -> Result<Vec<LastChange>> {
    let rows = statement.all(client, &[&MAX_LAST_CHANGES]).await?;
    rows.iter()
        .map(|row| {
            Ok(LastChange {
                id: row.try_get("id")?,
                updated_at: row.try_get("updated_at")?,
            })
        })
        .collect()
}

/// The maximum number of items that [`list_last_changes`] reads.
const MAX_LAST_CHANGES: i64 = 10_000;

/// The result of retiring an item, with the number of classes that still refer to it.
#[derive(Clone, Copy, Debug)]
pub struct RetiredItem {
    /// Whether the item was active before.
    pub was_active: bool,
    /// The number of upcoming occurrences that are not cancelled.
    pub upcoming_occurrences: i64,
    /// The number of active weekly classes, which generate more occurrences.
    pub active_weekly_classes: i64,
}

impl RetiredItem {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            was_active: row.try_get("was_active")?,
            upcoming_occurrences: row.try_get("upcoming_occurrences")?,
            active_weekly_classes: row.try_get("active_weekly_classes")?,
        })
    }
}

/// Creates the statement that lists a page of the rows of `$table`, newest first. The columns name
/// the table `$alias`. The parameters are whether the items are active (null for both), the
/// position of the last item before the page, and the number of rows.
macro_rules! list_statement {
    ($name:literal, $table:literal, $alias:literal, $columns:expr) => {
        $crate::store::statement::Statement::new(
            $name,
            concat!(
                "select ",
                $columns,
                " from ",
                $table,
                " as ",
                $alias,
                "
                where ($1::boolean is null or is_active = $1)
                  and ($2::timestamptz is null or (created_at, id) < ($2, $3))
                order by created_at desc, id desc limit $4"
            ),
        )
    };
}
pub(super) use list_statement;

/// Creates the statement that retires a row of `$table`. Occurrences and weekly classes
/// refer to the row by `$column`.
macro_rules! retire_statement {
    ($name:literal, $table:literal, $column:literal) => {
        $crate::store::statement::Statement::new(
            $name,
            concat!(
                "with before as (
                    select id, is_active from ",
                $table,
                " where id = $1 for no key update
                ), retired as (
                    update ",
                $table,
                " set is_active = false where id = $1 and is_active
                )
                select before.is_active as was_active,
                    (select count(*) from scheduled_classes c where c.",
                $column,
                " = before.id and c.start_time > $2 and not c.is_cancelled)
                        as upcoming_occurrences,
                    (select count(*) from class_schedules s where s.",
                $column,
                " = before.id and s.is_active) as active_weekly_classes
                from before"
            ),
        )
    };
}
pub(super) use retire_statement;

/// Retires an item. Occurrences and weekly classes that refer to it stay.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn retire<T: CatalogItem>(
    client: &Client,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<RetiredItem> {
    let row = T::retire_statement().opt(client, &[&id, &now]).await?;
    RetiredItem::from_row(&row.ok_or(Error::NotFound)?)
}
