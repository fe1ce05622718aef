//! GET, PATCH /api/admin/contacts — messages from the contact form.

use sabor::http::{Json, List, PageParams, Query, Staff};
use sabor::notify::contact;
use sabor::notify::contact::{ContactQuery, ContactSubmissionView, UpdateContactSubmission};
use sabor::store::page::Page;
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![list_contact_submissions, update_contact_submission]
}

/// Lists messages from the contact form, newest first.
#[utoipa::path(get, path = "/api/admin/contacts", tag = "administration", security(("session" = [])), params(ContactQuery, PageParams), responses(
    (status = 200, body = List<ContactSubmissionView>, description = "One page of the list"),
))]
async fn list_contact_submissions(
    app: App,
    _staff: Staff,
    Query(query): Query<ContactQuery>,
    page: Page,
) -> Result<Json<List<ContactSubmissionView>>> {
    contact::list(&app, query, page).await.map(Json)
}

/// Marks a message as processed or unprocessed.
#[utoipa::path(patch, path = "/api/admin/contacts", tag = "administration", security(("session" = [])), request_body = UpdateContactSubmission, responses(
    (status = 200, body = ContactSubmissionView, description = "The updated message"),
    (status = 404, description = "`not_found`: no message has this id"),
))]
async fn update_contact_submission(
    app: App,
    caller: Caller,
    Staff(staff): Staff,
    Json(form): Json<UpdateContactSubmission>,
) -> Result<Json<ContactSubmissionView>> {
    let updated = contact::update(&app, &caller, &staff, &form);
    updated.await.map(Json)
}

fn main() -> Exit {
    serve(route())
}
