//! How far the provider's balance transactions were read.

use chrono::{DateTime, TimeDelta, Utc};
use tokio_postgres::Row;

use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// How long before the end of the last pull the next one begins, because the provider may list a
/// transaction late.
const OVERLAP: TimeDelta = TimeDelta::days(2);

/// A pull that is under way.
#[derive(Clone, Debug)]
pub struct Pull {
    /// The time from which entries are read.
    pub since: DateTime<Utc>,
    /// The time up to which they are read, exclusive.
    pub till: DateTime<Utc>,
    /// The provider's id of the last entry that was read. `None` at the beginning.
    pub last_read: Option<String>,
}

impl Pull {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            since: row.try_get("since")?,
            till: row.try_get("till")?,
            last_read: row.try_get("last_read")?,
        })
    }
}

// The first pull begins before the first card payment.
static BEGIN: Statement = Statement::new(
    "provider_pull.begin",
    "update provider_pull p set till = coalesce(p.till, $1),
        since = coalesce(p.since, p.complete_until - $3::bigint * interval '1 second',
            (select least(min(paid_at), $1) - $3::bigint * interval '1 second' from payments
                where provider_payment is not null))
    where p.till is not null or p.complete_until is null or p.complete_until < $2
    returning p.since, p.till, p.last_read",
);

/// Begins a pull at `now`, or continues the one that is under way. Returns `None` if a pull since
/// `today_start` is complete.
pub async fn begin(
    client: &Client,
    now: DateTime<Utc>,
    today_start: DateTime<Utc>,
) -> Result<Option<Pull>> {
    let row = BEGIN
        .opt(client, &[&now, &today_start, &OVERLAP.num_seconds()])
        .await?;
    row.as_ref().map(Pull::from_row).transpose()
}

static CONTINUE: Statement = Statement::new(
    "provider_pull.continue",
    "update provider_pull set last_read = $3
    where till = $1 and last_read is not distinct from $2 and $3 is not null
    returning since, till, last_read",
);

static COMPLETE: Statement = Statement::new(
    "provider_pull.complete",
    "update provider_pull set complete_since = coalesce(complete_since, since),
        complete_until = till, since = null, till = null, last_read = null, refused_at = null
    where till = $1 and last_read is not distinct from $2",
);

/// Records that the entries of a pull were read and stored up to `last_read`, or all of them if it
/// is `None`. Returns the rest of the pull. Another run of the clean-up may have read the same page,
/// and then continues alone.
pub async fn advance(
    client: &Client,
    pull: &Pull,
    last_read: Option<String>,
) -> Result<Option<Pull>> {
    if last_read.is_none() {
        COMPLETE
            .execute(client, &[&pull.till, &pull.last_read])
            .await?;
        return Ok(None);
    }
    let row = CONTINUE
        .opt(client, &[&pull.till, &pull.last_read, &last_read])
        .await?;
    row.as_ref().map(Pull::from_row).transpose()
}

static RESTART: Statement = Statement::new(
    "provider_pull.restart",
    "update provider_pull set last_read = null where till = $1",
);

/// Makes the next run read the pull from its beginning.
pub async fn restart(client: &Client, pull: &Pull) -> Result<()> {
    RESTART.execute(client, &[&pull.till]).await
}

static IS_REFUSED: Statement = Statement::new(
    "provider_pull.is_refused",
    "select coalesce(refused_at >= $1, false) from provider_pull",
);

/// Returns whether the provider has refused to show entries since `today_start`.
pub async fn is_refused(client: &Client, today_start: DateTime<Utc>) -> Result<bool> {
    Ok(IS_REFUSED.one(client, &[&today_start]).await?.try_get(0)?)
}

static REFUSE: Statement = Statement::new(
    "provider_pull.refuse",
    "update provider_pull set refused_at = $1",
);

/// Records that the provider has refused to show the entries.
pub async fn refuse(client: &Client, now: DateTime<Utc>) -> Result<()> {
    REFUSE.execute(client, &[&now]).await
}
