//! Analytics: figures by day, week or month, as JSON or as CSV files.

mod csv;
mod period;
mod sums;
mod table;

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::period::{ClassTypeFigures, ClassTypeOccupancy, HeatMapCell, Retention, Totals};
use self::sums::{PeriodSums, Sums};
use self::table::Table;
use crate::error::{Error, Result};
use crate::http::query;
use crate::models::report::counters::{self, CounterTotal};
use crate::models::report::daily_sums::{self, SummedDays};
use crate::models::report::figures::{self, Ranges, SignUps};
use crate::models::report::visits;
use crate::reports::dashboard;
use crate::reports::dashboard::share;
use crate::reports::local_days::{local_days, offsets};
use crate::reports::response::{ReportFormat, ReportResponse, read_table};
use crate::store::client::Client;
use crate::values::form::{Form, Problem};
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The default length of the range, in days.
const DEFAULT_RANGE_DAYS: u64 = 30;

/// After how many days without a visit a member counts as quiet.
const QUIET_DAYS: u64 = 60;

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
            Self::Day | Self::Week => 3 * 366,
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
    /// The length of a bucket; `day` by default. A range of days or weeks has at most three
    /// years, and a range of months ten years.
    #[param(inline, value_type = Option<BucketSize>)]
    bucket: Option<String>,
    /// Whether to add the figures of the period before, as `previous`. The default is `false`.
    #[param(value_type = Option<bool>)]
    compare: Option<String>,
    /// The format of the response; `json` by default.
    #[param(inline, value_type = Option<ReportFormat>)]
    format: Option<String>,
    /// The table of a CSV file; `buckets` by default. Requires `format=csv`.
    #[param(inline, value_type = Option<Table>)]
    table: Option<String>,
}

/// A parsed [`AnalyticsQuery`].
#[derive(Clone, Copy, Debug)]
struct ParsedQuery {
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    bucket: BucketSize,
    compare: bool,
    /// `None` for JSON.
    table: Option<Table>,
}

