//! What the administration counts: sums over many rows, made by Postgres.
//!
//! Times fall into days of the studio's zone; each day begins where that zone
//! has it begin, also when the clocks change. `daily_counters` have days of UTC.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

use super::cross_app_session::uncounted_outcomes;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A day of the studio's zone, and when it begins and ends: from the
/// parameters that hold the time and the zone.
macro_rules! day {
    ($now:literal, $zone:literal) => {
        concat!(
            "with day as (
                select date, date::timestamp at time zone ",
            $zone,
            " as since, (date + 1)::timestamp at time zone ",
            $zone,
            " as till
                from (select (",
            $now,
            " at time zone ",
            $zone,
            ")::date as date) today
            )"
        )
    };
}

/// The counts of a day that are one number each.
#[derive(Clone, Debug)]
pub struct Today {
    /// Which day it is where the studio is.
    pub date: NaiveDate,
    /// Bookings that were made, places on a waitlist among them.
    pub bookings: i64,
    /// Bookings that were cancelled.
    pub cancellations: i64,
    /// Those among them that were late.
    pub late_cancellations: i64,
    /// Accounts that were made.
    pub sign_ups: i64,
    /// Accounts that may be used.
    pub members: i64,
    /// Sessions that have not expired.
    pub active_sessions: i64,
    /// Contact submissions that nobody has dealt with.
    pub contacts: i64,
    /// Session records read from Redis, on this day of UTC; so the next two.
    pub redis_hits: i64,
    /// Those that were not in Redis.
    pub redis_misses: i64,
    /// Those that Redis did not answer for.
    pub redis_away: i64,
}

static TODAY: Statement = Statement::new(
    "figures.today",
    concat!(
        day!("$1", "$2"),
        ", redis as (
            select coalesce(sum(count) filter (where name = 'redis_hits'), 0)::bigint as redis_hits,
                coalesce(sum(count) filter (where name = 'redis_misses'), 0)::bigint as redis_misses,
                coalesce(sum(count) filter (where name = 'redis_away'), 0)::bigint as redis_away
            from daily_counters where day = ($1 at time zone 'utc')::date
        ), gone as (
            select count(*) as cancellations,
                count(*) filter (where late_cancellation) as late_cancellations
            from day join bookings on cancelled_at >= since and cancelled_at < till
            where status = 'cancelled'
        )
        select date,
            (select count(*) from bookings where created_at >= since and created_at < till) as bookings,
            (select count(*) from users where created_at >= since and created_at < till) as sign_ups,
            (select count(*) from users where is_active) as members,
            (select count(*) from user_sessions where expires_at > now()) as active_sessions,
            (select count(*) from contact_submissions where not is_processed) as contacts,
            gone.*, redis.*
        from day, gone, redis"
    ),
);

