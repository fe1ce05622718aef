//! GET, POST, PATCH /api/admin/bookings — the roster, and the front desk.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use sabor::front_desk::{self, Change, OnBehalf};
use sabor::http::{Answered, Client, Json, Keyed, List, Page, PageParams, Staff};
use sabor::models::booking::{self, RosterEntry, Shown};
use sabor::{App, Error, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
struct Of {
    /// The occurrence.
    scheduled_class_id: Uuid,
    /// Cancelled bookings as well.
    cancelled: Option<bool>,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![roster, book, change]
}

/// Who comes to a class, in the order of booking, with what a teacher should know.
#[utoipa::path(get, path = "/api/admin/bookings", tag = "administration", security(("session" = [])), params(Of, PageParams), responses(
    (status = 200, body = List<RosterEntry>, description = "A page of the roster"),
    (status = 400, description = "No such limit or cursor, or no class named"),
    (status = 404, description = "There is no such class"),
))]
async fn roster(
    app: App,
    _staff: Staff,
    page: Page,
    of: Result<Query<Of>, QueryRejection>,
) -> Result<Json<List<RosterEntry>>> {
    let Query(of) =
        of.map_err(|_| Error::field("scheduledClassId", "must be the id of a class"))?;
    let (keys, cancelled) = (
        app.config().encryption_keys.clone(),
        of.cancelled == Some(true),
    );
    let rows = app
        .db()
        .read(async move |client| {
            booking::roster(client, &keys, of.scheduled_class_id, cancelled, &page).await
        })
        .await?;
    Ok(Json(List::new(rows, page, RosterEntry::place, |row| row)))
}

/// Books for a member. `Idempotency-Key` is honoured, here and below.
#[utoipa::path(post, path = "/api/admin/bookings", tag = "administration", security(("session" = [])), request_body = OnBehalf, responses(
    (status = 201, body = Shown, description = "Booked, or on the waitlist"),
    (status = 404, description = "There is no such member or class"),
    (status = 409, description = "As for `/api/bookings/create`"),
))]
async fn book(
    app: App,
    client: Client,
    Staff(staff): Staff,
    Keyed { key, form }: Keyed<OnBehalf>,
) -> Result<Answered> {
    front_desk::book_on_behalf(&app, &client, &staff, key, &form).await
}

/// Checks in, notes who did not come, takes that back, or cancels.
#[utoipa::path(patch, path = "/api/admin/bookings", tag = "administration", security(("session" = [])), request_body = Change, responses(
    (status = 200, body = Shown, description = "The booking as it is now"),
    (status = 404, description = "There is no such booking"),
    (status = 409, description = "`class_not_started`, `no_place`, `not_cancellable`, `class_started`"),
))]
async fn change(
    app: App,
    client: Client,
    Staff(staff): Staff,
    Keyed { key, form }: Keyed<Change>,
) -> Result<Answered> {
    front_desk::change(&app, &client, &staff, key, &form).await
}

fn main() -> Exit {
    serve(route())
}
