//! `api/admin/analytics.rs`

use chrono::{DateTime, TimeDelta, Utc};
use sabor::values::time_zone::TimeZone;
use serde_json::{Value, json};

use super::fixtures::{cancel_booking, insert_booking, insert_class, insert_payment};
use crate::harness::{Settings, TestApp, TestClient};

const PATH: &str = "/api/admin/analytics";

async fn analytics(staff: &TestClient, query: &str) -> Value {
    staff.get(&format!("{PATH}?{query}")).await.expect(200)
}

/// Returns one figure of every bucket.
fn figures(response: &Value, name: &str) -> Vec<i64> {
    let buckets = response["buckets"].as_array().unwrap().iter();
    buckets
        .map(|bucket| bucket[name].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn every_figure_matches_the_inserted_rows() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    // Sofia is the only sign-up of May 5, because `insert_booking` registers members in 2001.
    app.sql("update users set created_at = '2026-05-05T18:00Z'")
        .await;
    let salsa = insert_class(&app, "Salsa", "2026-05-05T23:00Z", 4).await;
    let rumba = insert_class(&app, "Rumba", "2026-05-06T01:00Z", 10).await;
    let created_at = "2026-05-05T08:00Z";
    for status in ["attended", "attended", "no_show", "booked"] {
        insert_booking(&app, salsa, status, created_at).await;
    }
    let waitlisted_booking = insert_booking(&app, salsa, "waitlisted", created_at).await;
    let paid_booking = insert_booking(&app, rumba, "attended", created_at).await;
    insert_payment(&app, paid_booking, "25.50 USD", "2026-05-05T09:00Z", None).await;
    let refunded_booking = insert_booking(&app, rumba, "booked", "2026-05-04T20:00Z").await;
    insert_payment(
        &app,
        refunded_booking,
        "10.25 USD",
        "2026-05-04T20:00Z",
        Some("2026-05-05T21:00Z"),
    )
    .await;
    cancel_booking(&app, refunded_booking, "2026-05-05T20:00Z", false).await;
    cancel_booking(&app, waitlisted_booking, "2026-05-05T22:30Z", true).await;
    let cancelled_class = insert_class(&app, "Rumba", "2026-05-05T20:00Z", 50).await;
    app.mark_cancelled(cancelled_class).await;
    app.sql(
        "insert into daily_counters (day, name, count) values
            ('2026-05-05', 'sessions_created', 9), ('2026-05-05', 'redis_hits', 90),
            ('2026-05-05', 'redis_misses', 7), ('2026-05-05', 'redis_away', 3),
            ('2026-05-05', 'sessions_ended', 4), ('2026-05-05', 'sessions_revoked', 2),
            ('2026-05-05', 'sessions_expired', 5), ('2026-05-05', 'cross_app_created:shop', 6)",
    )
    .await;

    let response = analytics(&staff, "from=2026-05-04&to=2026-05-05").await;
    assert_eq!(response["timeZone"], "America/Denver");
    assert_eq!(
        response["buckets"][1],
        json!({
            "start": "2026-05-05",
            "signUps": 1,
            "bookings": 6,
            "cancellations": 2,
            "lateCancellations": 1,
            "attended": 3,
            "noShows": 1,
            "classes": 2,
            "places": 14,
            "taken": 5,
            "occupancyRate": 0.357,
            "revenue": [{ "currency": "USD", "paid": "25.50", "refunded": "10.25", "net": "15.25" }],
            "sessions": { "created": 9, "used": 100, "ended": 4, "revoked": 2, "expired": 5 },
            "crossAppTokens": { "shop": { "created": 6, "used": 0, "revoked": 0, "expired": 0 } },
            "firstTimers": 3,
            "returned": 0,
        })
    );
    let class_types = response["occupancy"].as_array().unwrap();
    assert_eq!(class_types.len(), 2);
    assert_eq!(class_types[0]["name"], "Rumba");
    assert_eq!(class_types[0]["rates"], json!([null, 0.1]));
    assert_eq!(class_types[1]["name"], "Salsa");
    assert_eq!(class_types[1]["rate"], 1.0);
    assert_eq!(class_types[1]["taken"], 4);
}

#[tokio::test]
async fn days_follow_the_studios_time_zone_across_clock_changes() {
    for (zone, days, day_start, day_end) in [
        (
            "America/Denver",
            ["2026-03-07", "2026-03-09"],
            "2026-03-08T07:00:00Z",
            "2026-03-09T06:00:00Z",
        ),
        (
            "America/Denver",
            ["2026-10-31", "2026-11-02"],
            "2026-11-01T06:00:00Z",
            "2026-11-02T07:00:00Z",
        ),
        (
            "Europe/Madrid",
            ["2026-03-28", "2026-03-30"],
            "2026-03-28T23:00:00Z",
            "2026-03-29T22:00:00Z",
        ),
        (
            "Europe/Madrid",
            ["2026-10-24", "2026-10-26"],
            "2026-10-24T22:00:00Z",
            "2026-10-25T23:00:00Z",
        ),
    ] {
        let settings = Settings::default().with("STUDIO_TIMEZONE", zone);
        let app = TestApp::start_with(settings).await;
        let staff = app.staff("sofia").await;
        let future_class = insert_class(&app, "Salsa", "2027-01-01T00:00:00Z", 20).await;
        for time in [
            day_start,
            &one_microsecond_before(day_start),
            day_end,
            &one_microsecond_before(day_end),
        ] {
            let booking = insert_booking(&app, future_class, "booked", time).await;
            insert_payment(&app, booking, "5.00 USD", time, Some(time)).await;
            cancel_booking(&app, booking, time, false).await;
            insert_class(&app, "Rumba", time, 7).await;
            // `insert_booking` has registered the member in 2001.
            app.sql(&format!(
                "update users set created_at = '{time}' where created_at = '2001-01-01'"
            ))
            .await;
        }
        let [from, to] = days;
        let response = analytics(&staff, &format!("from={from}&to={to}")).await;
        for name in ["bookings", "cancellations", "signUps", "classes"] {
            assert_eq!(figures(&response, name), [1, 2, 1], "{name} {zone} {from}");
        }
        let revenue = &response["buckets"][1]["revenue"][0];
        assert_eq!(revenue["paid"], "10.00", "{zone} {from}");
        assert_eq!(revenue["refunded"], "10.00", "{zone} {from}");
    }
}

fn one_microsecond_before(time: &str) -> String {
    let time: DateTime<Utc> = time.parse().unwrap();
    (time - TimeDelta::microseconds(1)).to_rfc3339()
}

#[tokio::test]
async fn an_empty_studio_reports_zeros_for_the_last_thirty_days() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    // Sofia must not count as a sign-up.
    app.sql("update users set created_at = '2001-01-01'").await;
    let denver = TimeZone::named("America/Denver").unwrap();
    let today = denver.date(app.advance_to_noon()).to_string();
    let response = staff.get(PATH).await.expect(200);
    assert_eq!(figures(&response, "signUps"), [0; 30]);
    assert_eq!(response["buckets"][7]["occupancyRate"], json!(null));
    assert_eq!(
        response["buckets"][7]["revenue"],
        json!([{ "currency": "USD", "paid": "0.00", "refunded": "0.00", "net": "0.00" }])
    );
    assert_eq!(response["to"], today.as_str());
    assert_eq!(response["buckets"][29]["start"], today.as_str());
}

