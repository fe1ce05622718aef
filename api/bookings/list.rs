//! GET /api/bookings/list — the member's own bookings.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use sabor::http::{Json, List, Member, Page, PageParams};
use sabor::models::booking::{self, Booking, Shown, When};
use sabor::{App, Error, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// `upcoming`, the next one first, or `past`, the last one first;
    /// `upcoming` unless given.
    when: Option<Which>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Which {
    Upcoming,
    Past,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![list]
}

/// Cancelled ones too, each with its class.
#[utoipa::path(get, path = "/api/bookings/list", tag = "bookings", security(("session" = [])), params(Filter, PageParams), responses(
    (status = 200, body = List<Shown>, description = "A page of them"),
    (status = 400, description = "No such `when`, limit or cursor"),
))]
async fn list(
    app: App,
    member: Member,
    page: Page,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<List<Shown>>> {
    let Query(filter) = filter.map_err(|_| Error::field("when", "must be upcoming or past"))?;
    let when = match filter.when {
        Some(Which::Past) => When::Past,
        _ => When::Upcoming,
    };
    let (id, now) = (member.user.id, app.clock().now());
    let rows = app
        .db()
        .read(async move |client| booking::list(client, id, when, now, &page).await)
        .await?;
    Ok(Json(List::new(rows, page, Booking::place, Shown::from)))
}

fn main() -> Exit {
    serve(route())
}
