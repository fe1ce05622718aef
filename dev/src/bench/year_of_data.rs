//! The public schedule, and staff queries on a year of data.

use std::time::Duration;

use anyhow::{Result, ensure};
use chrono::Days;
use http_body_util::Full;
use hyper::Method;
use sabor::runtime::clock::Clock;
use sabor_testing::progress::status;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::row::{Row, Unit};
use crate::testbed::load::{Call, Load, LoadStats, median};
use crate::testbed::server::{Server, Variables};
use crate::testbed::{Testbed, function};
use crate::{database, demo};

const DATABASE: &str = "year";

/// The number of concurrent requests for the schedule.
const CONNECTIONS: usize = 16;

const SCHEDULE_PATH: &str = "/api/classes/schedule";
const ANALYTICS_PATH: &str = "/api/admin/analytics";
const CLEAN_UP_PATH: &str = "/api/admin/cleanup-sessions";

/// Is set once the first measurement has created the database.
static DATABASE_CREATED: OnceCell<()> = OnceCell::const_new();

/// Creates the database with a year of data and an administrator's session, unless it exists.
async fn create_year(testbed: &Testbed) -> Result<()> {
    let create = async || {
        status("  writing a year of a busy studio …");
        testbed.cluster.create_database(DATABASE).await?;
        let url = testbed.cluster.url(DATABASE);
        database::migrate(&url, None).await?;
        let studio = database::config(&url)?.studio;
        let mut client = database::connect(&url).await?;
        demo::add(&mut client, &studio, false).await?;
        demo::year::add(&mut client, &studio).await?;
        testbed.sign_in_admin(&client, DATABASE).await
    };
    DATABASE_CREATED.get_or_try_init(create).await.copied()
}

/// Measures the public schedule with the cache in Redis, and without it.
pub(super) async fn measure_schedule(testbed: &Testbed) -> Result<Vec<Row>> {
    create_year(testbed).await?;
    let cached =
        function::start(SCHEDULE_PATH, &testbed.function_variables(DATABASE, true)).await?;
    let uncached =
        function::start(SCHEDULE_PATH, &testbed.function_variables(DATABASE, false)).await?;
    let calls = vec![testbed.get(SCHEDULE_PATH, None)?];
    for server in [&cached, &uncached] {
        testbed.warm_up(server, &calls).await?;
    }
    let time = Duration::from_secs(if testbed.quick { 1 } else { 2 });
    let load = |server: &Server| {
        let load = Load::once(server.address, calls.clone());
        load.connections(CONNECTIONS).during(time)
    };
    let (mut cached_rounds, mut uncached_rounds) = (Vec::new(), Vec::new());
    for _ in 0..testbed.rounds() {
        cached_rounds.push(load(&cached).run().await?);
        uncached_rounds.push(load(&uncached).run().await?);
    }
    for server in [cached, uncached] {
        server.stop().await?;
    }
    let rate = |rounds: &[LoadStats]| median(rounds.iter().map(LoadStats::rate).collect());
    let (cached_rate, uncached_rate) = (rate(&cached_rounds), rate(&uncached_rounds));
    let all = LoadStats::merge(&cached_rounds);
    Ok(vec![
        Row::info(
            "schedule from the cache, 16 connections",
            cached_rate,
            Unit::Rate,
        ),
        Row::info("… p95", all.percentile(0.95), Unit::Milliseconds)
            .detail(format!("median {:.2} ms", all.percentile(0.5))),
        Row::info(
            "… / from Postgres",
            cached_rate / uncached_rate,
            Unit::Times,
        )
        .detail(format!("{cached_rate:.0} /s against {uncached_rate:.0} /s")),
    ])
}

