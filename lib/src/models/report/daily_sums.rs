//! The sums of the figures by local day, which the clean-up keeps.
//!
//! A day is counted from its rows instead if it is not summed up, if a figure of the day has
//! changed since, or if the program computes another start or end for it.

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::Row;

use super::figures::{
    Activity, Attendance, Offsets, Ranges, Revenue, count_activity, count_attendance,
    count_revenue, ranges,
};
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// Local days, with their start and end.
#[derive(Clone, Debug, Default)]
pub struct Days {
    /// The dates.
    pub dates: Vec<NaiveDate>,
    /// When each day begins.
    pub starts: Vec<DateTime<Utc>>,
    /// When each day ends, exclusive.
    pub ends: Vec<DateTime<Utc>>,
}

impl Days {
    /// Adds a day.
    pub fn push(&mut self, date: NaiveDate, start: DateTime<Utc>, end: DateTime<Utc>) {
        self.dates.push(date);
        self.starts.push(start);
        self.ends.push(end);
    }

    /// Returns a range for each day, whose bucket is the position of the day.
    pub fn ranges(&self) -> Ranges {
        Ranges {
            buckets: (0..).take(self.dates.len()).collect(),
            starts: self.starts.clone(),
            ends: self.ends.clone(),
        }
    }
}

/// Days that are summed up, and the buckets that they belong to.
#[derive(Clone, Debug, Default)]
pub struct SummedDays {
    /// The dates.
    pub dates: Vec<NaiveDate>,
    /// The number of the bucket of each day.
    pub buckets: Vec<i32>,
}

/// The condition that a day `d` is summed up, joined with `report_days` as `s`.
macro_rules! is_current {
    () => {
        "s.day = d.day and s.since = d.since and s.till = d.till
            and not exists (select from report_changes c where c.at >= d.since and c.at < d.till)"
    };
}

macro_rules! days {
    () => {
        "unnest($1::date[], $2::timestamptz[], $3::timestamptz[]) as d (day, since, till)"
    };
}

/// The number of sign-ups on a day that is summed up.
#[derive(Clone, Copy, Debug)]
pub struct SummedDay {
    /// The date.
    pub date: NaiveDate,
    /// New accounts.
    pub sign_ups: i64,
}

static LIST_SUMMED: Statement = Statement::new(
    "report.list_summed_days",
    concat!(
        "select d.day, s.sign_ups from ",
        days!(),
        " join report_days s on ",
        is_current!(),
        " order by d.day"
    ),
);

/// Returns those of the days whose sums are current.
pub async fn list_summed(client: &Client, days: &Days) -> Result<Vec<SummedDay>> {
    let rows = LIST_SUMMED
        .all(client, &[&days.dates, &days.starts, &days.ends])
        .await?;
    let from_row = |row: &Row| {
        Ok(SummedDay {
            date: row.try_get("day")?,
            sign_ups: row.try_get("sign_ups")?,
        })
    };
    rows.iter().map(from_row).collect()
}

static ACTIVITY: Statement = Statement::new(
    "report.summed_activity",
    "select bucket, class_type_id, sum(bookings)::bigint as bookings,
        sum(cancellations)::bigint as cancellations,
        sum(late_cancellations)::bigint as late_cancellations
    from unnest($1::date[], $2::int4[]) as d (day, bucket) join report_activity using (day)
    group by bucket, class_type_id",
);

/// Reads the bookings and cancellations of summed days.
pub async fn activity(client: &Client, days: &SummedDays) -> Result<Vec<Activity>> {
    let rows = ACTIVITY.all(client, &[&days.dates, &days.buckets]).await?;
    rows.iter().map(Activity::from_row).collect()
}

static ATTENDANCE: Statement = Statement::new(
    "report.summed_attendance",
    "select bucket, class_type_id, hour_of_week, sum(occurrences)::bigint as occurrences,
        sum(spots)::bigint as spots, sum(taken)::bigint as taken,
        sum(waitlisted)::bigint as waitlisted, sum(attended)::bigint as attended,
        sum(no_shows)::bigint as no_shows
    from unnest($1::date[], $2::int4[]) as d (day, bucket) join report_attendance using (day)
    group by bucket, class_type_id, hour_of_week",
);

/// Reads the classes and the attendance of summed days.
pub async fn attendance(client: &Client, days: &SummedDays) -> Result<Vec<Attendance>> {
    let rows = ATTENDANCE
        .all(client, &[&days.dates, &days.buckets])
        .await?;
    rows.iter().map(Attendance::from_row).collect()
}

static REVENUE: Statement = Statement::new(
    "report.summed_revenue",
    "select bucket, class_type_id, currency, sum(paid) as paid, sum(refunded) as refunded
    from unnest($1::date[], $2::int4[]) as d (day, bucket) join report_revenue using (day)
    group by bucket, class_type_id, currency",
);

/// Reads the payments and refunds of summed days.
pub async fn revenue(client: &Client, days: &SummedDays) -> Result<Vec<Revenue>> {
    let rows = REVENUE.all(client, &[&days.dates, &days.buckets]).await?;
    rows.iter().map(Revenue::from_row).collect()
}

static BEGIN_SNAPSHOT: Statement = Statement::new(
    "report.begin_snapshot",
    "set transaction isolation level repeatable read, read only",
);

/// Lets all statements of the transaction see the database as of the same time. Must be the
/// first statement of the transaction.
pub async fn begin_snapshot(client: &Client) -> Result<()> {
    BEGIN_SNAPSHOT.execute(client, &[]).await
}

