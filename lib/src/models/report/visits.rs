//! The visits of members: who came for the first time, who came back, and who did not come
//! for a long time. A visit is a booking that was checked in, at the start of its class.
//!
//! The table `member_visits` holds the visits of each member. The clean-up updates the members
//! whose visits have changed (`visit_changes`). Until then, their visits are read from their
//! bookings.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::figures::{Ranges, bucket};
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The members whose first visit was in a bucket.
#[derive(Clone, Copy, Debug)]
pub struct FirstTimers {
    /// The number of the bucket.
    pub bucket: usize,
    /// The number of these members.
    pub count: i64,
    /// The number of those who came again within 30 days. A class that starts less than twelve
    /// hours after the first one belongs to the same visit.
    pub returned: i64,
    /// The number of those who did not come again, and whose first visit was less than 30 days
    /// ago.
    pub undecided: i64,
}

/// Selects the visits of the members in `$members`, a subquery of ids.
macro_rules! visits_of {
    ($members:literal) => {
        concat!(
            "select user_id, first,
                min(start_time) filter (where start_time >= first + interval '12 hours') as second,
                max(start_time) as last
            from (
                select b.user_id, c.start_time,
                    min(c.start_time) over (partition by b.user_id) as first
                from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
                where b.status = 'attended' and b.user_id in (",
            $members,
            ")
            ) attended
            group by user_id, first"
        )
    };
}

/// Selects the current visits of all members for which `$condition` is true.
macro_rules! current_visits {
    ($condition:literal) => {
        concat!(
            "select user_id, first, second, last from member_visits
            where ",
            $condition,
            " and not exists (
                select from visit_changes c where c.user_id = member_visits.user_id)
            union all
            select * from (",
            $crate::models::report::visits::visits_of!("select user_id from visit_changes"),
            ") changed where ",
            $condition
        )
    };
}
pub(in crate::models) use {current_visits, visits_of};

// 720 hours are 30 days. The length of a day depends on the time zone of the connection.
static FIRST_TIMERS: Statement = Statement::new(
    "report.first_timers",
    concat!(
        "with visits as (",
        current_visits!(
            "first >= ($2::timestamptz[])[1] and first < ($3::timestamptz[])[cardinality($3)]"
        ),
        "), first_timers as (
            select ($1::int4[])[width_bucket(first, $2)] as bucket, first,
                coalesce(second <= first + interval '720 hours', false) as has_returned
            from visits
        )
        select bucket, count(*) as count, count(*) filter (where has_returned) as returned,
            count(*) filter (where not has_returned and first > $4 - interval '720 hours')
                as undecided
        from first_timers group by bucket"
    ),
);

/// Counts the members whose first visit was in each bucket. The ranges must be consecutive.
pub async fn first_timers(
    client: &Client,
    ranges: &Ranges,
    now: DateTime<Utc>,
) -> Result<Vec<FirstTimers>> {
    let rows = FIRST_TIMERS
        .all(
            client,
            &[&ranges.buckets, &ranges.starts, &ranges.ends, &now],
        )
        .await?;
    let from_row = |row: &Row| {
        Ok(FirstTimers {
            bucket: bucket(row)?,
            count: row.try_get("count")?,
            returned: row.try_get("returned")?,
            undecided: row.try_get("undecided")?,
        })
    };
    rows.iter().map(from_row).collect()
}

static COUNT_QUIET: Statement = Statement::new(
    "report.count_quiet",
    concat!(
        "select count(*) from (",
        current_visits!("last < $1"),
        ") visits join users u on u.id = user_id where u.is_active"
    ),
);

/// Counts the members with active accounts who have visited the studio, but not since this
/// time.
pub async fn count_quiet(client: &Client, since: DateTime<Utc>) -> Result<i64> {
    Ok(COUNT_QUIET.one(client, &[&since]).await?.try_get(0)?)
}

/// Takes the lock of the visits, whose number is "visit" in ASCII. Two clean-ups that update the
/// same member could otherwise store the older visits last.
static TRY_LOCK: Statement = Statement::new(
    "report.try_lock_visits",
    "select pg_try_advisory_xact_lock(x'7669736974'::bigint) as is_locked",
);

static TAKE_CHANGES: Statement = Statement::new(
    "report.take_visit_changes",
    "with changed as (
        select distinct user_id from visit_changes order by user_id limit $1
    ), taken as (
        delete from visit_changes c using changed where c.user_id = changed.user_id
    )
    select user_id from changed",
);

static FORGET: Statement = Statement::new(
    "report.forget_visits",
    "delete from member_visits where user_id = any($1)",
);

static STORE: Statement = Statement::new(
    "report.store_visits",
    concat!(
        "insert into member_visits (user_id, first, second, last) ",
        visits_of!("select id from users where id = any($1)")
    ),
);

/// Updates the visits of up to `batch_size` members whose visits have changed. Returns the
/// number of these members, or `None` if another caller is updating visits. Must be called in a
/// transaction.
pub async fn update(client: &Client, batch_size: i64) -> Result<Option<usize>> {
    if !TRY_LOCK.one(client, &[]).await?.try_get("is_locked")? {
        return Ok(None);
    }
    // Each statement sees what was committed before it began. A change whose note is deleted
    // here was committed before, so the insertion sees it. A later change leaves its note.
    let rows = TAKE_CHANGES.all(client, &[&batch_size]).await?;
    let ids = rows.iter().map(|row| Ok(row.try_get("user_id")?));
    let ids = ids.collect::<Result<Vec<uuid::Uuid>>>()?;
    FORGET.execute(client, &[&ids]).await?;
    STORE.execute(client, &[&ids]).await?;
    Ok(Some(ids.len()))
}
