//! How the studio has done: series over days, weeks or months, for a chart or
//! a spreadsheet.

mod csv;

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::http::Json;
use crate::models::figures::{self, Attendance, Buckets, Counted, Flow};
use crate::reports::dashboard;
use crate::reports::dashboard::share;
use crate::values::csv::CsvFile;
use crate::values::form::{Form, Problem};
use crate::{App, BoxFuture};

/// Thirty days, when nothing else is asked for.
const DEFAULT_DAYS: u64 = 30;

/// Counters that tell of tokens for partner applications begin so; the outcome,
/// a colon, and the application follow.
const CROSS_APP: &str = "cross_app_";

/// Into what the time is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = BucketSize)]
pub enum Cut {
    /// From midnight to midnight.
    #[default]
    Day,
    /// From Monday on (ISO 8601).
    Week,
    /// From the first on.
    Month,
}

impl Cut {
    fn parse(typed: &str) -> Result<Self, Problem> {
        match typed {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            _ => Err("must be day, week or month".to_owned()),
        }
    }

    /// How many days may be asked for at once.
    fn most_days(self) -> i64 {
        match self {
            Self::Day => 366,
            Self::Week => 3 * 366,
            Self::Month => 10 * 366,
        }
    }

    /// The first day of the piece that follows the one of `day`.
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

/// `?from=&to=&bucket=&format=`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Params {
    /// The first day, where the studio is; 29 days before the last unless given.
    #[param(value_type = Option<NaiveDate>)]
    from: Option<String>,
    /// The last day; today unless given.
    #[param(value_type = Option<NaiveDate>)]
    to: Option<String>,
    /// `day` (up to 366 days, the default), `week` (up to three years) or
    /// `month` (up to ten).
    #[param(inline, value_type = Option<Cut>)]
    bucket: Option<String>,
    /// `json` (the default) or `csv`.
    #[param(inline, value_type = Option<Format>)]
    format: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "for the description alone")]
enum Format {
    Json,
    Csv,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
struct Question {
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    cut: Cut,
    is_csv: bool,
}

impl Question {
    fn read(params: &Params) -> Result<Self> {
        let mut check = Form::default();
        let question = Self {
            from: check.check_filled("from", params.from.as_deref(), day),
            to: check.check_filled("to", params.to.as_deref(), day),
            cut: check
                .check_filled("bucket", params.bucket.as_deref(), Cut::parse)
                .unwrap_or_default(),
            is_csv: check
                .check_filled("format", params.format.as_deref(), |typed| match typed {
                    "csv" => Ok(true),
                    "json" => Ok(false),
                    _ => Err("must be json or csv".to_owned()),
                })
                .unwrap_or_default(),
        };
        check.finish()?;
        Ok(question)
    }

    /// The days from the first to the last, with what was left open filled in.
    fn span(&self, today: NaiveDate) -> Result<(NaiveDate, NaiveDate)> {
        let to = self.to.unwrap_or(today);
        let from = self.from.unwrap_or(to - Days::new(DEFAULT_DAYS - 1));
        if from > to {
            return Err(Error::field("to", "must not be before from"));
        }
        let most = self.cut.most_days();
        if (to - from).num_days() >= most {
            let problem = format!("must be at most {most} days before to, with this bucket");
            return Err(Error::field("from", problem));
        }
        Ok((from, to))
    }
}

fn day(typed: &str) -> Result<NaiveDate, Problem> {
    let day = NaiveDate::parse_from_str(typed, "%Y-%m-%d").ok();
    day.filter(|day| (2000..2200).contains(&day.year()))
        .ok_or_else(|| "must be a day such as 2026-11-21".to_owned())
}

/// Series over a time; the first and the last piece may be cut off by its ends.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Analytics {
    /// The first day.
    from: NaiveDate,
    /// The last day.
    to: NaiveDate,
    bucket: Cut,
    /// Where the days are; the figures of sessions and tokens are by days of UTC.
    time_zone: String,
    /// The pieces, in order, also those in which nothing happened.
    buckets: Vec<Bucket>,
    /// How the classes of each type were taken, by the names of the types.
    occupancy: Vec<Occupancy>,
}

