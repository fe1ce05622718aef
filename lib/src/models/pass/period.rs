//! The passes of memberships, one for each period.
//!
//! A pass without an order line waits for the payment of its period. All functions but
//! [`lock_unpaid`] need the lock on the membership.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::change::{PassChange, insert_change, lock, lock_classes, restore, revoke};
use super::dispute::automatic;
use crate::crypto::random;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A period of a membership, by the studio's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::models) struct PassPeriod {
    /// The first day.
    pub(in crate::models) first_day: NaiveDate,
    /// The number of days.
    pub(in crate::models) days: i32,
}

static LIST_UNPAID: Statement = Statement::new(
    "pass.list_unpaid",
    "select id, first_day from passes
    where membership_id = $1 and order_line_id is null and status = 'live' order by id",
);

/// Lists the unpaid passes of a membership that are not revoked, and their first days.
async fn list_unpaid(client: &Client, membership_id: Uuid) -> Result<Vec<(Uuid, NaiveDate)>> {
    let rows = LIST_UNPAID.all(client, &[&membership_id]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("id")?, row.try_get("first_day")?)))
        .collect()
}

/// Locks the upcoming classes that were booked with the unpaid passes of a membership. The
/// membership is locked after them, and its passes last.
pub(in crate::models) async fn lock_unpaid(
    client: &Client,
    membership_id: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    let unpaid = list_unpaid(client, membership_id).await?;
    let ids = unpaid.into_iter().map(|(id, _)| id).collect();
    lock_classes(client, &ids, now).await
}

static FIND_OF_PERIOD: Statement = Statement::new(
    "pass.find_of_period",
    "select id, status, order_line_id is not null as is_paid, days,
        coalesce((
            select c.change = 'revoke' and c.by is not null from pass_changes c
            where c.pass_id = p.id and c.change in ('revoke', 'restore')
            order by c.created_at desc, c.id desc limit 1), false) as is_revoked_by_staff
    from passes p where membership_id = $1 and first_day = $2 for no key update of p",
);

/// The pass of a period.
struct PeriodPass {
    id: Uuid,
    is_live: bool,
    is_paid: bool,
    is_revoked_by_staff: bool,
    days: i32,
}

async fn find_of_period(
    client: &Client,
    membership_id: Uuid,
    first_day: NaiveDate,
) -> Result<Option<PeriodPass>> {
    let row = FIND_OF_PERIOD
        .opt(client, &[&membership_id, &first_day])
        .await?;
    row.map(|row| {
        Ok(PeriodPass {
            id: row.try_get("id")?,
            is_live: row.try_get::<_, &str>("status")? == "live",
            is_paid: row.try_get("is_paid")?,
            is_revoked_by_staff: row.try_get("is_revoked_by_staff")?,
            days: row.try_get("days")?,
        })
    })
    .transpose()
}

/// Returns whether the period of a membership that begins on this day is paid.
pub(in crate::models) async fn is_paid(
    client: &Client,
    membership_id: Uuid,
    first_day: NaiveDate,
) -> Result<bool> {
    let found = find_of_period(client, membership_id, first_day).await?;
    Ok(found.is_some_and(|pass| pass.is_paid))
}

static IS_PAID_BEFORE: Statement = Statement::new(
    "pass.is_paid_before",
    "select exists (
        select from passes
        where membership_id = $1 and order_line_id is not null and first_day + days = $2) as is_paid",
);

/// Returns whether the period of a membership that ends on the day before this one is paid.
pub(in crate::models) async fn is_paid_before(
    client: &Client,
    membership_id: Uuid,
    first_day: NaiveDate,
) -> Result<bool> {
    let row = IS_PAID_BEFORE
        .one(client, &[&membership_id, &first_day])
        .await?;
    Ok(row.try_get("is_paid")?)
}