/// Measures queries of staff and administrators on a year of data, one at a time.
pub(super) async fn measure_queries(testbed: &Testbed) -> Result<Vec<Row>> {
    create_year(testbed).await?;
    let client = testbed.cluster.connect(DATABASE).await?;
    let query = "select id from scheduled_classes order by current_participants desc, id limit 40";
    let classes = client.query(query, &[]).await?;
    let roster = classes.iter().map(|row| {
        format!(
            "/api/admin/bookings?scheduledClassId={}",
            row.get::<_, Uuid>(0)
        )
    });
    let today = Clock::default().now().date_naive();
    let year = format!("{ANALYTICS_PATH}?from={}", today - Days::new(364));
    let three_years = format!("{ANALYTICS_PATH}?from={}", today - Days::new(3 * 365));
    let searches = [
        "year4711@",
        "gloria nieto",
        "nobody at all",
        "example",
        "ga",
        "",
    ];
    let searches = searches.map(|text| {
        let text = text.replace(' ', "+");
        format!("/api/admin/users?search={text}")
    });
    let (with_redis, without_redis) = (
        testbed.function_variables(DATABASE, true),
        testbed.function_variables(DATABASE, false),
    );
    let analytics = [
        ("analytics, 30 days", vec![ANALYTICS_PATH.to_owned()]),
        (
            "analytics, a year by day, week and month",
            ["day", "week", "month"]
                .map(|bucket| format!("{year}&bucket={bucket}"))
                .into(),
        ),
        (
            "analytics, a year compared with the year before",
            vec![format!("{year}&bucket=month&compare=true")],
        ),
        (
            "analytics, three years by month",
            vec![format!("{three_years}&bucket=month")],
        ),
        (
            "analytics, three years by day",
            vec![format!("{three_years}&bucket=day")],
        ),
    ];
    let queries: [(&str, &Variables, Vec<String>); 4] = [
        (
            "dashboard",
            &with_redis,
            vec!["/api/admin/dashboard".to_owned()],
        ),
        ("member search", &with_redis, searches.into()),
        ("roster", &with_redis, roster.collect()),
        (
            "schedule without the cache",
            &without_redis,
            vec![SCHEDULE_PATH.to_owned()],
        ),
    ];
    let mut rows = Vec::new();
    for (label, paths) in &analytics {
        let label = format!("{label}, before the days are summed up: p95");
        rows.push(measure_row(testbed, label, &with_redis, paths, None).await);
    }
    sum_up_days(testbed).await?;
    let limits = [25.0, 25.0, 60.0, 60.0, 150.0];
    for ((label, paths), limit) in analytics.iter().zip(limits) {
        let label = format!("{label}: p95 on a year of data");
        rows.push(measure_row(testbed, label, &with_redis, paths, Some(limit)).await);
    }
    for (label, variables, paths) in queries {
        let limit = if label == "dashboard" { 20.0 } else { 50.0 };
        let label = format!("{label}: p95 on a year of data");
        rows.push(measure_row(testbed, label, variables, &paths, Some(limit)).await);
    }
    rows.push(measure_booking_size(&client).await?);
    Ok(rows)
}

/// Measures the bytes per booking, including its payment and indexes.
async fn measure_booking_size(client: &tokio_postgres::Client) -> Result<Row> {
    let query = "select pg_total_relation_size('bookings') + pg_total_relation_size('payments'),
        (select count(*) from bookings)";
    let row = client.query_one(query, &[]).await?;
    let (bytes, bookings): (i64, i64) = (row.get(0), row.get(1));
    let row = Row::info(
        "bytes of a booking in Postgres",
        bytes as f64 / bookings as f64,
        Unit::Count,
    );
    Ok(row.detail("its payment and all indexes included"))
}

/// Runs the clean-up, which sums up the days for the analytics.
async fn sum_up_days(testbed: &Testbed) -> Result<()> {
    let server =
        function::start(CLEAN_UP_PATH, &testbed.function_variables(DATABASE, true)).await?;
    let calls = vec![testbed.cron_request(CLEAN_UP_PATH)?];
    Load::once(server.address, calls).run().await?;
    server.stop().await?;
    let client = testbed.cluster.connect(DATABASE).await?;
    client.batch_execute("vacuum analyze").await?;
    Ok(())
}

/// Measures the p95 of requests for these paths. With a limit, the row has a target.
async fn measure_row(
    testbed: &Testbed,
    label: String,
    variables: &Variables,
    paths: &[String],
    limit: Option<f64>,
) -> Row {
    match measure(testbed, variables, paths).await {
        Ok(stats) => {
            let p95 = stats.percentile(0.95);
            let row = match limit {
                Some(limit) => Row::at_most(label, p95, Unit::Milliseconds, limit),
                None => Row::info(label, p95, Unit::Milliseconds),
            };
            row.detail(format!("median {:.1} ms", stats.percentile(0.5)))
        }
        Err(error) => Row::not_measured(label, &format!("{error:#}")),
    }
}

/// Requests each path in turn, often enough for a percentile.
async fn measure(testbed: &Testbed, variables: &Variables, paths: &[String]) -> Result<LoadStats> {
    let path = paths.first().map_or("", String::as_str);
    let path = path.split('?').next().unwrap_or_default();
    let server = function::start(path, variables).await?;
    let calls = paths.iter().map(|path| testbed.get(path, Some(DATABASE)));
    let calls = calls.collect::<Result<Vec<_>>>()?;
    testbed.warm_up(&server, &calls).await?;
    let count = if testbed.quick { 60 } else { 300 };
    let calls = calls.into_iter().cycle().take(count).collect();
    let stats = Load::once(server.address, calls).run().await?;
    server.stop().await?;
    Ok(stats)
}

impl Testbed {
    /// Builds a GET request. If a database is given, its administrator sends it.
    fn get(&self, path: &str, database: Option<&str>) -> Result<Call> {
        let mut call = self.call(Method::GET, path);
        if let Some(database) = database {
            call = call.header("cookie", self.cookie(database, 1)?);
        }
        Ok(call.body(Full::default())?)
    }

    /// Creates session 1 of a database for its administrator.
    async fn sign_in_admin(&self, client: &tokio_postgres::Client, database: &str) -> Result<()> {
        let inserted = client
            .execute(crate::testbed::INSERT_ADMIN_SESSION, &[&database])
            .await?;
        ensure!(inserted == 1, "{database} has no administrator");
        Ok(())
    }
}
