//! Analytics: figures by day, week or month, as JSON or as a CSV file.

mod csv;

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use chrono::{Datelike, Days, Months, NaiveDate};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::http::Json;
use crate::models::report::{self, Activity, Attendance, Buckets, CounterTotal};
use crate::reports::dashboard;
use crate::reports::dashboard::share;
use crate::values::csv::CsvFile;
use crate::values::form::{Form, Problem};
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The default length of the range, in days.
const DEFAULT_RANGE_DAYS: u64 = 30;

/// The prefix in the names of the counters of cross-app tokens. The outcome, a colon
/// and the application follow.
const CROSS_APP_PREFIX: &str = "cross_app_";

/// The length of a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BucketSize {
    /// A day.
    #[default]
    Day,
    /// A week that starts on Monday (ISO 8601).
    Week,
    /// A calendar month.
    Month,
}

impl BucketSize {
    fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            _ => Err("must be day, week or month".to_owned()),
        }
    }

    /// Returns the maximum length of a range, in days.
    fn max_days(self) -> i64 {
        match self {
            Self::Day => 366,
            Self::Week => 3 * 366,
            Self::Month => 10 * 366,
        }
    }

    /// Returns the first day of the bucket after the one that contains `day`.
    fn next(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => day.succ_opt(),
            Self::Week => day.checked_add_days(Days::new(
                7 - u64::from(day.weekday().num_days_from_monday()),
            )),
            Self::Month => day.with_day(1)?.checked_add_months(Months::new(1)),
        }
    }
}

/// The query of the analytics.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AnalyticsQuery {
    /// The first day, in the studio's time zone. By default, the range has 30 days.
    #[param(value_type = Option<NaiveDate>)]
    from: Option<String>,
    /// The last day. By default, today.
    #[param(value_type = Option<NaiveDate>)]
    to: Option<String>,
    /// The length of a bucket; `day` by default. A range of days has at most 366 days, a
    /// range of weeks three years, and a range of months ten years.
    #[param(inline, value_type = Option<BucketSize>)]
    bucket: Option<String>,
    /// The format of the response; `json` by default.
    #[param(inline, value_type = Option<Format>)]
    format: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

impl Format {
    fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            _ => Err("must be json or csv".to_owned()),
        }
    }
}

/// A parsed [`AnalyticsQuery`].
#[derive(Clone, Copy, Debug)]
struct ParsedQuery {
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    bucket: BucketSize,
    format: Format,
}

impl ParsedQuery {
    fn parse(query: &AnalyticsQuery) -> Result<Self> {
        let mut form = Form::default();
        let parsed = Self {
            from: form.check_filled("from", query.from.as_deref(), parse_date),
            to: form.check_filled("to", query.to.as_deref(), parse_date),
            bucket: form
                .check_filled("bucket", query.bucket.as_deref(), BucketSize::parse)
                .unwrap_or_default(),
            format: form
                .check_filled("format", query.format.as_deref(), Format::parse)
                .unwrap_or_default(),
        };
        form.finish()?;
        Ok(parsed)
    }

    /// Returns the first and the last day, with the defaults filled in.
    fn range(&self, today: NaiveDate) -> Result<(NaiveDate, NaiveDate)> {
        let to = self.to.unwrap_or(today);
        let from = self.from.unwrap_or(to - Days::new(DEFAULT_RANGE_DAYS - 1));
        if from > to {
            return Err(Error::field("to", "must not be before from"));
        }
        let max_days = self.bucket.max_days();
        if (to - from).num_days() >= max_days {
            let problem = format!("must be less than {max_days} days before to, with this bucket");
            return Err(Error::field("from", problem));
        }
        Ok((from, to))
    }
}

fn parse_date(text: &str) -> Result<NaiveDate, Problem> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    date.filter(|day| (2000..2200).contains(&day.year()))
        .ok_or_else(|| "must be a day such as 2026-11-21".to_owned())
}

/// Figures by bucket. The range may cut off the first and the last bucket.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Analytics {
    /// The first day.
    from: NaiveDate,
    /// The last day.
    to: NaiveDate,
    bucket: BucketSize,
    /// The time zone of the days. Sessions and cross-app tokens are counted by days in
    /// UTC.
    time_zone: String,
    /// All buckets in order, including those in which nothing happened.
    buckets: Vec<Bucket>,
    /// The occupancy of each class type, sorted by name.
    occupancy: Vec<ClassTypeOccupancy>,
}

