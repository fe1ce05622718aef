//! Tries as Postgres counts them, and the waits that they have led to.

use std::net::IpAddr;

use uuid::Uuid;

use crate::crypto::secret::sha256_hex;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// So many tries in a window; who uses them up waits, longer each time.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What is tried.
    pub name: &'static str,
    /// Tries in a window.
    pub tries: i32,
    /// The window, in seconds; also the first wait.
    pub window: f64,
}

/// The longest wait: a member is never locked out for good.
const LONGEST_WAIT_SECONDS: f64 = 15.0 * 60.0;

/// Whose tries are counted. An e-mail address is kept as its hash: the table
/// is no list of who tried what.
#[derive(Clone, Debug)]
pub struct Subject {
    limit: Limit,
    key: String,
}

impl Subject {
    /// An address alone. IPv6 counts by /64, which one subscriber has whole.
    pub fn address(limit: Limit, address: IpAddr) -> Self {
        Self {
            limit,
            key: format!("{}:{}", limit.name, network(address)),
        }
    }

    /// An e-mail address alone, wherever it is given.
    pub fn email(limit: Limit, email: &str) -> Self {
        Self {
            limit,
            key: format!("{}:{}", limit.name, sha256_hex(email.as_bytes())),
        }
    }

    /// A member, wherever they are.
    pub fn member(limit: Limit, id: Uuid) -> Self {
        Self {
            limit,
            key: format!("{}:{id}", limit.name),
        }
    }

    /// A device of an account's.
    pub fn device(limit: Limit, email: &str, id: Uuid) -> Self {
        let account = sha256_hex(email.as_bytes());
        Self {
            limit,
            key: format!("{}:{account}:{id}", limit.name),
        }
    }

    /// An account, known or not, and an address together.
    pub fn account(limit: Limit, email: &str, address: IpAddr) -> Self {
        let account = sha256_hex(email.as_bytes());
        Self {
            limit,
            key: format!("{}:{account}:{}", limit.name, network(address)),
        }
    }
}

impl Subject {
    /// Its row in Postgres.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Tries in a window.
    pub(crate) fn tries(&self) -> i32 {
        self.limit.tries
    }

    /// The window, in seconds; also the first wait.
    pub(crate) fn window(&self) -> f64 {
        self.limit.window
    }

    /// How long it waits at the most, in seconds.
    pub(crate) fn longest_wait(&self) -> f64 {
        LONGEST_WAIT_SECONDS.max(self.limit.window)
    }
}

fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// How long somebody has to wait.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wait {
    /// 0: not at all.
    pub(crate) seconds: f64,
    /// Whether this try is the one that has led to it.
    pub(crate) is_new: bool,
}

impl Wait {
    /// Of several waits the longest counts.
    pub(crate) fn note(&mut self, seconds: f64, is_new: bool) {
        self.seconds = self.seconds.max(seconds);
        self.is_new |= is_new;
    }
}

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