/// A day, a week or a month.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AnalyticsBucket)]
struct Bucket {
    /// Its first day.
    start: NaiveDate,
    sign_ups: i64,
    /// Bookings made, places on a waitlist among them.
    bookings: i64,
    /// All that were cancelled, late ones among them.
    cancellations: i64,
    late_cancellations: i64,
    /// Members who came, by when the class was; so the next five.
    attended: i64,
    no_shows: i64,
    classes: i64,
    places: i64,
    taken: i64,
    /// Share of the places that was taken; null without any.
    occupancy_rate: Option<f64>,
    /// By currency, each of which stands in every piece.
    revenue: Vec<dashboard::Revenue>,
    sessions: SessionFigures,
    /// Tokens for partner applications, by the names of those.
    cross_app_tokens: BTreeMap<String, CrossAppFigures>,
}

/// What became of tokens for a partner application.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CrossAppTokenFigures)]
struct CrossAppFigures {
    created: i64,
    /// By the last day on which they were validated.
    used: i64,
    revoked: i64,
    /// Neither used nor revoked.
    expired: i64,
}

/// What became of sessions.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionFigures {
    created: i64,
    /// How often one was presented and looked up, where there is a Redis.
    used: i64,
    /// By their owners, with this very session.
    ended: i64,
    /// From another session, or by an administrator.
    revoked: i64,
    /// Removed by the clean-up.
    expired: i64,
}

/// The classes of one type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClassTypeOccupancy)]
struct Occupancy {
    class_type_id: Uuid,
    name: String,
    classes: i64,
    places: i64,
    taken: i64,
    /// Share of the places that was taken.
    rate: Option<f64>,
    /// The same for each piece of the time, in their order; null where there
    /// was no class.
    rates: Vec<Option<f64>>,
}

/// The series, as they were asked for.
#[derive(Debug)]
pub enum Shown {
    /// For a program.
    Json(Box<Analytics>),
    /// For a spreadsheet.
    Csv(CsvFile),
}

impl IntoResponse for Shown {
    fn into_response(self) -> Response {
        match self {
            Self::Json(analytics) => Json(*analytics).into_response(),
            Self::Csv(sheet) => sheet.into_response(),
        }
    }
}

/// Sums up: four statements, each of which reads no more than the time that
/// is asked for, on two connections at once.
///
/// # Errors
///
/// [`Error::Invalid`], also when the time is too long or ends before it
/// begins; [`Error::Unavailable`].
pub fn show(app: &App, params: Params) -> BoxFuture<'_, Result<Shown>> {
    Box::pin(async move {
        let question = Question::read(&params)?;
        let told = ask(app, question).await?;
        let analytics = analytics(told, question.cut, &app.config().studio.currency);
        if question.is_csv {
            return analytics.spreadsheet().map(Shown::Csv);
        }
        Ok(Shown::Json(Box::new(analytics)))
    })
}

/// What the statements have told of a time.
struct Told {
    from: NaiveDate,
    to: NaiveDate,
    zone: String,
    flow: Vec<Flow>,
    attendance: Vec<Attendance>,
    revenue: Vec<figures::Revenue>,
    counted: Vec<Counted>,
}

