//! The figures of the dashboard and the analytics, aggregated by Postgres.
//!
//! The caller says when each day begins and ends in the studio's time zone, because the
//! time zones of Postgres may be outdated. The days of `daily_counters` begin at midnight
//! in UTC.

use std::ops::Range;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

use super::cross_app_session::uncounted_outcomes;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The totals of a day. Members, active sessions and contact submissions are counted as of now.
#[derive(Clone, Debug)]
pub struct DailyTotals {
    /// Bookings that were made, including those on the waitlist.
    pub bookings: i64,
    /// Bookings that were cancelled.
    pub cancellations: i64,
    /// Bookings that were cancelled too late for a refund.
    pub late_cancellations: i64,
    /// New accounts.
    pub sign_ups: i64,
    /// Active accounts.
    pub members: i64,
    /// Sessions that have not expired.
    pub active_sessions: i64,
    /// Contact submissions that are not processed.
    pub contacts: i64,
    /// Sessions that were read from Redis, on the current day in UTC.
    pub redis_hits: i64,
    /// Sessions that were read from Postgres because they were not in Redis, on the current
    /// day in UTC.
    pub redis_misses: i64,
    /// Sessions that were read from Postgres because Redis was unavailable, on the current
    /// day in UTC.
    pub redis_away: i64,
}

static DAILY_TOTALS: Statement = Statement::new(
    "report.daily_totals",
    "with redis as (
        select coalesce(sum(count) filter (where name = 'redis_hits'), 0)::bigint as redis_hits,
            coalesce(sum(count) filter (where name = 'redis_misses'), 0)::bigint as redis_misses,
            coalesce(sum(count) filter (where name = 'redis_away'), 0)::bigint as redis_away
        from daily_counters where day = $3
    ), cancelled as (
        select count(*) as cancellations,
            count(*) filter (where late_cancellation) as late_cancellations
        from bookings
        where status = 'cancelled' and cancelled_at >= $1 and cancelled_at < $2
    )
    select
        (select count(*) from bookings where created_at >= $1 and created_at < $2) as bookings,
        (select count(*) from users where created_at >= $1 and created_at < $2) as sign_ups,
        (select count(*) from users where is_active) as members,
        (select count(*) from user_sessions where expires_at > now()) as active_sessions,
        (select count(*) from contact_submissions where not is_processed) as contacts,
        cancelled.*, redis.*
    from cancelled, redis",
);

/// Reads the totals of a day. `utc_date` is the day of the counters.
pub async fn daily_totals(
    client: &Client,
    day: &Range<DateTime<Utc>>,
    utc_date: NaiveDate,
) -> Result<DailyTotals> {
    let row = DAILY_TOTALS
        .one(client, &[&day.start, &day.end, &utc_date])
        .await?;
    Ok(DailyTotals {
        bookings: row.try_get("bookings")?,
        cancellations: row.try_get("cancellations")?,
        late_cancellations: row.try_get("late_cancellations")?,
        sign_ups: row.try_get("sign_ups")?,
        members: row.try_get("members")?,
        active_sessions: row.try_get("active_sessions")?,
        contacts: row.try_get("contacts")?,
        redis_hits: row.try_get("redis_hits")?,
        redis_misses: row.try_get("redis_misses")?,
        redis_away: row.try_get("redis_away")?,
    })
}

/// An occurrence that starts on the day.
#[derive(Clone, Debug)]
pub struct OccurrenceOfDay {
    /// The occurrence's id.
    pub id: Uuid,
    /// The id of the class type.
    pub class_type_id: Uuid,
    /// The id of the instructor.
    pub instructor_id: Uuid,
    /// The occurrence's title.
    pub title: String,
    /// When the occurrence starts.
    pub start_time: DateTime<Utc>,
    /// When the occurrence ends.
    pub end_time: DateTime<Utc>,
    /// The room.
    pub room: String,
    /// The instructor's name.
    pub instructor: String,
    /// The number of spots.
    pub max_participants: i32,
    /// The number of spots that are taken.
    pub current_participants: i32,
    /// The number of members on the waitlist.
    pub waitlisted: i64,
    /// The number of members who are checked in.
    pub checked_in: i64,
    /// The number of bookings with a spot that have a price and are not paid.
    pub unpaid: i64,
    /// Whether the occurrence is cancelled.
    pub is_cancelled: bool,
}

