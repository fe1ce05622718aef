//! GET /api/session/test-session — a visit counter, kept in the session's data.

use sabor::http::{Json, SetCookie, Visit};
use sabor::session::{Life, NewSession};
use sabor::values::caller::Caller;
use sabor::{App, Error, Exit, Result, Routes, routes, serve};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct VisitCount {
    /// The public id, never the token.
    session_id: Uuid,
    visits: u64,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![count_visit]
}

/// Makes an anonymous session when there is none. A GET that changes
/// something, but only a number in the caller's own session.
#[utoipa::path(get, path = "/api/session/test-session", tag = "sessions", responses(
    (status = 200, body = VisitCount, description = "Counted; `Set-Cookie` when the session is new"),
))]
async fn count_visit(
    app: App,
    client: Caller,
    visit: Option<Visit>,
) -> Result<(Option<SetCookie>, Json<VisitCount>)> {
    if let Some(visit) = visit {
        match app.sessions().increment(visit.key()?, "visits").await {
            Ok(data) => return Ok((None, Json(visits(visit.session.id, &data)))),
            // It ended between the look and the count: a new one, then.
            Err(Error::SessionGone) => {}
            Err(error) => return Err(error),
        }
    }
    let data = json!({ "visits": 1 });
    let new = NewSession {
        data,
        caller: Some(client),
        ttl: None,
    };
    let (token, session) = app.sessions().create(new).await?;
    let cookie = SetCookie::session(&app, &token, Life::DEFAULT);
    Ok((Some(cookie), Json(visits(session.id, &session.data))))
}

fn visits(session_id: Uuid, data: &Value) -> VisitCount {
    let visits = data["visits"].as_u64().unwrap_or_default();
    VisitCount { session_id, visits }
}

fn main() -> Exit {
    serve(route())
}
