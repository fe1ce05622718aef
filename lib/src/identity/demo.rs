//! The development account that needs no store: it signs in when Postgres and
//! Redis are down, looks at what every member may look at, and changes nothing.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::App;
use crate::http::{Purpose, SetCookie};
use crate::identity::sign_in::{Login, Welcome};
use crate::models::user::{ExperienceLevel, User};
use crate::session::Session;

/// What is typed to sign in as it.
pub const EMAIL: &str = "demo@sabor.dev";
/// And its password.
pub const PASSWORD: &str = "password123";

const LIFE: Duration = Duration::from_secs(15 * 60);

/// Whether this member is the demo account, of which nothing is stored.
pub fn is_demo(user: &User) -> bool {
    user.id.is_nil()
}

/// Signs in as it, if that is what somebody wants and may here; else `None`.
///
/// Its record is good for fifteen minutes from now: `demo.<end>.<signature>`. A
/// session's cookie has one dot and hex before it, so neither can be taken for
/// the other.
pub fn sign_in(app: &App, login: &Login) -> Option<Welcome> {
    if !app.config().demo_account || !login.is_of(EMAIL, PASSWORD) {
        return None;
    }
    let ends_ms = app.clock().now_ms() + LIFE.as_millis() as i64;
    let record = format!("demo.{ends_ms}");
    let value = format!("{record}.{}", app.demo_signer().sign(&record));
    let cookie = SetCookie::new(app, Purpose::Session, &value, LIFE);
    Some(Welcome::with_cookie(cookie, user(app.clock().now())))
}

/// The session that a signed record stands for.
pub(crate) fn session(app: &App, cookie: &str) -> Option<Session> {
    let (record, signature) = cookie.rsplit_once('.')?;
    let ends_ms: i64 = record.strip_prefix("demo.")?.parse().ok()?;
    let valid = app.config().demo_account
        && ends_ms > app.clock().now_ms()
        && app.demo_signer().verify(record, signature);
    if !valid {
        return None;
    }
    let ends = DateTime::from_timestamp_millis(ends_ms)?;
    let began = ends - TimeDelta::from_std(LIFE).ok()?;
    Some(Session {
        id: Uuid::nil(),
        user: Some(user(began)),
        data: json!({}),
        remembered: false,
        created_at: began,
        last_activity: app.clock().now(),
        expires_at: ends,
        absolute_expires_at: ends,
    })
}

fn user(created_at: DateTime<Utc>) -> User {
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
