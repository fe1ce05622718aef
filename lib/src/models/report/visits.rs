//! The visits of members: who came for the first time, who came back, and who did not come
//! for a long time. A visit is a booking that was checked in, at the start of its class.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::figures::{Ranges, ranges};
use crate::error::{Error, Result};
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

// 720 hours are 30 days. The length of a day depends on the time zone of the connection.
static FIRST_TIMERS: Statement = Statement::new(
    "report.first_timers",
    concat!(
        ranges!(),
        ", attended as (
            select b.user_id, c.start_time,
                min(c.start_time) over (partition by b.user_id) as first
            from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
            where b.status = 'attended'
        ), visits as (
            select first,
                min(start_time) filter (where start_time >= first + interval '12 hours') as second
            from attended group by user_id, first
        ), first_timers as (
            select first, coalesce(second <= first + interval '720 hours', false) as has_returned
            from visits
        )
        select bucket, count(*) as count, count(*) filter (where has_returned) as returned,
            count(*) filter (where not has_returned and first > $4::timestamptz - interval '720 hours')
                as undecided
        from ranges join first_timers on first >= since and first < till
        group by bucket"
    ),
);

/// Counts the members whose first visit was in each bucket.
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
        let bucket: i32 = row.try_get("bucket")?;
        Ok(FirstTimers {
            bucket: usize::try_from(bucket)
                .map_err(|_| Error::internal("a bucket has a negative number"))?,
            count: row.try_get("count")?,
            returned: row.try_get("returned")?,
            undecided: row.try_get("undecided")?,
        })
    };
    rows.iter().map(from_row).collect()
}

static COUNT_QUIET: Statement = Statement::new(
    "report.count_quiet",
    "select count(*) from (
        select b.user_id, max(c.start_time) as last
        from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
        where b.status = 'attended' group by b.user_id
    ) visits
    join users u on u.id = visits.user_id
    where u.is_active and visits.last < $1",
);

/// Counts the members with active accounts who have visited the studio, but not since this
/// time.
pub async fn count_quiet(client: &Client, since: DateTime<Utc>) -> Result<i64> {
    Ok(COUNT_QUIET.one(client, &[&since]).await?.try_get(0)?)
}
