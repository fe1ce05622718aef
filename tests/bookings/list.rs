//! `api/bookings/list.rs`

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use sabor::values::time_zone::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{book, cancel};
use crate::harness::{NewClass, Settings, StripeStandIn, TestApp};

#[tokio::test]
async fn upcoming_bookings_are_ascending_and_past_bookings_descending() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for starts_in in [30.0, 10.0, 20.0] {
        let class = app
            .create_class_with(NewClass {
                starts_in: Some(starts_in),
                ..NewClass::default()
            })
            .await;
        book(&ana, class).await.expect(201);
    }
    let start_times = async |query: &str| {
        let path = format!("/api/bookings/list?limit=1{query}");
        let bookings = ana.get_all(&path).await;
        let starts = bookings
            .iter()
            .map(|booking| &booking["class"]["startTime"]);
        starts
            .map(|start| start.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let upcoming = start_times("").await;
    assert_eq!(upcoming.len(), 3);
    assert!(upcoming.is_sorted());
    app.app.clock().advance(TimeDelta::seconds(25 * 3_600));
    let past = start_times("&when=past").await;
    assert_eq!(past, [upcoming[1].clone(), upcoming[0].clone()]);
    assert_eq!(start_times("&when=upcoming").await, [upcoming[2].clone()]);
    ana.get("/api/bookings/list?when=never")
        .await
        .expect_code(400, "validation_failed");
    let ben = app.member("ben").await;
    let empty_list = ben.get("/api/bookings/list").await.expect(200);
    assert_eq!(empty_list["items"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_booking_whose_class_moves_before_the_cursor_is_returned_on_the_next_page() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let mut bookings = Vec::new();
    for starts_in in [10.0, 20.0, 30.0] {
        let class = NewClass {
            starts_in: Some(starts_in),
            ..NewClass::default()
        };
        let class = app.create_class_with(class).await;
        bookings.push(book(&ana, class).await.expect(201));
    }
    // Reads the first page, moves a class, and reads the other pages.
    let read_while_moving = async |period: &str, moved: usize, hours: u32| {
        let path = format!("/api/bookings/list?when={period}&limit=1");
        let first_page = ana.get(&path).await.expect(200);
        let class = bookings[moved]["scheduledClassId"].as_str().unwrap();
        app.sql(&format!(
            "update scheduled_classes set start_time = now() + interval '{hours} hours',
                end_time = now() + interval '{hours} hours 30 minutes'
            where id = '{class}'"
        ))
        .await;
        let cursor = first_page["nextCursor"].as_str().unwrap();
        let mut read = vec![first_page["items"][0].clone()];
        read.extend(ana.get_all(&format!("{path}&cursor={cursor}")).await);
        for booking in &bookings {
            let is_same = |item: &Value| item["id"] == booking["id"];
            assert!(read.iter().any(is_same), "{period}: {read:?}");
        }
    };
    read_while_moving("upcoming", 2, 5).await;
    app.app.clock().advance(TimeDelta::hours(60));
    // Past bookings start with the latest class, which is now the one at 20 hours.
    read_while_moving("past", 0, 50).await;
}

/// Creates a class that starts at `start`.
async fn create_class_at(app: &TestApp, start: DateTime<Utc>) -> Uuid {
    let id = app.create_class(5).await;
    app.sql(&format!(
        "update scheduled_classes set start_time = '{start}',
            end_time = timestamptz '{start}' + interval '1 hour'
        where id = '{id}'"
    ))
    .await;
    // A class that has just moved would be returned again on the next page.
    app.sql("update scheduled_classes set moved_at = null")
        .await;
    id
}

#[tokio::test]
async fn bookings_can_be_filtered_by_class_day_and_status() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let clock = app.app.clock();
    let denver = TimeZone::named("America/Denver").unwrap();
    let day = denver.date(clock.now()) + TimeDelta::days(2);
    let next_day = day + TimeDelta::days(1);
    let at = |hour, minute| denver.resolve(day, NaiveTime::from_hms_opt(hour, minute, 0).unwrap());
    // The second class is still on the first day, and the third one on the next day.
    let mut classes = Vec::new();
    for start in [at(19, 0), at(23, 59), denver.day_start(next_day)] {
        classes.push(create_class_at(&app, start).await);
    }
    let mut bookings = Vec::new();
    for class in &classes {
        bookings.push(book(&ana, *class).await.expect(201));
        if bookings.len() == 2 {
            cancel(&ana, &bookings[1]).await.expect(200);
        }
    }
    let listed = async |query: &str| {
        let list = ana
            .get_all(&format!("/api/bookings/list?limit=1&{query}"))
            .await;
        let position = |item: &Value| {
            let is_same = |booking: &Value| booking["id"] == item["id"];
            bookings.iter().position(is_same).unwrap()
        };
        list.iter().map(position).collect::<Vec<_>>()
    };
    let on_first_day = format!("from={day}&to={day}");
    assert_eq!(listed(&on_first_day).await, [0, 1]);
    assert_eq!(listed(&format!("from={next_day}")).await, [2]);
    assert_eq!(
        listed(&format!("to={}", day - TimeDelta::days(1))).await,
        [0; 0]
    );
    let of_class = format!("scheduledClassId={}", classes[2]);
    assert_eq!(listed(&of_class).await, [2]);
    assert_eq!(listed("status=cancelled").await, [1]);
    assert_eq!(listed("status=booked,%20waitlisted").await, [0, 2]);
    assert_eq!(listed("status=attended").await, [0; 0]);
    assert_eq!(
        listed(&format!("{of_class}&status=cancelled")).await,
        [0; 0]
    );
    // After the first class, `all` still lists its booking, in the order of the schedule.
    app.set_clock(at(21, 0));
    for (when, expected) in [
        ("upcoming", vec![1]),
        ("past", vec![0]),
        ("all", vec![0, 1]),
    ] {
        let found = listed(&format!("{on_first_day}&when={when}")).await;
        assert_eq!(found, expected, "{when}");
    }
}

#[tokio::test]
async fn invalid_filters_are_rejected_by_name() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for (query, field) in [
        ("when=never", "when"),
        ("from=tomorrow", "from"),
        ("to=2026-02-29", "to"),
        ("from=2026-03-09&to=2026-03-08", "to"),
        ("scheduledClassId=1", "scheduledClassId"),
        ("status=paid", "status"),
        ("status=booked,", "status"),
        ("status=booked,booked,booked,booked,booked,booked", "status"),
    ] {
        let response = ana.get(&format!("/api/bookings/list?{query}")).await;
        let body = response.expect_code(400, "validation_failed");
        let details = body["details"].as_object().unwrap();
        assert_eq!(details.keys().collect::<Vec<_>>(), [field], "{query}");
    }
}

#[tokio::test]
async fn a_booking_has_the_class_type_and_the_local_time_of_its_class() {
    let settings = Settings::default().with("STUDIO_TIMEZONE", "Europe/Madrid");
    let app = TestApp::start_with(settings).await;
    let ana = app.member("ana").await;
    let class = create_class_at(&app, "2199-07-05T22:30:00Z".parse().unwrap()).await;
    let booking = book(&ana, class).await.expect(201);
    let list = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(list["items"][0], booking);
    let schedule = app
        .visitor()
        .get(&format!("/api/classes/occurrence?id={class}"))
        .await
        .expect(200);
    for field in ["classTypeId", "localDate", "localTime", "timeZone"] {
        assert_eq!(booking["class"][field], schedule[field], "{field}");
    }
    assert_eq!(booking["class"]["localDate"], "2199-07-06");
    assert_eq!(booking["class"]["localTime"], "00:30");
    assert_eq!(booking["payment"], Value::Null);
}

#[tokio::test]
async fn a_booking_has_a_checkout_url_only_while_it_can_be_paid_by_card() {
    let stripe = StripeStandIn::start().await;
    let app = TestApp::start_with(stripe.settings()).await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(5).await).await.expect(201);
    let last_payment = async || {
        let list = ana.get("/api/bookings/list?when=all").await.expect(200);
        let item = list["items"][0].clone();
        assert_eq!(item["payment"]["status"], item["paymentStatus"]);
        item["payment"].clone()
    };
    let start = json!({ "bookingId": booking["id"], "method": "card" });
    let started = ana.post("/api/bookings/payment", start).await.expect(201);
    let payment = last_payment().await;
    assert_eq!(payment["id"], started["id"]);
    assert_eq!(payment["method"], "card");
    assert_eq!(payment["checkoutUrl"], started["checkoutUrl"]);
    assert!(payment["checkoutUrl"].is_string(), "{payment}");
    assert_eq!(payment["expiresAt"], started["expiresAt"]);
    // The checkout expires after half an hour.
    app.app.clock().advance(TimeDelta::minutes(31));
    assert_eq!(last_payment().await["checkoutUrl"], Value::Null);
    let desk = json!({ "bookingId": booking["id"], "method": "desk" });
    ana.post("/api/bookings/payment", desk).await;
    let payment = last_payment().await;
    assert_eq!(payment["checkoutUrl"], Value::Null);
}
