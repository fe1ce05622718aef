//! The dashboard: a day of the studio at a glance.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::Result;
use crate::health::{self, ServicesHealth};
use crate::http::query;
use crate::models::report::{self, DailyRevenue, DailyTotals, OccurrenceOfDay};
use crate::store::postgres::PoolState;
use crate::values::currency::format_amount;
use crate::values::form::Form;
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The figures of a day in the studio's time zone. Members, sessions, messages, due refunds
/// and the state of the services are those of now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dashboard {
    /// The day in `timeZone`.
    date: NaiveDate,
    /// The studio's IANA time zone.
    time_zone: String,
    /// The classes that start on the day, sorted by start.
    classes: Vec<OccurrenceOfDayView>,
    /// The share of taken spots in these classes, without cancelled classes. It is above 1 if staff
    /// have booked beyond the capacity. Null when there are no spots.
    occupancy_rate: Option<f64>,
    /// Bookings made on the day, including the waitlist.
    bookings: i64,
    /// Bookings cancelled on the day.
    cancellations: i64,
    /// Bookings cancelled on the day too late to be free of charge.
    late_cancellations: i64,
    /// Accounts created on the day.
    sign_ups: i64,
    /// Payments and refunds of the day, by currency.
    revenue: Vec<Revenue>,
    /// All due refunds, by currency. The payments may be of any day.
    refunds_due: Vec<RefundsDue>,
    /// Active accounts.
    members: i64,
    /// Sessions that have not expired.
    active_sessions: i64,
    /// Unprocessed contact submissions.
    contacts_unprocessed: i64,
    redis: SessionCacheFigures,
    pool: ConnectionPool,
    services: ServicesHealth,
}

/// A class that starts on the day.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DashboardClass)]
struct OccurrenceOfDayView {
    id: Uuid,
    class_type_id: Uuid,
    title: String,
    start_time: DateTime<Utc>,
    end_time: DateTime<Utc>,
    room: String,
    instructor_id: Uuid,
    /// The instructor's name.
    instructor: String,
    /// The number of spots.
    places: i32,
    /// The number of spots that are taken.
    taken: i32,
    /// The share of the spots that are taken. It is above 1 if staff have booked beyond the
    /// capacity.
    occupancy_rate: Option<f64>,
    /// The number of members on the waitlist.
    waitlisted: i64,
    /// The number of members who are checked in.
    checked_in: i64,
    /// The number of bookings with a spot that have a price and are not paid.
    unpaid: i64,
    is_cancelled: bool,
}

/// Payments and refunds in one currency.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revenue {
    /// ISO 4217 code.
    currency: String,
    /// The sum of the payments.
    #[schema(examples("250.00"))]
    paid: String,
    /// The sum of the refunds.
    refunded: String,
    /// Payments minus refunds; may be negative.
    net: String,
}

impl Revenue {
    /// Creates the figures of a currency from the sums of its payments and refunds.
    pub(crate) fn new(currency: String, paid: Decimal, refunded: Decimal) -> Self {
        Self {
            paid: format_amount(paid, &currency),
            refunded: format_amount(refunded, &currency),
            net: format_amount(paid - refunded, &currency),
            currency,
        }
    }

    /// Returns the currency of the amounts.
    pub(crate) fn currency(&self) -> &str {
        &self.currency
    }

    /// Returns payments, refunds and net revenue, in the order of the CSV columns.
    pub(crate) fn amounts(&self) -> [&str; 3] {
        [&self.paid, &self.refunded, &self.net]
    }
}

/// Due refunds in one currency.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RefundsDue {
    /// ISO 4217 code.
    currency: String,
    /// The number of refunds that are due.
    count: i64,
    /// The sum to refund.
    amount: String,
}

/// How often sessions were read from Redis and from Postgres today (UTC). Processes
/// report these figures with a delay.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionCacheFigures {
    /// Read from Redis.
    hits: i64,
    /// Read from Postgres, because they were not in Redis.
    misses: i64,
    /// Read from Postgres, because Redis did not answer.
    away: i64,
    /// The share of the hits, from 0 to 1. Null when nothing was read.
    hit_ratio: Option<f64>,
}

/// The Postgres connections of the process that answers this request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConnectionPool {
    /// All connections.
    size: usize,
    /// Connections that are not in use.
    free: usize,
    /// Requests that wait for a connection.
    waiting: usize,
}

/// The query of the dashboard.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DashboardQuery {
    /// The day in the studio's time zone. The default is the current day.
    #[param(value_type = Option<NaiveDate>)]
    date: Option<String>,
}

