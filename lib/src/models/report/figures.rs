//! The figures of the analytics, counted from the rows of members, bookings, classes and
//! payments.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// Ranges of time to count. Several ranges can belong to the same bucket.
#[derive(Clone, Debug, Default)]
pub struct Ranges {
    /// The number of the bucket that each range belongs to.
    pub buckets: Vec<i32>,
    /// When each range begins.
    pub starts: Vec<DateTime<Utc>>,
    /// When each range ends, exclusive.
    pub ends: Vec<DateTime<Utc>>,
}

impl Ranges {
    /// Adds a range.
    pub fn push(&mut self, bucket: i32, start: DateTime<Utc>, end: DateTime<Utc>) {
        self.buckets.push(bucket);
        self.starts.push(start);
        self.ends.push(end);
    }

    /// Adds a range, or extends the last one if the range follows it in the same bucket.
    pub fn extend(&mut self, bucket: i32, start: DateTime<Utc>, end: DateTime<Utc>) {
        match (self.buckets.last(), self.ends.last_mut()) {
            (Some(last_bucket), Some(last_end)) if *last_bucket == bucket && *last_end == start => {
                *last_end = end;
            }
            _ => self.push(bucket, start, end),
        }
    }
}

/// The offsets of local time from UTC.
#[derive(Clone, Debug, Default)]
pub struct Offsets {
    /// When each offset begins to apply.
    pub starts: Vec<DateTime<Utc>>,
    /// When each offset ceases to apply.
    pub ends: Vec<DateTime<Utc>>,
    /// The offsets, in seconds.
    pub seconds: Vec<i32>,
}

// Each range is counted with an index range scan. With 100,000 rows, this takes half as
// long as assigning each row to its range.
macro_rules! ranges {
    () => {
        "with ranges as materialized (
            select * from unnest($1::int4[], $2::timestamptz[], $3::timestamptz[])
                as r (bucket, since, till)
        ) "
    };
}
pub(super) use ranges;

/// Returns the number of a bucket, which the caller has chosen.
pub(super) fn bucket(row: &Row) -> Result<usize> {
    to_index(row.try_get("bucket")?)
}

fn to_index(bucket: i32) -> Result<usize> {
    usize::try_from(bucket).map_err(|_| Error::internal("a bucket has a negative number"))
}

/// The new accounts in a range.
#[derive(Clone, Copy, Debug)]
pub struct SignUps {
    /// The number of the bucket.
    pub bucket: usize,
    /// New accounts.
    pub count: i64,
}

static SIGN_UPS: Statement = Statement::new(
    "report.sign_ups",
    concat!(
        ranges!(),
        "select bucket,
            (select count(*) from users where created_at >= since and created_at < till) as sign_ups
        from ranges"
    ),
);

/// Counts the new accounts in each range.
pub async fn sign_ups(client: &Client, ranges: &Ranges) -> Result<Vec<SignUps>> {
    let rows = SIGN_UPS
        .all(client, &[&ranges.buckets, &ranges.starts, &ranges.ends])
        .await?;
    rows.iter().map(SignUps::from_row).collect()
}

impl SignUps {
    /// Creates the sign-ups of a summed day.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Internal`] when the number of the bucket is negative.
    pub fn new(bucket: i32, count: i64) -> Result<Self> {
        Ok(Self {
            bucket: to_index(bucket)?,
            count,
        })
    }

    pub(super) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            bucket: bucket(row)?,
            count: row.try_get("sign_ups")?,
        })
    }
}

/// The bookings and cancellations of the classes of one type that were made in a bucket.
#[derive(Clone, Copy, Debug)]
pub struct Activity {
    /// The number of the bucket.
    pub bucket: usize,
    /// The class type's id.
    pub class_type_id: Uuid,
    /// Bookings that were made, including those on the waitlist.
    pub bookings: i64,
    /// Bookings that were cancelled.
    pub cancellations: i64,
    /// Bookings that were cancelled too late to be free of charge.
    pub late_cancellations: i64,
}

macro_rules! count_activity {
    () => {
        "select bucket, class_type_id, sum(bookings)::bigint as bookings,
            sum(cancellations)::bigint as cancellations,
            sum(late_cancellations)::bigint as late_cancellations
        from ranges cross join lateral (
            select scheduled_class_id, count(*) as bookings, 0 as cancellations,
                0 as late_cancellations
            from bookings where created_at >= since and created_at < till
            group by scheduled_class_id
            union all
            select scheduled_class_id, 0, count(*), count(*) filter (where late_cancellation)
            from bookings
            where status = 'cancelled' and cancelled_at >= since and cancelled_at < till
            group by scheduled_class_id
        ) made join scheduled_classes c on c.id = scheduled_class_id
        group by bucket, class_type_id"
    };
}
pub(super) use count_activity;

