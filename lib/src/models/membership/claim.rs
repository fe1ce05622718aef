//! Which memberships must be compared with the provider.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::{Membership, membership_columns};
use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;

static WANT_SYNC: Statement = Statement::new(
    "membership.want_sync",
    "update memberships set sync_wanted = sync_wanted + 1,
        next_attempt_at = now() + interval '1 minute'
    where id = $1 returning sync_wanted",
);

/// Takes the number of a synchronization, before the provider is asked. What the provider says is
/// written only if no later synchronization has written before. If the synchronization fails, the
/// clean-up makes another one.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn want_sync(client: &Client, id: Uuid) -> Result<i64> {
    let row = WANT_SYNC.opt(client, &[&id]).await?;
    Ok(row.ok_or(Error::NotFound)?.try_get("sync_wanted")?)
}

static END_AT_PROVIDER: Statement = Statement::new(
    "membership.end_at_provider",
    "update memberships set ends_now = true, next_attempt_at = now()
    where id in (
        select id from memberships where user_id = $1 and status <> 'ended' for no key update)",
);

/// Ends the membership of an account that is being closed. The provider is told after the
/// transaction, or by the clean-up.
pub async fn end_at_provider(client: &Client, user_id: Uuid) -> Result<()> {
    END_AT_PROVIDER.execute(client, &[&user_id]).await
}

// A claim reserves a membership until its next attempt, as for payments. A period that is over, or
// was not paid in time, is asked about until the provider reports the next one.
static CLAIM: Statement = Statement::new(
    "membership.claim",
    concat!(
        "with due as materialized (
            select id from memberships c
            where next_attempt_at <= now()
              and (status <> 'ended' or ends_now or sync_wanted > sync_done)
              and (sync_wanted > sync_done or ends_now
                or (status = 'starting' and expires_at <= $2)
                or period_end <= $2
                or exists (
                    select from passes p
                    where p.membership_id = c.id and p.order_line_id is null
                      and p.status = 'live' and p.first_day <= $3))
            order by next_attempt_at limit $1 for update skip locked
        )
        update memberships m set attempts = m.attempts + 1, next_attempt_at = now()
            + least(interval '6 hours', interval '1 minute' * power(2, least(m.attempts, 16)))
        from due, users u where m.id = due.id and u.id = m.user_id returning ",
        membership_columns!()
    ),
);

/// Claims memberships to compare with the provider: those that an event has announced but that
/// could not be compared, those that must end, those whose checkout has expired, those whose
/// period is over, and those with a period that began on `unpaid_until` or earlier and is not
/// paid.
pub async fn claim_due(
    client: &Client,
    limit: i64,
    now: DateTime<Utc>,
    unpaid_until: NaiveDate,
) -> Result<Vec<Membership>> {
    let rows = CLAIM.all(client, &[&limit, &now, &unpaid_until]).await?;
    rows.iter().map(Membership::from_row).collect()
}
