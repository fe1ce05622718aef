//! Lists and statistics of sessions.

use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::Result;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;

/// A session in a list.
#[derive(Clone, Debug)]
pub struct ListedSession {
    /// The public id.
    pub id: Uuid,
    /// The member; `None` for an anonymous session.
    pub user_id: Option<Uuid>,
    /// The member's e-mail address, in the list of all sessions.
    pub email: Option<String>,
    /// The IP address that the session was created from.
    pub ip_address: Option<IpAddr>,
    /// The `User-Agent` of the client that created it.
    pub user_agent: Option<String>,
    /// How the member signed in, such as `password`.
    pub login_method: String,
    /// When the session was created.
    pub created_at: DateTime<Utc>,
    /// When the session was last used, accurate to nine minutes. A session in use is read from
    /// Postgres every five minutes. Only then is the use recorded, and only if the last
    /// recorded use is more than four minutes old.
    pub last_activity: DateTime<Utc>,
    /// When the session expires unless it is used before then.
    pub expires_at: DateTime<Utc>,
}

/// Statistics of all sessions.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionStatistics {
    /// All sessions, including expired ones.
    pub total: i64,
    /// Sessions that have not expired.
    pub active: i64,
    /// Expired sessions, which the next clean-up deletes.
    pub expired: i64,
    /// Active sessions without a member.
    pub anonymous: i64,
    /// Members with an active session.
    pub users: i64,
    /// Active sessions per signed-in member, on average.
    pub per_user: f64,
    /// The sessions created on each of the last seven days, oldest first. Days without a
    /// new session are omitted.
    pub created_per_day: Vec<SessionsCreated>,
}

/// The number of sessions that were created on a day (UTC).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionsCreated {
    /// The day.
    pub day: NaiveDate,
    /// The number of sessions.
    pub count: i64,
}

static LIST: Statement = Statement::new(
    "session.list",
    "select id, user_id, null as email, ip_address, user_agent, login_method,
        created_at, last_activity, expires_at
    from user_sessions
    where user_id = $1 and expires_at > now()
      and ($2::timestamptz is null or (created_at, id) < ($2, $3))
    order by created_at desc, id desc limit $4",
);

/// Lists a member's sessions, newest first. Returns one more than the page holds if there
/// is another page.
pub(super) async fn list(
    client: &Client,
    user_id: Uuid,
    page: &Page,
) -> Result<Vec<ListedSession>> {
    let (time, id) = page.after();
    let rows = LIST
        .all(client, &[&user_id, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(listed_session).collect()
}

static ALL: Statement = Statement::new(
    "session.all",
    "select s.id, s.user_id, u.email, s.ip_address, s.user_agent, s.login_method,
        s.created_at, s.last_activity, s.expires_at
    from user_sessions s left join users u on u.id = s.user_id
    where s.expires_at > now()
      and ($1::timestamptz is null or (s.created_at, s.id) < ($1, $2))
    order by s.created_at desc, s.id desc limit $3",
);

/// Lists the sessions of all members and visitors in the same way as [`list`].
pub(super) async fn all(client: &Client, page: &Page) -> Result<Vec<ListedSession>> {
    let (time, id) = page.after();
    let rows = ALL.all(client, &[&time, &id, &page.row_limit()]).await?;
    rows.iter().map(listed_session).collect()
}

fn listed_session(row: &Row) -> Result<ListedSession> {
    Ok(ListedSession {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        email: row.try_get("email")?,
        ip_address: row.try_get("ip_address")?,
        user_agent: row.try_get("user_agent")?,
        login_method: row.try_get("login_method")?,
        created_at: row.try_get("created_at")?,
        last_activity: row.try_get("last_activity")?,
        expires_at: row.try_get("expires_at")?,
    })
}

static LENGTH: Statement = Statement::new(
    "session.length",
    "select count(*) from user_sessions where expires_at > now()",
);

/// Counts the sessions that have not expired.
pub(super) async fn length(client: &Client) -> Result<i64> {
    Ok(LENGTH.one(client, &[]).await?.try_get(0)?)
}

static STATISTICS: Statement = Statement::new(
    "session.statistics",
    "select count(*) as total,
        count(*) filter (where expires_at > now()) as active,
        count(*) filter (where expires_at <= now()) as expired,
        count(*) filter (where expires_at > now() and user_id is null) as anonymous,
        count(distinct user_id) filter (where expires_at > now()) as users
    from user_sessions",
);

static CREATED_PER_DAY: Statement = Statement::new(
    "session.created_per_day",
    "select day, count from daily_counters
    where name = 'sessions_created' and day > (now() at time zone 'utc')::date - 7
    order by day",
);

/// Computes statistics of all sessions. Reads the whole table.
pub(super) async fn statistics(client: &Client) -> Result<SessionStatistics> {
    let row = STATISTICS.one(client, &[]).await?;
    let days = CREATED_PER_DAY.all(client, &[]).await?;
    let (active, anonymous): (i64, i64) = (row.try_get("active")?, row.try_get("anonymous")?);
    let users: i64 = row.try_get("users")?;
    Ok(SessionStatistics {
        total: row.try_get("total")?,
        active,
        expired: row.try_get("expired")?,
        anonymous,
        users,
        per_user: (active - anonymous) as f64 / users.max(1) as f64,
        created_per_day: days
            .iter()
            .map(|row| {
                Ok(SessionsCreated {
                    day: row.try_get("day")?,
                    count: row.try_get("count")?,
                })
            })
            .collect::<Result<_>>()?,
    })
}
