//! Sessions as the API returns them, without the token and its hash.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::list::ListedSession;
use crate::values::email;
use crate::values::user_agent::{browser, device};

/// A session in a member's list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
pub struct SessionView {
    /// The id for `DELETE /api/sessions/{id}`. It is not a credential.
    id: Uuid,
    /// The device, such as `iPhone`.
    device: &'static str,
    /// The browser, such as `Safari`.
    browser: &'static str,
    /// The IP address that the session was created from.
    #[schema(value_type = Option<String>)]
    ip_address: Option<IpAddr>,
    /// How the member signed in, such as `password`.
    login_method: String,
    created_at: DateTime<Utc>,
    /// When the session was last used, accurate to nine minutes.
    last_active: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// Whether this is the session of the request.
    current: bool,
}

/// A session in the list for administrators.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AdminSession)]
pub struct AdminSessionView {
    #[serde(flatten)]
    session: SessionView,
    /// The member; null for an anonymous session.
    user_id: Option<Uuid>,
    /// The member's e-mail address.
    email: Option<String>,
}

impl ListedSession {
    /// Returns the key that the lists are sorted by.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }

    /// Returns the view for the session's member. `current_id` is the id of the session that
    /// makes the request.
    pub fn view(self, current_id: Uuid) -> SessionView {
        let user_agent = self.user_agent.unwrap_or_default();
        SessionView {
            current: self.id == current_id,
            id: self.id,
            device: device(&user_agent),
            browser: browser(&user_agent),
            ip_address: self.ip_address,
            login_method: self.login_method,
            created_at: self.created_at,
            last_active: self.last_activity,
            expires_at: self.expires_at,
        }
    }

    /// Returns the view for an administrator.
    pub fn admin_view(self, current_id: Uuid) -> AdminSessionView {
        AdminSessionView {
            user_id: self.user_id,
            email: self.email.as_deref().map(email::readable),
            session: self.view(current_id),
        }
    }
}