static ACTIVITY: Statement =
    Statement::new("report.activity", concat!(ranges!(), count_activity!()));

/// Counts bookings and cancellations by bucket and class type.
pub async fn activity(client: &Client, ranges: &Ranges) -> Result<Vec<Activity>> {
    let rows = ACTIVITY
        .all(client, &[&ranges.buckets, &ranges.starts, &ranges.ends])
        .await?;
    rows.iter().map(Activity::from_row).collect()
}

impl Activity {
    pub(super) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            bucket: bucket(row)?,
            class_type_id: row.try_get("class_type_id")?,
            bookings: row.try_get("bookings")?,
            cancellations: row.try_get("cancellations")?,
            late_cancellations: row.try_get("late_cancellations")?,
        })
    }
}

/// The occurrences of one class type that started in a bucket and in the same hour of the
/// week, and who attended. Cancelled occurrences do not count.
#[derive(Clone, Copy, Debug)]
pub struct Attendance {
    /// The number of the bucket.
    pub bucket: usize,
    /// The class type's id.
    pub class_type_id: Uuid,
    /// The local hour in which the occurrences start, from 0 for Monday at midnight to 167.
    pub hour_of_week: i32,
    /// The number of occurrences.
    pub occurrences: i64,
    /// The number of spots of these occurrences.
    pub spots: i64,
    /// The number of spots that are taken.
    pub taken: i64,
    /// The number of members who are or were on the waitlist until the end.
    pub waitlisted: i64,
    /// The number of members who attended.
    pub attended: i64,
    /// The number of members who had a spot and did not come.
    pub no_shows: i64,
}

// 1970 began on a Thursday, 72 hours after the start of the week. `$4` to `$6` are the
// offsets of local time. An index holds the bookings without attendance, which are few, so
// the members who attended are the rest of the taken spots.
macro_rules! count_attendance {
    () => {
        "select bucket, class_type_id,
            mod(floor((extract(epoch from start_time) + seconds) / 3600)::bigint + 72, 168)::int4
                as hour_of_week,
            count(*) as occurrences, sum(max_participants)::bigint as spots,
            sum(current_participants)::bigint as taken, sum(waitlisted)::bigint as waitlisted,
            sum(current_participants - no_shows - open)::bigint as attended,
            sum(no_shows)::bigint as no_shows
        from ranges
        join scheduled_classes c on start_time >= since and start_time < till and not is_cancelled
        join unnest($4::timestamptz[], $5::timestamptz[], $6::int4[])
            as o (offset_start, offset_end, seconds)
            on start_time >= offset_start and start_time < offset_end
        cross join lateral (
            select count(*) filter (where status = 'no_show') as no_shows,
                count(*) filter (where status = 'booked') as open
            from bookings b
            where b.scheduled_class_id = c.id and status in ('booked', 'no_show')
        ) not_attended
        cross join lateral (
            select count(*) as waitlisted from bookings b
            where b.scheduled_class_id = c.id and status = 'waitlisted'
        ) waiting
        group by bucket, class_type_id, hour_of_week"
    };
}
pub(super) use count_attendance;

static ATTENDANCE: Statement =
    Statement::new("report.attendance", concat!(ranges!(), count_attendance!()));

/// Counts occurrences, spots and attendance by bucket, class type, and hour of the week.
pub async fn attendance(
    client: &Client,
    ranges: &Ranges,
    offsets: &Offsets,
) -> Result<Vec<Attendance>> {
    let rows = ATTENDANCE
        .all(
            client,
            &[
                &ranges.buckets,
                &ranges.starts,
                &ranges.ends,
                &offsets.starts,
                &offsets.ends,
                &offsets.seconds,
            ],
        )
        .await?;
    rows.iter().map(Attendance::from_row).collect()
}

impl Attendance {
    pub(super) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            bucket: bucket(row)?,
            class_type_id: row.try_get("class_type_id")?,
            hour_of_week: row.try_get("hour_of_week")?,
            occurrences: row.try_get("occurrences")?,
            spots: row.try_get("spots")?,
            taken: row.try_get("taken")?,
            waitlisted: row.try_get("waitlisted")?,
            attended: row.try_get("attended")?,
            no_shows: row.try_get("no_shows")?,
        })
    }
}

