//! GET /api/session/test-session — counts visits in the session's data.

use sabor::http::{ActiveSession, FirstVisitCookie, Json, SetCookie};
use sabor::identity::rate_limit::{self, Subject, VISITOR_ADDRESS};
use sabor::session::{NewAnonymousSession, Token};
use sabor::values::caller::Caller;
use sabor::{App, Error, Exit, Result, Routes, routes, serve};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct VisitCount {
    /// The session's id. It is not a credential. `null` if the visit is counted only in the
    /// visitor's cookie, or if another request has just created the session.
    session_id: Option<Uuid>,
    visits: u64,
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![count_visit]
}

/// Counts a visit in the session of the caller, a member's or an anonymous one. If there is
/// no session, the first visit is counted in a cookie alone, and the second one creates an
/// anonymous session. The cookie of an anonymous session is separate and never replaces the
/// cookie of a member. This GET changes state, but only a number in the caller's own session.
#[utoipa::path(get, path = "/api/session/test-session", tag = "sessions", responses(
    (status = 200, body = VisitCount, description = "The count; `Set-Cookie` carries a new cookie of the visitor if the request has no session"),
    (status = 400, description = "`duplicate_cookie`: the request has two cookies with the same name"),
    (status = 403, description = "`demo_account`: the demo account cannot change anything"),
    (status = 429, description = "`too_many_requests`: too many visitors from this IP address; wait for `Retry-After` seconds"),
))]
async fn count_visit(
    app: App,
    caller: Caller,
    active: Option<ActiveSession>,
    FirstVisitCookie(first_visit_token): FirstVisitCookie,
) -> Result<(Option<SetCookie>, Json<VisitCount>)> {
    if let Some(active) = active {
        match app.sessions().increment(active.key()?, "visits").await {
            Ok(data) => return Ok((None, visit_count(Some(active.session.id), &data))),
            // The session has ended in the meantime.
            Err(Error::SessionGone) => {}
            Err(error) => return Err(error),
        }
    }
    let Some(token) = first_visit_token else {
        // This is the first visit.
        let cookie = SetCookie::first_visit(&app, &Token::generate());
        return Ok((Some(cookie), visit_count(None, &json!({ "visits": 1 }))));
    };
    let subjects = Subject::address(VISITOR_ADDRESS, caller.address);
    rate_limit::count_attempt(&app, &subjects).await?;
    let new_session = NewAnonymousSession {
        data: json!({ "visits": 2 }),
        caller: Some(caller),
        ttl: None,
    };
    let sessions = app.sessions();
    let (id, data) = match sessions.create_with_token(&token, new_session).await? {
        Some(session) => (Some(session.id), session.data),
        // Another visit with this cookie has created the session.
        None => (None, sessions.increment(&token.key(), "visits").await?),
    };
    let cookie = SetCookie::visitor(&app, &token);
    Ok((Some(cookie), visit_count(id, &data)))
}

fn visit_count(session_id: Option<Uuid>, data: &Value) -> Json<VisitCount> {
    let visits = data["visits"].as_u64().unwrap_or_default();
    Json(VisitCount { session_id, visits })
}

fn main() -> Exit {
    serve(route())
}
