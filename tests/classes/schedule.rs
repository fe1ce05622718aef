//! `api/classes/schedule.rs`

use chrono::{NaiveTime, TimeDelta};
use sabor::values::time_zone::TimeZone;
use serde_json::{Value, json};

use super::{create_class_at, create_class_type, get_ok, time, values_of};
use crate::harness::{Settings, TestApp};

/// Returns the local date and time of each class.
fn local_times(timetable: &Value) -> Vec<String> {
    let dates = values_of(timetable, "localDate");
    let times = values_of(timetable, "localTime");
    let pairs = dates.iter().zip(&times);
    pairs
        .map(|(date, time)| format!("{} {}", date.as_str().unwrap(), time.as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn classes_keep_their_local_time_when_the_clocks_change() {
    // The day before a clock change and the day of the change, at 19:00 local time.
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
        let salsa = create_class_type(&app, "Salsa").await;
        for instant in instants {
            create_class_at(&app, salsa, time(instant)).await;
        }
        let [from, to] = days;
        let path = format!("/api/classes/schedule?from={from}&to={to}");
        let timetable = get_ok(&app.visitor(), &path).await;
        assert_eq!(
            local_times(&timetable),
            days.map(|day| format!("{day} 19:00"))
        );
        assert_eq!(values_of(&timetable, "startTime"), instants);
        assert_eq!(values_of(&timetable, "timeZone"), [zone; 2]);
        // Each class appears on its own day only.
        for (day, instant) in days.into_iter().zip(instants) {
            let path = format!("/api/classes/schedule?from={day}&to={day}");
            let timetable = get_ok(&app.visitor(), &path).await;
            assert_eq!(values_of(&timetable, "startTime"), [instant]);
        }
    }
}

#[tokio::test]
async fn a_day_of_23_or_25_hours_ends_at_midnight() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    for (day, last_start, next_day_start) in [
        ("2026-03-08", "2026-03-09T05:59:00Z", "2026-03-09T06:00:00Z"),
        ("2026-11-01", "2026-11-02T06:59:00Z", "2026-11-02T07:00:00Z"),
    ] {
        let other_class_type = create_class_type(&app, day).await;
        create_class_at(&app, salsa, time(last_start)).await;
        create_class_at(&app, other_class_type, time(next_day_start)).await;
        let path = format!("/api/classes/schedule?from={day}&to={day}");
        let timetable = get_ok(&app.visitor(), &path).await;
        assert_eq!(values_of(&timetable, "startTime"), [last_start], "{day}");
        assert_eq!(local_times(&timetable), [format!("{day} 23:59")]);
    }
}

#[tokio::test]
async fn the_tz_parameter_selects_the_days_and_times_of_another_zone() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    create_class_at(&app, salsa, time("2026-03-09T01:00:00Z")).await;
    let visitor = app.visitor();
    let path = "/api/classes/schedule?from=2026-03-09&to=2026-03-09&tz=europe/madrid";
    let timetable = get_ok(&visitor, path).await;
    assert_eq!(local_times(&timetable), ["2026-03-09 02:00"]);
    assert_eq!(timetable["items"][0]["timeZone"], "Europe/Madrid");
    let path = "/api/classes/schedule?from=2026-03-09&to=2026-03-09";
    assert_eq!(local_times(&get_ok(&visitor, path).await), [""; 0]);
}

#[tokio::test]
async fn the_default_range_is_the_two_weeks_that_begin_today() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    let denver = TimeZone::named("America/Denver").unwrap();
    let today = denver.date(app.advance_to_noon());
    let noon = |days: i64| {
        let time = NaiveTime::from_hms_opt(12, 0, 0).unwrap();
        denver.resolve(today + TimeDelta::days(days), time)
    };
    for days in [-1, 0, 13, 14, 15] {
        create_class_at(&app, salsa, noon(days)).await;
    }
    let visitor = app.visitor();
    let dates = |days: &[i64]| -> Vec<String> {
        let dates = days.iter().map(|days| today + TimeDelta::days(*days));
        dates.map(|date| date.to_string()).collect()
    };
    let default_range = get_ok(&visitor, "/api/classes/schedule").await;
    assert_eq!(values_of(&default_range, "localDate"), dates(&[0, 13]));
    let from = today - TimeDelta::days(1);
    let path = format!("/api/classes/schedule?from={from}");
    assert_eq!(
        values_of(&get_ok(&visitor, &path).await, "localDate"),
        dates(&[-1, 0])
    );
    let to = today + TimeDelta::days(14);
    let path = format!("/api/classes/schedule?to={to}");
    assert_eq!(
        values_of(&get_ok(&visitor, &path).await, "localDate"),
        dates(&[0, 13, 14])
    );
    // The default range follows the date, even in a cached response.
    app.app.clock().advance(TimeDelta::days(1));
    let default_range = get_ok(&visitor, "/api/classes/schedule").await;
    assert_eq!(values_of(&default_range, "localDate"), dates(&[13, 14]));
}

