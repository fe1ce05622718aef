//! `api/calendar.rs`: the calendar feed, parsed by PyPI's `icalendar`.

use std::process::Stdio;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use reqwest::Method;
use sabor::values::time_zone::TimeZone;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::bookings::{book, cancel, join_waitlist};
use crate::harness::{Settings, TestApp, TestClient, TestResponse, python};

const FEED_EXECUTABLE: &str = env!("CARGO_BIN_EXE_calendar");
const TOKEN_EXECUTABLE: &str = env!("CARGO_BIN_EXE_calendar-token");

/// Parses a calendar. The start and the end of each event are printed twice in UTC: with the
/// parser's own definition of the time zone, and with the `VTIMEZONE` of the calendar.
const PARSE_SCRIPT: &str = r#"
import json, sys
from datetime import timezone
from icalendar import Calendar

calendar = Calendar.from_ical(sys.stdin.buffer.read())
[vtimezone] = calendar.walk("VTIMEZONE")
zone = vtimezone.to_tz(lookup_tzid=False)
utc = lambda moment: moment.astimezone(timezone.utc).isoformat()
errors = [error for component in calendar.walk() for error in component.errors]
events = [{
    "uid": str(event["UID"]),
    "sequence": int(event["SEQUENCE"]),
    "status": str(event["STATUS"]),
    "summary": str(event["SUMMARY"]),
    "location": str(event["LOCATION"]),
    "description": str(event["DESCRIPTION"]),
    "zone": event["DTSTART"].params["TZID"],
    "local": event.start.replace(tzinfo=None).isoformat(),
    "start": utc(event.start),
    "startByVtimezone": utc(event.start.replace(tzinfo=zone)),
    "end": utc(event.end),
    "endByVtimezone": utc(event.end.replace(tzinfo=zone)),
} for event in calendar.walk("VEVENT")]
print(json.dumps({
    "name": str(calendar["X-WR-CALNAME"]),
    "refresh": str(calendar["REFRESH-INTERVAL"].dt),
    "zone": vtimezone["TZID"],
    "errors": errors,
    "events": events,
}))
"#;

