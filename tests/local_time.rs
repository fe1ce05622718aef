//! Local dates and times, which come from the time zones of the program. Those of Postgres
//! may be older, so no statement may depend on them.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::admin::fixtures::{insert_booking, insert_class, insert_payment};
use crate::bookings::book;
use crate::harness::{MailServer, Settings, TestApp, TestClient};

/// Makes every statement fail that converts to or from local time, except UTC, and moves
/// the sessions of Postgres to a time zone on the other side of the date line.
// Postgres calls a built-in function even if it was replaced, so the functions are renamed.
// Those that take a time zone as their last argument are not used at all.
const WITHOUT_TIME_ZONES: &str = "
    alter function pg_catalog.timezone(text, timestamptz) rename to builtin_timezone;
    alter function pg_catalog.timezone(text, timestamp) rename to builtin_timezone;
    create function pg_catalog.timezone(zone text, at timestamptz) returns timestamp
    language plpgsql immutable strict as $$ begin
        if lower(zone) <> 'utc' then raise exception 'a statement asks for a local time'; end if;
        return builtin_timezone(zone, at);
    end $$;
    create function pg_catalog.timezone(zone text, at timestamp) returns timestamptz
    language plpgsql immutable strict as $$ begin
        if lower(zone) <> 'utc' then raise exception 'a statement asks for a local time'; end if;
        return builtin_timezone(zone, at);
    end $$;
    do $$ declare with_zone record; begin
        for with_zone in
            select p.oid::regprocedure as signature, proname from pg_proc p
            where pronamespace = 'pg_catalog'::regnamespace and (proname, pronargs) in
                (('date_trunc', 3), ('make_timestamptz', 7), ('date_add', 3),
                ('date_subtract', 3), ('generate_series', 4))
        loop
            execute format('alter function %s rename to %I', with_zone.signature,
                'builtin_' || with_zone.proname);
        end loop;
    end $$;
    do $$ begin execute format(
        'alter database %I set timezone to ''Pacific/Kiritimati''', current_database()); end $$";

/// Starts an application whose Postgres knows no time zones.
async fn start_without_time_zones(zone: &str, settings: Settings) -> TestApp {
    let app = TestApp::start_with(settings.with("STUDIO_TIMEZONE", zone)).await;
    let client = app.app.db().client().await.unwrap();
    client.batch_execute(WITHOUT_TIME_ZONES).await.unwrap();
    app.start_another().await
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

async fn titles_on_dashboard(staff: &TestClient, date: &str) -> Vec<Value> {
    let dashboard = staff.get("/api/admin/dashboard").await.expect(200);
    assert_eq!(dashboard["date"], date);
    let classes = dashboard["classes"].as_array().unwrap().iter();
    classes.map(|class| class["title"].clone()).collect()
}

/// Checks that all views put a class, a booking, and a payment at the first and at the last
/// moment of a day on that day.
async fn assert_one_day(zone: &str, date: &str, day_start: &str, day_end: &str) {
    let app = start_without_time_zones(zone, Settings::default()).await;
    let staff = app.staff("sofia").await;
    let minute = TimeDelta::minutes(1);
    let [start, end] = [day_start, day_end].map(time);
    for (title, at) in [
        ("Before", start - minute),
        ("First", start),
        ("Last", end - minute),
        ("After", end),
    ] {
        let at = at.to_rfc3339();
        let class = insert_class(&app, title, &at, 4).await;
        let booking = insert_booking(&app, class, "booked", &at).await;
        insert_payment(&app, booking, "5.00 USD", &at, None).await;
    }

    for now in [start, end - minute] {
        app.set_clock(now);
        assert_eq!(titles_on_dashboard(&staff, date).await, ["First", "Last"]);
    }

    let day: NaiveDate = date.parse().unwrap();
    let [day_before, day_after] = [day - Days::new(1), day + Days::new(1)];
    let path = format!("/api/admin/analytics?from={day_before}&to={day_after}");
    let analytics = staff.get(&path).await.expect(200);
    let buckets = analytics["buckets"].as_array().unwrap();
    let figures = |name: &str| buckets.iter().map(|bucket| bucket[name].clone()).collect();
    for name in ["classes", "bookings"] {
        let figures: Vec<Value> = figures(name);
        assert_eq!(figures, [1, 2, 1], "{zone} {name}");
    }
    assert_eq!(buckets[1]["revenue"][0]["paid"], "10.00");
    let csv = staff.get(&format!("{path}&format=csv")).await;
    assert!(
        csv.text.contains(&format!("\n{date},0,2,0,0,")),
        "{}",
        csv.text
    );
    // Without an end, the range ends on the current day.
    let analytics = staff.get("/api/admin/analytics").await.expect(200);
    assert_eq!(analytics["to"], date);

    app.set_clock(start - TimeDelta::days(1));
    let path = format!("/api/classes/schedule?from={date}&to={date}");
    let timetable = app.visitor().get_all(&path).await;
    let titles: Vec<_> = timetable.iter().map(|class| &class["title"]).collect();
    assert_eq!(titles, ["First", "Last"], "{zone}");
    assert!(timetable.iter().all(|class| class["localDate"] == date));
}

#[tokio::test]
async fn every_view_puts_a_class_on_the_same_day_after_a_country_changed_its_rules() {
    // These places stay on daylight saving time in 2026, or leave it, which data from 2025
    // does not know.
    for (zone, start, end) in [
        (
            "America/Vancouver",
            "2026-12-05T07:00:00Z",
            "2026-12-06T07:00:00Z",
        ),
        (
            "America/Edmonton",
            "2026-12-05T06:00:00Z",
            "2026-12-06T06:00:00Z",
        ),
        (
            "America/Winnipeg",
            "2026-12-05T05:00:00Z",
            "2026-12-06T05:00:00Z",
        ),
        (
            "Africa/Casablanca",
            "2026-12-05T00:00:00Z",
            "2026-12-06T00:00:00Z",
        ),
    ] {
        assert_one_day(zone, "2026-12-05", start, end).await;
    }
}

#[tokio::test]
async fn every_view_starts_a_day_at_the_first_of_two_midnights() {
    for (zone, date, start, end) in [
        (
            "Atlantic/Azores",
            "2027-10-31",
            "2027-10-31T00:00:00Z",
            "2027-11-01T01:00:00Z",
        ),
        (
            "America/Havana",
            "2027-11-07",
            "2027-11-07T04:00:00Z",
            "2027-11-08T05:00:00Z",
        ),
    ] {
        assert_one_day(zone, date, start, end).await;
    }
}

#[tokio::test]
async fn a_mail_has_the_same_local_time_as_the_timetable_and_the_calendar() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = start_without_time_zones("America/Vancouver", server.settings()).await;
    app.set_clock(time("2027-01-01T12:00:00Z"));
    let ana = app.member("ana").await;
    let class = insert_class(&app, "Salsa", "2027-01-15T03:00:00Z", 4).await;
    book(&ana, class).await.expect(201);
    let mails = server.wait_for_mails(1).await;
    let text = mails[0]["text"].as_str().unwrap();
    for part in [
        "Thursday, January 14, 2027, 8:00 PM to 9:00 PM (Vancouver time)",
        "free of charge until Thursday, January 14, 2027, 8:00 AM.",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }

    let path = "/api/classes/schedule?from=2027-01-14&to=2027-01-14";
    let timetable = app.visitor().get_all(path).await;
    assert_eq!(timetable[0]["localTime"], "20:00");
    let request = ana.request(Method::POST, "/api/calendar/token");
    let token = ana.send(request).await.expect(201)["token"].clone();
    let path = format!("/api/calendar?token={}", token.as_str().unwrap());
    let feed = app.visitor().get(&path).await.text;
    assert!(
        feed.contains("DTSTART;TZID=America/Vancouver:20270114T200000"),
        "{feed}"
    );
}