impl ParsedQuery {
    fn parse(query: &AnalyticsQuery) -> Result<Self> {
        let mut form = Form::default();
        Ok(Self {
            from: form.check_filled("from", query.from.as_deref(), query::date),
            to: form.check_filled("to", query.to.as_deref(), query::date),
            bucket: form
                .check_filled("bucket", query.bucket.as_deref(), BucketSize::parse)
                .unwrap_or_default(),
            compare: form
                .check_filled("compare", query.compare.as_deref(), query::boolean)
                .unwrap_or_default(),
            table: read_table(
                form,
                query.format.as_deref(),
                query.table.as_deref(),
                Table::parse,
            )?,
        })
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

/// Returns the first and the last day of the period before. It has the same number of days.
/// The period before whole months has the same number of whole months.
fn period_before(from: NaiveDate, to: NaiveDate) -> (NaiveDate, NaiveDate) {
    let next = to + Days::new(1);
    let start = if from.day() == 1 && next.day() == 1 {
        let months = (next.year() - from.year()) * 12 + next.month() as i32 - from.month() as i32;
        from - Months::new(months.unsigned_abs())
    } else {
        from - (next - from)
    };
    (start, from - Days::new(1))
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
    /// The figures of the whole range.
    totals: Totals,
    /// The figures of each class type, sorted by name. Class types without figures are left out.
    class_types: Vec<ClassTypeFigures>,
    /// The classes by weekday and local hour, sorted. Hours without classes are left out.
    heat_map: Vec<HeatMapCell>,
    /// Who came for the first time, and who came back.
    retention: Retention,
    quiet_members: QuietMembers,
    /// The figures of the period before. Null without `compare`.
    previous: Option<PreviousPeriod>,
}

/// The figures of the period before. It has the same number of days; the period before whole
/// months has the same number of whole months.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AnalyticsPreviousPeriod)]
struct PreviousPeriod {
    /// The first day.
    from: NaiveDate,
    /// The last day.
    to: NaiveDate,
    totals: Totals,
    class_types: Vec<ClassTypeFigures>,
    heat_map: Vec<HeatMapCell>,
    retention: Retention,
}

/// The members who have not come for a long time, as of now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct QuietMembers {
    /// The day since which these members did not come, for the parameter `quietSince` of
    /// `GET /api/admin/members`. It is 60 days ago.
    since: NaiveDate,
    /// Members with active accounts who have visited the studio, but not since this day.
    count: i64,
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
    /// Bookings cancelled too late to be free of charge.
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
    /// The share of the spots that were taken. It is above 1 if staff booked beyond the capacity.
    /// Null when there were no spots.
    occupancy_rate: Option<f64>,
    /// Payments and refunds by currency. Every bucket contains all currencies.
    revenue: Vec<dashboard::Revenue>,
    sessions: SessionFigures,
    /// Figures of cross-app tokens, by the name of the partner application.
    cross_app_tokens: BTreeMap<String, CrossAppTokenFigures>,
    /// Members whose first visit was in this bucket.
    first_timers: i64,
    /// The number of these members who came again within 30 days.
    returned: i64,
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

/// Computes the analytics. All statements see the database as of the same time.
///
/// # Errors
///
/// Fails with [`Error::Invalid`] when a parameter is malformed, or when the range is too
/// long or ends before it starts.
pub fn show(app: &App, query: AnalyticsQuery) -> BoxFuture<'_, Result<ReportResponse<Analytics>>> {
    Box::pin(async move {
        let query = ParsedQuery::parse(&query)?;
        let analytics = load(app, query).await?;
        match query.table {
            None => Ok(ReportResponse::Json(Box::new(analytics))),
            Some(table) => analytics.to_csv_file(table).map(ReportResponse::Csv),
        }
    })
}

async fn load(app: &App, query: ParsedQuery) -> Result<Analytics> {
    let studio = &app.config().studio;
    let zone = TimeZone::of_studio(studio)?;
    let now = app.clock().now();
    let today = zone.date(now);
    let (from, to) = query.range(today)?;
    let buckets = Buckets::split(from, to, query.bucket, &zone);
    let quiet_since = today - Days::new(QUIET_DAYS);
    let quiet_since_time = zone.day_start(quiet_since);
    let before = query.compare.then(|| period_before(from, to));
    let read = app.transaction().run(async |tx| {
        daily_sums::begin_snapshot(tx).await?;
        let (counters, class_types, quiet) = tokio::try_join!(
            counters::counter_totals(tx, &buckets.starts, &buckets.ends),
            figures::class_types(tx),
            visits::count_quiet(tx, quiet_since_time),
        )?;
        let period = load_period(tx, &buckets, &zone, now).await?;
        let previous = match before {
            None => None,
            Some((from, to)) => {
                let whole = Buckets::whole(from, to, &zone);
                Some((from, to, load_period(tx, &whole, &zone, now).await?))
            }
        };
        Ok((counters, class_types, quiet, period, previous))
    });
    let (counters, class_types, quiet, period, previous) = read.await?;
    let currencies = period.currencies(&studio.currency);
    let build_bucket =
        |(sums, start): (&Sums, &NaiveDate)| Bucket::new(*start, sums, &counters, &currencies);
    Ok(Analytics {
        from,
        to,
        bucket: query.bucket,
        time_zone: studio.time_zone.clone(),
        buckets: period
            .buckets
            .iter()
            .zip(&buckets.starts)
            .map(build_bucket)
            .collect(),
        occupancy: period::occupancy(&period, &class_types),
        totals: Totals::new(&period, &studio.currency),
        class_types: period::class_types(&period, &class_types, &studio.currency),
        heat_map: period::heat_map(&period),
        retention: Retention::new(&period),
        quiet_members: QuietMembers {
            since: quiet_since,
            count: quiet,
        },
        previous: previous.map(|(from, to, sums)| PreviousPeriod {
            from,
            to,
            totals: Totals::new(&sums, &studio.currency),
            class_types: period::class_types(&sums, &class_types, &studio.currency),
            heat_map: period::heat_map(&sums),
            retention: Retention::new(&sums),
        }),
    })
}

/// Reads the sums of the days that are summed up, and counts the figures of the others.
async fn load_period(
    client: &Client,
    buckets: &Buckets,
    zone: &TimeZone,
    now: DateTime<Utc>,
) -> Result<PeriodSums> {
    let (days, buckets_of_days) = buckets.days(zone);
    let summed = daily_sums::list_summed(client, &days).await?;
    let mut sums = PeriodSums::new(buckets.starts.len());
    let mut summed_days = SummedDays::default();
    let mut counted = Ranges::default();
    let mut summed = summed.into_iter().peekable();
    let times = days.starts.iter().zip(&days.ends);
    for ((date, bucket), (start, end)) in days.dates.iter().zip(&buckets_of_days).zip(times) {
        match summed.next_if(|day| day.date == *date) {
            Some(day) => {
                sums.add_sign_ups(&[SignUps::new(*bucket, day.sign_ups)?]);
                summed_days.dates.push(day.date);
                summed_days.buckets.push(*bucket);
            }
            None => counted.extend(*bucket, *start, *end),
        }
    }
    let all = buckets.ranges();
    let (activity, attendance, revenue, sales, first_timers) = tokio::try_join!(
        daily_sums::activity(client, &summed_days),
        daily_sums::attendance(client, &summed_days),
        daily_sums::revenue(client, &summed_days),
        figures::sales(client, &all),
        visits::first_timers(client, &all, now),
    )?;
    sums.add_activity(&activity);
    sums.add_attendance(&attendance);
    sums.add_revenue(&revenue);
    sums.add_sales(&sales);
    sums.add_first_timers(&first_timers);
    if !counted.buckets.is_empty() {
        let offsets = offsets(&counted, zone);
        let (sign_ups, activity, attendance, revenue) = tokio::try_join!(
            figures::sign_ups(client, &counted),
            figures::activity(client, &counted),
            figures::attendance(client, &counted, &offsets),
            figures::revenue(client, &counted),
        )?;
        sums.add_sign_ups(&sign_ups);
        sums.add_activity(&activity);
        sums.add_attendance(&attendance);
        sums.add_revenue(&revenue);
    }
    Ok(sums)
}

/// Consecutive periods of days, such as weeks.
#[derive(Clone, Debug)]
struct Buckets {
    /// The first day of each bucket, in order.
    starts: Vec<NaiveDate>,
    /// The day after the last day of each bucket.
    ends: Vec<NaiveDate>,
    /// When each bucket begins.
    start_times: Vec<DateTime<Utc>>,
    /// When each bucket ends.
    end_times: Vec<DateTime<Utc>>,
}

impl Buckets {
    /// Splits a range into buckets. The first and the last bucket are cut off at the ends
    /// of the range.
    fn split(from: NaiveDate, to: NaiveDate, size: BucketSize, zone: &TimeZone) -> Self {
        let starts = std::iter::successors(Some(from), |start| size.next(*start));
        let starts: Vec<_> = starts.take_while(|start| *start <= to).collect();
        let ends = starts.iter().skip(1).copied().chain(to.succ_opt());
        let ends = ends.collect();
        Self::between(starts, ends, zone)
    }