#[tokio::test]
async fn weeks_and_months_contain_the_sums_of_their_days() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let future_class = insert_class(&app, "Salsa", "2027-01-01T00:00Z", 20).await;
    for day in [
        "2026-08-30",
        "2026-08-31",
        "2026-09-06",
        "2026-09-07",
        "2026-09-30",
    ] {
        insert_booking(&app, future_class, "booked", &format!("{day}T18:00Z")).await;
        app.sql(&format!(
            "insert into daily_counters (day, name, count) values ('{day}', 'sessions_created', 2)"
        ))
        .await;
    }
    let date_range = "from=2026-08-30&to=2026-09-30";
    let weeks = analytics(&staff, &format!("{date_range}&bucket=week")).await;
    assert_eq!(weeks["buckets"][1]["start"], "2026-08-31");
    assert_eq!(figures(&weeks, "bookings"), [1, 2, 1, 0, 0, 1]);
    assert_eq!(weeks["buckets"][1]["sessions"]["created"], 4);
    let months = analytics(&staff, &format!("{date_range}&bucket=month")).await;
    assert_eq!(figures(&months, "bookings"), [2, 3]);
    assert_eq!(months["buckets"][1]["start"], "2026-09-01");
}

#[tokio::test]
async fn revenue_is_reported_per_currency() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let future_class = insert_class(&app, "Salsa", "2027-01-01T00:00Z", 20).await;
    for amount in ["10.00 EUR", "20.00 USD", "5.00 EUR"] {
        let booking = insert_booking(&app, future_class, "booked", "2026-05-05T18:00Z").await;
        insert_payment(&app, booking, amount, "2026-05-05T18:00Z", None).await;
    }
    let refunded_booking = insert_booking(&app, future_class, "booked", "2026-05-01T18:00Z").await;
    insert_payment(
        &app,
        refunded_booking,
        "99.99 EUR",
        "2026-05-01T18:00Z",
        Some("2026-05-05T18:00Z"),
    )
    .await;
    let response = analytics(&staff, "from=2026-05-04&to=2026-05-05").await;
    assert_eq!(
        response["buckets"][1]["revenue"],
        json!([
            { "currency": "EUR", "paid": "15.00", "refunded": "99.99", "net": "-84.99" },
            { "currency": "USD", "paid": "20.00", "refunded": "0.00", "net": "20.00" },
        ])
    );
    assert_eq!(response["buckets"][0]["revenue"][0]["net"], "0.00");
}

