//! The studio's rooms.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use super::catalog::{CatalogItem, list_statement, retire_statement};
use super::security_event::SecurityEventKind;
use crate::crypto::random;
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A row of `rooms`.
#[derive(Clone, Debug)]
pub struct Room {
    /// The room's id.
    pub id: Uuid,
    /// The name, which is unique without regard to case and spaces.
    pub name: String,
    /// Whether the room can be assigned to classes. `false` after retirement.
    pub is_active: bool,
    /// When the row was created.
    pub created_at: DateTime<Utc>,
    /// When the row was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The columns that [`Room::from_row`] reads from a room `r`.
macro_rules! room_columns {
    () => {
        "r.id, r.name, r.is_active, r.created_at, r.updated_at"
    };
}

/// A room to create.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// The name. Not empty.
    pub name: String,
}

/// The changes to a room. `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct RoomChanges {
    /// The name. Not empty.
    pub name: Option<String>,
    /// `false` retires the room, and `true` reinstates it.
    pub is_active: Option<bool>,
}

static FIND_OR_CREATE: Statement = Statement::new("room.named", "select id from room_named($1)");

static LOCK_ACTIVE: Statement = Statement::new(
    "room.lock_active",
    "select 1 from rooms where id = $1 and is_active for share",
);

/// Finds the room for a class by its name, without regard to case and spaces, or creates
/// it. `current` is the room that the class already has, which may be retired. `form` is
/// the part of the request body that contains the name.
///
/// Must be called in a transaction. A room other than `current` cannot be retired before the
/// transaction ends.
///
/// # Errors
///
/// [`Error::Invalid`] when the room is retired.
pub async fn assign(
    client: &Client,
    name: &str,
    current: Option<Uuid>,
    form: &str,
) -> Result<Uuid> {
    let id: Uuid = FIND_OR_CREATE.one(client, &[&name]).await?.try_get("id")?;
    if current != Some(id) && LOCK_ACTIVE.opt(client, &[&id]).await?.is_none() {
        return Err(Error::field(
            &format!("{form}.room"),
            "this room is retired; choose another one",
        ));
    }
    Ok(id)
}

static LIST: Statement = list_statement!("room.list", "rooms", "r", room_columns!());

static INSERT: Statement = Statement::new(
    "room.insert",
    concat!(
        "insert into rooms as r (id, name) values ($1, $2) returning ",
        room_columns!()
    ),
);

static UPDATE: Statement = Statement::new(
    "room.update",
    concat!(
        "update rooms r set name = coalesce($2, name), is_active = coalesce($3, is_active)
        where id = $1
        returning ",
        room_columns!()
    ),
);

static RETIRE: Statement = retire_statement!("room.retire", "rooms", "room_id");

const NAME_TAKEN: Error = Error::Conflict {
    code: ErrorCode::RoomExists,
    message: "There is a room with this name already",
};

impl CatalogItem for Room {
    type New = NewRoom;
    type Changes = RoomChanges;

    const CHANGE_EVENT: SecurityEventKind = SecurityEventKind::RoomChanged;

    fn list_statement() -> &'static Statement {
        &LIST
    }

    fn retire_statement() -> &'static Statement {
        &RETIRE
    }

    fn id(&self) -> Uuid {
        self.id
    }

    /// Reads the columns of `room_columns!`.
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            is_active: row.try_get("is_active")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }

    fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }

    /// Inserts a room.
    ///
    /// # Errors
    ///
    /// 409 `room_exists`.
    async fn insert(client: &Client, room: &NewRoom) -> Result<Self> {
        let row = INSERT
            .one(client, &[&random::id(), &room.name])
            .await
            .on_constraint("rooms_name_key", NAME_TAKEN)?;
        Self::from_row(&row)
    }

    /// Changes a room. Past classes also show the new name.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; 409 `room_exists`.
    async fn update(client: &Client, id: Uuid, changes: &RoomChanges) -> Result<Self> {
        let row = UPDATE
            .opt(client, &[&id, &changes.name, &changes.is_active])
            .await
            .on_constraint("rooms_name_key", NAME_TAKEN)?;
        Self::from_row(&row.ok_or(Error::NotFound)?)
    }
}