async fn ask(app: &App, question: Question) -> Result<Told> {
    let (zone, now) = (app.config().studio.time_zone.clone(), app.clock().now());
    let today = match question.to {
        Some(to) => to,
        None => today(app, now, zone.clone()).await?,
    };
    let (from, to) = question.span(today)?;
    let buckets = cut(from, to, question.cut, &zone);
    let (one, other) = (buckets.clone(), buckets);
    let db = app.db();
    let ((flow, counted), (attendance, revenue)) = tokio::try_join!(
        db.read(async move |client| {
            tokio::try_join!(figures::flow(client, &one), figures::counters(client, &one))
        }),
        db.read(async move |client| {
            tokio::try_join!(
                figures::attendance(client, &other),
                figures::revenue(client, &other),
            )
        }),
    )?;
    Ok(Told {
        from,
        to,
        zone,
        flow,
        attendance,
        revenue,
        counted,
    })
}

async fn today(app: &App, now: DateTime<Utc>, zone: String) -> Result<NaiveDate> {
    app.db()
        .read(async move |client| figures::local_date(client, now, &zone).await)
        .await
}

/// The pieces of a time: whole ones, but for what its ends cut off.
fn cut(from: NaiveDate, to: NaiveDate, cut: Cut, zone: &str) -> Buckets {
    let starts = std::iter::successors(Some(from), |start| cut.next(*start));
    let starts: Vec<_> = starts.take_while(|start| *start <= to).collect();
    let ends = starts.iter().skip(1).copied().chain(to.succ_opt());
    Buckets {
        ends: ends.collect(),
        starts,
        zone: zone.to_owned(),
    }
}

fn analytics(told: Told, cut: Cut, own_currency: &str) -> Analytics {
    let mut currencies: Vec<&str> = told.revenue.iter().map(|r| r.currency.as_str()).collect();
    currencies.push(own_currency);
    currencies.sort_unstable();
    currencies.dedup();
    let bucket = |flow: &Flow| bucket(flow, &told, &currencies);
    Analytics {
        buckets: told.flow.iter().map(bucket).collect(),
        occupancy: occupancy(&told),
        from: told.from,
        to: told.to,
        bucket: cut,
        time_zone: told.zone,
    }
}

fn bucket(flow: &Flow, told: &Told, currencies: &[&str]) -> Bucket {
    let start = flow.start;
    let held: Vec<_> = told
        .attendance
        .iter()
        .filter(|class| class.start == start)
        .collect();
    let sum = |of: fn(&Attendance) -> i64| held.iter().map(|class| of(class)).sum();
    let (places, taken) = (sum(|class| class.places), sum(|class| class.taken));
    let revenue = |currency: &&str| {
        let mut moved = told.revenue.iter();
        let moved = moved.find(|moved| moved.start == start && moved.currency == *currency);
        let (paid, refunded) = moved.map_or((Decimal::ZERO, Decimal::ZERO), |moved| {
            (moved.paid, moved.refunded)
        });
        dashboard::Revenue::new((*currency).to_owned(), paid, refunded)
    };
    let counted: BTreeMap<&str, i64> = told
        .counted
        .iter()
        .filter(|counted| counted.start == start)
        .map(|counted| (counted.name.as_str(), counted.count))
        .collect();
    Bucket {
        start,
        sign_ups: flow.sign_ups,
        bookings: flow.bookings,
        cancellations: flow.cancellations,
        late_cancellations: flow.late_cancellations,
        attended: sum(|class| class.attended),
        no_shows: sum(|class| class.no_shows),
        classes: sum(|class| class.classes),
        places,
        taken,
        occupancy_rate: share(taken, places),
        revenue: currencies.iter().map(revenue).collect(),
        sessions: SessionFigures::of(&counted),
        cross_app_tokens: cross_app(&counted),
    }
}

impl SessionFigures {
    fn of(counted: &BTreeMap<&str, i64>) -> Self {
        let count = |name: &str| counted.get(name).copied().unwrap_or(0);
        Self {
            created: count("sessions_created"),
            used: count("redis_hits") + count("redis_misses") + count("redis_away"),
            ended: count("sessions_ended"),
            revoked: count("sessions_revoked"),
            expired: count("sessions_expired"),
        }
    }
}