static OCCURRENCES_OF_DAY: Statement = Statement::new(
    "report.occurrences_of_day",
    "select c.id, c.class_type_id, c.instructor_id, coalesce(c.own_title, t.name) as title, c.start_time, c.end_time,
        r.name as room, i.name as instructor,
        c.max_participants, c.current_participants, c.is_cancelled, counts.*
    from scheduled_classes c
    join class_types t on t.id = c.class_type_id
    join instructors i on i.id = c.instructor_id
    join rooms r on r.id = c.room_id
    cross join lateral (
        select count(*) filter (where b.status = 'waitlisted') as waitlisted,
            count(*) filter (where b.status = 'attended') as checked_in,
            count(*) filter (where b.status in ('booked', 'attended', 'no_show') and b.price > 0
                and not exists (select from payments p
                    where p.booking_id = b.id and p.status = 'paid')) as unpaid
        from bookings b where b.scheduled_class_id = c.id
    ) counts
    where c.start_time >= $1 and c.start_time < $2
    order by c.start_time, r.name, c.id",
);

/// Lists the occurrences that start on a day, sorted by start.
pub async fn occurrences_of_day(
    client: &Client,
    day: &Range<DateTime<Utc>>,
) -> Result<Vec<OccurrenceOfDay>> {
    let rows = OCCURRENCES_OF_DAY
        .all(client, &[&day.start, &day.end])
        .await?;
    let from_row = |row: &Row| {
        Ok(OccurrenceOfDay {
            id: row.try_get("id")?,
            class_type_id: row.try_get("class_type_id")?,
            instructor_id: row.try_get("instructor_id")?,
            title: row.try_get("title")?,
            start_time: row.try_get("start_time")?,
            end_time: row.try_get("end_time")?,
            room: row.try_get("room")?,
            instructor: row.try_get("instructor")?,
            max_participants: row.try_get("max_participants")?,
            current_participants: row.try_get("current_participants")?,
            waitlisted: row.try_get("waitlisted")?,
            checked_in: row.try_get("checked_in")?,
            unpaid: row.try_get("unpaid")?,
            is_cancelled: row.try_get("is_cancelled")?,
        })
    };
    rows.iter().map(from_row).collect()
}

/// The payments and refunds of a day in one currency.
#[derive(Clone, Debug)]
pub struct DailyRevenue {
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The sum of payments.
    pub paid: Decimal,
    /// The sum of refunds.
    pub refunded: Decimal,
    /// The number of refunds that are due or sent but not done, from all days.
    pub due_count: i64,
    /// The sum of the refunds that are due or sent but not done.
    pub due: Decimal,
}

static DAILY_REVENUE: Statement = Statement::new(
    "report.daily_revenue",
    "select currency, sum(paid) as paid, sum(refunded) as refunded,
        count(due) as due_count, coalesce(sum(due), 0) as due
    from (
        select currency, amount as paid, 0 as refunded, null::numeric as due
        from payments where paid_at >= $1 and paid_at < $2
        union all
        select p.currency, 0, r.amount, null
        from refunds r join payments p on p.id = r.payment_id
        where r.state = 'done' and r.done_at >= $1 and r.done_at < $2
        union all
        select p.currency, 0, 0, r.amount
        from refunds r join payments p on p.id = r.payment_id
        where r.state in ('due', 'sent')
    ) moved
    group by currency order by currency",
);

/// Sums up the payments and refunds of a day, and all refunds that are due or sent but not
/// done.
pub async fn daily_revenue(
    client: &Client,
    day: &Range<DateTime<Utc>>,
) -> Result<Vec<DailyRevenue>> {
    let rows = DAILY_REVENUE.all(client, &[&day.start, &day.end]).await?;
    let from_row = |row: &Row| {
        Ok(DailyRevenue {
            currency: row.try_get("currency")?,
            paid: row.try_get("paid")?,
            refunded: row.try_get("refunded")?,
            due_count: row.try_get("due_count")?,
            due: row.try_get("due")?,
        })
    };
    rows.iter().map(from_row).collect()
}

