//! POST, DELETE /api/calendar/token — the token of a member's calendar feed.

use sabor::bookings::calendar::token;
use sabor::bookings::calendar::token::CalendarToken;
use sabor::http::{ConfirmedMember, Created, Json, Member, Success};
use sabor::values::caller::Caller;
use sabor::{App, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![create_calendar_token, delete_calendar_token]
}

/// Creates the token of the member's calendar feed and returns the feed's URL. A
/// previous token stops working.
#[utoipa::path(post, path = "/api/calendar/token", tag = "calendar", security(("session" = [])), responses(
    (status = 201, body = CalendarToken, description = "The token and the URL; they are returned only once"),
    (status = 403, description = "`email_not_verified`: the member has not confirmed their e-mail address. `demo_account`: the demo account cannot change anything"),
))]
async fn create_calendar_token(
    app: App,
    caller: Caller,
    ConfirmedMember(member): ConfirmedMember,
) -> Result<Created<CalendarToken>> {
    token::create(&app, &caller, &member).await.map(Created)
}

/// Deletes the token. The URL of the feed returns 404 from then on.
#[utoipa::path(delete, path = "/api/calendar/token", tag = "calendar", security(("session" = [])), responses(
    (status = 200, body = Success, description = "The token was deleted, or there was none"),
    (status = 403, description = "`demo_account`: the demo account cannot change anything"),
))]
async fn delete_calendar_token(app: App, caller: Caller, member: Member) -> Result<Json<Success>> {
    token::delete(&app, &caller, &member).await?;
    Ok(Success::RESPONSE)
}

fn main() -> Exit {
    serve(route())
}
