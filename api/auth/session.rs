//! GET /api/auth/session — the current session and its user.

use chrono::{DateTime, Utc};
use sabor::http::{Json, Member, Query, query};
use sabor::identity::view::UserView;
use sabor::session::Session;
use sabor::{Error, Exit, Result, Routes, routes, serve};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SessionQuery {
    /// With `true`, a visitor gets 200 with nulls instead of 401. A page can then ask who is
    /// signed in without an error in the browser's console.
    #[param(value_type = Option<bool>)]
    optional: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct CurrentSession {
    /// Null only with `optional`, if nobody is signed in.
    user: Option<UserView>,
    /// Null only with `optional`, if nobody is signed in.
    session: Option<SessionDetails>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionDetails {
    /// The session's id, as in the list of sessions. It is not a credential.
    id: Uuid,
    created_at: DateTime<Utc>,
    /// The time of a recent request. Later requests are stored with a delay of up to
    /// nine minutes.
    last_activity: DateTime<Utc>,
    /// Moves forward with use, up to an absolute limit.
    expires_at: DateTime<Utc>,
    /// Whether `remember` was set at sign-in.
    remembered: bool,
}

impl From<Session> for SessionDetails {
    fn from(session: Session) -> Self {
        Self {
            id: session.id,
            created_at: session.created_at,
            last_activity: session.last_activity,
            expires_at: session.expires_at,
            remembered: session.remembered,
        }
    }
}

/// The routes of this function.
pub fn route() -> Routes {
    routes![get_session]
}

/// Returns the current session and its user. Pages call this on every load. It
/// usually takes one round trip to Redis and no database query.
#[utoipa::path(get, path = "/api/auth/session", tag = "auth", params(SessionQuery), security(("session" = [])), responses(
    (status = 200, body = CurrentSession, description = "The session is valid, or there is none and `optional` is set"),
))]
async fn get_session(
    Query(query): Query<SessionQuery>,
    member: Option<Member>,
) -> Result<Json<CurrentSession>> {
    let is_optional = query.optional.as_deref().map(query::boolean).transpose();
    let is_optional = is_optional.map_err(|problem| Error::field("optional", problem))?;
    if member.is_none() && is_optional != Some(true) {
        return Err(Error::NotSignedIn);
    }
    let (user, session) = member
        .map(|member| (member.user.into(), member.active_session.session.into()))
        .unzip();
    Ok(Json(CurrentSession { user, session }))
}

fn main() -> Exit {
    serve(route())
}
