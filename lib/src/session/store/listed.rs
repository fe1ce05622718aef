//! Lists of sessions, and counts over them.

use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::error::Result;
use crate::store::page::Page;
use crate::store::postgres::Statement;

/// A session, as the lists of sessions have it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its public id.
    pub id: Uuid,
    /// Whose it is; `None` for an anonymous one.
    pub user_id: Option<Uuid>,
    /// The e-mail address of whose it is.
    pub email: Option<String>,
    /// The IP address that created it.
    pub ip_address: Option<IpAddr>,
    /// The `User-Agent` that created it.
    pub user_agent: Option<String>,
    /// How it was made.
    pub login_method: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, at most five minutes off.
    pub last_activity: DateTime<Utc>,
    /// When it ends unless it is used before.
    pub expires_at: DateTime<Utc>,
}

/// Counts over all sessions.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// All rows, expired ones too.
    pub total: i64,
    /// Those that have not expired.
    pub active: i64,
    /// Those that wait for the clean-up.
    pub expired: i64,
    /// Active ones that nobody is signed in to.
    pub anonymous: i64,
    /// Members with an active session.
    pub users: i64,
    /// New ones a day, for the last seven days, oldest first.
    pub created_per_day: Vec<(NaiveDate, i64)>,
}

impl Statistics {
    /// Active sessions that a signed-in member has on average; 0 when nobody is.
    pub fn per_user(&self) -> f64 {
        let signed_in = self.active - self.anonymous;
        signed_in as f64 / self.users.max(1) as f64
    }
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

/// A member's sessions, newest first; one more than the page holds when there
/// are more.
pub(crate) async fn list(client: &Client, user_id: Uuid, page: &Page) -> Result<Vec<Listed>> {
    let (time, id) = page.after();
    let rows = LIST
        .all(client, &[&user_id, &time, &id, &page.fetch()])
        .await?;
    rows.iter().map(listed).collect()
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

/// Everybody's sessions, as [`list`].
pub(crate) async fn all(client: &Client, page: &Page) -> Result<Vec<Listed>> {
    let (time, id) = page.after();
    let rows = ALL.all(client, &[&time, &id, &page.fetch()]).await?;
    rows.iter().map(listed).collect()
}

fn listed(row: &Row) -> Result<Listed> {
    Ok(Listed {
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

/// How many sessions have not expired.
pub(crate) async fn length(client: &Client) -> Result<i64> {
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

/// Counts over all sessions; a scan, for administration only.
pub(crate) async fn statistics(client: &Client) -> Result<Statistics> {
    let row = STATISTICS.one(client, &[]).await?;
    let days = CREATED_PER_DAY.all(client, &[]).await?;
    Ok(Statistics {
        total: row.try_get("total")?,
        active: row.try_get("active")?,
        expired: row.try_get("expired")?,
        anonymous: row.try_get("anonymous")?,
        users: row.try_get("users")?,
        created_per_day: days
            .iter()
            .map(|day| Ok((day.try_get("day")?, day.try_get("count")?)))
            .collect::<Result<_>>()?,
    })
}