/// Reads the dashboard of a day with three statements, and checks the services at the same
/// time.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) if the day is invalid.
pub fn show<'a>(app: &'a App, query: &'a DashboardQuery) -> BoxFuture<'a, Result<Dashboard>> {
    Box::pin(async move {
        let mut form = Form::default();
        let date = form.check_filled("date", query.date.as_deref(), query::date);
        form.finish()?;
        let zone = TimeZone::of_studio(&app.config().studio)?;
        let now = app.clock().now();
        let date = date.unwrap_or_else(|| zone.date(now));
        let day = zone.day(date);
        let read = app.db().read(async move |client| {
            tokio::try_join!(
                report::daily_totals(client, &day, now.date_naive()),
                report::occurrences_of_day(client, &day),
                report::daily_revenue(client, &day),
            )
        });
        let (figures, services) = tokio::join!(read, health::check(app));
        Ok(build_dashboard(app, date, figures?, services))
    })
}

type Figures = (DailyTotals, Vec<OccurrenceOfDay>, Vec<DailyRevenue>);

fn build_dashboard(
    app: &App,
    date: NaiveDate,
    (totals, occurrences, revenue): Figures,
    services: ServicesHealth,
) -> Dashboard {
    let active_classes = || occurrences.iter().filter(|class| !class.is_cancelled);
    let spots = active_classes()
        .map(|class| i64::from(class.max_participants))
        .sum();
    let taken = active_classes()
        .map(|class| i64::from(class.current_participants))
        .sum();
    let with_due_refunds = revenue.iter().filter(|revenue| revenue.due_count > 0);
    Dashboard {
        date,
        time_zone: app.config().studio.time_zone.clone(),
        occupancy_rate: share(taken, spots),
        bookings: totals.bookings,
        cancellations: totals.cancellations,
        late_cancellations: totals.late_cancellations,
        sign_ups: totals.sign_ups,
        refunds_due: with_due_refunds
            .map(|revenue| RefundsDue {
                currency: revenue.currency.clone(),
                count: revenue.due_count,
                amount: format_amount(revenue.due, &revenue.currency),
            })
            .collect(),
        revenue: revenue_by_currency(&app.config().studio.currency, &revenue),
        members: totals.members,
        active_sessions: totals.active_sessions,
        contacts_unprocessed: totals.contacts,
        redis: SessionCacheFigures {
            hits: totals.redis_hits,
            misses: totals.redis_misses,
            away: totals.redis_away,
            hit_ratio: share(
                totals.redis_hits,
                totals.redis_hits + totals.redis_misses + totals.redis_away,
            ),
        },
        pool: app.db().state().into(),
        services,
        classes: occurrences
            .into_iter()
            .map(OccurrenceOfDayView::from)
            .collect(),
    }
}

/// Returns the revenue of each currency, always including the studio's currency.
fn revenue_by_currency(studio_currency: &str, revenue: &[DailyRevenue]) -> Vec<Revenue> {
    let has_studio_currency = revenue
        .iter()
        .any(|revenue| revenue.currency == studio_currency);
    let zero = (!has_studio_currency)
        .then(|| Revenue::new(studio_currency.to_owned(), Decimal::ZERO, Decimal::ZERO));
    let rows = revenue
        .iter()
        .map(|revenue| Revenue::new(revenue.currency.clone(), revenue.paid, revenue.refunded));
    zero.into_iter().chain(rows).collect()
}

/// Returns `part` divided by `whole`, rounded to a tenth of a percent. `None` when
/// `whole` is 0.
pub(crate) fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| (1_000.0 * part as f64 / whole as f64).round() / 1_000.0)
}

impl From<OccurrenceOfDay> for OccurrenceOfDayView {
    fn from(class: OccurrenceOfDay) -> Self {
        Self {
            id: class.id,
            class_type_id: class.class_type_id,
            instructor_id: class.instructor_id,
            title: class.title,
            start_time: class.start_time,
            end_time: class.end_time,
            room: class.room,
            instructor: class.instructor,
            places: class.max_participants,
            taken: class.current_participants,
            occupancy_rate: share(
                class.current_participants.into(),
                class.max_participants.into(),
            ),
            waitlisted: class.waitlisted,
            checked_in: class.checked_in,
            unpaid: class.unpaid,
            is_cancelled: class.is_cancelled,
        }
    }
}

impl From<PoolState> for ConnectionPool {
    fn from(state: PoolState) -> Self {
        Self {
            size: state.size,
            free: state.free,
            waiting: state.waiting,
        }
    }
}