#[tokio::test]
async fn a_cancelled_class_is_shown_as_cancelled_and_has_no_free_spots() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    let id = create_class_at(&app, salsa, time("2026-03-09T01:00:00Z")).await;
    app.sql(&format!(
        "update scheduled_classes set is_cancelled = true, cancellation_reason = 'Snow',
            price_override = 9.5, description = 'In the park.' where id = '{id}'"
    ))
    .await;
    let path = "/api/classes/schedule?from=2026-03-08&to=2026-03-08";
    let timetable = get_ok(&app.visitor(), path).await;
    let class = &timetable["items"][0];
    assert_eq!(class["isCancelled"], json!(true));
    // The reason is for the members who booked, not for everyone.
    assert!(!timetable.to_string().contains("Snow"), "{timetable}");
    assert_eq!(class["placesLeft"], json!(0));
    assert_eq!(class["price"], "9.50");
    assert_eq!(class["description"], "In the park.");
}

#[tokio::test]
async fn the_schedule_can_be_filtered_and_is_paginated() {
    let app = TestApp::start().await;
    let (salsa, bachata) = (
        create_class_type(&app, "Salsa").await,
        create_class_type(&app, "Bachata").await,
    );
    let start = time("2026-06-01T18:00:00Z");
    for (hours, course) in [(0, salsa), (0, bachata), (24, salsa), (48, bachata)] {
        create_class_at(&app, course, start + TimeDelta::hours(hours)).await;
    }
    let visitor = app.visitor();
    let path = "/api/classes/schedule?from=2026-06-01&to=2026-06-05";
    let by_class_type = format!("{path}&classType={}", salsa.class_type);
    assert_eq!(
        values_of(&get_ok(&visitor, &by_class_type).await, "title"),
        ["Salsa", "Salsa"]
    );
    let by_instructor = format!("{path}&instructor={}", bachata.instructor);
    assert_eq!(
        values_of(&get_ok(&visitor, &by_instructor).await, "title"),
        ["Bachata", "Bachata"]
    );
    let by_both = format!("{by_class_type}&instructor={}", bachata.instructor);
    assert_eq!(
        values_of(&get_ok(&visitor, &by_both).await, "title"),
        [""; 0]
    );
    app.sql("update class_types set difficulty_level = 'advanced', styles = '{bachata}' where name = 'Bachata'")
        .await;
    app.sql("update rooms set name = 'Sala  Ñ' where id in (select room_id from scheduled_classes order by start_time desc limit 1)")
        .await;
    app.app.schedule().invalidate().await;
    for (filter, titles) in [
        ("level=beginner", vec!["Salsa", "Salsa"]),
        ("level=all-levels", vec![]),
        ("style=Mambo", vec!["Salsa", "Salsa"]),
        ("style=bachata", vec!["Bachata", "Bachata"]),
        ("room=sala%20%C3%B1", vec!["Bachata"]),
        ("room=Studio%20X", vec![]),
        ("level=advanced&room=sala%20%C3%B1", vec!["Bachata"]),
        ("level=beginner&room=sala%20%C3%B1", vec![]),
    ] {
        let filtered = visitor.get_all(&format!("{path}&limit=1&{filter}")).await;
        let found: Vec<_> = filtered.iter().map(|class| &class["title"]).collect();
        assert_eq!(found, titles, "{filter}");
        // The calendar has the same classes.
        let request = visitor.request(reqwest::Method::GET, &format!("{path}&{filter}"));
        let calendar = visitor
            .send(request.header("accept", "text/calendar"))
            .await;
        let event_count = calendar.text.matches("BEGIN:VEVENT").count();
        assert_eq!(event_count, titles.len(), "{filter}");
    }
    // A page break between two classes with the same start must skip neither.
    let classes = visitor.get_all(&format!("{path}&limit=1")).await;
    let titles: Vec<_> = classes.iter().map(|class| &class["title"]).collect();
    assert_eq!(titles, ["Salsa", "Bachata", "Salsa", "Bachata"]);
}