/// Parses a calendar. Returns `None` if the parser cannot be installed.
async fn parse_calendar(calendar: &str) -> Option<Value> {
    let mut parser = Command::new(python().await?)
        .args(["-c", PARSE_SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = parser.stdin.take().unwrap();
    input.write_all(calendar.as_bytes()).await.unwrap();
    drop(input);
    let output = parser.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{calendar}");
    let parsed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(parsed["errors"], serde_json::json!([]));
    Some(parsed)
}

/// Returns the value of a property in an unfolded calendar.
fn property<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.split("\r\n");
    lines.find_map(|line| line.strip_prefix(name)).unwrap()
}

/// Returns the text of a feed, with folded lines joined.
fn unfold(feed: &TestResponse) -> String {
    assert_eq!(feed.status, 200, "{}", feed.text);
    feed.text.replace("\r\n ", "")
}

async fn create_token(person: &TestClient) -> String {
    let request = person.request(Method::POST, "/api/calendar/token");
    let body = person.send(request).await.expect(201);
    let token = body["token"].as_str().unwrap();
    let url = format!("https://sabor.example/api/calendar?token={token}");
    assert_eq!(body["url"], url);
    token.to_owned()
}

/// Fetches the feed without a cookie, as a calendar program does.
async fn fetch_feed(app: &TestApp, token: &str) -> TestResponse {
    let path = format!("/api/calendar?token={token}");
    app.visitor().get(&path).await
}

/// Creates a class of one hour at each of these times and books it for Ana.
async fn create_booked_classes(app: &TestApp, title: &str, starts: &[DateTime<Utc>]) {
    let starts: Vec<_> = starts.iter().map(DateTime::to_rfc3339).collect();
    let starts = starts.join(",");
    let statement = format!(
        "insert into instructors (id, name) values (gen_random_uuid(), 'Marisol; Vega, J.');
        insert into class_types (id, name, price_per_class)
        values (gen_random_uuid(), 'Salsa', 25);
        insert into scheduled_classes (id, class_type_id, instructor_id, title, start_time,
            end_time, max_participants, room)
        select gen_random_uuid(), t.id, i.id, $t${title}$t$, s, s + interval '1 hour', 20, 'Room 1'
        from class_types t, instructors i, unnest('{{{starts}}}'::timestamptz[]) s;
        insert into bookings (id, user_id, scheduled_class_id, status, price, currency)
        select gen_random_uuid(), u.id, c.id, 'booked', 25, 'USD'
        from users u, scheduled_classes c where u.email = 'ana@example.com'"
    );
    let client = app.app.db().client().await.unwrap();
    client.batch_execute(&statement).await.unwrap();
}

#[tokio::test]
async fn events_keep_their_local_time_across_clock_changes() {
    // In 2027, the clocks change on March 14 and November 7 in Denver, and on March 28 and
    // October 31 in Madrid. All of these days are Sundays.
    for (zone_name, offsets) in [
        ("America/Denver", &[6, 7][..]),
        ("Europe/Madrid", &[-2, -1]),
        ("America/Phoenix", &[7]),
        ("UTC", &[0]),
    ] {
        let app = TestApp::start_with(Settings::default().with("STUDIO_TIMEZONE", zone_name)).await;
        let token = create_token(&app.member("ana").await).await;
        let zone = TimeZone::named(zone_name).unwrap();
        let seven_pm = NaiveTime::from_hms_opt(19, 0, 0).unwrap();
        let sunday = NaiveDate::from_ymd_opt(2027, 1, 3).unwrap();
        // Every Saturday, Sunday and Monday of the year.
        let days = (0..52).flat_map(|week| [week * 7, week * 7 + 1, week * 7 + 6]);
        let mut starts: Vec<_> = days
            .map(|days| zone.resolve(sunday + Days::new(days), seven_pm))
            .collect();
        starts.sort();
        create_booked_classes(&app, "Salsa", &starts).await;
        app.set_clock(starts[0]);

        let text = unfold(&fetch_feed(&app, &token).await);
        assert_eq!(text.matches("T190000\r\nDTEND").count(), starts.len());
        let Some(parsed) = parse_calendar(&text).await else {
            return;
        };
        assert_eq!(parsed["zone"], zone_name);
        let mut events = parsed["events"].as_array().unwrap().clone();
        events.sort_by_key(|event| event["start"].as_str().unwrap().to_owned());
        assert_eq!(events.len(), starts.len());
        let mut offsets_seen = std::collections::BTreeSet::new();
        for (event, start) in events.iter().zip(&starts) {
            let local = event["local"].as_str().unwrap();
            assert!(local.ends_with("T19:00:00"), "{event}");
            assert_eq!(event["zone"], zone_name);
            let end = *start + chrono::TimeDelta::hours(1);
            for (field, expected) in [("start", *start), ("end", end)] {
                let expected = expected.to_rfc3339();
                assert_eq!(event[field], expected, "{event}");
                assert_eq!(event[&format!("{field}ByVtimezone")], expected, "{event}");
            }
            let local_time = local.parse::<chrono::NaiveDateTime>().unwrap();
            offsets_seen.insert((start.naive_utc() - local_time).num_hours());
        }
        // Checks that the classes cover every UTC offset of the zone.
        assert_eq!(
            offsets_seen.into_iter().collect::<Vec<_>>(),
            offsets,
            "{zone_name}"
        );
    }
}

#[tokio::test]
async fn booking_changes_keep_the_uid_and_raise_the_sequence() {
    let app = TestApp::start().await;
    let class = app.create_class(1).await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let anas_booking = book(&ana, class).await.expect(201);
    let bens_booking = join_waitlist(&ben, class).await.expect(201);
    let token = create_token(&ben).await;
    let read_event = async || {
        let text = unfold(&fetch_feed(&app, &token).await);
        assert_eq!(
            property(&text, "UID:"),
            bens_booking["id"].as_str().unwrap()
        );
        assert_eq!(text.matches("BEGIN:VEVENT").count(), 1);
        let sequence: i32 = property(&text, "SEQUENCE:").parse().unwrap();
        let start = property(&text, "DTSTART;TZID=America/Denver:").to_owned();
        let status = property(&text, "STATUS:").to_owned();
        assert_eq!(
            property(&text, "DTSTAMP:"),
            property(&text, "LAST-MODIFIED:")
        );
        (
            status,
            sequence,
            start,
            property(&text, "SUMMARY:").to_owned(),
        )
    };

    let (status, sequence, start, summary) = read_event().await;
    assert_eq!((status.as_str(), sequence), ("TENTATIVE", 0));
    assert_eq!(summary, "Waitlist: Salsa on a Friday");
    cancel(&ana, &anas_booking).await.expect(200);
    let (status, sequence, same_start, summary) = read_event().await;
    assert_eq!((status.as_str(), sequence), ("CONFIRMED", 1));
    assert_eq!(
        (same_start, summary.as_str()),
        (start.clone(), "Salsa on a Friday")
    );

    app.sql(
        "update scheduled_classes set start_time = start_time + interval '30 minutes',
            end_time = end_time + interval '30 minutes', sequence = sequence + 1",
    )
    .await;
    let (status, sequence, new_start, _) = read_event().await;
    assert_eq!((status.as_str(), sequence), ("CONFIRMED", 2));
    assert_ne!(new_start, start);

    // Corrections of the attendance must not lower the sequence.
    for attendance in ["attended", "no_show", "booked"] {
        app.sql(&format!(
            "update bookings set status = '{attendance}' where status <> 'cancelled'"
        ))
        .await;
        let (status, sequence, ..) = read_event().await;
        assert_eq!((status.as_str(), sequence), ("CONFIRMED", 2));
    }

    cancel(&ben, &bens_booking).await.expect(200);
    let (status, sequence, _, summary) = read_event().await;
    assert_eq!((status.as_str(), sequence), ("CANCELLED", 3));
    assert_eq!(summary, "Cancelled: Salsa on a Friday");
}

#[tokio::test]
async fn a_moved_booking_updates_its_calendar_entry() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let (class, target) = (app.create_class(1).await, app.create_class(1).await);
    // Calendars ignore an update with a lower sequence.
    app.sql(&format!(
        "update scheduled_classes set sequence = 7 where id = '{class}'"
    ))
    .await;
    let booking = book(&ana, class).await.expect(201);
    let token = create_token(&ana).await;
    let read = async || unfold(&fetch_feed(&app, &token).await);
    let mut previous = read().await;
    for class in [target, class, target] {
        let change = json!({
            "bookingId": booking["id"], "action": "move", "scheduledClassId": class,
        });
        staff.patch("/api/admin/bookings", change).await.expect(200);
        let feed = read().await;
        assert_eq!(property(&feed, "UID:"), property(&previous, "UID:"));
        assert_ne!(property(&feed, "DTSTART;"), property(&previous, "DTSTART;"));
        let sequence = |feed: &str| property(feed, "SEQUENCE:").parse::<i32>().unwrap();
        assert!(sequence(&feed) > sequence(&previous));
        previous = feed;
    }
}