/// The figures of a day, a week or a month.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AnalyticsBucket)]
struct Bucket {
    /// The first day.
    start: NaiveDate,
    /// Accounts created.
    sign_ups: i64,
    /// Bookings made, including the waitlist.
    bookings: i64,
    /// Bookings cancelled, including late cancellations.
    cancellations: i64,
    /// Bookings cancelled too late for a refund.
    late_cancellations: i64,
    /// Members who attended a class that started in this bucket.
    attended: i64,
    /// Members who did not come to a class that started in this bucket.
    no_shows: i64,
    /// Classes that started in this bucket.
    classes: i64,
    /// The number of spots in these classes.
    places: i64,
    /// The number of these spots that were taken.
    taken: i64,
    /// The share of the spots that were taken, from 0 to 1. Null when there were no
    /// spots.
    occupancy_rate: Option<f64>,
    /// Payments and refunds by currency. Every bucket contains all currencies.
    revenue: Vec<dashboard::Revenue>,
    sessions: SessionFigures,
    /// Figures of cross-app tokens, by the name of the partner application.
    cross_app_tokens: BTreeMap<String, CrossAppTokenFigures>,
}

/// The outcomes of the cross-app tokens for a partner application.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CrossAppTokenFigures {
    created: i64,
    /// Counted on the day of the last validation.
    used: i64,
    revoked: i64,
    /// Expired without being used or revoked.
    expired: i64,
}

/// The numbers of sessions.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionFigures {
    created: i64,
    /// How often a session was looked up. Counted only with Redis.
    used: i64,
    /// Ended by signing out.
    ended: i64,
    /// Revoked from another session, by an administrator, or after a replayed refresh
    /// token.
    revoked: i64,
    /// Deleted by the clean-up after they expired.
    expired: i64,
}

/// The occupancy of the classes of one type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClassTypeOccupancy {
    class_type_id: Uuid,
    /// The name of the class type.
    name: String,
    /// The number of classes.
    classes: i64,
    /// The number of spots in these classes.
    places: i64,
    /// The number of spots that were taken.
    taken: i64,
    /// The share of the spots that were taken, from 0 to 1.
    rate: Option<f64>,
    /// The same share for each bucket. Null where there was no class.
    rates: Vec<Option<f64>>,
}

/// The analytics in the requested format.
#[derive(Debug)]
pub enum AnalyticsResponse {
    /// As JSON.
    Json(Box<Analytics>),
    /// As a CSV file.
    Csv(CsvFile),
}

impl IntoResponse for AnalyticsResponse {
    fn into_response(self) -> Response {
        match self {
            Self::Json(analytics) => Json(*analytics).into_response(),
            Self::Csv(file) => file.into_response(),
        }
    }
}

/// Computes the analytics. The figures come from four statements, which read only the
/// requested range and run on two connections.
///
/// # Errors
///
/// Fails with [`Error::Invalid`] when a parameter is malformed, or when the range is too
/// long or ends before it starts.
pub fn show(app: &App, query: AnalyticsQuery) -> BoxFuture<'_, Result<AnalyticsResponse>> {
    Box::pin(async move {
        let query = ParsedQuery::parse(&query)?;
        let figures = load(app, query).await?;
        let analytics = aggregate(figures, query.bucket, &app.config().studio.currency);
        match query.format {
            Format::Json => Ok(AnalyticsResponse::Json(Box::new(analytics))),
            Format::Csv => analytics.to_csv_file().map(AnalyticsResponse::Csv),
        }
    })
}

/// The rows that the statements returned for a range.
struct Figures {
    from: NaiveDate,
    to: NaiveDate,
    zone: String,
    activity: Vec<Activity>,
    attendance: Vec<Attendance>,
    revenue: Vec<report::Revenue>,
    counters: Vec<CounterTotal>,
}

