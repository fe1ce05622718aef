//! Closures: days on which the studio is closed.

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;

/// The error for a class on a day on which the studio is closed.
pub const STUDIO_CLOSED: Error = Error::Conflict {
    code: ErrorCode::StudioClosed,
    message: "The studio is closed on this day",
};

/// A row of `closures`.
#[derive(Clone, Debug)]
pub struct Closure {
    /// The closure's id.
    pub id: Uuid,
    /// The first day.
    pub first_day: NaiveDate,
    /// The last day.
    pub last_day: NaiveDate,
    /// Why the studio is closed, for members.
    pub reason: Option<String>,
    /// When the row was created.
    pub created_at: DateTime<Utc>,
}

impl Closure {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            first_day: row.try_get("first_day")?,
            last_day: row.try_get("last_day")?,
            reason: row.try_get("reason")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// Returns whether the studio is closed on this day.
    pub fn includes(&self, date: NaiveDate) -> bool {
        (self.first_day..=self.last_day).contains(&date)
    }

    /// Returns the closure's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

/// A closure to create.
#[derive(Clone, Debug)]
pub struct NewClosure {
    /// The first day.
    pub first_day: NaiveDate,
    /// The last day.
    pub last_day: NaiveDate,
    /// Why the studio is closed, for members.
    pub reason: Option<String>,
}

/// The changes to a closure. `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct ClosureChanges {
    /// The first day.
    pub first_day: Option<NaiveDate>,
    /// The last day.
    pub last_day: Option<NaiveDate>,
    /// The reason. `Some(None)` removes it.
    pub reason: Option<Option<String>>,
}

static LIST: Statement = Statement::new(
    "closure.list",
    "select id, first_day, last_day, reason, created_at from closures
    where $1::timestamptz is null or (created_at, id) < ($1, $2)
    order by created_at desc, id desc limit $3",
);

/// Lists a page of closures, newest first.
pub async fn list(client: &Client, page: &Page) -> Result<Vec<Closure>> {
    let (time, id) = page.after();
    let rows = LIST.all(client, &[&time, &id, &page.row_limit()]).await?;
    rows.iter().map(Closure::from_row).collect()
}

static LIST_BETWEEN: Statement = Statement::new(
    "closure.list_between",
    "select id, first_day, last_day, reason, created_at from closures
    where last_day >= $1 and first_day <= $2 order by first_day, id",
);

/// Lists the closures that overlap the days from `first` to `last`.
pub async fn list_between(
    client: &Client,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<Vec<Closure>> {
    let rows = LIST_BETWEEN.all(client, &[&first, &last]).await?;
    rows.iter().map(Closure::from_row).collect()
}

/// Checks that the studio is open on a day. The caller must hold the timetable's lock.
///
/// # Errors
///
/// 409 `studio_closed`.
pub async fn check_open(client: &Client, date: NaiveDate) -> Result<()> {
    match list_between(client, date, date).await?.is_empty() {
        true => Ok(()),
        false => Err(STUDIO_CLOSED),
    }
}

static INSERT: Statement = Statement::new(
    "closure.insert",
    "insert into closures (id, first_day, last_day, reason) values ($1, $2, $3, $4)
    returning id, first_day, last_day, reason, created_at",
);

/// Inserts a closure.
///
/// # Errors
///
/// [`Error::Invalid`] when the last day is before the first day.
pub async fn insert(client: &Client, closure: &NewClosure) -> Result<Closure> {
    let row = INSERT
        .one(
            client,
            &[
                &random::id(),
                &closure.first_day,
                &closure.last_day,
                &closure.reason,
            ],
        )
        .await
        .on_constraint("closures_days", ends_before_start())?;
    Closure::from_row(&row)
}

fn ends_before_start() -> Error {
    Error::field("to", "must not be before from")
}

static UPDATE: Statement = Statement::new(
    "closure.update",
    "update closures set
        first_day = coalesce($2, first_day),
        last_day = coalesce($3, last_day),
        reason = case when $4 then $5 else reason end
    where id = $1
    returning id, first_day, last_day, reason, created_at",
);

/// Changes a closure.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Invalid`] when the last day is before the first day.
pub async fn update(client: &Client, id: Uuid, changes: &ClosureChanges) -> Result<Closure> {
    let row = UPDATE
        .opt(
            client,
            &[
                &id,
                &changes.first_day,
                &changes.last_day,
                &changes.reason.is_some(),
                &changes.reason.clone().flatten(),
            ],
        )
        .await
        .on_constraint("closures_days", ends_before_start())?;
    Closure::from_row(&row.ok_or(Error::NotFound)?)
}

static DELETE: Statement = Statement::new(
    "closure.delete",
    "delete from closures where id = $1
    returning id, first_day, last_day, reason, created_at",
);

/// Deletes a closure, and returns it.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn delete(client: &Client, id: Uuid) -> Result<Closure> {
    let row = DELETE.opt(client, &[&id]).await?;
    Closure::from_row(&row.ok_or(Error::NotFound)?)
}
