//! A peer of the benchmark: axum with tower-sessions and its Redis store, on one thread.
//!
//! `tower-sessions-peer setup <count>` creates the sessions, and prints one cookie per
//! line. `tower-sessions-peer` starts the server, and prints a line when it listens.
//! A check reads the session from Redis over TCP, and returns the member who is signed in.

use std::collections::HashMap;
use std::error::Error;

use axum::http::StatusCode;
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use tokio::net::TcpListener;
use tower_sessions::session::{Id, Record};
use tower_sessions::{Session, SessionManagerLayer, SessionStore};
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};

/// The key of the member in the data of a session.
const USER: &str = "user";

/// What a check returns of a member and a session, as Sabor does.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    email: String,
    first_name: String,
    last_name: String,
    name: String,
    phone: Option<String>,
    experience_level: String,
    locale: Option<String>,
    is_staff: bool,
    is_admin: bool,
    email_verified: bool,
    created_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionDetails {
    id: String,
    expires_at: OffsetDateTime,
}

#[derive(Serialize)]
struct CurrentSession {
    user: User,
    session: SessionDetails,
}

async fn check(session: Session) -> Result<Json<CurrentSession>, StatusCode> {
    let user = session.get(USER).await;
    let user = user.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let user = user.ok_or(StatusCode::UNAUTHORIZED)?;
    let id = session.id().unwrap_or_default().to_string();
    let expires_at = session.expiry_date();
    let session = SessionDetails { id, expires_at };
    Ok(Json(CurrentSession { user, session }))
}

async fn set_up(store: &RedisStore<Pool>, sessions: usize) -> Result<(), Box<dyn Error>> {
    for number in 0..sessions {
        let user = User {
            id: format!("01980000-0000-7000-8000-{number:012}"),
            email: format!("member{number}@example.com"),
            first_name: "Member".to_owned(),
            last_name: number.to_string(),
            name: format!("Member {number}"),
            phone: None,
            experience_level: "beginner".to_owned(),
            locale: None,
            is_staff: false,
            is_admin: false,
            email_verified: true,
            created_at: "2026-01-01T12:00:00Z".to_owned(),
        };
        let mut record = Record {
            id: Id::default(),
            data: HashMap::from([(USER.to_owned(), serde_json::to_value(user)?)]),
            expiry_date: OffsetDateTime::now_utc() + Duration::days(1),
        };
        store.create(&mut record).await?;
        println!("id={}", record.id);
    }
    Ok(())
}

async fn serve(store: RedisStore<Pool>) -> Result<(), Box<dyn Error>> {
    let app = Router::new().route("/api/auth/session", get(check));
    let app = app.layer(SessionManagerLayer::new(store));
    let port: u16 = std::env::var("PORT")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    // Otherwise, the second write of a response would wait for an acknowledgment.
    let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
    println!("listening");
    Ok(axum::serve(listener, app).await?)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let config = Config::from_url(&std::env::var("REDIS_URL")?)?;
    // One connection, on which fred sends the commands of all requests, is the fastest.
    let pool = Pool::new(config, None, None, None, 1)?;
    pool.init().await?;
    let store = RedisStore::new(pool);
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("setup"), Some(count)) => set_up(&store, count.parse()?).await,
        _ => serve(store).await,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build()?.block_on(run())
}