#[tokio::test]
async fn the_csv_export_has_the_same_figures_and_no_injected_formulas() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let formula = "=HYPERLINK(\"https://evil.example\",\"Salsa\")";
    let salsa = insert_class(&app, formula, "2026-05-05T18:00Z", 4).await;
    insert_class(&app, "Bachata, sensual", "2026-05-05T18:00Z", 4).await;
    let booking = insert_booking(&app, salsa, "attended", "2026-05-05T10:00Z").await;
    insert_payment(
        &app,
        booking,
        "30.00 USD",
        "2026-05-04T10:00Z",
        Some("2026-05-05T10:00Z"),
    )
    .await;
    let response = staff
        .get(&format!("{PATH}?from=2026-05-04&to=2026-05-05&format=csv"))
        .await;
    assert_eq!(response.status, 200, "{}", response.text);
    assert_eq!(
        response.header("content-type"),
        Some("text/csv; charset=utf-8")
    );
    assert_eq!(
        response.header("content-disposition"),
        Some("attachment; filename=\"sabor-2026-05-04-2026-05-05.csv\"")
    );
    assert_eq!(response.header("cache-control"), Some("no-store"));
    // Without a byte order mark, Excel would not read the file as UTF-8.
    let text = response.text.strip_prefix('\u{feff}').unwrap();
    let lines: Vec<_> = text.split_terminator("\r\n").collect();
    assert_eq!(
        lines,
        [
            "Start,Sign-ups,Bookings,Cancellations,Late cancellations,Attended,No-shows,Classes,\
             Places,Taken,Occupancy,Sessions created,Sessions used,Sessions ended,\
             Sessions revoked,Sessions expired,Paid USD,Refunded USD,Net USD,\
             \"'=HYPERLINK(\"\"https://evil.example\"\",\"\"Salsa\"\"): occupancy\",\
             \"Bachata, sensual: occupancy\"",
            "2026-05-04,0,0,0,0,0,0,0,0,0,,0,0,0,0,0,30.00,0.00,30.00,,",
            "2026-05-05,0,1,0,0,1,0,2,8,1,0.125,0,0,0,0,0,0.00,30.00,-30.00,0.25,0",
        ]
    );
}

