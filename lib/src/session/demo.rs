//! The demo account. Nothing of it is stored.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::record::Session;
use crate::crypto::secret::Signer;
use crate::models::user::{ExperienceLevel, User};

/// The e-mail address of the demo account.
pub const EMAIL: &str = "demo@sabor.dev";

/// How long its session lasts.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Returns whether this member is the demo account.
pub fn is_demo(user: &User) -> bool {
    user.id.is_nil()
}

/// Reads the session from its signed cookie.
pub(crate) fn session(cookie: &str, signer: &Signer, now: DateTime<Utc>) -> Option<Session> {
    let (record, signature) = cookie.rsplit_once('.')?;
    let ends_ms: i64 = record.strip_prefix("demo.")?.parse().ok()?;
    if ends_ms <= now.timestamp_millis() || !signer.verify(record, signature) {
        return None;
    }
    let ends = DateTime::from_timestamp_millis(ends_ms)?;
    let began = ends - TimeDelta::from_std(LIFETIME).ok()?;
    Some(Session {
        id: Uuid::nil(),
        user: Some(user(began)),
        data: json!({}),
        remembered: false,
        created_at: began,
        last_activity: now,
        expires_at: ends,
        absolute_expires_at: ends,
    })
}

/// The demo member.
pub fn user(created_at: DateTime<Utc>) -> User {
    User {
        id: Uuid::nil(),
        email: EMAIL.to_owned(),
        first_name: "Demo".to_owned(),
        last_name: "Account".to_owned(),
        phone: None,
        experience_level: ExperienceLevel::Beginner,
        is_staff: false,
        is_admin: false,
        email_verified: true,
        created_at,
    }
}
