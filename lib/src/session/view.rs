//! Sessions as the API returns them, without the token and its hash.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::list::ListedSession;
use crate::values::user_agent::{browser, device};

/// A session in a member's list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
pub struct SessionView {
    /// Ends the session when passed to `DELETE /api/sessions/{id}`; it is no credential.
    id: Uuid,
    /// For example `iPhone`.
    device: &'static str,
    /// For example `Safari`.
    browser: &'static str,
    /// The address that it was created from.
    #[schema(value_type = Option<String>)]
    ip_address: Option<IpAddr>,
    /// For example `password`.
    login_method: String,
    created_at: DateTime<Utc>,
    /// Accurate to five minutes.
    last_active: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// Whether this request was made with it.
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

    /// Returns the view for its member, whose request was made with `current`.
    pub fn view(self, current: Uuid) -> SessionView {
        let user_agent = self.user_agent.unwrap_or_default();
        SessionView {
            current: self.id == current,
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
    pub fn admin_view(self, current: Uuid) -> AdminSessionView {
        AdminSessionView {
            user_id: self.user_id,
            email: self.email.clone(),
            session: self.view(current),
        }
    }
}
