//! `api/admin/check-ins.rs`: checking in several members at once.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bookings::perform_action;
use crate::bookings::{assert_bookings_consistent, book, join_waitlist, set_clock_before_start};
use crate::harness::{TestApp, TestClient, TestResponse};

const PATH: &str = "/api/admin/check-ins";

async fn check_in(staff: &TestClient, class: Uuid, bookings: &[&Value]) -> TestResponse {
    let ids: Vec<_> = bookings.iter().map(|booking| &booking["id"]).collect();
    let payload = json!({ "scheduledClassId": class, "bookingIds": ids });
    staff.post(PATH, payload).await
}

#[tokio::test]
async fn each_member_is_checked_in_or_reported() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let people = app.members(5).await;
    let (class, other_class) = (app.create_class(3).await, app.create_class(1).await);
    let mut bookings = Vec::new();
    for person in &people[..3] {
        bookings.push(book(person, class).await.expect(201));
    }
    let waitlisted = join_waitlist(&people[3], class).await.expect(201);
    let of_other_class = book(&people[4], other_class).await.expect(201);
    let all = [&bookings[0], &bookings[1], &waitlisted, &of_other_class];

    set_clock_before_start(&app, &bookings[0], TimeDelta::minutes(61));
    check_in(&staff, class, &all)
        .await
        .expect_code(409, "check_in_not_open");
    set_clock_before_start(&app, &bookings[0], TimeDelta::minutes(-10));
    perform_action(&staff, &bookings[0], "checkIn")
        .await
        .expect(200);
    perform_action(&staff, &bookings[1], "noShow")
        .await
        .expect(200);
    let result = check_in(&staff, class, &all).await.expect(200);
    assert_eq!(
        result,
        json!({
            "checkedIn": [bookings[0]["id"], bookings[1]["id"]],
            "rejected": [
                { "bookingId": waitlisted["id"], "code": "no_place" },
                { "bookingId": of_other_class["id"], "code": "not_found" },
            ],
        })
    );
    let path = format!("/api/admin/bookings?scheduledClassId={class}");
    let roster = staff.get(&path).await.expect(200);
    let entries = roster["items"].as_array().unwrap().iter();
    let statuses: Vec<_> = entries.map(|entry| &entry["status"]).collect();
    assert_eq!(statuses, ["attended", "attended", "booked", "waitlisted"]);
    let entries = app
        .sql(
            "select detail from security_events
            where kind = 'booking_changed' and detail ? 'bookingIds'",
        )
        .await;
    let detail: Value = entries[0].get(0);
    assert_eq!(detail["bookingIds"], result["checkedIn"]);
    assert_eq!(detail["by"], staff.user_id().await);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_check_in_that_is_sent_twice_keeps_a_later_correction() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    set_clock_before_start(&app, &booking, TimeDelta::minutes(10));
    let payload = json!({ "scheduledClassId": class, "bookingIds": [booking["id"]] });
    let send = async || {
        let request = staff.request(Method::POST, PATH);
        let request = request.header("idempotency-key", "queue-7");
        staff.send(request.json(&payload)).await.expect(200)
    };
    let first = send().await;
    perform_action(&staff, &booking, "undoAttendance")
        .await
        .expect(200);
    assert_eq!(send().await, first);
    let list = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(list["items"][0]["status"], "booked");
}

#[tokio::test]
async fn invalid_check_ins_are_rejected_as_a_whole() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    set_clock_before_start(&app, &booking, TimeDelta::minutes(10));
    let too_many = vec![&booking; 201];
    for bookings in [&[][..], &too_many] {
        let rejected = check_in(&staff, class, bookings).await;
        super::assert_rejects_only(&rejected, "bookingIds");
    }
    check_in(&staff, Uuid::nil(), &[&booking])
        .await
        .expect_code(404, "not_found");
    app.mark_cancelled(class).await;
    check_in(&staff, class, &[&booking])
        .await
        .expect_code(409, "class_cancelled");
}