/// Inserts a member who attended classes that start at these times.
async fn insert_visitor(app: &TestApp, name: &str, starts: &[&str]) {
    let first = starts.first().unwrap();
    for start in starts {
        let class = insert_class(app, "Salsa", start, 10).await;
        let booking = insert_booking(app, class, "attended", first).await;
        app.sql(&format!(
            "update users set email = '{name}@example.net', first_name = '{name}'
            where id = (select user_id from bookings where id = '{booking}')
                and not exists (select from users where email = '{name}@example.net')"
        ))
        .await;
        app.sql(&format!(
            "update bookings set user_id = (select id from users where email = '{name}@example.net')
            where id = '{booking}'"
        ))
        .await;
    }
}

/// Returns a time before now, such as `-40 days`, as a literal.
async fn ago(app: &TestApp, interval: &str) -> String {
    let query = format!("select to_json(now() + interval '{interval}') #>> '{{}}' as time");
    app.sql(&query).await[0].get("time")
}

#[tokio::test]
async fn class_types_and_the_heat_map_have_the_figures_of_their_classes() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    // Monday at 18:30 and at 19:30 in Denver, in winter and in summer.
    let winter = insert_class(&app, "Salsa", "2026-03-03T01:30Z", 4).await;
    let summer = insert_class(&app, "Salsa", "2026-03-10T00:30Z", 6).await;
    let late = insert_class(&app, "Rumba", "2026-03-10T01:30Z", 5).await;
    let sunday = insert_class(&app, "Rumba", "2026-03-09T05:59Z", 2).await;
    for (class, status) in [
        (winter, "attended"),
        (winter, "no_show"),
        (summer, "booked"),
        (summer, "waitlisted"),
        (late, "attended"),
        (late, "attended"),
        (sunday, "attended"),
    ] {
        insert_booking(&app, class, status, "2026-03-02T18:00Z").await;
    }
    let paid = insert_booking(&app, winter, "booked", "2026-02-01T18:00Z").await;
    insert_payment(&app, paid, "30.00 USD", "2026-03-02T18:00Z", None).await;
    cancel_booking(&app, paid, "2026-03-02T19:00Z", true).await;

    let response = analytics(&staff, "from=2026-03-01&to=2026-03-10").await;
    assert_eq!(
        response["heatMap"],
        json!([
            { "weekday": 1, "hour": 18, "classes": 2, "places": 10, "taken": 3,
              "occupancyRate": 0.3, "bookings": 4, "attended": 1, "noShows": 1 },
            { "weekday": 1, "hour": 19, "classes": 1, "places": 5, "taken": 2,
              "occupancyRate": 0.4, "bookings": 2, "attended": 2, "noShows": 0 },
            { "weekday": 7, "hour": 23, "classes": 1, "places": 2, "taken": 1,
              "occupancyRate": 0.5, "bookings": 1, "attended": 1, "noShows": 0 },
        ])
    );
    let salsa = &response["classTypes"][1];
    assert_eq!(
        *salsa,
        json!({
            "classTypeId": salsa["classTypeId"], "name": "Salsa", "isActive": true,
            "bookings": 4, "cancellations": 1, "lateCancellations": 1,
            "attended": 1, "noShows": 1, "noShowRate": 0.5,
            "classes": 2, "places": 10, "taken": 3, "occupancyRate": 0.3,
            "revenue": [{ "currency": "USD", "paid": "30.00", "refunded": "0.00", "net": "30.00" }],
        })
    );
    assert_eq!(response["classTypes"][0]["name"], "Rumba");
    assert_eq!(response["totals"]["bookings"], 7);
    assert_eq!(response["totals"]["noShowRate"], 0.2);
    assert_eq!(response["totals"]["occupancyRate"], 0.353);
    assert_eq!(response["previous"], json!(null));
}