/// What has happened today.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn today(client: &Client, now: DateTime<Utc>, zone: &str) -> Result<Today> {
    let row = TODAY.one(client, &[&now, &zone]).await?;
    Ok(Today {
        date: row.try_get("date")?,
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

/// One of today's classes.
#[derive(Clone, Debug)]
pub struct ClassToday {
    /// `scheduled_classes.id`
    pub id: Uuid,
    /// What it is called.
    pub title: String,
    /// When it begins.
    pub start_time: DateTime<Utc>,
    /// When it ends.
    pub end_time: DateTime<Utc>,
    /// Where.
    pub room: String,
    /// Who teaches it.
    pub instructor: String,
    /// Places.
    pub max_participants: i32,
    /// Places that are taken.
    pub current_participants: i32,
    /// Members who wait for one.
    pub waitlisted: i64,
    /// Whether it does not take place.
    pub is_cancelled: bool,
}

static CLASSES_TODAY: Statement = Statement::new(
    "figures.classes_today",
    concat!(
        day!("$1", "$2"),
        "select c.id, c.title, c.start_time, c.end_time, c.room, i.name as instructor,
            c.max_participants, c.current_participants, c.is_cancelled,
            (select count(*) from bookings b
             where b.scheduled_class_id = c.id and b.status = 'waitlisted') as waitlisted
        from day
        join scheduled_classes c on c.start_time >= since and c.start_time < till
        join instructors i on i.id = c.instructor_id
        order by c.start_time, c.room, c.id"
    ),
);

/// The classes that begin today, in order.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn classes_today(
    client: &Client,
    now: DateTime<Utc>,
    zone: &str,
) -> Result<Vec<ClassToday>> {
    let rows = CLASSES_TODAY.all(client, &[&now, &zone]).await?;
    let class = |row: &Row| {
        Ok(ClassToday {
            id: row.try_get("id")?,
            title: row.try_get("title")?,
            start_time: row.try_get("start_time")?,
            end_time: row.try_get("end_time")?,
            room: row.try_get("room")?,
            instructor: row.try_get("instructor")?,
            max_participants: row.try_get("max_participants")?,
            current_participants: row.try_get("current_participants")?,
            waitlisted: row.try_get("waitlisted")?,
            is_cancelled: row.try_get("is_cancelled")?,
        })
    };
    rows.iter().map(class).collect()
}

/// Today's money in one currency.
#[derive(Clone, Debug)]
pub struct MoneyToday {
    /// Three letters of ISO 4217.
    pub currency: String,
    /// What came in.
    pub paid: Decimal,
    /// What was given back.
    pub refunded: Decimal,
    /// How many payments are to be given back, whenever they were made.
    pub due_count: i64,
    /// How much that is.
    pub due: Decimal,
}

static MONEY_TODAY: Statement = Statement::new(
    "figures.money_today",
    concat!(
        day!("$1", "$2"),
        "select currency, sum(paid) as paid, sum(refunded) as refunded,
            count(due) as due_count, coalesce(sum(due), 0) as due
        from (
            select currency, amount as paid, 0 as refunded, null::numeric as due
            from day join payments on paid_at >= since and paid_at < till
            union all
            select currency, 0, amount, null
            from day join payments on refunded_at >= since and refunded_at < till
            union all
            select currency, 0, 0, amount from payments where status = 'refund_due'
        ) moved
        group by currency order by currency"
    ),
);

/// What was paid and refunded today, and what is still to be refunded.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn money_today(
    client: &Client,
    now: DateTime<Utc>,
    zone: &str,
) -> Result<Vec<MoneyToday>> {
    let rows = MONEY_TODAY.all(client, &[&now, &zone]).await?;
    let money = |row: &Row| {
        Ok(MoneyToday {
            currency: row.try_get("currency")?,
            paid: row.try_get("paid")?,
            refunded: row.try_get("refunded")?,
            due_count: row.try_get("due_count")?,
            due: row.try_get("due")?,
        })
    };
    rows.iter().map(money).collect()
}

static LOCAL_DATE: Statement = Statement::new(
    "figures.local_date",
    "select ($1 at time zone $2)::date as date",
);

/// Which day it is where the studio is.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn local_date(client: &Client, now: DateTime<Utc>, zone: &str) -> Result<NaiveDate> {
    let row = LOCAL_DATE.one(client, &[&now, &zone]).await?;
    Ok(row.try_get("date")?)
}

/// Spans of days, each from its first day up to the first of what follows it.
#[derive(Clone, Debug)]
pub struct Buckets {
    /// The first days, in order.
    pub starts: Vec<NaiveDate>,
    /// The days after the last ones.
    pub ends: Vec<NaiveDate>,
    /// Where the days are.
    pub zone: String,
}

// Each span is counted by itself, over the part of an index that holds it: to
// say of each of 100 000 rows into which span it falls takes twice as long.
macro_rules! buckets {
    () => {
        "with buckets as materialized (
            select start, start::timestamp at time zone $3 as since,
                past::timestamp at time zone $3 as till
            from unnest($1::date[], $2::date[]) as b (start, past)
        )"
    };
}

/// What happened in a span.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its first day.
    pub start: NaiveDate,
    /// Accounts that were made.
    pub sign_ups: i64,
    /// Bookings that were made, places on a waitlist among them.
    pub bookings: i64,
    /// Bookings that were cancelled.
    pub cancellations: i64,
    /// Those among them that were late.
    pub late_cancellations: i64,
}

static FLOW: Statement = Statement::new(
    "figures.flow",
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
        ) gone
        order by start"
    ),
);

/// Sign-ups, bookings and cancellations of each span, in order.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn flow(client: &Client, buckets: &Buckets) -> Result<Vec<Flow>> {
    let rows = FLOW
        .all(client, &[&buckets.starts, &buckets.ends, &buckets.zone])
        .await?;
    let flow = |row: &Row| {
        Ok(Flow {
            start: row.try_get("start")?,
            sign_ups: row.try_get("sign_ups")?,
            bookings: row.try_get("bookings")?,
            cancellations: row.try_get("cancellations")?,
            late_cancellations: row.try_get("late_cancellations")?,
        })
    };
    rows.iter().map(flow).collect()
}

