//! Browsers that an account knows again.

use tokio_postgres::Client;
use uuid::Uuid;

use crate::db::Statement;
use crate::error::Result;
use crate::http::arrival::DEVICE_LIFE;
use crate::random;
use crate::session::{Proof, Token};

/// For how long no code is asked for on a device whose owner has said so, in
/// seconds: thirty days.
pub const TRUST_SECONDS: f64 = 30.0 * 24.0 * 60.0 * 60.0;

/// A browser that an account knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its row.
    pub id: Uuid,
    /// Whether it needs no code.
    pub is_trusted: bool,
}

// Trust is given with a code and ends with the epoch; to sign in does not
// prolong it. One that was known under an older epoch is a new one.
static NOTE: Statement = Statement::new(
    "remembered_device.note",
    "with known as (
        select id from remembered_devices
        where user_id = $2 and token_hash = $3 and epoch = $4 and expires_at > now()
    )
    insert into remembered_devices as d
        (id, user_id, token_hash, epoch, user_agent, trusted_until, expires_at)
    values ($1, $2, $3, $4, $5,
        case when $6 then now() + make_interval(secs => $7) end,
        now() + make_interval(secs => $8))
    on conflict (user_id, token_hash) do update set
        epoch = excluded.epoch,
        user_agent = excluded.user_agent,
        trusted_until = case when $6 then excluded.trusted_until
            when d.epoch = excluded.epoch then d.trusted_until end,
        expires_at = excluded.expires_at
    returning id, not exists (select from known) as is_new",
);

/// Notes that a member signs in on this device; with `trust`, that no code is
/// to be asked for on it for a while. Returns its row, and whether it was not
/// known before.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn note(
    client: &Client,
    proof: &Proof,
    token: &Token,
    user_agent: Option<&str>,
    trust: bool,
) -> Result<(Uuid, bool)> {
    let row = NOTE
        .one(
            client,
            &[
                &random::id(),
                &proof.user_id,
                &token.hash(),
                &proof.epoch,
                &user_agent,
                &trust,
                &TRUST_SECONDS,
                &DEVICE_LIFE.as_secs_f64(),
            ],
        )
        .await?;
    Ok((row.try_get("id")?, row.try_get("is_new")?))
}

static HAS_SIGNED_IN: Statement = Statement::new(
    "remembered_device.has_signed_in",
    "select exists (
        select from user_sessions
        where user_id = $1 and user_agent is not distinct from $2
    ) as has_signed_in",
);

/// Whether a program, which has no cookie to be known by, has signed in under
/// this name before.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn has_signed_in(
    client: &Client,
    user_id: Uuid,
    user_agent: Option<&str>,
) -> Result<bool> {
    let row = HAS_SIGNED_IN.one(client, &[&user_id, &user_agent]).await?;
    Ok(row.try_get("has_signed_in")?)
}

static COUNT_TRUSTED: Statement = Statement::new(
    "remembered_device.count_trusted",
    "select count(*) from remembered_devices d join users u on u.id = d.user_id
    where d.user_id = $1 and d.trusted_until > now() and d.epoch = u.session_epoch",
);

/// On how many devices no code is asked for.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn count_trusted(client: &Client, user_id: Uuid) -> Result<i64> {
    Ok(COUNT_TRUSTED.one(client, &[&user_id]).await?.try_get(0)?)
}
