//! Listing, creating, renaming and retiring rooms, for staff.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::maintenance::{self, ActiveQuery, RetirementView};
use super::query::IdQuery;
use crate::classes::fields::room;
use crate::error::Result;
use crate::http::{List, Member};
use crate::models::room::{NewRoom, Room, RoomChanges};
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::Form;
use crate::{App, BoxFuture};

/// A room to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRoom {
    /// No two rooms have the same name. Case and spaces are ignored.
    #[schema(min_length = 1, max_length = 50, examples("Studio A"))]
    name: String,
}

/// The changes to a room. Fields that are left out keep their values.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateRoom {
    id: Uuid,
    /// The new name, which all classes in the room show.
    #[schema(min_length = 1, max_length = 50, examples("Studio A"))]
    name: Option<String>,
    /// True reactivates a retired room.
    is_active: Option<bool>,
}

/// A room, as staff see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Room)]
pub struct RoomView {
    id: Uuid,
    #[schema(examples("Studio A"))]
    name: String,
    /// False if the room is retired.
    is_active: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl RoomView {
    /// Creates the view of a room. The currency is not used, because a room has no price.
    fn new(room: Room, _currency: &str) -> Self {
        Self {
            id: room.id,
            name: room.name,
            is_active: room.is_active,
            created_at: room.created_at,
            updated_at: room.updated_at,
        }
    }
}

/// Lists a page of rooms. By default, retired ones are included.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for a query that cannot be parsed.
pub fn list(app: &App, query: ActiveQuery, page: Page) -> BoxFuture<'_, Result<List<RoomView>>> {
    Box::pin(maintenance::list(app, query, page, RoomView::new))
}

/// Creates a room.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid); 409 `room_exists`.
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: CreateRoom,
) -> BoxFuture<'a, Result<RoomView>> {
    Box::pin(async move {
        let mut fields = Form::default();
        let name = fields.check("name", room(&form.name)).unwrap_or_default();
        fields.finish()?;
        maintenance::create(app, caller, staff, NewRoom { name }, RoomView::new).await
    })
}

/// Changes a room.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid);
/// [`Error::NotFound`](crate::Error::NotFound); 409 `room_exists`.
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    form: UpdateRoom,
) -> BoxFuture<'a, Result<RoomView>> {
    Box::pin(async move {
        let mut fields = Form::default();
        let changes = RoomChanges {
            name: fields.check_given("name", form.name.as_deref(), room),
            is_active: form.is_active,
        };
        fields.finish()?;
        maintenance::update(app, caller, staff, form.id, changes, RoomView::new).await
    })
}

/// Retires a room, which can then no longer be assigned to classes. Its classes stay in
/// the schedule.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid);
/// [`Error::NotFound`](crate::Error::NotFound).
pub fn retire<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    query: IdQuery,
) -> BoxFuture<'a, Result<RetirementView>> {
    Box::pin(async move {
        let id = query.parse()?;
        maintenance::retire::<Room>(app, caller, staff, id).await
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::fields::ROOM_MAX;
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        for bound_of in [bound::<CreateRoom>, bound::<UpdateRoom>] {
            assert_eq!(bound_of("name", "maxLength"), ROOM_MAX as i64);
        }
    }
}
