//! How often something may be tried.

use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::Client;

use crate::db::Statement;
use crate::error::{Error, Result};
use crate::secret::sha256_hex;

/// So many tries in a window; who uses them up waits, longer each time.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What is tried.
    name: &'static str,
    /// Tries in a window.
    tries: i32,
    /// The window, in seconds; also the first wait.
    window: f64,
}

/// Sign-in, for an account and an address together: a stranger elsewhere
/// cannot lock a member out.
pub const SIGN_IN_ACCOUNT: Limit = Limit {
    name: "sign_in_account",
    tries: 5,
    window: 60.0,
};

/// Sign-in, for an address, whichever the account.
pub const SIGN_IN_ADDRESS: Limit = Limit {
    name: "sign_in_address",
    tries: 20,
    window: 60.0,
};

/// Registration, for an address.
pub const REGISTER_ADDRESS: Limit = Limit {
    name: "register_address",
    tries: 20,
    window: 3600.0,
};

/// Messages to the studio, from an address.
pub const CONTACT_ADDRESS: Limit = Limit {
    name: "contact_address",
    tries: 10,
    window: 3600.0,
};

/// Messages to the studio, in the name of one e-mail address.
pub const CONTACT_EMAIL: Limit = Limit {
    name: "contact_email",
    tries: 5,
    window: 3600.0,
};

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

    /// An account, known or not, and an address together.
    pub fn account(limit: Limit, email: &str, address: IpAddr) -> Self {
        let account = sha256_hex(email.as_bytes());
        Self {
            limit,
            key: format!("{}:{account}:{}", limit.name, network(address)),
        }
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

// A try is counted before it is made, under the row's lock, so that any number
// at once do not exceed the limit. One during a wait is not made, and not
// counted: whoever is impatient has their tries when it is over. The rows are taken in the order of their
// keys, so that two callers cannot lock each other out.
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
    "update login_throttle set
        strikes = strikes + 1,
        tries = 0,
        window_ends_at = now(),
        blocked_until = now() + make_interval(secs => least($2 * power(2, least(strikes, 20)), $3))
    where key = $1 and (blocked_until is null or blocked_until <= now())
    returning extract(epoch from blocked_until - now())::float8 as wait",
);

static FORGIVE: Statement = Statement::new(
    "throttle.forgive",
    "delete from login_throttle where key = $1",
);

/// Counts one try for each subject.
///
/// # Errors
///
/// [`Error::TooManyRequests`] when one of them has none left;
/// [`Error::Unavailable`] when that cannot be known.
pub async fn take(client: &Client, subjects: &[Subject]) -> Result<()> {
    let keys: Vec<String> = subjects.iter().map(|subject| subject.key.clone()).collect();
    let windows: Vec<f64> = subjects
        .iter()
        .map(|subject| subject.limit.window)
        .collect();
    let mut wait: f64 = 0.0;
    for row in TAKE.all(client, &[&keys, &windows]).await? {
        let key: String = row.try_get("key")?;
        let left: Option<f64> = row.try_get("wait")?;
        let tries: i32 = row.try_get("tries")?;
        let subject = subjects.iter().find(|subject| subject.key == key);
        if let Some(left) = left {
            wait = wait.max(left);
        } else if let Some(subject) = subject.filter(|subject| tries > subject.limit.tries) {
            wait = wait.max(block(client, subject).await?);
        }
    }
    if wait > 0.0 {
        return Err(Error::TooManyRequests {
            retry_after: Duration::from_secs_f64(wait.max(1.0)),
        });
    }
    Ok(())
}

async fn block(client: &Client, subject: &Subject) -> Result<f64> {
    let window = subject.limit.window;
    let longest = LONGEST_WAIT_SECONDS.max(window);
    let row = BLOCK
        .opt(client, &[&subject.key, &window, &longest])
        .await?;
    // None: somebody else has just set it.
    Ok(row.map_or(Ok(window), |row| row.try_get("wait"))?)
}

/// Forgets the tries of a subject, who has turned out to be who they said.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn forgive(client: &Client, subject: &Subject) -> Result<()> {
    FORGIVE.execute(client, &[&subject.key]).await
}

// The table is small, for what has expired is removed: an index by prefix
// would be kept for nothing.
static FORGIVE_ACCOUNT: Statement = Statement::new(
    "throttle.forgive_account",
    "with forgiven as (delete from login_throttle where starts_with(key, $1) returning 1)
    select count(*) from forgiven",
);

/// Forgets the tries for an account from wherever they were made; returns from
/// how many addresses. What counts for an address whichever the account stays:
/// it is not the member's.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn forgive_account(client: &Client, limit: Limit, email: &str) -> Result<i64> {
    let account = sha256_hex(email.as_bytes());
    let prefix = format!("{}:{account}:", limit.name);
    Ok(FORGIVE_ACCOUNT.one(client, &[&prefix]).await?.try_get(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_be_varied_within_what_one_subscriber_has() {
        let key = |text: &str| Subject::address(SIGN_IN_ADDRESS, text.parse().unwrap()).key;
        assert_eq!(key("2001:db8:1:2::3"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::3"), key("2001:db8:1:3::3"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
