//! The figures of the dashboard and the analytics, aggregated by Postgres.
//!
//! The caller says when each day begins and ends in the studio's time zone, because the
//! time zones of Postgres may be outdated. The days of `daily_counters` begin at midnight
//! in UTC.

pub mod counters;
pub mod daily_sums;
pub mod figures;
pub mod sales;
pub mod visits;

use std::ops::Range;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

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
    /// Bookings that were cancelled too late to be free of charge.
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
        from payments where paid_at >= $1 and paid_at < $2 and wallet_id is null
        union all
        select p.currency, 0, r.amount, null
        from refunds r join payments p on p.id = r.payment_id
        where r.state = 'done' and r.done_at >= $1 and r.done_at < $2
          and r.method <> 'credit' and (p.wallet_id is null or r.method <> 'original')
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
