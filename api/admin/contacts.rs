//! GET, PATCH /api/admin/contacts — messages from the contact form.

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

/// Lists messages from the contact form, newest first.
#[utoipa::path(get, path = "/api/admin/contacts", tag = "administration", security(("session" = [])), params(Inbox, PageParams), responses(
    (status = 200, body = List<Shown>, description = "One page of the list"),
))]
async fn list_contact_submissions(
    app: App,
    _staff: Staff,
    Query(inbox): Query<Inbox>,
    page: Page,
) -> Result<Json<List<Shown>>> {
    contact::list(&app, inbox, page).await.map(Json)
}

/// Marks a message as processed or unprocessed.
#[utoipa::path(patch, path = "/api/admin/contacts", tag = "administration", security(("session" = [])), request_body = Processing, responses(
    (status = 200, body = Shown, description = "The updated message"),
    (status = 404, description = "`not_found`: no message has this id"),
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
