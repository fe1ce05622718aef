//! `api/admin/dashboard.rs`

use chrono::{DateTime, Utc};
use serde_json::json;

use super::fixtures::{cancel_booking, insert_booking, insert_class, insert_payment};
use crate::harness::{Settings, TestApp};

const PATH: &str = "/api/admin/dashboard";

/// Sets the clock to this time.
fn set_clock(app: &TestApp, time: &str) {
    let time: DateTime<Utc> = time.parse().unwrap();
    let clock = app.app.clock();
    clock.advance(time - clock.now());
}

#[tokio::test]
async fn today_follows_the_studios_time_zone_on_a_day_of_twenty_five_hours() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    // In Denver the clocks go back on this Sunday.
    let early = insert_class(&app, "Early", "2027-11-07T06:00Z", 4).await;
    let late = insert_class(&app, "Late", "2027-11-08T06:59Z", 6).await;
    insert_class(&app, "Tomorrow", "2027-11-08T07:00Z", 4).await;
    insert_class(&app, "Yesterday", "2027-11-07T05:59Z", 4).await;
    let cancelled = insert_class(&app, "Off", "2027-11-07T18:00Z", 90).await;
    app.mark_cancelled(cancelled).await;
    let made = insert_booking(&app, early, "attended", "2027-11-07T06:00Z").await;
    insert_payment(&app, made, "25.00 USD", "2027-11-08T06:59Z", None).await;
    for _ in 0..6 {
        insert_booking(&app, late, "booked", "2027-11-07T05:59Z").await;
    }
    let waiting = insert_booking(&app, late, "waitlisted", "2027-11-08T06:59Z").await;
    insert_booking(&app, late, "waitlisted", "2027-11-08T07:00Z").await;
    let former = insert_booking(&app, early, "booked", "2027-11-01T00:00Z").await;
    cancel_booking(&app, former, "2027-11-08T06:30Z", true).await;
    insert_payment(
        &app,
        former,
        "9.50 USD",
        "2027-11-06T00:00Z",
        Some("2027-11-07T07:00Z"),
    )
    .await;
    cancel_booking(&app, waiting, "2027-11-08T06:30Z", false).await;

    set_clock(&app, "2027-11-08T06:59:30Z");
    let today = staff.get(PATH).await.expect(200);
    assert_eq!(today["date"], "2027-11-07");
    assert_eq!(today["timeZone"], "America/Denver");
    let classes = today["classes"].as_array().unwrap();
    let titles: Vec<_> = classes.iter().map(|class| &class["title"]).collect();
    assert_eq!(titles, ["Early", "Off", "Late"]);
    assert_eq!(classes[2]["taken"], 6);
    assert_eq!(classes[2]["waitlisted"], 1);
    assert_eq!(classes[2]["occupancyRate"], 1.0);
    assert_eq!(classes[1]["isCancelled"], true);
    assert_eq!(classes[0]["instructor"], "Marisol Vega");
    assert_eq!(today["occupancyRate"], 0.7);
    assert_eq!(today["bookings"], 2);
    assert_eq!(today["cancellations"], 2);
    assert_eq!(today["lateCancellations"], 1);
    assert_eq!(
        today["revenue"],
        json!([{ "currency": "USD", "paid": "25.00", "refunded": "9.50", "net": "15.50" }])
    );
    set_clock(&app, "2027-11-08T07:00:00Z");
    assert_eq!(staff.get(PATH).await.expect(200)["date"], "2027-11-08");
}

#[tokio::test]
async fn open_refunds_and_messages_of_any_age_are_counted() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let class = insert_class(&app, "Salsa", "2026-05-05T18:00Z", 9).await;
    for amount in ["10.00 EUR", "20.00 EUR", "5.00 USD"] {
        let made = insert_booking(&app, class, "booked", "2026-05-01T18:00Z").await;
        insert_payment(&app, made, amount, "2026-05-01T18:00Z", None).await;
    }
    app.sql("update payments set status = 'refund_due'").await;
    app.sql(
        "insert into contact_submissions (id, name, email, subject, message, is_processed)
        select gen_random_uuid(), 'Ana', 'ana@example.com', 'Shoes', 'Which?', n = 1
        from generate_series(1, 3) n",
    )
    .await;
    let today = staff.get(PATH).await.expect(200);
    assert_eq!(
        today["refundsDue"],
        json!([
            { "currency": "EUR", "count": 2, "amount": "30.00" },
            { "currency": "USD", "count": 1, "amount": "5.00" },
        ])
    );
    assert_eq!(today["contactsUnprocessed"], 2);
    assert_eq!(today["occupancyRate"], json!(null));
    assert_eq!(today["classes"], json!([]));
    // The three members with a booking, and Sofia. Her first session ended when
    // she signed in again.
    assert_eq!(today["members"], 4);
    assert_eq!(today["activeSessions"], 1);
    assert_eq!(today["signUps"], 1);
}

#[tokio::test]
async fn the_state_of_postgres_redis_and_the_pool_is_shown() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    for _ in 0..3 {
        staff.get("/api/auth/session").await.expect(200);
    }
    app.app.counters().write().await;
    let today = staff.get(PATH).await.expect(200);
    let redis = &today["redis"];
    let (hits, misses) = (
        redis["hits"].as_i64().unwrap(),
        redis["misses"].as_i64().unwrap(),
    );
    assert_eq!((hits + misses, redis["away"].as_i64()), (3, Some(0)));
    assert_eq!(
        redis["hitRatio"],
        (1_000.0 * hits as f64 / 3.0).round() / 1_000.0
    );
    assert_eq!(today["services"]["database"]["status"], "connected");
    assert_eq!(today["services"]["kv"]["status"], "connected");
    assert!(today["pool"]["size"].as_u64().unwrap() >= 1);

    let without = Settings::default()
        .with("KV_REST_API_URL", "")
        .with("KV_REST_API_TOKEN", "");
    let other = app.start_another_with(without).await;
    let today = staff.connected_to(&other).get(PATH).await.expect(200);
    assert_eq!(today["services"]["kv"]["status"], "not configured");
}
