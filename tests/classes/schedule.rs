//! The timetable.

use chrono::{NaiveTime, TimeDelta};
use sabor::time_zone::TimeZone;
use serde_json::{Value, json};

use super::{at, class_at, course, each, get};
use crate::harness::{Settings, TestApp};

/// Day and time of each class, as the clocks on the wall have it.
fn shown(timetable: &Value) -> Vec<String> {
    let dates = each(timetable, "localDate");
    let times = each(timetable, "localTime");
    let pairs = dates.iter().zip(&times);
    pairs
        .map(|(date, time)| format!("{} {}", date.as_str().unwrap(), time.as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn seven_in_the_evening_stays_so_when_the_clocks_change() {
    // The day before a change and the day of it, at 19:00 there.
    for (zone, days, instants) in [
        (
            "America/Denver",
            ["2026-03-07", "2026-03-08"],
            ["2026-03-08T02:00:00Z", "2026-03-09T01:00:00Z"],
        ),
        (
            "America/Denver",
            ["2026-10-31", "2026-11-01"],
            ["2026-11-01T01:00:00Z", "2026-11-02T02:00:00Z"],
        ),
        (
            "Europe/Madrid",
            ["2026-03-28", "2026-03-29"],
            ["2026-03-28T18:00:00Z", "2026-03-29T17:00:00Z"],
        ),
        (
            "Europe/Madrid",
            ["2026-10-24", "2026-10-25"],
            ["2026-10-24T17:00:00Z", "2026-10-25T18:00:00Z"],
        ),
    ] {
        let settings = Settings::default().with("STUDIO_TIMEZONE", zone);
        let app = TestApp::start_with(settings).await;
        let salsa = course(&app, "Salsa").await;
        for instant in instants {
            class_at(&app, salsa, at(instant)).await;
        }
        let [from, to] = days;
        let path = format!("/api/classes/schedule?from={from}&to={to}");
        let timetable = get(&app.visitor(), &path).await;
        assert_eq!(shown(&timetable), days.map(|day| format!("{day} 19:00")));
        assert_eq!(each(&timetable, "startTime"), instants);
        assert_eq!(each(&timetable, "timeZone"), [zone; 2]);
        // Each is found by its own day alone, and on its own day.
        for (day, instant) in days.into_iter().zip(instants) {
            let path = format!("/api/classes/schedule?from={day}&to={day}");
            let timetable = get(&app.visitor(), &path).await;
            assert_eq!(each(&timetable, "startTime"), [instant]);
        }
    }
}

#[tokio::test]
async fn a_day_ends_with_its_last_minute_also_when_it_has_23_hours_or_25() {
    let app = TestApp::start().await;
    let salsa = course(&app, "Salsa").await;
    for (day, last, first_of_next) in [
        ("2026-03-08", "2026-03-09T05:59:00Z", "2026-03-09T06:00:00Z"),
        ("2026-11-01", "2026-11-02T06:59:00Z", "2026-11-02T07:00:00Z"),
    ] {
        let other = course(&app, day).await;
        class_at(&app, salsa, at(last)).await;
        class_at(&app, other, at(first_of_next)).await;
        let path = format!("/api/classes/schedule?from={day}&to={day}");
        let timetable = get(&app.visitor(), &path).await;
        assert_eq!(each(&timetable, "startTime"), [last], "{day}");
        assert_eq!(shown(&timetable), [format!("{day} 23:59")]);
    }
}

#[tokio::test]
async fn somebody_elsewhere_sees_their_own_days_and_clocks() {
    let app = TestApp::start().await;
    let salsa = course(&app, "Salsa").await;
    class_at(&app, salsa, at("2026-03-09T01:00:00Z")).await;
    let visitor = app.visitor();
    let path = "/api/classes/schedule?from=2026-03-09&to=2026-03-09&tz=europe/madrid";
    let timetable = get(&visitor, path).await;
    assert_eq!(shown(&timetable), ["2026-03-09 02:00"]);
    assert_eq!(timetable["items"][0]["timeZone"], "Europe/Madrid");
    let path = "/api/classes/schedule?from=2026-03-09&to=2026-03-09";
    assert_eq!(shown(&get(&visitor, path).await), [""; 0]);
}

#[tokio::test]
async fn two_weeks_from_today_are_shown_unless_others_are_asked_for() {
    let app = TestApp::start().await;
    let salsa = course(&app, "Salsa").await;
    let denver = TimeZone::named("America/Denver").unwrap();
    let clock = app.app.clock();
    let today = denver.local(clock.now()).date_naive() + TimeDelta::days(1);
    let noon = |days: i64| {
        let time = NaiveTime::from_hms_opt(12, 0, 0).unwrap();
        denver.resolve(today + TimeDelta::days(days), time)
    };
    // No midnight is near.
    clock.advance(noon(0) - clock.now());
    for days in [-1, 0, 13, 14, 15] {
        class_at(&app, salsa, noon(days)).await;
    }
    let visitor = app.visitor();
    let dates = |days: &[i64]| -> Vec<String> {
        let dates = days.iter().map(|days| today + TimeDelta::days(*days));
        dates.map(|date| date.to_string()).collect()
    };
    let default = get(&visitor, "/api/classes/schedule").await;
    assert_eq!(each(&default, "localDate"), dates(&[0, 13]));
    let from = today - TimeDelta::days(1);
    let path = format!("/api/classes/schedule?from={from}");
    assert_eq!(
        each(&get(&visitor, &path).await, "localDate"),
        dates(&[-1, 0])
    );
    let to = today + TimeDelta::days(14);
    let path = format!("/api/classes/schedule?to={to}");
    assert_eq!(
        each(&get(&visitor, &path).await, "localDate"),
        dates(&[0, 13, 14])
    );
    // Tomorrow, today is another day, although the answer is kept.
    clock.advance(TimeDelta::days(1));
    let default = get(&visitor, "/api/classes/schedule").await;
    assert_eq!(each(&default, "localDate"), dates(&[13, 14]));
}

#[tokio::test]
async fn a_cancelled_class_is_shown_as_such_and_has_no_places() {
    let app = TestApp::start().await;
    let salsa = course(&app, "Salsa").await;
    let id = class_at(&app, salsa, at("2026-03-09T01:00:00Z")).await;
    app.sql(&format!(
        "update scheduled_classes set is_cancelled = true, cancellation_reason = 'Snow',
            price_override = 9.5, description = 'In the park.' where id = '{id}'"
    ))
    .await;
    let path = "/api/classes/schedule?from=2026-03-08&to=2026-03-08";
    let timetable = get(&app.visitor(), path).await;
    let class = &timetable["items"][0];
    assert_eq!(class["isCancelled"], json!(true));
    assert_eq!(class["cancellationReason"], "Snow");
    assert_eq!(class["placesLeft"], json!(0));
    assert_eq!(class["price"], "9.50");
    assert_eq!(class["description"], "In the park.");
}

#[tokio::test]
async fn a_timetable_is_of_one_type_or_one_teacher_and_read_page_by_page() {
    let app = TestApp::start().await;
    let (salsa, bachata) = (course(&app, "Salsa").await, course(&app, "Bachata").await);
    let start = at("2026-06-01T18:00:00Z");
    for (hours, course) in [(0, salsa), (0, bachata), (24, salsa), (48, bachata)] {
        class_at(&app, course, start + TimeDelta::hours(hours)).await;
    }
    let visitor = app.visitor();
    let path = "/api/classes/schedule?from=2026-06-01&to=2026-06-05";
    let of = format!("{path}&classType={}", salsa.class_type);
    assert_eq!(each(&get(&visitor, &of).await, "title"), ["Salsa", "Salsa"]);
    let by = format!("{path}&instructor={}", bachata.instructor);
    assert_eq!(
        each(&get(&visitor, &by).await, "title"),
        ["Bachata", "Bachata"]
    );
    let none = format!("{of}&instructor={}", bachata.instructor);
    assert_eq!(each(&get(&visitor, &none).await, "title"), [""; 0]);
    // Two of them begin at once: a page that ends between them loses neither.
    let mut titles = Vec::new();
    let mut page = get(&visitor, &format!("{path}&limit=1")).await;
    loop {
        titles.extend(each(&page, "title"));
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        page = get(&visitor, &format!("{path}&limit=1&cursor={cursor}")).await;
    }
    assert_eq!(titles, ["Salsa", "Bachata", "Salsa", "Bachata"]);
}

#[tokio::test]
async fn days_that_make_no_sense_are_refused_by_name() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    for (query, field) in [
        ("from=tomorrow", "from"),
        ("from=2026-02-29", "from"),
        ("from=2026-1-1", "from"),
        ("from=%2B2026-1-01", "from"),
        ("from=0001-01-01", "from"),
        ("from=9999-12-31", "from"),
        ("from=262143-12-31", "from"),
        ("to=2026-13-01", "to"),
        ("from=2026-03-09&to=2026-03-08", "to"),
        ("from=2026-01-01&to=2026-04-03", "to"),
        ("tz=Europe/Atlantis", "tz"),
        ("tz=../../etc/passwd", "tz"),
        ("tz=Europe/Madrid%00", "tz"),
        ("classType=salsa", "classType"),
        ("instructor=1", "instructor"),
        ("limit=101", "limit"),
        ("cursor=x", "cursor"),
    ] {
        let answer = visitor.get(&format!("/api/classes/schedule?{query}")).await;
        let failure = answer.expect_code(400, "validation_failed");
        let details = failure["details"].as_object().unwrap();
        assert_eq!(details.keys().collect::<Vec<_>>(), [field], "{query}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    // 92 days are not too many.
    get(
        &visitor,
        "/api/classes/schedule?from=2026-01-01&to=2026-04-02",
    )
    .await;
}

#[tokio::test]
async fn a_studio_in_no_time_zone_is_a_fault_of_ours_and_names_no_variable() {
    let settings = Settings::default().with("STUDIO_TIMEZONE", "Europe/Atlantis");
    let app = TestApp::start_with(settings).await;
    let visitor = app.visitor();
    let answer = visitor.get("/api/classes/schedule").await;
    answer.expect_code(500, "internal");
    assert!(!answer.text.contains("STUDIO_TIMEZONE"));
    let path = "/api/classes/schedule?tz=Europe/Madrid";
    visitor.get(path).await.expect(200);
}
