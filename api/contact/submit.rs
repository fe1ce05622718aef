//! POST /api/contact/submit — sends a message to the studio.

use sabor::http::{Created, Json};
use sabor::notify::contact;
use sabor::notify::contact::{ContactSubmissionReceipt, CreateContactSubmission};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![submit_contact_form]
}

/// Stores a message. Also mails it to the studio if `CONTACT_TO` is configured. A message with
/// a filled `website` is discarded, with the same response.
#[utoipa::path(post, path = "/api/contact/submit", tag = "contact", request_body = CreateContactSubmission, responses(
    (status = 201, body = ContactSubmissionReceipt, description = "The message was received"),
    (status = 429, description = "`too_many_requests`: too many messages; wait for `Retry-After` seconds"),
))]
async fn submit_contact_form(
    app: App,
    caller: Caller,
    Json(form): Json<CreateContactSubmission>,
) -> Result<Created<ContactSubmissionReceipt>> {
    contact::submit(&app, &caller, &form).await.map(Created)
}

fn main() -> Exit {
    serve(route())
}
