//! Which memberships must be compared with the provider.

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Membership, membership_columns};
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A synchronization of a membership with the provider. It begins before the provider is asked.
#[derive(Clone, Debug)]
pub struct MembershipSync {
    /// The number of the synchronization. What the provider reports is applied only if no report
    /// with a higher number was applied.
    pub(super) number: i64,
    /// The membership as it was when the synchronization began.
    pub membership: Membership,
}

impl MembershipSync {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            number: row.try_get("sync_wanted")?,
            membership: Membership::from_row(row)?,
        })
    }
}

// If the synchronization fails, the clean-up repeats it.
static BEGIN_SYNC: Statement = Statement::new(
    "membership.begin_sync",
    concat!(
        "update memberships m set sync_wanted = m.sync_wanted + 1,
            next_attempt_at = least(m.next_attempt_at, now() + interval '1 minute')
        from users u where m.id = $1 and u.id = m.user_id returning m.sync_wanted, ",
        membership_columns!()
    ),
);

/// Begins a synchronization. Returns `None` if the membership does not exist.
pub async fn begin_sync(client: &Client, id: Uuid) -> Result<Option<MembershipSync>> {
    let row = BEGIN_SYNC.opt(client, &[&id]).await?;
    row.as_ref().map(MembershipSync::from_row).transpose()
}

static REQUEST_END: Statement = Statement::new(
    "membership.request_end",
    "update memberships set must_end = true, next_attempt_at = now()
    where id in (
        select id from memberships where user_id = $1 and status <> 'ended' for no key update)",
);

/// Requests the end of a member's membership at once, for example because the account is being
/// closed. The provider is told after the transaction, or by the clean-up.
pub async fn request_end(client: &Client, user_id: Uuid) -> Result<()> {
    REQUEST_END.execute(client, &[&user_id]).await
}

// A claim reserves a membership until its next attempt, as for payments. A period that is over, or
// was not paid in time, is asked about until the provider reports the next one.
static CLAIM: Statement = Statement::new(
    "membership.claim",
    concat!(
        "with due as materialized (
            select id from memberships c
            where next_attempt_at <= now()
              and (status <> 'ended' or must_end or sync_wanted > sync_done)
              and (sync_wanted > sync_done or must_end
                or (status = 'starting' and expires_at <= $2)
                or period_end <= $2
                or exists (
                    select from passes p
                    where p.membership_id = c.id and p.order_line_id is null
                      and p.status = 'live' and p.first_day <= $3))
            order by next_attempt_at limit $1 for update skip locked
        )
        update memberships m set sync_wanted = m.sync_wanted + 1, attempts = m.attempts + 1,
            next_attempt_at = now()
                + least(interval '6 hours', interval '1 minute' * power(2, least(m.attempts, 16)))
        from due, users u where m.id = due.id and u.id = m.user_id returning m.sync_wanted, ",
        membership_columns!()
    ),
);

/// Begins the synchronizations that are due: of the memberships that an event has announced but
/// that could not be compared, of those that must end, those whose checkout has expired, those
/// whose period is over, and those with a period that began on `unpaid_until` or earlier and is
/// not paid.
pub async fn claim_due(
    client: &Client,
    limit: i64,
    now: DateTime<Utc>,
    unpaid_until: NaiveDate,
) -> Result<Vec<MembershipSync>> {
    let rows = CLAIM.all(client, &[&limit, &now, &unpaid_until]).await?;
    rows.iter().map(MembershipSync::from_row).collect()
}