/// The time for which days can be summed up.
#[derive(Clone, Copy, Debug)]
pub struct SummableTime {
    /// The first time with a figure. `None` if there are no figures.
    pub first: Option<DateTime<Utc>>,
    /// A time that is over, and for which all transactions have ended.
    pub last: DateTime<Utc>,
}

// A transaction writes its own start or a later time, except for changes to the past, which it
// notes. So everything before the start of the oldest transaction is settled. The hour is for
// times that a caller has measured before its transaction began. Postgres hides the sessions of
// other roles, but only the program writes these tables.
static SUMMABLE_TIME: Statement = Statement::new(
    "report.summable_time",
    "select
        least(
            (select min(created_at) from users),
            (select min(created_at) from bookings),
            (select min(cancelled_at) from bookings where status = 'cancelled'),
            (select min(start_time) from scheduled_classes),
            (select min(paid_at) from payments where paid_at is not null),
            (select min(done_at) from refunds where state = 'done'),
            (select min(at) from report_changes)
        ) as first,
        least(now(), (
            select min(xact_start) from pg_stat_activity
            where datname = current_database() and backend_type = 'client backend'
        )) - interval '1 hour' as last",
);

/// Returns the time for which days can be summed up.
pub async fn summable_time(client: &Client) -> Result<SummableTime> {
    let row = SUMMABLE_TIME.one(client, &[]).await?;
    Ok(SummableTime {
        first: row.try_get("first")?,
        last: row.try_get("last")?,
    })
}

static LIST_UNSUMMED: Statement = Statement::new(
    "report.list_unsummed_days",
    concat!(
        "select d.day from ",
        days!(),
        " where not exists (select from report_days s where ",
        is_current!(),
        ") order by d.day desc"
    ),
);

/// Returns those of the days that must be summed up, latest first.
pub async fn list_unsummed(client: &Client, days: &Days) -> Result<Vec<NaiveDate>> {
    let rows = LIST_UNSUMMED
        .all(client, &[&days.dates, &days.starts, &days.ends])
        .await?;
    rows.iter().map(|row| Ok(row.try_get("day")?)).collect()
}

/// Takes the lock of the sums, whose number is "sums" in ASCII. Two clean-ups that sum up the
/// same day could otherwise store the older figures last.
static TRY_LOCK: Statement = Statement::new(
    "report.try_lock_sums",
    "select pg_try_advisory_xact_lock(x'73756d73'::bigint) as is_locked",
);

static FORGET_CHANGES: Statement = Statement::new(
    "report.forget_changes",
    concat!(
        "delete from report_changes c using ",
        days!(),
        " where c.at >= d.since and c.at < d.till"
    ),
);

static FORGET_DAYS: Statement = Statement::new(
    "report.forget_days",
    "delete from report_days where day = any($1)",
);

static SUM_SIGN_UPS: Statement = Statement::new(
    "report.sum_sign_ups",
    concat!(
        "insert into report_days (day, since, till, sign_ups)
        select day, since, till,
            (select count(*) from users where created_at >= since and created_at < till)
        from ",
        days!()
    ),
);

static SUM_ACTIVITY: Statement = Statement::new(
    "report.sum_activity",
    concat!(
        ranges!(),
        ", counted as (",
        count_activity!(),
        ") insert into report_activity
            (day, class_type_id, bookings, cancellations, late_cancellations)
        select ($4::date[])[bucket + 1], class_type_id, bookings, cancellations,
            late_cancellations
        from counted"
    ),
);

static SUM_ATTENDANCE: Statement = Statement::new(
    "report.sum_attendance",
    concat!(
        ranges!(),
        ", counted as (",
        count_attendance!(),
        ") insert into report_attendance (day, class_type_id, hour_of_week, occurrences, spots,
            taken, waitlisted, attended, no_shows)
        select ($7::date[])[bucket + 1], class_type_id, hour_of_week, occurrences, spots, taken,
            waitlisted, attended, no_shows
        from counted"
    ),
);

static SUM_REVENUE: Statement = Statement::new(
    "report.sum_revenue",
    concat!(
        ranges!(),
        ", counted as (",
        count_revenue!(),
        ") insert into report_revenue (day, class_type_id, currency, paid, refunded)
        select ($4::date[])[bucket + 1], class_type_id, currency, paid, refunded
        from counted"
    ),
);

/// Sums up these days, which must be before [`SummableTime::last`]. Returns `false` if another
/// caller is summing up days. Must be called in a transaction.
pub async fn sum(client: &Client, days: &Days, offsets: &Offsets) -> Result<bool> {
    if !TRY_LOCK.one(client, &[]).await?.try_get("is_locked")? {
        return Ok(false);
    }
    let ranges = days.ranges();
    // Each statement sees what was committed before it began. A change whose note is deleted
    // here was committed before, so it is counted below. A later change leaves its note.
    FORGET_CHANGES
        .execute(client, &[&days.dates, &days.starts, &days.ends])
        .await?;
    FORGET_DAYS.execute(client, &[&days.dates]).await?;
    SUM_SIGN_UPS
        .execute(client, &[&days.dates, &days.starts, &days.ends])
        .await?;
    SUM_ACTIVITY
        .execute(
            client,
            &[&ranges.buckets, &ranges.starts, &ranges.ends, &days.dates],
        )
        .await?;
    SUM_ATTENDANCE
        .execute(
            client,
            &[
                &ranges.buckets,
                &ranges.starts,
                &ranges.ends,
                &offsets.starts,
                &offsets.ends,
                &offsets.seconds,
                &days.dates,
            ],
        )
        .await?;
    SUM_REVENUE
        .execute(
            client,
            &[&ranges.buckets, &ranges.starts, &ranges.ends, &days.dates],
        )
        .await?;
    Ok(true)
}
