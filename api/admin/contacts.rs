//! GET, PATCH /api/admin/contacts — what visitors wrote to the studio.

use sabor::http::{Json, List, PageParams, Query, Staff};
use sabor::models::contact::Shown;
use sabor::notify::contact;
use sabor::notify::contact::{Inbox, Processing};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_contact_submissions, update_contact_submission]
}

/// Newest first.
#[utoipa::path(get, path = "/api/admin/contacts", tag = "administration", security(("session" = [])), params(Inbox, PageParams), responses(
    (status = 200, body = List<Shown>, description = "A page of them"),
    (status = 400, description = "No such filter, limit or cursor"),
))]
async fn list_contact_submissions(
    app: App,
    _staff: Staff,
    Query(inbox): Query<Inbox>,
    page: Page,
) -> Result<Json<List<Shown>>> {
    contact::list(&app, inbox, page).await.map(Json)
}

/// Notes that a message has been dealt with, or has not after all.
#[utoipa::path(patch, path = "/api/admin/contacts", tag = "administration", security(("session" = [])), request_body = Processing, responses(
    (status = 200, body = Shown, description = "The message as it is now"),
    (status = 404, description = "There is no such message"),
))]
async fn update_contact_submission(
    app: App,
    client: Caller,
    Staff(member): Staff,
    Json(processing): Json<Processing>,
) -> Result<Json<Shown>> {
    let submission = contact::process(&app, &client, &member, &processing).await?;
    Ok(Json(submission.into()))
}

fn main() -> Exit {
    serve(route())
}