/// The classes of one type that began in a span, and who came.
#[derive(Clone, Debug)]
pub struct Attendance {
    /// The first day of the span.
    pub start: NaiveDate,
    /// `class_types.id`
    pub class_type_id: Uuid,
    /// What the type is called.
    pub class_type: String,
    /// How many took place, or are to.
    pub classes: i64,
    /// Places in them.
    pub places: i64,
    /// Places that are taken.
    pub taken: i64,
    /// Members who came.
    pub attended: i64,
    /// Members who had a place and did not.
    pub no_shows: i64,
}

static ATTENDANCE: Statement = Statement::new(
    "figures.attendance",
    concat!(
        buckets!(),
        "select start, class_type_id, t.name as class_type, classes, places, taken, no_shows,
            taken - no_shows - open as attended
        from buckets cross join lateral (
            select class_type_id, count(*) as classes, sum(max_participants) as places,
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

/// Places and who took them, by span and class type, in the order of the types.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn attendance(client: &Client, buckets: &Buckets) -> Result<Vec<Attendance>> {
    let rows = ATTENDANCE
        .all(client, &[&buckets.starts, &buckets.ends, &buckets.zone])
        .await?;
    let attendance = |row: &Row| {
        Ok(Attendance {
            start: row.try_get("start")?,
            class_type_id: row.try_get("class_type_id")?,
            class_type: row.try_get("class_type")?,
            classes: row.try_get("classes")?,
            places: row.try_get("places")?,
            taken: row.try_get("taken")?,
            attended: row.try_get("attended")?,
            no_shows: row.try_get("no_shows")?,
        })
    };
    rows.iter().map(attendance).collect()
}

/// The money of a span in one currency.
#[derive(Clone, Debug)]
pub struct Revenue {
    /// The first day of the span.
    pub start: NaiveDate,
    /// Three letters of ISO 4217.
    pub currency: String,
    /// What came in.
    pub paid: Decimal,
    /// What was given back.
    pub refunded: Decimal,
}

static REVENUE: Statement = Statement::new(
    "figures.revenue",
    concat!(
        buckets!(),
        "select start, currency, sum(paid) as paid, sum(refunded) as refunded
        from buckets cross join lateral (
            select currency, sum(amount) as paid, 0 as refunded from payments
            where paid_at >= since and paid_at < till group by currency
            union all
            select currency, 0, sum(amount) from payments
            where refunded_at >= since and refunded_at < till group by currency
        ) moved
        group by start, currency order by start, currency"
    ),
);

/// What was paid and refunded, by span and currency; where nothing was there
/// is no row.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn revenue(client: &Client, buckets: &Buckets) -> Result<Vec<Revenue>> {
    let rows = REVENUE
        .all(client, &[&buckets.starts, &buckets.ends, &buckets.zone])
        .await?;
    let revenue = |row: &Row| {
        Ok(Revenue {
            start: row.try_get("start")?,
            currency: row.try_get("currency")?,
            paid: row.try_get("paid")?,
            refunded: row.try_get("refunded")?,
        })
    };
    rows.iter().map(revenue).collect()
}

/// One of the daily counters in a span.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The first day of the span.
    pub start: NaiveDate,
    /// What was counted.
    pub name: String,
    /// How often.
    pub count: i64,
}

// What the clean-up has not counted yet is counted here; of what both know, the
// greater is the newer.
static COUNTERS: Statement = Statement::new(
    "figures.counters",
    concat!(
        "with counted as (
            select day, name, count from daily_counters
            where day >= ($1::date[])[1] and day < (select max(past) from unnest($2::date[]) past)
            union all ",
        uncounted_outcomes!(),
        "), figures as (select day, name, max(count) as count from counted group by day, name)
        select start, name, sum(count)::bigint as count
        from unnest($1::date[], $2::date[]) as b (start, past)
        join figures on day >= start and day < past
        group by start, name order by start, name"
    ),
);

/// The daily counters, by span and name; where nothing was counted there is
/// no row.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn counters(client: &Client, buckets: &Buckets) -> Result<Vec<Counted>> {
    let rows = COUNTERS
        .all(client, &[&buckets.starts, &buckets.ends])
        .await?;
    let counted = |row: &Row| {
        Ok(Counted {
            start: row.try_get("start")?,
            name: row.try_get("name")?,
            count: row.try_get("count")?,
        })
    };
    rows.iter().map(counted).collect()
}