#[tokio::test]
async fn a_mail_about_an_account_has_the_local_time_of_the_program() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = start_without_time_zones("America/Vancouver", server.settings()).await;
    let ana = app.member("ana").await;
    let change = json!({
        "currentPassword": crate::harness::PASSWORD,
        "newPassword": "a rather different one",
    });
    ana.post("/api/auth/change-password", change)
        .await
        .expect(200);
    let mails = server.wait_for_mails(1).await;
    let at = "select payload -> 'notice' ->> 'at' from mail_outbox
        where kind = 'password_changed'";
    let at: String = app.sql(at).await[0].get(0);
    // Vancouver stays seven hours behind UTC.
    let local = time(&at) - TimeDelta::hours(7);
    let expected = local.format("%A, %B %-d, %Y, %-I:%M %p (Vancouver time)");
    let texts: Vec<_> = mails
        .iter()
        .map(|mail| mail["text"].as_str().unwrap())
        .collect();
    assert!(
        texts
            .iter()
            .any(|text| text.contains(&expected.to_string())),
        "{texts:?}"
    );
}

#[tokio::test]
async fn no_list_or_report_asks_postgres_for_a_local_time() {
    let app = start_without_time_zones("America/Havana", Settings::default()).await;
    let admin = app.admin("adriana").await;
    app.create_class(4).await;
    let columns =
        "select id::text, class_type_id::text, instructor_id::text from scheduled_classes";
    let row = &app.sql(columns).await[0];
    let (class, class_type, instructor): (String, String, String) =
        (row.get(0), row.get(1), row.get(2));
    app.sql(&format!(
        "insert into class_schedules (id, class_type_id, instructor_id, day_of_week, start_time,
            duration_minutes, max_participants, room, effective_from, effective_until)
        values (gen_random_uuid(), '{class_type}', '{instructor}', 5, '19:00', 60, 20, 'A',
            '2020-01-01', '2199-01-01')"
    ))
    .await;
    for path in [
        format!("/api/classes/list?instructor={instructor}"),
        format!("/api/classes/details?id={class_type}"),
        format!("/api/classes/availability?ids={class}"),
        "/api/classes/schedule".to_owned(),
        "/api/bookings/list".to_owned(),
        "/api/sessions".to_owned(),
        "/api/admin/schedule".to_owned(),
        "/api/admin/security-events".to_owned(),
        "/api/admin/analytics?format=csv".to_owned(),
        "/api/admin/dashboard".to_owned(),
    ] {
        let response = admin.get(&path).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text);
    }
    app.run_clean_up().await.expect(200);
    let generated = "select count(*) from scheduled_classes where class_schedule_id is not null";
    assert!(app.count(generated).await > 0);
}
