//! Rate limits: Postgres counts attempts, and blocks further ones for some time.

use std::net::IpAddr;

use uuid::Uuid;

use crate::crypto::secret::sha256_hex;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The number of attempts that are allowed in a time window. More attempts start a block.
/// Consecutive blocks get longer.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The name of the limit, which is the prefix of its keys.
    pub name: &'static str,
    /// The number of attempts that are allowed in a window.
    pub attempts: i32,
    /// The length of the window in seconds, which is also the length of the first block.
    pub window: f64,
}

/// The length of the longest block, in seconds. If the window is longer, its length counts.
const MAX_BLOCK_SECONDS: f64 = 15.0 * 60.0;

/// The subject that attempts are counted for. The key contains the hash of an e-mail
/// address instead of the address, so the table does not reveal addresses.
#[derive(Clone, Debug)]
pub struct Subject {
    limit: Limit,
    key: String,
}

impl Subject {
    /// An IP address. IPv6 addresses count by their /64 network, because one subscriber
    /// has all addresses of a network.
    pub fn address(limit: Limit, address: IpAddr) -> Self {
        Self {
            limit,
            key: format!("{}:{}", limit.name, network(address)),
        }
    }

    /// An e-mail address, from any IP address.
    pub fn email(limit: Limit, email: &str) -> Self {
        Self {
            limit,
            key: format!("{}:{}", limit.name, sha256_hex(email.as_bytes())),
        }
    }

    /// A member, from any IP address.
    pub fn member(limit: Limit, id: Uuid) -> Self {
        Self {
            limit,
            key: format!("{}:{id}", limit.name),
        }
    }

    /// A device of an account.
    pub fn device(limit: Limit, email: &str, id: Uuid) -> Self {
        let account = sha256_hex(email.as_bytes());
        Self {
            limit,
            key: format!("{}:{account}:{id}", limit.name),
        }
    }

    /// An account and an IP address. The account need not exist.
    pub fn account(limit: Limit, email: &str, address: IpAddr) -> Self {
        let account = sha256_hex(email.as_bytes());
        Self {
            limit,
            key: format!("{}:{account}:{}", limit.name, network(address)),
        }
    }
}

impl Subject {
    /// Returns the key of the row in Postgres.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Returns the number of attempts that are allowed in a window.
    pub(crate) fn attempts(&self) -> i32 {
        self.limit.attempts
    }

    /// Returns the length of the window and of the first block, in seconds.
    pub(crate) fn window(&self) -> f64 {
        self.limit.window
    }

    /// Returns the length of the longest block, in seconds.
    pub(crate) fn max_block(&self) -> f64 {
        MAX_BLOCK_SECONDS.max(self.limit.window)
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

/// How long attempts are blocked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlockStatus {
    /// The remaining time in seconds. 0 if attempts are not blocked.
    pub(crate) seconds: f64,
    /// Whether this attempt is the one that exceeded the limit.
    pub(crate) is_new: bool,
}

impl BlockStatus {
    /// Combines this status with that of another subject. The longer one counts.
    pub(crate) fn add(&mut self, seconds: f64, is_new: bool) {
        self.seconds = self.seconds.max(seconds);
        self.is_new |= is_new;
    }
}

// An attempt is counted before it is made, under the row's lock, so that concurrent
// attempts cannot exceed the limit. Attempts during a block are not counted. The rows are
// locked in the order of their keys to prevent deadlocks.
static COUNT: Statement = Statement::new(
    "throttle.count",
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

// Only the attempt that first exceeds the limit of the window starts the block. Attempts
// during the block return the remaining time.
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

/// Counts one attempt for each subject, and blocks subjects that exceed their limit.
/// Returns how long the caller has to wait.
pub(crate) async fn count(client: &Client, subjects: &[Subject]) -> Result<BlockStatus> {
    let keys: Vec<String> = subjects.iter().map(|s| s.key().to_owned()).collect();
    let windows: Vec<f64> = subjects.iter().map(Subject::window).collect();
    let mut longest = BlockStatus::default();
    for row in COUNT.all(client, &[&keys, &windows]).await? {
        let key: String = row.try_get("key")?;
        let remaining: Option<f64> = row.try_get("wait")?;
        let tries: i32 = row.try_get("tries")?;
        let subject = subjects.iter().find(|subject| subject.key() == key);
        if let Some(remaining) = remaining {
            longest.add(remaining, false);
        } else if let Some(subject) = subject.filter(|subject| tries > subject.attempts()) {
            longest.add(block(client, subject).await?, true);
        }
    }
    Ok(longest)
}

/// Blocks a subject that has exceeded its limit. Consecutive blocks double in length.
/// Returns the length in seconds.
pub async fn block(client: &Client, subject: &Subject) -> Result<f64> {
    let (window, longest) = (subject.window(), subject.max_block());
    let row = BLOCK
        .opt(client, &[&subject.key(), &window, &longest])
        .await?;
    // Without a row, another request has started the block.
    Ok(row.map_or(Ok(window), |row| row.try_get("wait"))?)
}

static RESET: Statement = Statement::new(
    "throttle.reset",
    "delete from login_throttle where key = any ($1)",
);

/// Deletes the attempts and blocks of these keys.
pub async fn reset(client: &Client, keys: &[String]) -> Result<()> {
    RESET.execute(client, &[&keys.to_vec()]).await
}

// There is no prefix index, because expired rows are deleted and the table stays small.
static RESET_PREFIXES: Statement = Statement::new(
    "throttle.reset_prefixes",
    "delete from login_throttle t using unnest($1::text[]) as name
    where t.key = name or starts_with(t.key, name || ':') returning t.key",
);

/// Deletes the attempts and blocks of all keys that equal one of `names`, or start with it
/// followed by `:`. Returns these keys.
pub async fn reset_prefixes(client: &Client, names: &[String]) -> Result<Vec<String>> {
    let rows = RESET_PREFIXES.all(client, &[&names.to_vec()]).await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get("key"))
        .collect::<Result<_, _>>()?)
}
