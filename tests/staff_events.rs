//! `api/admin/events.rs`: what happens to the classes of a day, as a list and a stream.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bookings::{book, cancel, join_waitlist, set_clock_before_start};
use crate::conventions::{api_description, described_values};
use crate::events::{Event, EventStream, settings_with_stream_lifetime};
use crate::harness::{NewClass, PASSWORD, TestApp, TestClient, TestResponse};
use crate::shop::{change_pass, sell_pass};

const PATH: &str = "/api/admin/events";

fn stream_request(staff: &TestClient, path: &str) -> RequestBuilder {
    staff
        .request(Method::GET, path)
        .header("accept", "text/event-stream")
}

/// Returns the path of the events about the classes on the day of a booking.
fn path_of_day(booking: &Value) -> String {
    let date = booking["class"]["localDate"].as_str().unwrap();
    format!("{PATH}?date={date}")
}

async fn perform(staff: &TestClient, booking: &Value, action: &str) {
    let change = json!({ "bookingId": booking["id"], "action": action });
    staff.patch("/api/admin/bookings", change).await.expect(200);
}

/// The path of the events about the classes on the day of [`insertion`].
const PATH_OF_DAY: &str = "/api/admin/events?date=2030-01-15";

/// Returns a statement that inserts an event about a class on January 15, 2030.
fn insertion(number: u32) -> String {
    insertion_on("2030-01-15", number)
}

/// Returns a statement that inserts an event about a class at noon of a day at the studio.
fn insertion_on(date: &str, number: u32) -> String {
    format!(
        "insert into staff_events (kind, data, starts_at)
        values ('class_changed', '{{\"number\": {number}}}', '{date}T19:00Z')"
    )
}

/// Returns the next event of a kind. A stream may begin with events from shortly before it was
/// opened, if an older transaction was still in progress then.
async fn next_of(stream: &mut EventStream, kind: &str) -> Event {
    loop {
        let event = stream.next().await.unwrap();
        if event.kind == kind {
            return event;
        }
    }
}

fn number(event: &Event) -> &Value {
    &event.data["data"]["number"]
}

#[tokio::test]
async fn the_page_of_a_day_follows_what_colleagues_and_members_do() {
    let app = TestApp::start().await;
    let (sofia, luis) = (app.staff("sofia").await, app.staff("luis").await);
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(1).await;
    let eva = app.member("eva").await;
    let class_of_another_day = app.create_class_with(NewClass {
        starts_in: Some(120.0),
        ..NewClass::default()
    });
    let before = book(&eva, class_of_another_day.await).await.expect(201);
    let path = format!("/api/classes/occurrence?id={class}");
    let occurrence = ana.get(&path).await.expect(200);
    let path = path_of_day(&json!({ "class": occurrence }));
    let mut stream = EventStream::start(stream_request(&sofia, &path)).await;
    let data = |booking: &Value, status: &str| {
        json!({
            "bookingId": booking["id"],
            "scheduledClassId": class,
            "previousClassId": null,
            "status": status,
        })
    };
    let booking = book(&ana, class).await.expect(201);
    let event = next_of(&mut stream, "booking_created").await;
    assert_eq!(event.data["data"], data(&booking, "booked"));
    assert_eq!(event.id.as_deref(), event.data["id"].as_str());

    perform(&luis, &booking, "markPaid").await;
    let event = stream.expect("payment_changed").await;
    assert_eq!(event.data["data"]["bookingId"], booking["id"]);
    assert_eq!(event.data["data"]["scheduledClassId"], json!(class));

    let waiting = join_waitlist(&ben, class).await.expect(201);
    let event = stream.expect("booking_waitlisted").await;
    assert_eq!(event.data["data"], data(&waiting, "waitlisted"));
    cancel(&ana, &booking).await.expect(200);
    let mut kinds = BTreeSet::new();
    while kinds.len() < 3 {
        kinds.insert(stream.next().await.unwrap().kind);
    }
    let expected = ["booking_cancelled", "booking_promoted", "payment_changed"];
    assert_eq!(
        kinds.iter().collect::<Vec<_>>(),
        expected.iter().collect::<Vec<_>>()
    );

    set_clock_before_start(&app, &booking, TimeDelta::minutes(30));
    let check_in = json!({ "scheduledClassId": class, "bookingIds": [waiting["id"]] });
    luis.post("/api/admin/check-ins", check_in)
        .await
        .expect(200);
    // The refund of the cancelled booking may follow its cancellation.
    let mut event = stream.next().await.unwrap();
    while event.kind == "payment_changed" {
        event = stream.next().await.unwrap();
    }
    assert_eq!(event.kind, "attendance_changed");
    assert_eq!(event.data["data"], data(&waiting, "attended"));
    // A repeated check-in changes nothing, so the next event is that of the undoing.
    perform(&luis, &waiting, "checkIn").await;
    perform(&luis, &waiting, "undoAttendance").await;
    let event = stream.expect("attendance_changed").await;
    assert_eq!(event.data["data"], data(&waiting, "booked"));
    // A booking of another day is not sent until it moves to this one.
    perform(&luis, &before, "markPaid").await;
    app.sql("update scheduled_classes set max_participants = 2")
        .await;
    stream.expect("class_changed").await;
    let change = json!({
        "bookingId": before["id"], "action": "move", "scheduledClassId": class,
    });
    luis.patch("/api/admin/bookings", change).await.expect(200);
    let event = stream.expect("booking_moved").await;
    assert_eq!(event.data["data"]["bookingId"], before["id"]);
    assert_eq!(
        event.data["data"]["previousClassId"],
        before["scheduledClassId"]
    );
}

