//! DELETE /api/sessions/{id} — ends one of the member's sessions.

use sabor::admin::security_events;
use sabor::http::{Id, Json, Member, Success};
use sabor::models::security_event::SecurityEventKind;
use sabor::values::caller::Caller;
use sabor::{App, Error, Exit, Result, Routes, routes, serve};

/// The routes of this function.
pub fn route() -> Routes {
    routes![end_session]
}

/// Ends one of the member's sessions. The response is the same for an unknown
/// session and for another member's.
#[utoipa::path(delete, path = "/api/sessions/{id}", tag = "sessions", security(("session" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session's id, from the list of sessions")), responses(
    (status = 200, body = Success, description = "The session has ended"),
    (status = 404, description = "`not_found`: the member has no session with this id"),
))]
async fn end_session(
    app: App,
    caller: Caller,
    member: Member,
    Id(id): Id,
) -> Result<Json<Success>> {
    if !app.sessions().delete_one(member.key()?, id).await? {
        return Err(Error::NotFound);
    }
    security_events::record(
        &app,
        SecurityEventKind::SessionEnded,
        Some(member.user.id),
        &caller,
    );
    Ok(Success::RESPONSE)
}

fn main() -> Exit {
    serve(route())
}