#[tokio::test]
async fn the_period_before_is_compared_on_request() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let class = insert_class(&app, "Salsa", "2027-01-01T00:00Z", 20).await;
    for time in [
        "2026-02-01T07:00Z",
        "2026-02-28T18:00Z",
        "2026-03-31T18:00Z",
    ] {
        insert_booking(&app, class, "booked", time).await;
    }
    for (range, previous, before) in [
        (
            "from=2026-03-01&to=2026-03-31",
            ["2026-02-01", "2026-02-28"],
            2,
        ),
        (
            "from=2026-03-02&to=2026-03-31",
            ["2026-01-31", "2026-03-01"],
            2,
        ),
        (
            "from=2026-03-31&to=2026-03-31",
            ["2026-03-30", "2026-03-30"],
            0,
        ),
    ] {
        let response = analytics(&staff, &format!("{range}&compare=true")).await;
        assert_eq!(response["totals"]["bookings"], 1, "{range}");
        let compared = &response["previous"];
        assert_eq!([&compared["from"], &compared["to"]], previous, "{range}");
        assert_eq!(compared["totals"]["bookings"], before, "{range}");
    }
}

#[tokio::test]
async fn retention_counts_who_came_first_and_who_came_back_within_thirty_days() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    insert_visitor(&app, "once", &["2026-05-05T18:00Z"]).await;
    // The second class of an evening is the same visit.
    insert_visitor(&app, "twice", &["2026-05-05T18:00Z", "2026-05-05T19:15Z"]).await;
    insert_visitor(&app, "back", &["2026-05-05T18:00Z", "2026-06-04T18:00Z"]).await;
    insert_visitor(&app, "late", &["2026-05-05T18:00Z", "2026-06-04T18:01Z"]).await;
    insert_visitor(&app, "old", &["2026-01-05T18:00Z", "2026-05-05T18:00Z"]).await;
    let class = insert_class(&app, "Salsa", "2026-05-05T18:00Z", 10).await;
    insert_booking(&app, class, "no_show", "2026-05-05T10:00Z").await;
    let response = analytics(&staff, "from=2026-05-05&to=2026-05-06").await;
    assert_eq!(figures(&response, "firstTimers"), [4, 0]);
    assert_eq!(figures(&response, "returned"), [1, 0]);
    assert_eq!(
        response["retention"],
        json!({ "firstTimers": 4, "returned": 1, "undecided": 0, "returnRate": 0.25 })
    );

    let recent = ago(&app, "-29 days").await;
    insert_visitor(&app, "recent", &[&recent]).await;
    let response = staff.get(PATH).await.expect(200);
    assert_eq!(
        response["retention"],
        json!({ "firstTimers": 1, "returned": 0, "undecided": 1, "returnRate": null })
    );
}

#[tokio::test]
async fn members_who_have_stopped_coming_are_counted_and_listed() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let times = [
        ago(&app, "-62 days").await,
        ago(&app, "-70 days").await,
        ago(&app, "-58 days").await,
    ];
    let [quiet, longer, recent] = times.each_ref().map(String::as_str);
    insert_visitor(&app, "quiet", &["2026-01-05T18:00Z", quiet]).await;
    insert_visitor(&app, "longer", &[longer]).await;
    insert_visitor(&app, "recent", &[longer, recent]).await;
    insert_visitor(&app, "closed", &[longer]).await;
    app.sql("update users set is_active = false where email = 'closed@example.net'")
        .await;
    let response = staff.get(PATH).await.expect(200);
    assert_eq!(response["quietMembers"]["count"], 2);

    let since = response["quietMembers"]["since"].as_str().unwrap();
    let path = format!("/api/admin/members?quietSince={since}&limit=1");
    let members = staff.get_all(&path).await;
    let names: Vec<_> = members.iter().map(|member| &member["firstName"]).collect();
    assert_eq!(names, ["quiet", "longer"]);
    let last_visit: DateTime<Utc> = members[0]["lastVisit"].as_str().unwrap().parse().unwrap();
    assert_eq!(last_visit, quiet.parse::<DateTime<Utc>>().unwrap());
    let found = staff.get_all(&format!("{path}&search=longer")).await;
    assert_eq!(found.len(), 1);

    let everybody = staff.get_all("/api/admin/members?search=sofia").await;
    assert_eq!(everybody[0]["lastVisit"], json!(null));
    let rejected = staff.get("/api/admin/members?quietSince=soon").await;
    rejected.expect_code(400, "validation_failed");
}