#[tokio::test]
async fn the_page_of_a_day_follows_passes_that_pay_and_spots_that_are_given() {
    let app = TestApp::start().await;
    let (sofia, luis) = (app.staff("sofia").await, app.staff("luis").await);
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(5).await;
    let covered = book(&ana, class).await.expect(201);
    let given = book(&ben, class).await.expect(201);
    let pass = sell_pass(&luis, &ana, json!({ "credits": 1 })).await;
    let mut stream = EventStream::start(stream_request(&sofia, &path_of_day(&covered))).await;
    let data = |booking: &Value| json!({ "bookingId": booking["id"], "scheduledClassId": class, "paymentId": null });
    perform(&luis, &covered, "usePass").await;
    let event = next_of(&mut stream, "payment_changed").await;
    assert_eq!(event.data["data"], data(&covered));
    let gift = json!({ "bookingId": given["id"], "action": "give", "reason": "Helper" });
    luis.patch("/api/admin/bookings", gift).await.expect(200);
    let event = stream.expect("payment_changed").await;
    assert_eq!(event.data["data"], data(&given));
    change_pass(&luis, &pass, json!({ "action": "revoke" }))
        .await
        .expect(200);
    let event = stream.expect("payment_changed").await;
    assert_eq!(event.data["data"], data(&covered));
    // A cancellation has its own event only.
    cancel(&ben, &given).await.expect(200);
    stream.expect("booking_cancelled").await;
    app.sql("update scheduled_classes set max_participants = 6")
        .await;
    stream.expect("class_changed").await;
}

#[tokio::test]
async fn without_a_day_the_stream_follows_the_current_one() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let set_clock = |time: &str| {
        let time: DateTime<Utc> = time.parse().unwrap();
        app.app.clock().advance(time - app.app.clock().now());
    };
    // The studio is in Denver, where this is the evening of the 15th.
    set_clock("2030-01-16T06:50:00Z");
    let mut stream = EventStream::start(stream_request(&staff, PATH)).await;
    app.sql(&insertion_on("2030-01-16", 1)).await;
    app.sql(&insertion_on("2030-01-15", 2)).await;
    assert_eq!(number(&stream.expect("class_changed").await), 2);
    set_clock("2030-01-16T07:10:00Z");
    app.sql(&insertion_on("2030-01-15", 3)).await;
    app.sql(&insertion_on("2030-01-16", 4)).await;
    assert_eq!(number(&stream.expect("class_changed").await), 4);
}

#[tokio::test]
async fn a_class_that_leaves_the_day_is_sent_to_both_days() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let class = app.create_class_with(NewClass {
        starts_in: Some(60.0),
        ..NewClass::default()
    });
    let class = class.await;
    let booking = book(&app.member("ana").await, class).await.expect(201);
    let path = path_of_day(&booking);
    let mut old_day = EventStream::start(stream_request(&staff, &path)).await;
    let date = booking["class"]["localDate"].as_str().unwrap();
    let date: chrono::NaiveDate = date.parse().unwrap();
    let next_date = date + TimeDelta::days(1);
    let next_path = format!("{PATH}?date={next_date}");
    let mut new_day = EventStream::start(stream_request(&staff, &next_path)).await;
    let change = json!({ "occurrence": { "id": class, "date": next_date } });
    staff.patch("/api/admin/schedule", change).await.expect(200);
    for stream in [&mut old_day, &mut new_day] {
        let event = next_of(stream, "class_changed").await;
        assert_eq!(event.data["data"], json!({ "scheduledClassId": class }));
    }
    let third_path = format!("{PATH}?date={}", date + TimeDelta::days(2));
    assert_eq!(staff.get_all(&third_path).await, [] as [Value; 0]);
    let list = staff.get_all(&format!("{next_path}&limit=1")).await;
    assert_eq!(list[0]["kind"], "class_changed");
}

