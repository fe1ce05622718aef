//! `api/admin/payments.rs`: the list of all payments.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::bookings::{book, cancel, insert_desk_payment, set_clock_before_start};
use crate::harness::{TestApp, TestClient, wait_until};

const PATH: &str = "/api/admin/payments";

async fn list(staff: &TestClient, query: &str) -> Vec<Value> {
    let list = staff.get(&format!("{PATH}{query}")).await.expect(200);
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn staff_find_the_payments_with_a_status() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let mut bookings = Vec::new();
    for _ in 0..4 {
        let booking = book(&ana, app.create_class(1).await).await.expect(201);
        match bookings.len() {
            // A payment that the member will make at the desk.
            0 => {
                let payment = json!({ "bookingId": booking["id"], "method": "desk" });
                ana.post("/api/bookings/payment", payment).await.expect(201);
            }
            _ => insert_desk_payment(&app, &booking).await,
        }
        bookings.push(booking);
    }
    cancel(&ana, &bookings[2]).await.expect(200);
    let refund = json!({ "bookingId": bookings[3]["id"], "action": "refund" });
    staff.patch("/api/admin/bookings", refund).await.expect(200);
    for (status, index) in [
        ("pending", 0),
        ("paid", 1),
        ("refund_due", 2),
        ("refunded", 3),
    ] {
        let payments = list(&staff, &format!("?status={status}")).await;
        assert_eq!(payments.len(), 1, "{status}");
        assert_eq!(payments[0]["status"], status);
        assert_eq!(payments[0]["bookingId"], bookings[index]["id"]);
        assert_eq!(payments[0]["amount"], "25.00");
        let due = if status == "refund_due" {
            "25.00"
        } else {
            "0.00"
        };
        assert_eq!(payments[0]["refundDue"], due);
    }
    assert_eq!(list(&staff, "?status=disputed").await, [] as [Value; 0]);
    let due = &list(&staff, "?status=refund_due").await[0];
    assert_eq!(due["member"]["name"], "ana Reyes");
    assert_eq!(due["member"]["email"], "ana@example.com");
    assert_eq!(due["class"]["title"], bookings[2]["class"]["title"]);
    assert_eq!(due["class"]["startTime"], bookings[2]["class"]["startTime"]);
    let rejected = staff.get(&format!("{PATH}?status=due")).await;
    let problem = rejected.expect_code(400, "validation_failed");
    assert!(problem["details"]["status"].is_array());
}

/// Inserts `count` paid payments, each for a cancelled booking of its own.
async fn insert_payments(app: &TestApp, member: &TestClient, count: usize) {
    let class = app.create_class(1).await;
    let id = member.user_id().await;
    app.sql(&format!(
        "with booking as (
            insert into bookings (id, user_id, scheduled_class_id, status, cancelled_at, price,
                currency, free_until)
            select gen_random_uuid(), '{}', '{class}', 'cancelled', now(), 25, 'USD', now()
            from generate_series(1, {count})
            returning id, user_id, price, currency
        )
        insert into payments (id, booking_id, user_id, amount, currency, method, status, paid_at)
        select gen_random_uuid(), id, user_id, price, currency, 'desk', 'paid', now() from booking",
        id.as_str().unwrap()
    ))
    .await;
}

#[tokio::test]
async fn the_payments_with_a_rare_status_are_found_by_an_index() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    insert_payments(&app, &ana, 3_000).await;
    app.sql(
        "update payments set status = 'refund_due'
        where id = (select min(id::text)::uuid from payments)",
    )
    .await;
    app.sql(
        "insert into refunds (id, payment_id, amount, source, state, done_at)
        select gen_random_uuid(), max(id::text)::uuid, 10, 'staff', 'done', now() from payments",
    )
    .await;
    app.sql("vacuum analyze bookings, payments, refunds, disputes")
        .await;
    // A connection reports its figures to Postgres within ten seconds.
    let was_used = async |index: &str| {
        let scans = "select coalesce(sum(idx_scan), 0)::bigint from pg_stat_user_indexes";
        app.count(&format!("{scans} where indexrelname = '{index}'"))
            .await
            > 0
    };
    for (status, count, index) in [
        ("pending", 0, "payments_status_idx"),
        ("refund_due", 1, "payments_refunding_idx"),
    ] {
        assert!(!was_used(index).await, "{index}");
        let payments = list(&staff, &format!("?status={status}")).await;
        assert_eq!(payments.len(), count, "{status}");
        wait_until(async || was_used(index).await).await;
    }
    let partly_refunded = list(&staff, "?status=partly_refunded").await;
    assert_eq!(partly_refunded.len(), 1);
    app.sql(
        "insert into disputes (id, provider_dispute, payment_id, amount, status, withdrawn, opened_at)
        select gen_random_uuid(), 'dp_1', id, 25, 'lost', true, now()
        from payments where status = 'refund_due'",
    )
    .await;
    assert_eq!(list(&staff, "?status=disputed").await.len(), 1);
    assert_eq!(list(&staff, "?status=refund_due").await.len(), 0);
}

#[tokio::test]
async fn the_list_of_payments_is_read_page_by_page_newest_first() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let mut expected = Vec::new();
    for _ in 0..3 {
        let booking = book(&ana, app.create_class(1).await).await.expect(201);
        insert_desk_payment(&app, &booking).await;
        expected.insert(0, booking["id"].clone());
    }
    let payments = staff.get_all(&format!("{PATH}?limit=1")).await;
    let ids: Vec<_> = payments
        .iter()
        .map(|payment| &payment["bookingId"])
        .collect();
    assert_eq!(ids, expected.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn the_payment_of_a_closed_account_shows_no_address() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    insert_desk_payment(&app, &booking).await;
    // The cancellation is then late, so the payment is not refunded.
    set_clock_before_start(&app, &booking, TimeDelta::hours(1));
    ana.close_account().await;
    let payment = &list(&staff, "").await[0];
    assert_eq!(payment["member"]["name"], "Former member");
    assert_eq!(payment["member"]["email"], json!(null));
}
