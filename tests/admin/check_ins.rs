//! `api/admin/check-ins.rs`: checking in several members at once, and undoing check-ins.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bookings::perform_action;
use crate::bookings::{assert_bookings_consistent, book, join_waitlist, set_clock_before_start};
use crate::harness::{TestApp, TestClient, TestResponse, wait_until};

const PATH: &str = "/api/admin/check-ins";

async fn check_in(staff: &TestClient, class: Uuid, bookings: &[&Value]) -> TestResponse {
    let ids: Vec<_> = bookings.iter().map(|booking| &booking["id"]).collect();
    let payload = json!({ "scheduledClassId": class, "bookingIds": ids });
    staff.post(PATH, payload).await
}

async fn undo(staff: &TestClient, class: Uuid, check_ins: &[(&Value, &Value)]) -> TestResponse {
    let check_ins = check_ins
        .iter()
        .map(|(booking, seen)| json!({ "bookingId": booking["id"], "checkedInAt": seen }));
    let undo: Vec<_> = check_ins.collect();
    let payload = json!({ "scheduledClassId": class, "undo": undo });
    staff.post(PATH, payload).await
}

/// Returns the first entry of a roster.
async fn first_entry(staff: &TestClient, class: Uuid) -> Value {
    let path = format!("/api/admin/bookings?scheduledClassId={class}");
    staff.get(&path).await.expect(200)["items"][0].clone()
}