async fn load(app: &App, query: ParsedQuery) -> Result<Figures> {
    let zone = TimeZone::of_studio(&app.config().studio)?;
    let (from, to) = query.range(zone.date(app.clock().now()))?;
    let buckets = split_into_buckets(from, to, query.bucket, &zone);
    let (activity_buckets, attendance_buckets) = (buckets.clone(), buckets);
    let db = app.db();
    let ((activity, counters), (attendance, revenue)) = tokio::try_join!(
        db.read(async move |client| {
            tokio::try_join!(
                report::activity(client, &activity_buckets),
                report::counter_totals(client, &activity_buckets),
            )
        }),
        db.read(async move |client| {
            tokio::try_join!(
                report::attendance(client, &attendance_buckets),
                report::revenue(client, &attendance_buckets),
            )
        }),
    )?;
    Ok(Figures {
        from,
        to,
        zone: app.config().studio.time_zone.clone(),
        activity,
        attendance,
        revenue,
        counters,
    })
}

/// Splits a range into buckets. The first and the last bucket are cut off at the ends
/// of the range.
fn split_into_buckets(
    from: NaiveDate,
    to: NaiveDate,
    bucket: BucketSize,
    zone: &TimeZone,
) -> Buckets {
    let starts = std::iter::successors(Some(from), |start| bucket.next(*start));
    let starts: Vec<_> = starts.take_while(|start| *start <= to).collect();
    let ends = starts.iter().skip(1).copied().chain(to.succ_opt());
    let ends: Vec<_> = ends.collect();
    let day_starts = |days: &[NaiveDate]| days.iter().map(|day| zone.day_start(*day)).collect();
    Buckets {
        start_times: day_starts(&starts),
        end_times: day_starts(&ends),
        starts,
        ends,
    }
}

fn aggregate(figures: Figures, bucket: BucketSize, studio_currency: &str) -> Analytics {
    let mut currencies: Vec<&str> = figures
        .revenue
        .iter()
        .map(|revenue| revenue.currency.as_str())
        .collect();
    currencies.push(studio_currency);
    currencies.sort_unstable();
    currencies.dedup();
    Analytics {
        buckets: figures
            .activity
            .iter()
            .map(|activity| Bucket::new(activity, &figures, &currencies))
            .collect(),
        occupancy: occupancy(&figures),
        from: figures.from,
        to: figures.to,
        bucket,
        time_zone: figures.zone,
    }
}

impl Bucket {
    fn new(activity: &Activity, figures: &Figures, currencies: &[&str]) -> Self {
        let start = activity.start;
        let rows: Vec<_> = figures
            .attendance
            .iter()
            .filter(|row| row.start == start)
            .collect();
        let sum = |field: fn(&Attendance) -> i64| rows.iter().map(|row| field(row)).sum();
        let (spots, taken) = (sum(|row| row.spots), sum(|row| row.taken));
        let counters: BTreeMap<&str, i64> = figures
            .counters
            .iter()
            .filter(|counter| counter.start == start)
            .map(|counter| (counter.name.as_str(), counter.count))
            .collect();
        Self {
            start,
            sign_ups: activity.sign_ups,
            bookings: activity.bookings,
            cancellations: activity.cancellations,
            late_cancellations: activity.late_cancellations,
            attended: sum(|row| row.attended),
            no_shows: sum(|row| row.no_shows),
            classes: sum(|row| row.occurrences),
            places: spots,
            taken,
            occupancy_rate: share(taken, spots),
            revenue: currencies
                .iter()
                .map(|currency| revenue(figures, start, currency))
                .collect(),
            sessions: SessionFigures::new(&counters),
            cross_app_tokens: cross_app_tokens(&counters),
        }
    }
}

fn revenue(figures: &Figures, start: NaiveDate, currency: &str) -> dashboard::Revenue {
    let mut rows = figures.revenue.iter();
    let row = rows.find(|row| row.start == start && row.currency == currency);
    let (paid, refunded) = row.map_or((Decimal::ZERO, Decimal::ZERO), |row| {
        (row.paid, row.refunded)
    });
    dashboard::Revenue::new(currency.to_owned(), paid, refunded)
}

impl SessionFigures {
    fn new(counters: &BTreeMap<&str, i64>) -> Self {
        let count = |name: &str| counters.get(name).copied().unwrap_or(0);
        Self {
            created: count("sessions_created"),
            used: count("redis_hits") + count("redis_misses") + count("redis_away"),
            ended: count("sessions_ended"),
            revoked: count("sessions_revoked"),
            expired: count("sessions_expired"),
        }
    }
}

