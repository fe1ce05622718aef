//! The demo account, which is not stored in the database.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::record::Session;
use crate::crypto::secret::Signer;
use crate::models::user::{ExperienceLevel, User};
use crate::values::locale::Locale;

/// The e-mail address of the demo account.
pub const EMAIL: &str = "demo@sabor.dev";

/// How long a session of the demo account lasts.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Returns whether this member is the demo account.
pub fn is_demo(user: &User) -> bool {
    user.id.is_nil()
}

/// Returns the session that a signed cookie describes. `None` when the cookie is forged or
/// has expired.
pub(crate) fn session(cookie: &str, signer: &Signer, now: DateTime<Utc>) -> Option<Session> {
    let (signed_part, signature) = cookie.rsplit_once('.')?;
    let expires_at_ms: i64 = signed_part.strip_prefix("demo.")?.parse().ok()?;
    if expires_at_ms <= now.timestamp_millis() || !signer.verify(signed_part, signature) {
        return None;
    }
    let expires_at = DateTime::from_timestamp_millis(expires_at_ms)?;
    let created_at = expires_at - TimeDelta::from_std(LIFETIME).ok()?;
    Some(Session {
        id: Uuid::nil(),
        user: Some(user(created_at)),
        data: json!({}),
        remembered: false,
        created_at,
        last_activity: now,
        expires_at,
        absolute_expires_at: expires_at,
    })
}

/// Returns the demo member.
pub fn user(created_at: DateTime<Utc>) -> User {
    User {
        id: Uuid::nil(),
        email: EMAIL.to_owned(),
        first_name: "Demo".to_owned(),
        last_name: "Account".to_owned(),
        phone: None,
        experience_level: ExperienceLevel::Beginner,
        locale: Some(Locale::default()),
        is_staff: false,
        is_admin: false,
        email_verified: true,
        has_second_factor: false,
        created_at,
    }
}