    /// Creates a single bucket of a whole range.
    fn whole(from: NaiveDate, to: NaiveDate, zone: &TimeZone) -> Self {
        Self::between(vec![from], vec![to + Days::new(1)], zone)
    }

    fn between(starts: Vec<NaiveDate>, ends: Vec<NaiveDate>, zone: &TimeZone) -> Self {
        let times = |days: &[NaiveDate]| days.iter().map(|day| zone.day_start(*day)).collect();
        Self {
            start_times: times(&starts),
            end_times: times(&ends),
            starts,
            ends,
        }
    }

    /// Returns the local days, and the number of the bucket of each day.
    fn days(&self, zone: &TimeZone) -> (daily_sums::Days, Vec<i32>) {
        let mut buckets = Vec::new();
        let mut dates = Vec::new();
        for (bucket, (start, end)) in (0..).zip(self.starts.iter().zip(&self.ends)) {
            let before = dates.len();
            dates.extend(start.iter_days().take_while(|date| date < end));
            buckets.resize(buckets.len() + dates.len() - before, bucket);
        }
        (local_days(dates.into_iter(), zone), buckets)
    }

    /// Returns one range of time for each bucket.
    fn ranges(&self) -> Ranges {
        let mut ranges = Ranges::default();
        let times = self.start_times.iter().zip(&self.end_times);
        for (bucket, (start, end)) in (0..).zip(times) {
            ranges.push(bucket, *start, *end);
        }
        ranges
    }
}

impl Bucket {
    fn new(
        start: NaiveDate,
        sums: &Sums,
        counters: &[CounterTotal],
        currencies: &[String],
    ) -> Self {
        let first = counters.partition_point(|counter| counter.start < start);
        let counters: BTreeMap<&str, i64> = counters[first..]
            .iter()
            .take_while(|counter| counter.start == start)
            .map(|counter| (counter.name.as_str(), counter.count))
            .collect();
        Self {
            start,
            sign_ups: sums.sign_ups,
            bookings: sums.bookings,
            cancellations: sums.cancellations,
            late_cancellations: sums.late_cancellations,
            attended: sums.attended,
            no_shows: sums.no_shows,
            classes: sums.occurrences,
            places: sums.spots,
            taken: sums.taken,
            occupancy_rate: share(sums.taken, sums.spots),
            revenue: sums.revenue_in(currencies),
            sessions: SessionFigures::new(&counters),
            cross_app_tokens: cross_app_tokens(&counters),
            first_timers: sums.first_timers,
            returned: sums.returned,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn starts(from: &str, to: &str, size: BucketSize) -> Vec<String> {
        let buckets = Buckets::split(date(from), date(to), size, &TimeZone::named("UTC").unwrap());
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
            compare: false,
            table: None,
        };
        let today = date("2026-11-21");
        let range = query(None, None, BucketSize::Day).range(today).unwrap();
        assert_eq!(range, (date("2026-10-23"), today));
        let range_from = |from| query(Some(from), Some("2026-12-31"), BucketSize::Day).range(today);
        assert!(range_from("2023-12-31").is_ok());
        assert!(range_from("2023-12-28").is_err());
        let backward = query(Some("2026-11-22"), None, BucketSize::Month);
        assert!(backward.range(today).is_err());
    }

    #[test]
    fn the_period_before_has_as_many_days_or_as_many_whole_months() {
        for (from, to, expected) in [
            ("2026-05-04", "2026-05-10", ("2026-04-27", "2026-05-03")),
            ("2026-05-01", "2026-05-31", ("2026-04-01", "2026-04-30")),
            ("2028-03-01", "2028-03-31", ("2028-02-01", "2028-02-29")),
            ("2026-01-01", "2026-12-31", ("2025-01-01", "2025-12-31")),
            ("2026-02-01", "2026-02-27", ("2026-01-05", "2026-01-31")),
        ] {
            let expected = (date(expected.0), date(expected.1));
            assert_eq!(period_before(date(from), date(to)), expected, "{from}");
        }
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
        fn any_query_is_rejected_or_has_a_range_of_the_allowed_length(query in any_query(&["from", "to", "bucket", "compare", "format", "table"])) {
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
