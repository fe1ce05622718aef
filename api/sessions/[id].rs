//! DELETE /api/sessions/{id} — end one of the member's own sessions.

use sabor::http::{Id, Json, Member, Success};
use sabor::models::security_event::{self, Kind};
use sabor::values::caller::Caller;
use sabor::{App, Error, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![end_session]
}

/// Of another member's session it says what it says of none at all.
#[utoipa::path(delete, path = "/api/sessions/{id}", tag = "sessions", security(("session" = [])),
    params(("id" = uuid::Uuid, Path, description = "As in the list of sessions")), responses(
    (status = 200, body = Success, description = "It has ended"),
    (status = 400, description = "Not an id"),
    (status = 404, description = "The member has no such session"),
))]
async fn end_session(
    app: App,
    client: Caller,
    member: Member,
    Id(id): Id,
) -> Result<Json<Success>> {
    if !app.sessions().delete_one(member.key()?, id).await? {
        return Err(Error::NotFound);
    }
    security_event::note(&app, Kind::SessionEnded, Some(member.user.id), &client);
    Ok(Success::ANSWER)
}

fn main() -> Exit {
    serve(route())
}