/// The payments and refunds for classes of one type, in one bucket and currency.
#[derive(Clone, Debug)]
pub struct Revenue {
    /// The number of the bucket.
    pub bucket: usize,
    /// The class type's id.
    pub class_type_id: Uuid,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The sum of payments.
    pub paid: Decimal,
    /// The sum of refunds.
    pub refunded: Decimal,
}

macro_rules! count_revenue {
    () => {
        "select bucket, class_type_id, moved.currency, sum(paid) as paid,
            sum(refunded) as refunded
        from ranges cross join lateral (
            select booking_id, currency, sum(amount) as paid, 0 as refunded from payments
            where paid_at >= since and paid_at < till group by booking_id, currency
            union all
            select p.booking_id, p.currency, 0, sum(r.amount)
            from refunds r join payments p on p.id = r.payment_id
            where r.state = 'done' and r.done_at >= since and r.done_at < till
              and r.method <> 'credit'
            group by p.booking_id, p.currency
        ) moved
        join bookings b on b.id = moved.booking_id
        join scheduled_classes c on c.id = b.scheduled_class_id
        group by bucket, class_type_id, moved.currency"
    };
}
pub(super) use count_revenue;

static REVENUE: Statement = Statement::new("report.revenue", concat!(ranges!(), count_revenue!()));

/// Sums up payments and refunds by bucket, class type and currency.
pub async fn revenue(client: &Client, ranges: &Ranges) -> Result<Vec<Revenue>> {
    let rows = REVENUE
        .all(client, &[&ranges.buckets, &ranges.starts, &ranges.ends])
        .await?;
    rows.iter().map(Revenue::from_row).collect()
}

impl Revenue {
    pub(super) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            bucket: bucket(row)?,
            class_type_id: row.try_get("class_type_id")?,
            currency: row.try_get("currency")?,
            paid: row.try_get("paid")?,
            refunded: row.try_get("refunded")?,
        })
    }
}

/// Payments and refunds of orders, such as those for passes.
#[derive(Clone, Debug)]
pub struct Sales {
    /// The number of the bucket.
    pub bucket: usize,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The sum of payments.
    pub paid: Decimal,
    /// The sum of refunds.
    pub refunded: Decimal,
}

// There are few orders, so they are counted for any range, and not summed up by day. What a gift
// card pays was counted when the gift card was sold, and credit is not money that comes in.
static SALES: Statement = Statement::new(
    "report.sales",
    concat!(
        ranges!(),
        "select bucket, currency, sum(paid) as paid, sum(refunded) as refunded
        from ranges cross join lateral (
            select currency, sum(amount) as paid, 0 as refunded from payments
            where order_id is not null and wallet_id is null
              and paid_at >= since and paid_at < till
            group by currency
            union all
            select p.currency, 0, sum(r.amount)
            from refunds r join payments p on p.id = r.payment_id
            where p.order_id is not null and (p.wallet_id is null or r.method <> 'original')
              and r.method <> 'credit'
              and r.state = 'done'
              and r.done_at >= since and r.done_at < till
            group by p.currency
        ) moved
        group by bucket, currency"
    ),
);

/// Sums up the payments and refunds of orders by bucket and currency.
pub async fn sales(client: &Client, ranges: &Ranges) -> Result<Vec<Sales>> {
    let rows = SALES
        .all(client, &[&ranges.buckets, &ranges.starts, &ranges.ends])
        .await?;
    let from_row = |row: &Row| {
        Ok(Sales {
            bucket: bucket(row)?,
            currency: row.try_get("currency")?,
            paid: row.try_get("paid")?,
            refunded: row.try_get("refunded")?,
        })
    };
    rows.iter().map(from_row).collect()
}

/// A class type, as the reports name it.
#[derive(Clone, Debug)]
pub struct ClassTypeName {
    /// The class type's id.
    pub id: Uuid,
    /// The class type's name.
    pub name: String,
    /// Whether the class type is active. `false` after retirement.
    pub is_active: bool,
}

static CLASS_TYPES: Statement = Statement::new(
    "report.class_types",
    "select id, name, is_active from class_types order by name, id",
);

/// Lists the class types, sorted by name. Retired ones are included.
pub async fn class_types(client: &Client) -> Result<Vec<ClassTypeName>> {
    let rows = CLASS_TYPES.all(client, &[]).await?;
    let from_row = |row: &Row| {
        Ok(ClassTypeName {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            is_active: row.try_get("is_active")?,
        })
    };
    rows.iter().map(from_row).collect()
}
