//! GET, PATCH /api/admin/contacts — what visitors wrote to the studio.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use sabor::contact::{self, Processing};
use sabor::http::{Client, Json, List, Page, PageParams, Staff};
use sabor::models::contact::{Shown, Submission, list as find_page};
use sabor::{App, Error, Exit, Result, Routes, routes, serve};
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// `true`: those that have been dealt with; `false`: those that have not.
    #[param(value_type = Option<bool>)]
    processed: Option<String>,
}

impl Filter {
    fn parse(&self) -> Result<Option<bool>> {
        let parsed = self.processed.as_deref().map(str::parse).transpose();
        parsed.map_err(|_| Error::field("processed", "must be true or false"))
    }
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![list, process]
}

/// Newest first.
#[utoipa::path(get, path = "/api/admin/contacts", tag = "administration", security(("session" = [])), params(Filter, PageParams), responses(
    (status = 200, body = List<Shown>, description = "A page of them"),
    (status = 400, description = "No such filter, limit or cursor"),
))]
async fn list(
    app: App,
    _staff: Staff,
    page: Page,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<List<Shown>>> {
    let Query(filter) = filter.map_err(|_| Error::malformed("The query cannot be read"))?;
    let processed = filter.parse()?;
    let client = app.db().client().await?;
    let rows = find_page(&client, processed, &page).await?;
    Ok(Json(List::new(rows, page, Submission::place, Shown::from)))
}

/// Notes that a message has been dealt with, or has not after all.
#[utoipa::path(patch, path = "/api/admin/contacts", tag = "administration", security(("session" = [])), request_body = Processing, responses(
    (status = 200, body = Shown, description = "The message as it is now"),
    (status = 404, description = "There is no such message"),
))]
async fn process(
    app: App,
    client: Client,
    Staff(member): Staff,
    Json(processing): Json<Processing>,
) -> Result<Json<Shown>> {
    let submission = contact::process(&app, &client, &member, &processing).await?;
    Ok(Json(submission.into()))
}

fn main() -> Exit {
    serve(route())
}