#[tokio::test]
async fn a_cancelled_class_stays_in_the_calendar_as_cancelled() {
    let app = TestApp::start().await;
    let class = app.create_class(1).await;
    let ana = app.member("ana").await;
    book(&ana, class).await.expect(201);
    app.sql("update scheduled_classes set is_cancelled = true, sequence = sequence + 1")
        .await;
    let text = unfold(&fetch_feed(&app, &create_token(&ana).await).await);
    assert_eq!(property(&text, "STATUS:"), "CANCELLED");
    // The change to the class adds one, and the status `CANCELLED` adds two.
    assert_eq!(property(&text, "SEQUENCE:"), "3");
}

#[tokio::test]
async fn titles_are_escaped_and_lines_are_folded() {
    for title in [
        "Salsa, bachata; merengue",
        "Back\\slash \\n and \\, too",
        "One\nEND:VEVENT\nBEGIN:VEVENT\nSUMMARY:Two",
        "💃🕺 Noche cubana – ¡señoritas y señores! 老虎",
        &"💃".repeat(200),
        &"x".repeat(200),
        "a: \"quoted\" b",
    ] {
        let app = TestApp::start().await;
        let token = create_token(&app.member("ana").await).await;
        create_booked_classes(&app, title, &[app.app.clock().now()]).await;
        let feed = fetch_feed(&app, &token).await;
        for line in feed.text.split("\r\n") {
            assert!(line.len() <= 75 && !line.contains(['\r', '\n']), "{line}");
        }
        let Some(parsed) = parse_calendar(&feed.text).await else {
            return;
        };
        let events = parsed["events"].as_array().unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["summary"], title);
        assert_eq!(events[0]["location"], "Room 1");
        let description = "With Marisol; Vega, J.\nhttps://sabor.example";
        assert_eq!(events[0]["description"], description);
    }
}