/// Consecutive periods of days, such as weeks.
#[derive(Clone, Debug)]
pub struct Buckets {
    /// The first day of each bucket, in order.
    pub starts: Vec<NaiveDate>,
    /// The day after the last day of each bucket.
    pub ends: Vec<NaiveDate>,
    /// When each bucket begins.
    pub start_times: Vec<DateTime<Utc>>,
    /// When each bucket ends.
    pub end_times: Vec<DateTime<Utc>>,
}

// Each bucket is counted with an index range scan. With 100,000 rows, this takes half as
// long as assigning each row to its bucket.
macro_rules! buckets {
    () => {
        "with buckets as materialized (
            select * from unnest($1::date[], $2::timestamptz[], $3::timestamptz[])
                as b (start, since, till)
        )"
    };
}

/// Sign-ups, bookings and cancellations in a bucket.
#[derive(Clone, Debug)]
pub struct Activity {
    /// The first day of the bucket.
    pub start: NaiveDate,
    /// New accounts.
    pub sign_ups: i64,
    /// Bookings that were made, including those on the waitlist.
    pub bookings: i64,
    /// Bookings that were cancelled.
    pub cancellations: i64,
    /// Bookings that were cancelled too late for a refund.
    pub late_cancellations: i64,
}

static ACTIVITY: Statement = Statement::new(
    "report.activity",
    concat!(
        buckets!(),
        "select start,
            (select count(*) from users where created_at >= since and created_at < till) as sign_ups,
            (select count(*) from bookings where created_at >= since and created_at < till) as bookings,
            cancellations, late_cancellations
        from buckets cross join lateral (
            select count(*) as cancellations,
                count(*) filter (where late_cancellation) as late_cancellations
            from bookings
            where status = 'cancelled' and cancelled_at >= since and cancelled_at < till
        ) cancelled
        order by start"
    ),
);

/// Counts sign-ups, bookings and cancellations in each bucket.
pub async fn activity(client: &Client, buckets: &Buckets) -> Result<Vec<Activity>> {
    let rows = ACTIVITY
        .all(
            client,
            &[&buckets.starts, &buckets.start_times, &buckets.end_times],
        )
        .await?;
    let from_row = |row: &Row| {
        Ok(Activity {
            start: row.try_get("start")?,
            sign_ups: row.try_get("sign_ups")?,
            bookings: row.try_get("bookings")?,
            cancellations: row.try_get("cancellations")?,
            late_cancellations: row.try_get("late_cancellations")?,
        })
    };
    rows.iter().map(from_row).collect()
}

/// The occurrences of one class type that started in a bucket, and who attended.
#[derive(Clone, Debug)]
pub struct Attendance {
    /// The first day of the bucket.
    pub start: NaiveDate,
    /// The class type's id.
    pub class_type_id: Uuid,
    /// The class type's name.
    pub class_type: String,
    /// The number of occurrences that are not cancelled.
    pub occurrences: i64,
    /// The number of spots of these occurrences.
    pub spots: i64,
    /// The number of spots that are taken.
    pub taken: i64,
    /// The number of members who attended.
    pub attended: i64,
    /// The number of members who had a spot and did not come.
    pub no_shows: i64,
}

static ATTENDANCE: Statement = Statement::new(
    "report.attendance",
    concat!(
        buckets!(),
        "select start, class_type_id, t.name as class_type, occurrences, spots, taken, no_shows,
            taken - no_shows - open as attended
        from buckets cross join lateral (
            select class_type_id, count(*) as occurrences, sum(max_participants) as spots,
                sum(current_participants) as taken, sum(no_shows)::bigint as no_shows,
                sum(open)::bigint as open
            from scheduled_classes c cross join lateral (
                select count(*) filter (where status = 'no_show') as no_shows,
                    count(*) filter (where status = 'booked') as open
                from bookings b
                where b.scheduled_class_id = c.id and status in ('booked', 'no_show')
            ) not_attended
            where start_time >= since and start_time < till and not is_cancelled
            group by class_type_id
        ) held
        join class_types t on t.id = class_type_id
        order by t.name, t.id, start"
    ),
);