#[tokio::test]
async fn invalid_query_parameters_are_rejected_by_name() {
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
        ("level=expert", "level"),
        ("style=%07", "style"),
        ("room=%07", "room"),
        ("limit=101", "limit"),
        ("cursor=x", "cursor"),
    ] {
        let response = visitor.get(&format!("/api/classes/schedule?{query}")).await;
        let body = response.expect_code(400, "validation_failed");
        let details = body["details"].as_object().unwrap();
        assert_eq!(details.keys().collect::<Vec<_>>(), [field], "{query}");
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
    // 92 days are allowed.
    get_ok(
        &visitor,
        "/api/classes/schedule?from=2026-01-01&to=2026-04-02",
    )
    .await;
}

#[tokio::test]
async fn an_invalid_studio_time_zone_is_an_internal_error_without_details() {
    let settings = Settings::default().with("STUDIO_TIMEZONE", "Europe/Atlantis");
    let app = TestApp::start_with(settings).await;
    let visitor = app.visitor();
    let response = visitor.get("/api/classes/schedule").await;
    response.expect_code(500, "internal");
    assert!(!response.text.contains("STUDIO_TIMEZONE"));
    let path = "/api/classes/schedule?tz=Europe/Madrid";
    visitor.get(path).await.expect(200);
}

/// Moves a class and invalidates the cached schedule.
async fn move_class(app: &TestApp, id: &Value, start: &str) {
    let id = id.as_str().unwrap();
    app.sql(&format!(
        "update scheduled_classes set start_time = '{start}', end_time = timestamptz '{start}' + interval '1 hour'
        where id = '{id}'"
    ))
    .await;
    app.app.schedule().invalidate().await;
}

#[tokio::test]
async fn a_class_that_moves_before_the_cursor_is_returned_on_the_next_page() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    for hour in 10..16 {
        create_class_at(&app, salsa, time(&format!("2026-05-05T{hour}:00:00Z"))).await;
    }
    let visitor = app.visitor();
    let path = "/api/classes/schedule?from=2026-05-05&to=2026-05-05&tz=UTC";
    let ids = values_of(&get_ok(&visitor, path).await, "id");
    let path = format!("{path}&limit=2");
    let next_page = async |page: &Value| {
        let cursor = page["nextCursor"].as_str().unwrap();
        get_ok(&visitor, &format!("{path}&cursor={cursor}")).await
    };
    let first_page = get_ok(&visitor, &path).await;
    assert_eq!(values_of(&first_page, "id"), ids[..2]);
    // If no class moves, none is returned twice.
    assert_eq!(values_of(&next_page(&first_page).await, "id"), ids[2..4]);
    // The last class moves before the first one, and the third one after all others.
    move_class(&app, &ids[5], "2026-05-05T08:00:00Z").await;
    move_class(&app, &ids[2], "2026-05-05T20:00:00Z").await;
    let second_page = next_page(&first_page).await;
    let expected = [&ids[5], &ids[3], &ids[4]].map(Clone::clone);
    assert_eq!(values_of(&second_page, "id"), expected);
    assert_eq!(second_page["items"][0]["startTime"], "2026-05-05T08:00:00Z");
    let third_page = next_page(&second_page).await;
    assert_eq!(third_page["nextCursor"], json!(null));
    let mut seen = values_of(&first_page, "id");
    seen.extend(values_of(&second_page, "id"));
    seen.extend(values_of(&third_page, "id"));
    for id in &ids {
        assert!(seen.contains(id), "{id} was skipped: {seen:?}");
    }
}
