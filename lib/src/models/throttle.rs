//! Tries as Postgres counts them, and the waits that they have led to.

use tokio_postgres::Client;

use crate::error::Result;
use crate::identity::rate_limit::{Subject, Wait};
use crate::store::postgres::Statement;

// A try is counted before it is made, under the row's lock, so that any number
// at once do not exceed the limit. One during a wait is not made, and not
// counted: whoever is impatient has their tries when it is over. The rows are
// taken in the order of their keys, so that two callers cannot lock each other out.
static TAKE: Statement = Statement::new(
    "throttle.take",
    "insert into login_throttle as t (key, tries, window_ends_at, expires_at)
    select key, 1, now() + make_interval(secs => seconds),
        now() + interval '1 hour' + make_interval(secs => seconds)
    from unnest($1::text[], $2::float8[]) as wanted (key, seconds)
    order by key
    on conflict (key) do update set
        tries = case when t.blocked_until > now() then t.tries
            when t.window_ends_at <= now() then 1 else t.tries + 1 end,
        window_ends_at = case when t.blocked_until > now() or t.window_ends_at > now()
            then t.window_ends_at else excluded.window_ends_at end,
        strikes = case when t.expires_at <= now() then 0 else t.strikes end,
        blocked_until = case when t.blocked_until > now() then t.blocked_until end,
        expires_at = excluded.expires_at
    returning key, tries, extract(epoch from blocked_until - now())::float8 as wait",
);

// Only the try that first exceeds the window's limit sets the wait; those
// during a wait are told what is left of it.
static BLOCK: Statement = Statement::new(
    "throttle.block",
    "insert into login_throttle as t
        (key, tries, window_ends_at, strikes, blocked_until, expires_at)
    select $1, 0, now(), 1, now() + make_interval(secs => $2),
        now() + interval '1 hour' + make_interval(secs => $2)
    on conflict (key) do update set
        tries = 0,
        window_ends_at = now(),
        strikes = case when t.expires_at <= now() then 1 else t.strikes + 1 end,
        blocked_until = now() + make_interval(secs => case when t.expires_at <= now() then $2
            else least($2 * power(2, least(t.strikes, 20)), $3) end),
        expires_at = now() + interval '1 hour' + make_interval(secs => $3)
    where t.blocked_until is null or t.blocked_until <= now()
    returning extract(epoch from blocked_until - now())::float8 as wait",
);

/// Counts one try for each subject. Returns how long whoever tries has to wait.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub(crate) async fn take(client: &Client, subjects: &[Subject]) -> Result<Wait> {
    let keys: Vec<String> = subjects.iter().map(|s| s.key().to_owned()).collect();
    let windows: Vec<f64> = subjects.iter().map(Subject::window).collect();
    let mut longest = Wait::default();
    for row in TAKE.all(client, &[&keys, &windows]).await? {
        let key: String = row.try_get("key")?;
        let left: Option<f64> = row.try_get("wait")?;
        let tries: i32 = row.try_get("tries")?;
        let subject = subjects.iter().find(|subject| subject.key() == key);
        if let Some(left) = left {
            longest.note(left, false);
        } else if let Some(subject) = subject.filter(|subject| tries > subject.tries()) {
            longest.note(block(client, subject).await?, true);
        }
    }
    Ok(longest)
}

/// Notes that a subject has used up its tries; the wait doubles with each time
/// in a row. Returns it, in seconds.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn block(client: &Client, subject: &Subject) -> Result<f64> {
    let (window, longest) = (subject.window(), subject.longest_wait());
    let row = BLOCK
        .opt(client, &[&subject.key(), &window, &longest])
        .await?;
    // None: somebody else has just set it.
    Ok(row.map_or(Ok(window), |row| row.try_get("wait"))?)
}

static FORGIVE: Statement = Statement::new(
    "throttle.forgive",
    "delete from login_throttle where key = any ($1)",
);

/// Forgets the tries of these keys.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn forgive(client: &Client, keys: &[String]) -> Result<()> {
    FORGIVE.execute(client, &[&keys.to_vec()]).await
}

// The table is small, for what has expired is removed: an index by prefix
// would be kept for nothing.
static FORGIVE_ALL: Statement = Statement::new(
    "throttle.forgive_all",
    "delete from login_throttle t using unnest($1::text[]) as name
    where t.key = name or starts_with(t.key, name || ':') returning t.key",
);

/// Forgets the tries of all keys that are, or begin with, one of `names`;
/// returns these keys.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn forgive_all(client: &Client, names: &[String]) -> Result<Vec<String>> {
    let rows = FORGIVE_ALL.all(client, &[&names.to_vec()]).await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get("key"))
        .collect::<Result<_, _>>()?)
}
