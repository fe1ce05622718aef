//! Rate limits: Postgres counts attempts, and blocks further ones for some time. The table is
//! `login_throttle`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use uuid::Uuid;

use crate::crypto::secret::sha256_hex;
use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The number of attempts that are allowed in a time window.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The name of the limit, which is the prefix of its keys.
    pub name: &'static str,
    /// The number of attempts that are allowed in a window.
    pub attempts: i32,
    /// The length of the window in seconds, which is also the length of the first block.
    pub window: f64,
    /// Whether an attempt above the limit starts a block. Consecutive blocks get longer.
    /// Without blocks, attempts above the limit are rejected until the window ends.
    pub blocks: bool,
}

impl Limit {
    /// Creates a limit. An attempt above it starts a block.
    pub const fn new(name: &'static str, attempts: i32, window: f64) -> Self {
        Self {
            name,
            attempts,
            window,
            blocks: true,
        }
    }

    /// Rejects attempts above the limit until the window ends, without starting a block.
    #[must_use]
    pub const fn without_block(mut self) -> Self {
        self.blocks = false;
        self
    }

    /// Allows `factor` times as many attempts.
    const fn times(mut self, factor: i32) -> Self {
        self.attempts *= factor;
        self
    }
}

/// The length of the longest block, in seconds. If the window of a limit is longer than that,
/// the longest block of the limit is as long as the window.
const MAX_BLOCK_SECONDS: f64 = 15.0 * 60.0;

/// The networks for which an attempt from an IPv6 address counts: the length of the prefix,
/// and the factor by which the limit is multiplied. A subscriber usually has a /64 or a
/// /56, and can have a /48, which contains 65,536 networks of size /64.
const IPV6_NETWORKS: [(u32, i32); 3] = [(64, 1), (56, 2), (48, 4)];

/// The subject that attempts are counted for. The key contains the hash of an e-mail
/// address instead of the address, so the table does not reveal addresses.
#[derive(Clone, Debug)]
pub struct Subject {
    limit: Limit,
    key: String,
    /// Whether a success deletes the counter and ends the series of blocks. Otherwise, a
    /// success gives back only its own attempt.
    is_reset_by_success: bool,
}

impl Subject {
    /// An IP address. An IPv6 address counts for its networks of three sizes, because one
    /// subscriber has all addresses of a network. The larger networks have higher limits.
    pub fn address(limit: Limit, address: IpAddr) -> Vec<Self> {
        let subject = |limit: Limit, network: String| Self {
            key: format!("{}:{network}", limit.name),
            limit,
            is_reset_by_success: false,
        };
        match address.to_canonical() {
            IpAddr::V4(v4) => vec![subject(limit, v4.to_string())],
            IpAddr::V6(v6) => IPV6_NETWORKS
                .map(|(bits, factor)| subject(limit.times(factor), ipv6_network(v6, bits)))
                .to_vec(),
        }
    }

    /// An e-mail address, from any IP address.
    pub fn email(limit: Limit, email: &str) -> Self {
        Self {
            limit,
            key: format!("{}:{}", limit.name, sha256_hex(email.as_bytes())),
            is_reset_by_success: false,
        }
    }

    /// A member, from any IP address.
    pub fn member(limit: Limit, id: Uuid) -> Self {
        Self {
            limit,
            key: format!("{}:{id}", limit.name),
            is_reset_by_success: false,
        }
    }

    /// All sessions of a member together, for codes of the second factor. A single session
    /// must not have such a limit, because its id changes with each renewal.
    pub fn sessions_of(limit: Limit, user_id: Uuid) -> Self {
        Self {
            limit,
            key: format!("{}:{user_id}:sessions", limit.name),
            is_reset_by_success: true,
        }
    }

    /// A device of a member. The key does not depend on the member's e-mail address.
    pub fn device_of(limit: Limit, user_id: Uuid, id: Uuid) -> Self {
        Self {
            limit,
            key: format!("{}:{user_id}:{id}", limit.name),
            is_reset_by_success: true,
        }
    }

    /// A device or a session of an account.
    pub fn device(limit: Limit, email: &str, id: Uuid) -> Self {
        let account = sha256_hex(email.as_bytes());
        Self {
            limit,
            key: format!("{}:{account}:{id}", limit.name),
            is_reset_by_success: true,
        }
    }

    /// An account and an IP address. The account need not exist.
    pub fn account(limit: Limit, email: &str, address: IpAddr) -> Self {
        let account = sha256_hex(email.as_bytes());
        let network = match address.to_canonical() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => ipv6_network(v6, 64),
        };
        Self {
            limit,
            key: format!("{}:{account}:{network}", limit.name),
            is_reset_by_success: true,
        }
    }
}

impl Subject {
    /// Returns the key of the row in Postgres.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Returns the limit.
    pub(crate) fn limit(&self) -> Limit {
        self.limit
    }

    /// Returns the length of the longest block, in seconds.
    pub(crate) fn max_block(&self) -> f64 {
        MAX_BLOCK_SECONDS.max(self.limit.window)
    }

    /// Returns whether a success deletes the counter.
    pub(crate) fn is_reset_by_success(&self) -> bool {
        self.is_reset_by_success
    }
}

fn ipv6_network(address: Ipv6Addr, bits: u32) -> String {
    let mask = u128::MAX << (128 - bits);
    let network = Ipv6Addr::from_bits(address.to_bits() & mask);
    format!("{network}/{bits}")
}