#[tokio::test]
async fn a_feed_without_bookings_is_a_valid_named_calendar() {
    let app = TestApp::start().await;
    let feed = fetch_feed(&app, &create_token(&app.member("ana").await).await).await;
    assert_eq!(
        feed.header("content-type"),
        Some("text/calendar; charset=utf-8")
    );
    assert_eq!(feed.header("cache-control"), Some("private, no-cache"));
    assert_eq!(
        feed.header("content-disposition"),
        Some("inline; filename=\"sabor.ics\"")
    );
    let Some(parsed) = parse_calendar(&feed.text).await else {
        return;
    };
    assert_eq!(parsed["name"], "Sabor con Flow");
    assert_eq!(parsed["refresh"], "1:00:00");
    assert_eq!(parsed["events"], serde_json::json!([]));
}

#[tokio::test]
async fn a_current_etag_returns_not_modified_until_the_bookings_change() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let path = format!("/api/calendar?token={}", create_token(&ana).await);
    let calendar_program = app.visitor();
    let fetch_again = async |tag: &str| {
        let request = calendar_program.request(Method::GET, &path);
        calendar_program
            .send(request.header("if-none-match", tag))
            .await
    };
    let feed = calendar_program.get(&path).await;
    let tag = feed.header("etag").unwrap().to_owned();
    let unchanged = fetch_again(&tag).await;
    assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""));

    book(&ana, app.create_class(5).await).await.expect(201);
    let changed = fetch_again(&tag).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
    assert!(changed.text.contains("BEGIN:VEVENT"));
}

#[tokio::test]
async fn a_feed_contains_only_own_bookings_and_none_older_than_90_days() {
    let app = TestApp::start().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let now = app.app.clock().now();
    let in_days = |days| now + chrono::TimeDelta::days(days);
    create_booked_classes(&app, "Salsa", &[in_days(-91), in_days(-89), in_days(200)]).await;
    let bens_booking = book(&ben, app.create_class(5).await).await.expect(201);
    let (anas_token, bens_token) = (create_token(&ana).await, create_token(&ben).await);
    let anas_feed = unfold(&fetch_feed(&app, &anas_token).await);
    assert_eq!(anas_feed.matches("BEGIN:VEVENT").count(), 2);
    let uid = format!("UID:{}\r\n", bens_booking["id"].as_str().unwrap());
    assert!(!anas_feed.contains(&uid));
    let bens_feed = unfold(&fetch_feed(&app, &bens_token).await);
    assert_eq!(bens_feed.matches("BEGIN:VEVENT").count(), 1);
    assert!(bens_feed.contains(&uid));
}

#[tokio::test]
async fn a_replaced_or_revoked_token_no_longer_works() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let first_token = create_token(&ana).await;
    assert_eq!(fetch_feed(&app, &first_token).await.status, 200);
    let second_token = create_token(&ana).await;
    fetch_feed(&app, &first_token)
        .await
        .expect_code(404, "not_found");
    assert_eq!(fetch_feed(&app, &second_token).await.status, 200);
    // Revoking again succeeds and is not logged.
    ana.delete("/api/calendar/token").await.expect(200);
    ana.delete("/api/calendar/token").await.expect(200);
    fetch_feed(&app, &second_token)
        .await
        .expect_code(404, "not_found");
    let events = app
        .sql(
            "select e.kind from security_events e join users u on u.id = e.user_id
            where u.email = 'ana@example.com' and e.kind like 'calendar%'
            order by e.created_at, e.id",
        )
        .await;
    let events: Vec<String> = events.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        events,
        [
            "calendar_token_made",
            "calendar_token_made",
            "calendar_token_withdrawn"
        ]
    );
}

#[tokio::test]
async fn an_invalid_token_is_rejected() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let token = create_token(&ana).await;
    let hash = sabor::crypto::secret::sha256_hex(token.as_bytes());
    for invalid_token in ["x", &hash, &token.to_uppercase(), &"0".repeat(64)] {
        fetch_feed(&app, invalid_token)
            .await
            .expect_code(404, "not_found");
    }
    // An empty token counts as missing.
    for query in ["", "?", "?token", "?token=", "?t=1", "?token=a&token=b"] {
        let response = app.visitor().get(&format!("/api/calendar{query}")).await;
        assert_eq!(response.status, 400, "{query}: {}", response.text);
    }
}