/// Creates a class with a booking, and sets the clock to ten minutes before its start.
async fn class_with_a_booking(app: &TestApp) -> (Uuid, Value) {
    let ana = app.member("ana").await;
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    set_clock_before_start(app, &booking, TimeDelta::minutes(10));
    (class, booking)
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
    let all = [&bookings[1], &bookings[0], &waitlisted, &of_other_class];

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
    let results = result["results"].as_array().unwrap();
    let outcomes: Vec<_> = results
        .iter()
        .map(|result| {
            json!([
                result["bookingId"],
                result["outcome"],
                result["code"],
                result["status"]
            ])
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            json!([bookings[1]["id"], "checkedIn", null, "attended"]),
            json!([bookings[0]["id"], "alreadyCheckedIn", null, "attended"]),
            json!([waitlisted["id"], "rejected", "no_place", "waitlisted"]),
            json!([of_other_class["id"], "rejected", "not_found", null]),
        ]
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
    assert_eq!(detail["bookingIds"], json!([bookings[1]["id"]]));
    assert_eq!(detail["by"], staff.user_id().await);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_second_device_learns_who_checked_the_member_in_and_when() {
    let app = TestApp::start().await;
    let (sofia, luis) = (app.staff("sofia").await, app.staff("luis").await);
    let (class, booking) = class_with_a_booking(&app).await;
    let first = check_in(&sofia, class, &[&booking]).await.expect(200);
    let author = json!({ "id": sofia.user_id().await, "name": "sofia Reyes" });
    assert_eq!(first["results"][0]["outcome"], "checkedIn");
    assert_eq!(first["results"][0]["checkedInBy"], author);
    app.app.clock().advance(TimeDelta::minutes(3));
    let second = check_in(&luis, class, &[&booking]).await.expect(200);
    let expected = json!({
        "bookingId": booking["id"],
        "outcome": "alreadyCheckedIn",
        "code": null,
        "status": "attended",
        "checkedInAt": first["results"][0]["checkedInAt"],
        "checkedInBy": author,
    });
    assert_eq!(second["results"], json!([expected]));
    perform_action(&luis, &booking, "checkIn").await.expect(200);
    let entry = first_entry(&luis, class).await;
    assert_eq!(entry["checkedInAt"], expected["checkedInAt"]);
    assert_eq!(entry["checkedInBy"], author);
}

#[tokio::test]
async fn of_two_devices_at_the_same_time_one_checks_the_member_in() {
    let app = TestApp::start().await;
    let (sofia, luis) = (app.staff("sofia").await, app.staff("luis").await);
    let (class, booking) = class_with_a_booking(&app).await;
    let lock = format!("select from scheduled_classes where id = '{class}' for update");
    let held = app.hold_locks(&lock).await;
    let bookings = [&booking];
    let both = async {
        tokio::join!(
            check_in(&sofia, class, &bookings),
            check_in(&luis, class, &bookings)
        )
    };
    let release = async {
        wait_until(async || app.blocked_statements().await == 2).await;
        held.release().await;
    };
    let ((one, other), ()) = tokio::join!(both, release);
    let results = [one.expect(200), other.expect(200)].map(|result| result["results"][0].clone());
    let mut outcomes = results.each_ref().map(|result| result["outcome"].clone());
    outcomes.sort_by_key(Value::to_string);
    assert_eq!(outcomes, ["alreadyCheckedIn", "checkedIn"]);
    assert_eq!(results[0]["checkedInAt"], results[1]["checkedInAt"]);
    assert_eq!(results[0]["checkedInBy"], results[1]["checkedInBy"]);
    let entry = first_entry(&sofia, class).await;
    assert_eq!(entry["checkedInBy"], results[0]["checkedInBy"]);
}

#[tokio::test]
async fn only_the_check_in_that_the_device_has_seen_is_undone() {
    let app = TestApp::start().await;
    let (sofia, luis) = (app.staff("sofia").await, app.staff("luis").await);
    let (class, booking) = class_with_a_booking(&app).await;
    let mine = check_in(&sofia, class, &[&booking]).await.expect(200)["results"][0].clone();
    let seen = &mine["checkedInAt"];
    let undone = undo(&sofia, class, &[(&booking, seen)]).await.expect(200);
    assert_eq!(undone["results"][0]["outcome"], "undone");
    assert_eq!(undone["results"][0]["status"], "booked");
    assert_eq!(undone["results"][0]["checkedInBy"], json!(null));
    let entry = first_entry(&sofia, class).await;
    assert_eq!(entry["checkedInBy"], json!(null));
    // Undoing it again changes nothing.
    let again = undo(&sofia, class, &[(&booking, seen)]).await.expect(200);
    assert_eq!(again["results"][0]["outcome"], "undone");

    app.app.clock().advance(TimeDelta::minutes(2));
    let theirs = check_in(&luis, class, &[&booking]).await.expect(200)["results"][0].clone();
    let rejected = undo(&sofia, class, &[(&booking, seen)]).await.expect(200);
    let expected = json!({
        "bookingId": booking["id"],
        "outcome": "rejected",
        "code": "attendance_changed",
        "status": "attended",
        "checkedInAt": theirs["checkedInAt"],
        "checkedInBy": { "id": luis.user_id().await, "name": "luis Reyes" },
    });
    assert_eq!(rejected["results"], json!([expected]));
    let single = json!({
        "bookingId": booking["id"], "action": "undoAttendance", "checkedInAt": seen,
    });
    sofia
        .patch("/api/admin/bookings", single)
        .await
        .expect_code(409, "attendance_changed");
    assert_eq!(first_entry(&sofia, class).await["status"], "attended");

    set_clock_before_start(&app, &booking, TimeDelta::minutes(-10));
    perform_action(&luis, &booking, "noShow").await.expect(200);
    let theirs = [(&booking, &theirs["checkedInAt"])];
    let rejected = undo(&sofia, class, &theirs).await.expect(200)["results"][0].clone();
    assert_eq!(rejected["code"], "attendance_changed");
    assert_eq!(rejected["status"], "no_show");
    assert_eq!(rejected["checkedInBy"], json!(null));
    let latest = check_in(&luis, class, &[&booking]).await.expect(200)["results"][0].clone();
    let single = json!({
        "bookingId": booking["id"],
        "action": "undoAttendance",
        "checkedInAt": latest["checkedInAt"],
    });
    let booked = sofia.patch("/api/admin/bookings", single).await.expect(200);
    assert_eq!(booked["status"], "booked");
}

#[tokio::test]
async fn a_check_in_of_the_previous_version_has_no_author() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (class, booking) = class_with_a_booking(&app).await;
    check_in(&staff, class, &[&booking]).await.expect(200);
    // The previous version writes the status and the time alone.
    for status in ["booked", "attended"] {
        let time = if status == "booked" { "null" } else { "now()" };
        app.sql(&format!(
            "update bookings set status = '{status}', checked_in_at = {time}"
        ))
        .await;
    }
    let entry = first_entry(&staff, class).await;
    assert_eq!(entry["checkedInBy"], json!(null));
    let again = check_in(&staff, class, &[&booking]).await.expect(200);
    assert_eq!(again["results"][0]["outcome"], "alreadyCheckedIn");
    assert_eq!(again["results"][0]["checkedInBy"], json!(null));
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
    let seen = json!("2026-09-01T19:00:00Z");
    let both = json!({
        "scheduledClassId": class,
        "bookingIds": [booking["id"]],
        "undo": [{ "bookingId": booking["id"], "checkedInAt": seen }],
    });
    super::assert_rejects_only(&staff.post(PATH, both).await, "undo");
    let twice = undo(&staff, class, &[(&booking, &seen), (&booking, &seen)]).await;
    super::assert_rejects_only(&twice, "undo");
    let not_undone = json!({
        "bookingId": booking["id"], "action": "noShow", "checkedInAt": seen,
    });
    let rejected = staff.patch("/api/admin/bookings", not_undone).await;
    super::assert_rejects_only(&rejected, "checkedInAt");
    check_in(&staff, Uuid::nil(), &[&booking])
        .await
        .expect_code(404, "not_found");
    app.mark_cancelled(class).await;
    check_in(&staff, class, &[&booking])
        .await
        .expect_code(409, "class_cancelled");
}