static INSERT: Statement = Statement::new(
    "pass.insert_of_period",
    "insert into passes (id, user_id, product_id, membership_id, order_line_id, status, credits,
        days, starts, first_day)
    select $2, m.user_id, m.product_id, m.id, $3, $4, m.credits, $6, 'purchase', $5
    from memberships m where m.id = $1",
);

static SET_PAID: Statement = Statement::new(
    "pass.set_period_paid",
    "update passes set order_line_id = $2, days = $3, status = $4 where id = $1",
);

static SET_DAYS: Statement = Statement::new(
    "pass.set_period_days",
    "update passes set days = $2 where id = $1",
);

/// A period that was paid.
pub(in crate::models) struct PaidPeriod {
    /// The membership's id.
    pub(in crate::models) membership_id: Uuid,
    /// The period.
    pub(in crate::models) period: PassPeriod,
    /// The id of the order line.
    pub(in crate::models) order_line_id: Uuid,
    /// Whether the pass can be used. Not if the account was closed.
    pub(in crate::models) is_live: bool,
}

/// Gives the pass of a period that was paid. If its pass was revoked, it is restored. The period
/// must not be paid yet.
pub(in crate::models) async fn issue_paid(client: &Client, paid: &PaidPeriod) -> Result<()> {
    let PassPeriod { first_day, days } = paid.period;
    let status = if paid.is_live { "live" } else { "revoked" };
    let Some(found) = find_of_period(client, paid.membership_id, first_day).await? else {
        let (id, line_id) = (random::id(), Some(paid.order_line_id));
        return INSERT
            .execute(
                client,
                &[
                    &paid.membership_id,
                    &id,
                    &line_id,
                    &status,
                    &first_day,
                    &days,
                ],
            )
            .await;
    };
    SET_PAID
        .execute(client, &[&found.id, &paid.order_line_id, &days, &status])
        .await?;
    if paid.is_live && !found.is_live {
        let change = automatic(PassChange::Restore, "The period was paid");
        insert_change(client, found.id, &change).await?;
    }
    Ok(())
}

/// Makes `period` the only unpaid period of a membership that has a pass. The unpaid passes of
/// other periods are revoked, so their upcoming bookings are unpaid. `today` is the studio's date.
pub(in crate::models) async fn set_unpaid_period(
    client: &Client,
    membership_id: Uuid,
    period: Option<PassPeriod>,
    now: DateTime<Utc>,
    today: NaiveDate,
) -> Result<()> {
    let found = match period {
        Some(period) => find_of_period(client, membership_id, period.first_day).await?,
        None => None,
    };
    let kept_id = found.as_ref().map(|pass| pass.id);
    let mut unpaid = list_unpaid(client, membership_id).await?;
    unpaid.retain(|(id, _)| Some(*id) != kept_id);
    lock(client, unpaid.iter().map(|(id, _)| *id).collect(), now).await?;
    for (id, first_day) in unpaid {
        let reason = match first_day > today {
            true => "The membership is not renewed",
            false => "The period was not paid",
        };
        revoke(client, id, now).await?;
        insert_change(client, id, &automatic(PassChange::Revoke, reason)).await?;
    }
    match (period, found) {
        (None, _) => Ok(()),
        (Some(PassPeriod { first_day, days }), None) => {
            let (id, line_id) = (random::id(), None::<Uuid>);
            INSERT
                .execute(
                    client,
                    &[&membership_id, &id, &line_id, &"live", &first_day, &days],
                )
                .await
        }
        (Some(_), Some(found)) if found.is_paid || found.is_revoked_by_staff => Ok(()),
        (Some(period), Some(found)) => {
            if found.days != period.days {
                SET_DAYS.execute(client, &[&found.id, &period.days]).await?;
            }
            if !found.is_live {
                restore(client, found.id).await?;
                let change = automatic(PassChange::Restore, "The membership is renewed");
                insert_change(client, found.id, &change).await?;
            }
            Ok(())
        }
    }
}
