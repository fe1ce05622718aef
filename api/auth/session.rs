//! GET /api/auth/session — the current session and its user.

use chrono::{DateTime, Utc};
use sabor::http::{Json, Member};
use sabor::identity::view::UserView;
use sabor::session::Session;
use sabor::{Exit, Routes, routes, serve};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Serialize, ToSchema)]
struct CurrentSession {
    user: UserView,
    session: SessionDetails,
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
#[utoipa::path(get, path = "/api/auth/session", tag = "auth", security(("session" = [])), responses(
    (status = 200, body = CurrentSession, description = "The session is valid"),
))]
async fn get_session(member: Member) -> Json<CurrentSession> {
    Json(CurrentSession {
        user: member.user.into(),
        session: member.active_session.session.into(),
    })
}

fn main() -> Exit {
    serve(route())
}
