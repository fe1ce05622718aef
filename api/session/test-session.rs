//! GET /api/session/test-session — counts visits in the session's data.

use sabor::http::{ActiveSession, Json, SetCookie};
use sabor::session::NewAnonymousSession;
use sabor::values::caller::Caller;
use sabor::{App, Error, Exit, Result, Routes, routes, serve};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct VisitCount {
    /// The session's id. It is not a credential.
    session_id: Uuid,
    visits: u64,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![count_visit]
}

/// Counts a visit in the member's session. Without one, the visit is counted in an
/// anonymous session, whose cookie is separate and never replaces the cookie of a
/// member. This GET changes state, but only a number in the caller's own session.
#[utoipa::path(get, path = "/api/session/test-session", tag = "sessions", responses(
    (status = 200, body = VisitCount, description = "The count; `Set-Cookie` carries a new anonymous session"),
    (status = 400, description = "`duplicate_cookie`: the request has two cookies with the same name"),
))]
async fn count_visit(
    app: App,
    caller: Caller,
    active: Option<ActiveSession>,
) -> Result<(Option<SetCookie>, Json<VisitCount>)> {
    if let Some(active) = active {
        match app.sessions().increment(active.key()?, "visits").await {
            Ok(data) => return Ok((None, Json(visit_count(active.session.id, &data)))),
            // The session has ended in the meantime. Create a new one.
            Err(Error::SessionGone) => {}
            Err(error) => return Err(error),
        }
    }
    let data = json!({ "visits": 1 });
    let new_session = NewAnonymousSession {
        data,
        caller: Some(caller),
        ttl: None,
    };
    let (token, session) = app.sessions().create(new_session).await?;
    let cookie = SetCookie::visitor(&app, &token);
    Ok((Some(cookie), Json(visit_count(session.id, &session.data))))
}

fn visit_count(session_id: Uuid, data: &Value) -> VisitCount {
    let visits = data["visits"].as_u64().unwrap_or_default();
    VisitCount { session_id, visits }
}

fn main() -> Exit {
    serve(route())
}