/// Counts occurrences, spots and attendance by class type and bucket, sorted by
/// the name of the class type.
pub async fn attendance(client: &Client, buckets: &Buckets) -> Result<Vec<Attendance>> {
    let rows = ATTENDANCE
        .all(
            client,
            &[&buckets.starts, &buckets.start_times, &buckets.end_times],
        )
        .await?;
    let from_row = |row: &Row| {
        Ok(Attendance {
            start: row.try_get("start")?,
            class_type_id: row.try_get("class_type_id")?,
            class_type: row.try_get("class_type")?,
            occurrences: row.try_get("occurrences")?,
            spots: row.try_get("spots")?,
            taken: row.try_get("taken")?,
            attended: row.try_get("attended")?,
            no_shows: row.try_get("no_shows")?,
        })
    };
    rows.iter().map(from_row).collect()
}

/// The payments and refunds of a bucket in one currency.
#[derive(Clone, Debug)]
pub struct Revenue {
    /// The first day of the bucket.
    pub start: NaiveDate,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The sum of payments.
    pub paid: Decimal,
    /// The sum of refunds.
    pub refunded: Decimal,
}

static REVENUE: Statement = Statement::new(
    "report.revenue",
    concat!(
        buckets!(),
        "select start, currency, sum(paid) as paid, sum(refunded) as refunded
        from buckets cross join lateral (
            select currency, sum(amount) as paid, 0 as refunded from payments
            where paid_at >= since and paid_at < till group by currency
            union all
            select p.currency, 0, sum(r.amount)
            from refunds r join payments p on p.id = r.payment_id
            where r.state = 'done' and r.done_at >= since and r.done_at < till
            group by p.currency
        ) moved
        group by start, currency order by start, currency"
    ),
);

/// Sums up payments and refunds by bucket and currency. A bucket without payments and refunds
/// has no row.
pub async fn revenue(client: &Client, buckets: &Buckets) -> Result<Vec<Revenue>> {
    let rows = REVENUE
        .all(
            client,
            &[&buckets.starts, &buckets.start_times, &buckets.end_times],
        )
        .await?;
    let from_row = |row: &Row| {
        Ok(Revenue {
            start: row.try_get("start")?,
            currency: row.try_get("currency")?,
            paid: row.try_get("paid")?,
            refunded: row.try_get("refunded")?,
        })
    };
    rows.iter().map(from_row).collect()
}

/// The sum of one daily counter in a bucket.
#[derive(Clone, Debug)]
pub struct CounterTotal {
    /// The first day of the bucket.
    pub start: NaiveDate,
    /// The counter's name.
    pub name: String,
    /// The sum of the counter.
    pub count: i64,
}

// Adds the outcomes of cross-app tokens that the clean-up has not counted yet. If a day
// has two figures for a counter, the greater one is newer.
static COUNTER_TOTALS: Statement = Statement::new(
    "report.counter_totals",
    concat!(
        "with counted as (
            select day, name, count from daily_counters
            where day >= ($1::date[])[1]
            and day < (select max(next_start) from unnest($2::date[]) next_start)
            union all ",
        uncounted_outcomes!(),
        "), figures as (select day, name, max(count) as count from counted group by day, name)
        select start, name, sum(count)::bigint as count
        from unnest($1::date[], $2::date[]) as b (start, next_start)
        join figures on day >= start and day < next_start
        group by start, name order by start, name"
    ),
);

/// Sums up the daily counters by bucket and name. Counters that are 0 have no
/// row.
pub async fn counter_totals(client: &Client, buckets: &Buckets) -> Result<Vec<CounterTotal>> {
    let rows = COUNTER_TOTALS
        .all(client, &[&buckets.starts, &buckets.ends])
        .await?;
    let from_row = |row: &Row| {
        Ok(CounterTotal {
            start: row.try_get("start")?,
            name: row.try_get("name")?,
            count: row.try_get("count")?,
        })
    };
    rows.iter().map(from_row).collect()
}
