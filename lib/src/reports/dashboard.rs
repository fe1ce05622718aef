//! The studio at a glance: what staff look at when they open the house.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::Result;
use crate::health::{self, ServicesHealth};
use crate::models::figures::{self, ClassToday, MoneyToday, Today};
use crate::store::postgres::PoolState;
use crate::{App, BoxFuture};

/// Today, where the studio is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dashboard {
    /// The day that all of it is about.
    date: NaiveDate,
    /// Where that day is.
    time_zone: String,
    /// The classes that begin today, in order.
    classes: Vec<Class>,
    /// Share of the places in them that is taken; null without any.
    occupancy_rate: Option<f64>,
    /// Bookings made today, places on a waitlist among them.
    bookings: i64,
    /// Bookings cancelled today.
    cancellations: i64,
    late_cancellations: i64,
    /// Accounts made today.
    sign_ups: i64,
    /// Today's money, by currency.
    revenue: Vec<Revenue>,
    /// What is to be given back, by currency, whenever it was paid.
    refunds_due: Vec<RefundsDue>,
    /// Accounts that may be used.
    members: i64,
    active_sessions: i64,
    /// Contact submissions that nobody has dealt with.
    contacts_unprocessed: i64,
    redis: Redis,
    pool: Pool,
    services: ServicesHealth,
}

/// One of today's classes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TodaysClass)]
struct Class {
    id: Uuid,
    title: String,
    start_time: DateTime<Utc>,
    end_time: DateTime<Utc>,
    room: String,
    instructor: String,
    places: i32,
    taken: i32,
    /// Share of the places that is taken.
    occupancy_rate: Option<f64>,
    /// Members who wait for a place.
    waitlisted: i64,
    is_cancelled: bool,
}

/// Money that came and went, in one currency.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revenue {
    /// Three letters of ISO 4217.
    currency: String,
    /// What came in.
    #[schema(examples("250.00"))]
    paid: String,
    /// What was given back.
    refunded: String,
    /// The one less the other: may be below zero.
    net: String,
}

impl Revenue {
    /// Of what came in and what was given back.
    pub(crate) fn new(currency: String, paid: Decimal, refunded: Decimal) -> Self {
        Self {
            currency,
            paid: amount(paid),
            refunded: amount(refunded),
            net: amount(paid - refunded),
        }
    }

    /// In what the amounts are.
    pub(crate) fn currency(&self) -> &str {
        &self.currency
    }

    /// The three amounts, in the order in which they are shown.
    pub(crate) fn amounts(&self) -> [&str; 3] {
        [&self.paid, &self.refunded, &self.net]
    }
}

/// A sum, which unlike a price has no bound.
fn amount(mut amount: Decimal) -> String {
    amount.rescale(2);
    amount.to_string()
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RefundsDue {
    currency: String,
    count: i64,
    amount: String,
}

/// How sessions were read today (UTC), as far as the processes have told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SessionCacheFigures)]
struct Redis {
    /// From Redis.
    hits: i64,
    /// From Postgres, for they were not in Redis.
    misses: i64,
    /// From Postgres, for Redis did not answer.
    away: i64,
    /// Share of the hits; null when nothing was read.
    hit_ratio: Option<f64>,
}

/// The connections to Postgres of the process that answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectionPool)]
struct Pool {
    /// Those that exist.
    size: usize,
    /// Those that nobody uses at the moment.
    free: usize,
    /// Requests that wait for one.
    waiting: usize,
}

/// Looks at everything: three statements, and the health of the stores
/// meanwhile.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub fn show(app: &App) -> BoxFuture<'_, Result<Dashboard>> {
    Box::pin(async move {
        let now = app.clock().now();
        let zone = app.config().studio.time_zone.clone();
        let read = app.db().read(async move |client| {
            tokio::try_join!(
                figures::today(client, now, &zone),
                figures::classes_today(client, now, &zone),
                figures::money_today(client, now, &zone),
            )
        });
        let (figures, services) = tokio::join!(read, health::check(app));
        Ok(dashboard(app, figures?, services))
    })
}

type Figures = (Today, Vec<ClassToday>, Vec<MoneyToday>);

fn dashboard(app: &App, (today, classes, money): Figures, services: ServicesHealth) -> Dashboard {
    let held = || classes.iter().filter(|class| !class.is_cancelled);
    let places = held().map(|class| i64::from(class.max_participants)).sum();
    let taken = held()
        .map(|class| i64::from(class.current_participants))
        .sum();
    let due = money.iter().filter(|money| money.due_count > 0);
    Dashboard {
        date: today.date,
        time_zone: app.config().studio.time_zone.clone(),
        occupancy_rate: share(taken, places),
        bookings: today.bookings,
        cancellations: today.cancellations,
        late_cancellations: today.late_cancellations,
        sign_ups: today.sign_ups,
        refunds_due: due
            .map(|money| RefundsDue {
                currency: money.currency.clone(),
                count: money.due_count,
                amount: amount(money.due),
            })
            .collect(),
        revenue: revenue(&app.config().studio.currency, &money),
        members: today.members,
        active_sessions: today.active_sessions,
        contacts_unprocessed: today.contacts,
        redis: Redis {
            hits: today.redis_hits,
            misses: today.redis_misses,
            away: today.redis_away,
            hit_ratio: share(
                today.redis_hits,
                today.redis_hits + today.redis_misses + today.redis_away,
            ),
        },
        pool: app.db().state().into(),
        services,
        classes: classes.into_iter().map(Class::from).collect(),
    }
}

/// The studio's own currency stands there also on a day without a payment.
fn revenue(own: &str, money: &[MoneyToday]) -> Vec<Revenue> {
    let nothing = (!money.iter().any(|money| money.currency == own))
        .then(|| Revenue::new(own.to_owned(), Decimal::ZERO, Decimal::ZERO));
    let moved = money
        .iter()
        .map(|money| Revenue::new(money.currency.clone(), money.paid, money.refunded));
    nothing.into_iter().chain(moved).collect()
}

/// A part of a whole, to a tenth of a percent; `None` of nothing.
pub(crate) fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| (1_000.0 * part as f64 / whole as f64).round() / 1_000.0)
}

impl From<ClassToday> for Class {
    fn from(class: ClassToday) -> Self {
        Self {
            id: class.id,
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
            is_cancelled: class.is_cancelled,
        }
    }
}

impl From<PoolState> for Pool {
    fn from(state: PoolState) -> Self {
        Self {
            size: state.size,
            free: state.free,
            waiting: state.waiting,
        }
    }
}