fn cross_app(counted: &BTreeMap<&str, i64>) -> BTreeMap<String, CrossAppFigures> {
    let mut apps: BTreeMap<String, CrossAppFigures> = BTreeMap::new();
    for (name, count) in counted {
        let Some((outcome, app)) = name.strip_prefix(CROSS_APP).and_then(|n| n.split_once(':'))
        else {
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

impl CrossAppFigures {
    const HEADINGS: [&str; 4] = ["created", "used", "revoked", "expired"];

    fn counts(self) -> [i64; 4] {
        [self.created, self.used, self.revoked, self.expired]
    }
}

fn occupancy(told: &Told) -> Vec<Occupancy> {
    // They come in the order of their types.
    let types = told
        .attendance
        .chunk_by(|one, other| one.class_type_id == other.class_type_id);
    let of_type = |classes: &[Attendance]| {
        let first = classes.first()?;
        let sum = |of: fn(&Attendance) -> i64| classes.iter().map(of).sum();
        let (places, taken) = (sum(|class| class.places), sum(|class| class.taken));
        let rate = |flow: &Flow| {
            let class = classes.iter().find(|class| class.start == flow.start)?;
            share(class.taken, class.places)
        };
        Some(Occupancy {
            class_type_id: first.class_type_id,
            name: first.class_type.clone(),
            classes: sum(|class| class.classes),
            places,
            taken,
            rate: share(taken, places),
            rates: told.flow.iter().map(rate).collect(),
        })
    };
    types.filter_map(of_type).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn starts(from: &str, to: &str, kind: Cut) -> Vec<String> {
        let buckets = cut(date(from), date(to), kind, "UTC");
        assert_eq!(buckets.starts.len(), buckets.ends.len());
        assert_eq!(buckets.ends.last().unwrap().pred_opt(), Some(date(to)));
        buckets.starts.iter().map(NaiveDate::to_string).collect()
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first_but_for_the_ends() {
        assert_eq!(
            starts("2026-11-19", "2026-11-24", Cut::Week),
            ["2026-11-19", "2026-11-23"]
        );
        assert_eq!(
            starts("2026-10-31", "2026-12-01", Cut::Month),
            ["2026-10-31", "2026-11-01", "2026-12-01"]
        );
        assert_eq!(
            starts("2028-02-28", "2028-03-01", Cut::Day),
            ["2028-02-28", "2028-02-29", "2028-03-01"]
        );
    }

    #[test]
    fn a_time_is_thirty_days_unless_asked_otherwise_and_no_longer_than_allowed() {
        let question = |from: Option<&str>, to: Option<&str>, cut| Question {
            from: from.map(date),
            to: to.map(date),
            cut,
            is_csv: false,
        };
        let today = date("2026-11-21");
        let span = question(None, None, Cut::Day).span(today).unwrap();
        assert_eq!(span, (date("2026-10-23"), today));
        let year = |from| question(Some(from), Some("2026-12-31"), Cut::Day).span(today);
        assert!(year("2025-12-31").is_ok());
        assert!(year("2025-12-30").is_err());
        let back = question(Some("2026-11-22"), None, Cut::Month);
        assert!(back.span(today).is_err());
    }
}

#[cfg(test)]
mod properties {
    use axum::extract::Query;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{fair, query, uri};

    proptest! {
        #[test]
        fn any_query_is_a_span_of_so_many_days_or_refused(query in query(&["from", "to", "bucket", "format"])) {
            let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
            let params = uri(&query).and_then(|uri| Query::<Params>::try_from_uri(&uri).ok());
            let Some(question) = params.and_then(|Query(params)| fair(Question::read(&params))) else {
                return Ok(());
            };
            if let Some((from, to)) = fair(question.span(today)) {
                assert!(from <= to && (to - from).num_days() < question.cut.most_days());
                let mut pieces = std::iter::successors(Some(from), |day| question.cut.next(*day));
                assert!(pieces.any(|day| day > to));
            }
        }
    }
}