#[tokio::test]
async fn members_receive_no_events_for_staff() {
    let app = TestApp::start().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(2).await;
    let booking = book(&ana, class).await.expect(201);
    let path = path_of_day(&booking);
    for accept in ["text/event-stream", "application/json"] {
        let request = ben.request(Method::GET, &path).header("accept", accept);
        let response = ben.send(request).await;
        response.expect_code(403, "forbidden");
    }
    let own = ben.get_all("/api/events?limit=50").await;
    assert!(
        own.iter().all(|event| event["data"] == json!({})),
        "{own:?}"
    );
}

#[tokio::test]
async fn the_stream_of_a_session_that_has_ended_sends_nothing_more() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let mut stream = EventStream::start(stream_request(&staff, PATH_OF_DAY)).await;
    staff.post("/api/auth/logout", json!({})).await.expect(200);
    app.sql(&insertion(1)).await;
    let event = stream.expect("access_ended").await;
    assert_eq!((event.id, event.data), (None, json!({})));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn the_stream_of_staff_who_lose_their_role_sends_nothing_more() {
    let app = TestApp::start().await;
    let (admin, staff) = (app.admin("admin").await, app.staff("sofia").await);
    let id = staff.user_id().await;
    let mut stream = EventStream::start(stream_request(&staff, PATH_OF_DAY)).await;
    let change = json!({ "id": id, "role": "member", "currentPassword": PASSWORD });
    admin.patch("/api/admin/users", change).await.expect(200);
    app.sql(&insertion(1)).await;
    let event = stream.expect("access_ended").await;
    assert_eq!((event.id, event.data), (None, json!({})));
    assert!(stream.next().await.is_none());
    // The member is still signed in.
    assert!(staff.is_signed_in().await);
}

#[tokio::test]
async fn an_event_that_is_committed_late_is_not_missed() {
    let settings = settings_with_stream_lifetime(Duration::from_millis(1_500));
    let app = TestApp::start_with(settings).await;
    let staff = app.staff("sofia").await;
    let late = app.hold_locks(&insertion(1)).await;
    app.sql(&insertion(2)).await;
    // The second event waits for the first one, whose transaction is older.
    let mut stream = EventStream::start(stream_request(&staff, PATH_OF_DAY)).await;
    let starts_after = stream.starts_after.clone();
    assert!(stream.next().await.is_none());
    late.commit().await;
    let mut numbers = Vec::new();
    let mut last_id = starts_after;
    while numbers.len() < 2 {
        let request = stream_request(&staff, PATH_OF_DAY).header("last-event-id", &last_id);
        let mut stream = EventStream::start(request).await;
        while let Some(event) = stream.next().await {
            numbers.push(number(&event).clone());
            last_id = event.id.unwrap();
        }
    }
    assert_eq!(numbers, [1, 2]);
}

#[tokio::test]
async fn a_reconnecting_page_receives_each_event_once() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let mut stream = EventStream::start(stream_request(&staff, PATH_OF_DAY)).await;
    app.sql(&insertion(1)).await;
    let event = stream.expect("class_changed").await;
    assert_eq!(number(&event), 1);
    let seen_id = event.id.unwrap();
    drop(stream);
    // More events than one poll reads, in one transaction and in several.
    app.sql(
        "insert into staff_events (kind, data, starts_at)
        select 'class_changed', jsonb_build_object('number', n), '2030-01-15T19:00Z'::timestamptz
        from generate_series(2, 151) n order by n",
    )
    .await;
    for later in 152..=156 {
        app.sql(&insertion(later)).await;
    }
    let request = stream_request(&staff, PATH_OF_DAY).header("last-event-id", &seen_id);
    let mut stream = EventStream::start(request).await;
    for expected in 2..=156 {
        let event = stream.expect("class_changed").await;
        assert_eq!(number(&event), expected);
    }
    let list = staff.get_all(&format!("{PATH_OF_DAY}&limit=60")).await;
    assert_eq!(list.len(), 156);
}