/// The state of a subject's counter after an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counter {
    /// The attempts in the window, including this one.
    pub(crate) attempts: i64,
    /// How many of these attempts have failed. The others are in progress.
    pub(crate) failed: i64,
    /// The remaining time in seconds: of the block if one is in force, or else of the window.
    pub(crate) remaining: f64,
    /// Whether a block is in force.
    pub(crate) is_blocked: bool,
}

// An attempt is counted before it is made, under the row's lock, so that concurrent
// attempts cannot exceed the limit. Attempts during a block are not counted. The rows are
// locked in the order of their keys to prevent deadlocks.
static COUNT: Statement = Statement::new(
    "throttle.count",
    "insert into login_throttle as t (key, tries, failed, window_ends_at, expires_at)
    select key, 1, $3, now() + make_interval(secs => seconds),
        now() + interval '1 hour' + make_interval(secs => seconds)
    from unnest($1::text[], $2::float8[]) as wanted (key, seconds)
    order by key
    on conflict (key) do update set
        tries = case when t.blocked_until > now() then t.tries
            when t.window_ends_at <= now() then 1 else t.tries + 1 end,
        failed = case when t.blocked_until > now() then t.failed
            when t.window_ends_at <= now() then $3 else t.failed + $3 end,
        window_ends_at = case when t.blocked_until > now() or t.window_ends_at > now()
            then t.window_ends_at else excluded.window_ends_at end,
        strikes = case when t.expires_at <= now() then 0 else t.strikes end,
        blocked_until = case when t.blocked_until > now() then t.blocked_until end,
        expires_at = excluded.expires_at
    returning key, tries::bigint as tries, failed::bigint as failed,
        blocked_until is not null as is_blocked,
        extract(epoch from coalesce(blocked_until, window_ends_at) - now())::float8 as remaining",
);

/// Counts one attempt for each subject: a failed one, or one in progress. Returns the
/// counters in the order of the subjects.
pub(crate) async fn count(
    client: &Client,
    subjects: &[Subject],
    has_failed: bool,
) -> Result<Vec<Counter>> {
    let keys: Vec<String> = subjects.iter().map(|s| s.key().to_owned()).collect();
    let windows: Vec<f64> = subjects.iter().map(|s| s.limit.window).collect();
    let rows = COUNT
        .all(client, &[&keys, &windows, &i32::from(has_failed)])
        .await?;
    let mut counters = HashMap::new();
    for row in rows {
        let key: String = row.try_get("key")?;
        let counter = Counter {
            attempts: row.try_get("tries")?,
            failed: row.try_get("failed")?,
            remaining: row.try_get("remaining")?,
            is_blocked: row.try_get("is_blocked")?,
        };
        counters.insert(key, counter);
    }
    let missing = || Error::internal("a counter of a rate limit is missing");
    let counter = |key: &String| counters.remove(key).ok_or_else(missing);
    keys.iter().map(counter).collect()
}

// The rows are locked in the order of their keys, as `COUNT` does it.
static ADJUST: Statement = Statement::new(
    "throttle.adjust",
    "with counted as materialized (
        select key from login_throttle
        where key = any ($1) and window_ends_at > now()
            and (blocked_until is null or blocked_until <= now())
        order by key for no key update
    )
    update login_throttle t
    set tries = greatest(t.tries + $2, 0), failed = greatest(t.failed + $3, 0)
    from counted where t.key = counted.key",
);

/// Adds to the counters of attempts and failed attempts, or subtracts from them. Counters that
/// are blocked, or whose window has ended, do not change.
pub(crate) async fn adjust(
    client: &Client,
    keys: &[String],
    attempts: i32,
    failed: i32,
) -> Result<()> {
    ADJUST
        .execute(client, &[&keys.to_vec(), &attempts, &failed])
        .await
}

// Only the attempt that first exceeds the limit of the window starts the block. For
// attempts during the block, COUNT returns the remaining time.
static BLOCK: Statement = Statement::new(
    "throttle.block",
    "insert into login_throttle as t
        (key, tries, window_ends_at, strikes, blocked_until, expires_at)
    select $1, 0, now(), 1, now() + make_interval(secs => $2),
        now() + interval '1 hour' + make_interval(secs => $2)
    on conflict (key) do update set
        tries = 0,
        failed = 0,
        window_ends_at = now(),
        strikes = case when t.expires_at <= now() then 1 else t.strikes + 1 end,
        blocked_until = now() + make_interval(secs => case when t.expires_at <= now() then $2
            else least($2 * power(2, least(t.strikes, 20)), $3) end),
        expires_at = now() + interval '1 hour' + make_interval(secs => $3)
    where t.blocked_until is null or t.blocked_until <= now()
    returning extract(epoch from blocked_until - now())::float8 as block_seconds",
);

/// Blocks a subject that has exceeded its limit. Consecutive blocks double in length.
/// Returns the length in seconds. Returns `None` if another request has started the block.
pub(crate) async fn block(client: &Client, subject: &Subject) -> Result<Option<f64>> {
    let (window, longest) = (subject.limit.window, subject.max_block());
    let row = BLOCK
        .opt(client, &[&subject.key(), &window, &longest])
        .await?;
    row.map(|row| Ok(row.try_get("block_seconds")?)).transpose()
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

/// Deletes the attempts and blocks of all keys that equal one of `names`, or start with one of
/// `names` and a colon. Returns the deleted keys.
pub async fn reset_prefixes(client: &Client, names: &[String]) -> Result<Vec<String>> {
    let rows = RESET_PREFIXES.all(client, &[&names.to_vec()]).await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get("key"))
        .collect::<Result<_, _>>()?)
}