fn cross_app_tokens(counters: &BTreeMap<&str, i64>) -> BTreeMap<String, CrossAppTokenFigures> {
    let mut apps: BTreeMap<String, CrossAppTokenFigures> = BTreeMap::new();
    for (name, count) in counters {
        let suffix = name.strip_prefix(CROSS_APP_PREFIX);
        let Some((outcome, app)) = suffix.and_then(|suffix| suffix.split_once(':')) else {
            continue;
        };
        let figures = apps.entry(app.to_owned()).or_default();
        match outcome {
            "created" => figures.created = *count,
            "used" => figures.used = *count,
            "revoked" => figures.revoked = *count,
            "expired" => figures.expired = *count,
            _ => {}
        }
    }
    apps
}

fn occupancy(figures: &Figures) -> Vec<ClassTypeOccupancy> {
    // The rows are sorted by class type.
    let class_types = figures
        .attendance
        .chunk_by(|one, other| one.class_type_id == other.class_type_id);
    let occupancy_of = |rows: &[Attendance]| {
        let first = rows.first()?;
        let sum = |field: fn(&Attendance) -> i64| rows.iter().map(field).sum();
        let (spots, taken) = (sum(|row| row.spots), sum(|row| row.taken));
        let rate = |activity: &Activity| {
            let row = rows.iter().find(|row| row.start == activity.start)?;
            share(row.taken, row.spots)
        };
        Some(ClassTypeOccupancy {
            class_type_id: first.class_type_id,
            name: first.class_type.clone(),
            classes: sum(|row| row.occurrences),
            places: spots,
            taken,
            rate: share(taken, spots),
            rates: figures.activity.iter().map(rate).collect(),
        })
    };
    class_types.filter_map(occupancy_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn starts(from: &str, to: &str, size: BucketSize) -> Vec<String> {
        let buckets =
            split_into_buckets(date(from), date(to), size, &TimeZone::named("UTC").unwrap());
        assert_eq!(buckets.starts.len(), buckets.ends.len());
        assert_eq!(buckets.ends.last().unwrap().pred_opt(), Some(date(to)));
        buckets.starts.iter().map(NaiveDate::to_string).collect()
    }

    #[test]
    fn buckets_start_on_mondays_or_on_the_first_of_the_month() {
        assert_eq!(
            starts("2026-11-19", "2026-11-24", BucketSize::Week),
            ["2026-11-19", "2026-11-23"]
        );
        assert_eq!(
            starts("2026-10-31", "2026-12-01", BucketSize::Month),
            ["2026-10-31", "2026-11-01", "2026-12-01"]
        );
        assert_eq!(
            starts("2028-02-28", "2028-03-01", BucketSize::Day),
            ["2028-02-28", "2028-02-29", "2028-03-01"]
        );
    }

    #[test]
    fn a_range_is_thirty_days_by_default_and_has_a_maximum_length() {
        let query = |from: Option<&str>, to: Option<&str>, bucket| ParsedQuery {
            from: from.map(date),
            to: to.map(date),
            bucket,
            format: Format::Json,
        };
        let today = date("2026-11-21");
        let range = query(None, None, BucketSize::Day).range(today).unwrap();
        assert_eq!(range, (date("2026-10-23"), today));
        let range_from = |from| query(Some(from), Some("2026-12-31"), BucketSize::Day).range(today);
        assert!(range_from("2025-12-31").is_ok());
        assert!(range_from("2025-12-30").is_err());
        let backward = query(Some("2026-11-22"), None, BucketSize::Month);
        assert!(backward.range(today).is_err());
    }
}

#[cfg(test)]
mod properties {
    use axum::extract::Query;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{parsed_or_client_error, query as any_query, uri};

    proptest! {
        #[test]
        fn any_query_is_rejected_or_has_a_range_of_the_allowed_length(query in any_query(&["from", "to", "bucket", "format"])) {
            let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
            let parsed = uri(&query).and_then(|uri| Query::<AnalyticsQuery>::try_from_uri(&uri).ok());
            let Some(query) = parsed.and_then(|Query(query)| parsed_or_client_error(ParsedQuery::parse(&query))) else {
                return Ok(());
            };
            if let Some((from, to)) = parsed_or_client_error(query.range(today)) {
                assert!(from <= to && (to - from).num_days() < query.bucket.max_days());
                let mut buckets = std::iter::successors(Some(from), |day| query.bucket.next(*day));
                assert!(buckets.any(|day| day > to));
            }
        }
    }
}
