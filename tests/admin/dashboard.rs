//! `api/admin/dashboard.rs`

use serde_json::json;

use super::fixtures::{cancel_booking, insert_booking, insert_class, insert_payment};
use crate::harness::{Settings, TestApp};

const PATH: &str = "/api/admin/dashboard";

#[tokio::test]
async fn the_dashboard_covers_the_studios_local_day_when_the_clocks_go_back() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    // The clocks in Denver go back on this Sunday.
    let early_class = insert_class(&app, "Early", "2027-11-07T06:00Z", 4).await;
    let late_class = insert_class(&app, "Late", "2027-11-08T06:59Z", 6).await;
    insert_class(&app, "Tomorrow", "2027-11-08T07:00Z", 4).await;
    insert_class(&app, "Yesterday", "2027-11-07T05:59Z", 4).await;
    let cancelled_class = insert_class(&app, "Off", "2027-11-07T18:00Z", 90).await;
    app.mark_cancelled(cancelled_class).await;
    let booking = insert_booking(&app, early_class, "attended", "2027-11-07T06:00Z").await;
    insert_payment(&app, booking, "25.00 USD", "2027-11-08T06:59Z", None).await;
    for _ in 0..6 {
        insert_booking(&app, late_class, "booked", "2027-11-07T05:59Z").await;
    }
    let waitlisted_booking =
        insert_booking(&app, late_class, "waitlisted", "2027-11-08T06:59Z").await;
    insert_booking(&app, late_class, "waitlisted", "2027-11-08T07:00Z").await;
    let cancelled_booking = insert_booking(&app, early_class, "booked", "2027-11-01T00:00Z").await;
    cancel_booking(&app, cancelled_booking, "2027-11-08T06:30Z", true).await;
    insert_payment(
        &app,
        cancelled_booking,
        "9.50 USD",
        "2027-11-06T00:00Z",
        Some("2027-11-07T07:00Z"),
    )
    .await;
    cancel_booking(&app, waitlisted_booking, "2027-11-08T06:30Z", false).await;

    app.set_clock("2027-11-08T06:59:30Z".parse().unwrap());
    let dashboard = staff.get(PATH).await.expect(200);
    assert_eq!(dashboard["date"], "2027-11-07");
    assert_eq!(dashboard["timeZone"], "America/Denver");
    let classes = dashboard["classes"].as_array().unwrap();
    let titles: Vec<_> = classes.iter().map(|class| &class["title"]).collect();
    assert_eq!(titles, ["Early", "Off", "Late"]);
    assert_eq!(classes[2]["taken"], 6);
    assert_eq!(classes[2]["waitlisted"], 1);
    assert_eq!(classes[2]["occupancyRate"], 1.0);
    assert_eq!(classes[1]["isCancelled"], true);
    assert_eq!(classes[0]["instructor"], "Marisol Vega");
    assert_eq!(dashboard["occupancyRate"], 0.7);
    assert_eq!(dashboard["bookings"], 2);
    assert_eq!(dashboard["cancellations"], 2);
    assert_eq!(dashboard["lateCancellations"], 1);
    assert_eq!(
        dashboard["revenue"],
        json!([{ "currency": "USD", "paid": "25.00", "refunded": "9.50", "net": "15.50" }])
    );
    app.set_clock("2027-11-08T07:00:00Z".parse().unwrap());
    assert_eq!(staff.get(PATH).await.expect(200)["date"], "2027-11-08");
}

