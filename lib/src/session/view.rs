//! Sessions as people see them: never the token, nor its hash.

use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Listed, Statistics};
use crate::values::user_agent::{browser, device};

/// A session in its member's list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
pub struct Shown {
    /// By this it can be ended; it is no credential.
    id: Uuid,
    /// Such as `iPhone`.
    device: &'static str,
    /// Such as `Safari`.
    browser: &'static str,
    /// Where it was made.
    #[schema(value_type = Option<String>)]
    ip_address: Option<IpAddr>,
    /// Such as `password`.
    login_method: String,
    created_at: DateTime<Utc>,
    /// At most five minutes off.
    last_active: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    current: bool,
}

/// A session in the administrators' list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AdminSession)]
pub struct ShownToAdmin {
    #[serde(flatten)]
    session: Shown,
    /// Whose it is; null for an anonymous one.
    user_id: Option<Uuid>,
    /// Their address.
    email: Option<String>,
}

/// Counts over all sessions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SessionStatistics)]
pub struct Overview {
    /// All rows, expired ones too.
    total: i64,
    active: i64,
    /// Waiting for the clean-up.
    expired: i64,
    /// Active, and nobody signed in.
    anonymous: i64,
    /// Members with an active session.
    users: i64,
    /// Active sessions that a signed-in member has on average.
    per_user: f64,
    /// For the last seven days, oldest first.
    created_per_day: Vec<Day>,
}

/// A day's figure.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DailyCount)]
pub struct Day {
    day: NaiveDate,
    count: i64,
}

impl Listed {
    /// By what the lists are sorted.
    pub fn place(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }

    /// As its member sees it, from the session `current`.
    pub fn shown(self, current: Uuid) -> Shown {
        let user_agent = self.user_agent.unwrap_or_default();
        Shown {
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

    /// As an administrator sees it.
    pub fn shown_to_admin(self, current: Uuid) -> ShownToAdmin {
        ShownToAdmin {
            user_id: self.user_id,
            email: self.email.clone(),
            session: self.shown(current),
        }
    }
}

impl From<Statistics> for Overview {
    fn from(statistics: Statistics) -> Self {
        let per_user = statistics.per_user();
        let days = statistics.created_per_day.into_iter();
        Self {
            total: statistics.total,
            active: statistics.active,
            expired: statistics.expired,
            anonymous: statistics.anonymous,
            users: statistics.users,
            per_user,
            created_per_day: days.map(|(day, count)| Day { day, count }).collect(),
        }
    }
}
