//! The provider's payouts, and whether it is known what they consist of.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::json;
use tokio_postgres::Row;

use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The maximum number of requests for the entries of a payout. With the pauses, they take about two
/// months.
const MAX_ATTEMPTS: i32 = 60;

/// A payout: money that the provider sends to the studio's bank, or takes from it.
#[derive(Clone, Debug, Serialize)]
pub struct ProviderPayout {
    /// The provider's id.
    pub id: String,
    /// The day on which the bank gets the money.
    pub arrives_on: NaiveDate,
    /// Whether the provider knows which entries it pays out.
    pub is_automatic: bool,
}

static STORE: Statement = Statement::new(
    "provider_payout.store",
    "insert into provider_payouts (id, arrives_on, is_automatic, next_attempt_at)
    select distinct on (id) id, arrives_on, is_automatic, $2
    from jsonb_to_recordset($1) as p (id text, arrives_on date, is_automatic boolean)
    order by id
    on conflict (id) do update set arrives_on = excluded.arrives_on
        where provider_payouts.arrives_on <> excluded.arrives_on",
);

/// Stores payouts, unless they are stored. Their entries can be read from `now` on.
pub async fn store(client: &Client, payouts: &[ProviderPayout], now: DateTime<Utc>) -> Result<()> {
    STORE.execute(client, &[&json!(payouts), &now]).await
}

/// A payout whose entries are to be read.
#[derive(Clone, Debug)]
pub struct ClaimedPayout {
    /// The provider's id.
    pub id: String,
    /// The provider's id of the last entry that was read. `None` at the beginning.
    pub last_read: Option<String>,
}

static CLAIM: Statement = Statement::new(
    "provider_payout.claim",
    "update provider_payouts p set attempts = p.attempts + 1, next_attempt_at = $1
        + least(interval '1 day', interval '1 minute' * power(2, least(p.attempts, 16)))
    where p.id = (
        select id from provider_payouts
        where is_automatic and not is_complete and next_attempt_at <= $1
          and attempts < $2
        order by next_attempt_at, id limit 1 for update skip locked)
    returning p.id, p.last_read",
);

/// Claims an automatic payout whose entries are not known. The payout can be claimed again after a
/// pause, which grows from a minute to a day, at most 60 times.
pub async fn claim(client: &Client, now: DateTime<Utc>) -> Result<Option<ClaimedPayout>> {
    let row = CLAIM.opt(client, &[&now, &MAX_ATTEMPTS]).await?;
    let from_row = |row: Row| {
        Ok(ClaimedPayout {
            id: row.try_get("id")?,
            last_read: row.try_get("last_read")?,
        })
    };
    row.map(from_row).transpose()
}

static ADVANCE: Statement = Statement::new(
    "provider_payout.advance",
    "update provider_payouts set last_read = $2 where id = $1",
);

/// Records that the entries of a payout were stored up to `last_read`, or all of them if it is
/// `None`.
pub async fn advance(client: &Client, id: &str, last_read: Option<String>) -> Result<()> {
    ADVANCE.execute(client, &[&id, &last_read]).await
}

static RELEASE: Statement = Statement::new(
    "provider_payout.release",
    "update provider_payouts set attempts = greatest(0, attempts - 1), next_attempt_at = $2
    where id = $1",
);

/// Lets the next run continue with a payout. An interrupted run is no attempt.
pub async fn release(client: &Client, id: &str, now: DateTime<Utc>) -> Result<()> {
    RELEASE.execute(client, &[&id, &now]).await
}

static GIVE_UP: Statement = Statement::new(
    "provider_payout.give_up",
    "update provider_payouts set attempts = $2, last_read = null where id = $1",
);

/// Asks no more about a payout that the provider does not know.
pub async fn give_up(client: &Client, id: &str) -> Result<()> {
    GIVE_UP.execute(client, &[&id, &MAX_ATTEMPTS]).await
}

static COMPLETE: Statement = Statement::new(
    "provider_payout.complete",
    "update provider_payouts p set is_complete = true
    where p.id = $1
      and (select sum(e.net) from provider_entries e
            where e.payout = p.id and e.category <> 'payout')
        = (select -sum(e.amount) from provider_entries e
            where e.source = p.id and e.category = 'payout')
    returning true",
);

/// Records that the entries of a payout are known, if they add up to its amount. Returns whether
/// they do.
pub async fn complete(client: &Client, id: &str) -> Result<bool> {
    Ok(COMPLETE.opt(client, &[&id]).await?.is_some())
}