#[tokio::test]
async fn any_day_can_be_shown_with_its_check_ins_and_unpaid_bookings() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let class = insert_class(&app, "Salsa", "2027-03-05T18:00Z", 9).await;
    insert_class(&app, "Salsa", "2027-03-06T18:00Z", 9).await;
    let mut bookings = Vec::new();
    for status in [
        "booked",
        "attended",
        "attended",
        "attended",
        "no_show",
        "waitlisted",
    ] {
        let booking = insert_booking(&app, class, status, "2027-03-05T17:00Z").await;
        bookings.push(booking);
    }
    let paid_at = "2027-03-05T17:30Z";
    insert_payment(&app, bookings[1], "25.00 USD", paid_at, None).await;
    insert_payment(&app, bookings[2], "25.00 USD", paid_at, Some(paid_at)).await;
    app.sql(&format!(
        "update bookings set price = 0 where id = '{}'",
        bookings[3]
    ))
    .await;
    let day = staff
        .get(&format!("{PATH}?date=2027-03-05"))
        .await
        .expect(200);
    assert_eq!(day["date"], "2027-03-05");
    let classes = day["classes"].as_array().unwrap();
    assert_eq!(classes.len(), 1);
    assert_eq!(classes[0]["taken"], 5);
    assert_eq!(classes[0]["checkedIn"], 3);
    // The first booking, the one whose payment was refunded, and the no-show.
    assert_eq!(classes[0]["unpaid"], 3);
    assert_eq!(classes[0]["waitlisted"], 1);
    let ids = "select class_type_id::text, instructor_id::text from scheduled_classes where id = ";
    let row = &app.sql(&format!("{ids}'{class}'")).await[0];
    assert_eq!(classes[0]["classTypeId"], row.get::<_, String>(0));
    assert_eq!(classes[0]["instructorId"], row.get::<_, String>(1));
    let roster = staff
        .get(&format!("/api/admin/bookings?scheduledClassId={class}"))
        .await
        .expect(200);
    let entries = roster["items"].as_array().unwrap().iter();
    let unpaid = entries.filter(|entry| entry["isUnpaid"] == true);
    let mut unpaid: Vec<_> = unpaid.map(|entry| entry["bookingId"].clone()).collect();
    unpaid.sort_by_key(ToString::to_string);
    let mut expected = [bookings[0], bookings[2], bookings[4]].map(|id| json!(id));
    expected.sort_by_key(ToString::to_string);
    assert_eq!(unpaid, expected);
    assert_eq!(day["bookings"], 6);
    assert_eq!(day["revenue"][0]["paid"], "50.00");
    let next_day = staff
        .get(&format!("{PATH}?date=2027-03-07"))
        .await
        .expect(200);
    assert_eq!(next_day["classes"], json!([]));
    assert_eq!(next_day["bookings"], 0);
    for date in ["2027-3-5", "yesterday", "2027-02-30"] {
        let rejected = staff.get(&format!("{PATH}?date={date}")).await;
        super::assert_rejects_only(&rejected, "date");
    }
}

#[tokio::test]
async fn open_refunds_and_messages_of_any_age_are_counted() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let class = insert_class(&app, "Salsa", "2026-05-05T18:00Z", 9).await;
    for amount in ["10.00 EUR", "20.00 EUR", "5.00 USD"] {
        let booking = insert_booking(&app, class, "booked", "2026-05-01T18:00Z").await;
        insert_payment(&app, booking, amount, "2026-05-01T18:00Z", None).await;
    }
    app.sql("update payments set status = 'refund_due'").await;
    app.sql(
        "insert into contact_submissions (id, name, email, subject, message, is_processed)
        select gen_random_uuid(), 'Ana', 'ana@example.com', 'Shoes', 'Which?', n = 1
        from generate_series(1, 3) n",
    )
    .await;
    app.sql("update users set created_at = '2026-05-05T18:00Z' where created_at > '2001-01-01'")
        .await;
    let dashboard = staff
        .get(&format!("{PATH}?date=2026-05-05"))
        .await
        .expect(200);
    assert_eq!(
        dashboard["refundsDue"],
        json!([
            { "currency": "EUR", "count": 2, "amount": "30.00" },
            { "currency": "USD", "count": 1, "amount": "5.00" },
        ])
    );
    assert_eq!(dashboard["contactsUnprocessed"], 2);
    assert_eq!(dashboard["occupancyRate"], json!(0.333));
    assert_eq!(dashboard["classes"].as_array().unwrap().len(), 1);
    // The members are Sofia and the three with a booking. `TestApp::staff` signs Sofia in
    // twice, and the second sign-in ended her first session.
    assert_eq!(dashboard["members"], 4);
    assert_eq!(dashboard["activeSessions"], 1);
    assert_eq!(dashboard["signUps"], 1);
}

#[tokio::test]
async fn the_state_of_postgres_redis_and_the_pool_is_shown() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    for _ in 0..3 {
        staff.get("/api/auth/session").await.expect(200);
    }
    app.app.counters().write().await;
    // Postgres has counted them on its own date, which can be that of the previous day.
    let today = app.advance_to_noon().date_naive();
    app.sql(&format!("update daily_counters set day = '{today}'"))
        .await;
    let dashboard = staff.get(PATH).await.expect(200);
    let redis = &dashboard["redis"];
    let (hits, misses) = (
        redis["hits"].as_i64().unwrap(),
        redis["misses"].as_i64().unwrap(),
    );
    assert_eq!((hits + misses, redis["away"].as_i64()), (3, Some(0)));
    assert!(hits >= 1, "{redis}");
    assert_eq!(
        redis["hitRatio"],
        (1_000.0 * hits as f64 / 3.0).round() / 1_000.0
    );
    assert_eq!(dashboard["services"]["database"]["status"], "connected");
    assert_eq!(dashboard["services"]["kv"]["status"], "connected");
    assert!(dashboard["pool"]["size"].as_u64().unwrap() >= 1);

    let settings = Settings::default()
        .with("KV_REST_API_URL", "")
        .with("KV_REST_API_TOKEN", "");
    let app_without_redis = app.start_another_with(settings).await;
    let dashboard = staff
        .connected_to(&app_without_redis)
        .get(PATH)
        .await
        .expect(200);
    assert_eq!(dashboard["services"]["kv"]["status"], "not configured");
}