#[tokio::test]
async fn each_table_is_a_csv_file() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    app.sql("update users set created_at = '2001-01-01'").await;
    let class = insert_class(&app, "=1+1", "2026-05-05T18:00Z", 4).await;
    let booking = insert_booking(&app, class, "attended", "2026-05-05T10:00Z").await;
    insert_payment(&app, booking, "30.00 USD", "2026-05-05T10:00Z", None).await;
    for (table, file, lines) in [
        (
            "class_types",
            "class-types-",
            vec![
                "Class type,Bookings,Cancellations,Late cancellations,Attended,No-shows,\
                 No-show rate,Classes,Places,Taken,Occupancy,Paid USD,Refunded USD,Net USD",
                "'=1+1,1,0,0,1,0,0,1,4,1,0.25,30.00,0.00,30.00",
            ],
        ),
        (
            "heat_map",
            "heat-map-",
            vec![
                "Weekday,Hour,Classes,Places,Taken,Occupancy,Bookings,Attended,No-shows",
                "2,12,1,4,1,0.25,1,1,0",
            ],
        ),
        (
            "retention",
            "retention-",
            vec!["Start,First-timers,Returned", "2026-05-05,1,0"],
        ),
        (
            "totals",
            "totals-",
            vec![
                "Figure,2026-05-05 to 2026-05-05,2026-05-04 to 2026-05-04",
                "Sign-ups,0,0",
                "Bookings,1,0",
                "Cancellations,0,0",
                "Late cancellations,0,0",
                "Attended,1,0",
                "No-shows,0,0",
                "No-show rate,0,",
                "Classes,1,0",
                "Places,4,0",
                "Taken,1,0",
                "Occupancy,0.25,",
                "Paid USD,30.00,0.00",
                "Refunded USD,0.00,0.00",
                "Net USD,30.00,0.00",
            ],
        ),
    ] {
        let query = "from=2026-05-05&to=2026-05-05&compare=true&format=csv";
        let response = staff.get(&format!("{PATH}?{query}&table={table}")).await;
        assert_eq!(response.status, 200, "{}", response.text);
        let disposition = format!("attachment; filename=\"sabor-{file}2026-05-05-2026-05-05.csv\"");
        assert_eq!(
            response.header("content-disposition"),
            Some(disposition.as_str())
        );
        let text = response.text.strip_prefix('\u{feff}').unwrap();
        let actual: Vec<_> = text.split_terminator("\r\n").collect();
        assert_eq!(actual, lines, "{table}");
    }
}

#[tokio::test]
async fn invalid_query_parameters_are_rejected_by_name() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    for (query, field) in [
        ("from=yesterday", "from"),
        ("from=2026-02-30", "from"),
        ("to=%2B262142-01-01", "to"),
        ("to=1999-12-31", "to"),
        ("from=2026-05-05&to=2026-05-04", "to"),
        ("from=2023-01-01&to=2026-01-03", "from"),
        ("from=2010-01-01&to=2026-01-02&bucket=week", "from"),
        ("bucket=hour", "bucket"),
        ("compare=yes", "compare"),
        ("format=xlsx", "format"),
        ("format=csv&table=members", "table"),
        ("table=totals", "table"),
    ] {
        let response = staff.get(&format!("{PATH}?{query}")).await;
        let rejected = response.expect_code(400, "validation_failed");
        assert!(rejected["details"][field].is_array(), "{query} {rejected}");
    }
    let repeated_parameter = staff
        .get(&format!("{PATH}?from=2026-05-05&from=2026-05-05"))
        .await;
    repeated_parameter.expect_code(400, "malformed_request");
}