#[tokio::test]
async fn an_id_of_a_restored_database_starts_a_new_stream() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let id = format!("{}-7", i64::MAX);
    let request = stream_request(&staff, PATH_OF_DAY).header("last-event-id", id);
    let mut stream = EventStream::start(request).await;
    // The position is corrected by the first poll.
    let mut sent = 0;
    loop {
        sent += 1;
        app.sql(&insertion(sent)).await;
        let next = tokio::time::timeout(Duration::from_millis(500), stream.next());
        if let Ok(event) = next.await {
            assert_eq!(event.unwrap().kind, "class_changed");
            break;
        }
        assert!(sent < 100, "the stream sends nothing");
    }
}

#[tokio::test]
async fn an_invalid_last_event_id_or_day_is_rejected() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    for id in [
        "x",
        "7",
        "-1",
        "1-",
        "-",
        "1--2",
        "1-2-3",
        "1.5-2",
        "+1-2",
        "99999999999999999999-1",
    ] {
        let request = stream_request(&staff, PATH).header("last-event-id", id);
        let response = TestResponse::read(request.send().await.unwrap()).await;
        let body = response.expect_code(400, "validation_failed");
        assert!(body["details"]["Last-Event-ID"].is_array(), "{id}");
    }
    let rejected = staff.get(&format!("{PATH}?date=yesterday")).await;
    let body = rejected.expect_code(400, "validation_failed");
    assert!(body["details"]["date"].is_array());
}

#[tokio::test]
async fn events_for_staff_are_deleted_after_two_days() {
    let app = TestApp::start().await;
    for hours in [47, 49] {
        app.sql(&format!(
            "insert into staff_events (kind, data, starts_at, created_at)
            values ('class_changed', '{{}}', now(), now() - interval '{hours} hours')"
        ))
        .await;
    }
    let body = app.run_clean_up().await.expect(200);
    assert_eq!(body["details"]["staffEvents"], 1);
    assert_eq!(app.count("select count(*) from staff_events").await, 1);
}

#[tokio::test]
async fn nothing_is_recorded_about_classes_of_weeks_ago() {
    let app = TestApp::start().await;
    let class: Uuid = app.create_class(2).await;
    book(&app.member("ana").await, class).await.expect(201);
    app.sql("delete from staff_events").await;
    app.sql(
        "update scheduled_classes set start_time = start_time - interval '60 days',
            end_time = end_time - interval '60 days'",
    )
    .await;
    // The class has left a coming day.
    assert_eq!(app.count("select count(*) from staff_events").await, 1);
    app.sql("update bookings set status = 'attended'").await;
    assert_eq!(app.count("select count(*) from staff_events").await, 1);
}

#[tokio::test]
async fn every_described_kind_of_event_for_staff_occurs_and_no_other() {
    let app = TestApp::start().await;
    let sofia = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    perform(&sofia, &booking, "markPaid").await;
    join_waitlist(&ben, class).await.expect(201);
    cancel(&ana, &booking).await.expect(200);
    let moved = book(&ana, app.create_class(1).await).await.expect(201);
    let target = app.create_class(1).await;
    let change = json!({
        "bookingId": moved["id"], "action": "move", "scheduledClassId": target,
    });
    let moved = sofia.patch("/api/admin/bookings", change).await.expect(200);
    let change = json!({ "occurrence": { "id": class, "room": "Garden" } });
    sofia.patch("/api/admin/schedule", change).await.expect(200);
    set_clock_before_start(&app, &moved, TimeDelta::minutes(10));
    perform(&sofia, &moved, "checkIn").await;
    let path = format!("/api/admin/schedule?occurrenceId={target}");
    sofia.delete(&path).await.expect(200);

    let rows = app
        .sql("select kind, data from staff_events order by transaction_id, seq")
        .await;
    let document = api_description();
    let schemas = &document["components"]["schemas"];
    let mapping = &schemas["StaffEvent"]["discriminator"]["mapping"];
    let mut kinds = BTreeSet::new();
    for row in &rows {
        let (kind, data): (String, Value) = (row.get(0), row.get(1));
        let (_, variant) = mapping[&kind].as_str().unwrap().rsplit_once('/').unwrap();
        assert!(described_values(&format!("{variant}Kind")).contains(&kind));
        let described = schemas[format!("{variant}Data")]["properties"].as_object();
        let described: BTreeSet<_> = described.unwrap().keys().collect();
        let keys: BTreeSet<_> = data.as_object().unwrap().keys().collect();
        assert_eq!(keys, described, "{kind}");
        kinds.insert(kind);
    }
    let described: BTreeSet<_> = mapping.as_object().unwrap().keys().cloned().collect();
    assert_eq!(kinds, described);
}