#[tokio::test]
async fn the_feed_of_a_deactivated_account_is_not_found() {
    let app = TestApp::start().await;
    let token = create_token(&app.member("ana").await).await;
    app.sql("update users set is_active = false").await;
    fetch_feed(&app, &token).await.expect_code(404, "not_found");
}

#[tokio::test]
async fn an_ended_session_can_neither_create_nor_revoke_a_token() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let token = create_token(&ana).await;
    // Redis still has the record of the session.
    app.sql("delete from user_sessions").await;
    for method in [Method::POST, Method::DELETE] {
        let request = ana.copy().request(method, "/api/calendar/token");
        let response = ana.copy().send(request).await;
        response.expect_code(401, "session_gone");
    }
    assert_eq!(fetch_feed(&app, &token).await.status, 200);
}

#[tokio::test]
async fn the_demo_account_has_no_feed() {
    let app = TestApp::start_with(Settings::default().with("SABOR_ENV", "development")).await;
    let demo = app.visitor();
    demo.sign_in("demo@sabor.dev", "password123")
        .await
        .expect(200);
    for method in [Method::POST, Method::DELETE] {
        let request = demo.request(method, "/api/calendar/token");
        let response = demo.send(request).await;
        response.expect_code(403, "demo_account");
    }
}

#[tokio::test]
async fn the_token_appears_in_neither_the_log_nor_the_database() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let (token_function, feed_function) = (
        app.start_function(TOKEN_EXECUTABLE).await,
        app.start_function(FEED_EXECUTABLE).await,
    );
    let first_token = create_token(&ana.connected_to_url(&token_function.url)).await;
    let second_token = create_token(&ana.connected_to_url(&token_function.url)).await;
    for (token, status) in [(&first_token, 404), (&second_token, 200)] {
        let path = format!("/api/calendar?token={token}");
        let client = app.visitor().connected_to_url(&feed_function.url);
        assert_eq!(client.get(&path).await.status, status);
    }
    let log = token_function.log() + &feed_function.log();
    assert!(log.contains("\"route\":\"/api/calendar\""), "{log}");
    let tables = app
        .sql(
            "select query_to_xml(format('select * from %I', table_name), true, true, '')::text
            from information_schema.tables where table_schema = 'public'",
        )
        .await;
    let mut texts: Vec<String> = tables.iter().map(|row| row.get(0)).collect();
    let hash = sabor::crypto::secret::sha256_hex(second_token.as_bytes());
    assert!(texts.iter().any(|table| table.contains(&hash)));
    texts.push(log);
    for token in [first_token, second_token] {
        assert!(!texts.iter().any(|text| text.contains(&token)));
    }
}

#[tokio::test]
async fn the_public_schedule_is_available_as_a_calendar() {
    let settings = Settings::default().with("STUDIO_TIMEZONE", "America/Denver");
    let app = TestApp::start_with(settings).await;
    let zone = TimeZone::named("America/Denver").unwrap();
    let seven_pm = NaiveTime::from_hms_opt(19, 0, 0).unwrap();
    app.member("ana").await;
    let days = ["2027-03-13", "2027-03-14"].map(|day| day.parse::<NaiveDate>().unwrap());
    create_booked_classes(&app, "Salsa", &days.map(|day| zone.resolve(day, seven_pm))).await;
    app.sql(
        "update scheduled_classes set is_cancelled = true where start_time > '2027-03-14T12:00Z'",
    )
    .await;
    let path = "/api/classes/schedule?from=2027-03-13&to=2027-03-14";
    let visitor = app.visitor();
    let request = visitor
        .request(Method::GET, path)
        .header("accept", "text/calendar");
    let response = visitor.send(request).await;
    assert_eq!(
        response.header("content-type"),
        Some("text/calendar; charset=utf-8")
    );
    let vary: Vec<_> = response.headers.get_all("vary").iter().collect();
    assert!(vary.iter().any(|value| *value == "accept"), "{vary:?}");
    let Some(parsed) = parse_calendar(&response.text).await else {
        return;
    };
    let [first_event, second_event] = [&parsed["events"][0], &parsed["events"][1]];
    assert_eq!(first_event["local"], "2027-03-13T19:00:00");
    assert_eq!(second_event["local"], "2027-03-14T19:00:00");
    assert_eq!(
        [&first_event["status"], &second_event["status"]],
        ["CONFIRMED", "CANCELLED"]
    );
    visitor.get(path).await.expect(200);
}
