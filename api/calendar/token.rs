//! POST, DELETE /api/calendar/token — the secret in the address of a member's calendar.

use sabor::bookings::calendar::token;
use sabor::bookings::calendar::token::Made;
use sabor::http::{Created, Json, Member, Success};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![create_calendar_token, delete_calendar_token]
}

/// Makes a token, and so an address for the member's calendar; the one before
/// ends.
#[utoipa::path(post, path = "/api/calendar/token", tag = "calendar", security(("session" = [])), responses(
    (status = 201, body = Made, description = "The token and the address, told this once"),
    (status = 403, description = "`demo_account`; or sent from a foreign page"),
))]
async fn create_calendar_token(app: App, client: Caller, member: Member) -> Result<Created<Made>> {
    token::make(&app, &client, &member).await.map(Created)
}

/// Ends the member's calendar; its address is 404 from then on.
#[utoipa::path(delete, path = "/api/calendar/token", tag = "calendar", security(("session" = [])), responses(
    (status = 200, body = Success, description = "There is none any more"),
    (status = 403, description = "`demo_account`; or sent from a foreign page"),
))]
async fn delete_calendar_token(app: App, client: Caller, member: Member) -> Result<Json<Success>> {
    token::withdraw(&app, &client, &member).await?;
    Ok(Success::ANSWER)
}

fn main() -> Exit {
    serve(route())
}
