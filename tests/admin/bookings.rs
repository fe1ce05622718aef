//! `api/admin/bookings.rs`: the roster and the front desk.

use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bookings::{
    assert_bookings_consistent, book, cancel, join_waitlist, set_clock_before_start, time,
};
use crate::harness::{TestApp, TestClient, TestResponse};
use crate::payments::start_with_stripe;
use crate::shop::courses::{buy, pay, three_classes};

pub async fn perform_action(staff: &TestClient, booking: &Value, action: &str) -> TestResponse {
    let change = json!({ "bookingId": booking["id"], "action": action });
    staff.patch("/api/admin/bookings", change).await
}

#[tokio::test]
async fn the_roster_shows_staff_the_contact_details_of_participants() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let class = app.create_class(1).await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let profile = json!({ "medicalConditions": "asthma", "emergencyContactName": "Luis" });
    ana.patch("/api/auth/me", profile).await.expect(200);
    book(&ana, class).await.expect(201);
    join_waitlist(&ben, class).await.expect(201);
    let path = format!("/api/admin/bookings?scheduledClassId={class}");
    let first_page = staff.get(&format!("{path}&limit=1")).await.expect(200);
    let participant = &first_page["items"][0];
    assert_eq!(participant["name"], "ana Reyes");
    assert_eq!(participant["email"], "ana@example.com");
    assert_eq!(participant["hasMedicalNotes"], true);
    assert!(!first_page.to_string().contains("asthma"));
    assert_eq!(participant["emergencyContactName"], "Luis");
    let cursor = first_page["nextCursor"].as_str().unwrap();
    let second_page = staff
        .get(&format!("{path}&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(second_page["items"][0]["waitlistPosition"], 1);
    assert_eq!(second_page["items"][0]["hasMedicalNotes"], false);
    assert_eq!(second_page["nextCursor"], json!(null));
    let unknown_class = "/api/admin/bookings?scheduledClassId=01a1fbec-f5a7-774d-993f-b6dedc6eb201";
    staff.get(unknown_class).await.expect_code(404, "not_found");
    staff
        .get("/api/admin/bookings")
        .await
        .expect_code(400, "validation_failed");
    ana.get(&path).await.expect_code(403, "forbidden");
}

#[tokio::test]
async fn the_roster_says_whether_the_share_of_a_course_is_refundable() {
    let (app, stripe) = start_with_stripe().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({ "dropIn": true })).await;
    let class = classes[1];
    book(&app.member("ben").await, class).await.expect(201);
    let roster = async || {
        let path = format!("/api/admin/bookings?scheduledClassId={class}");
        let entries = staff.get_all(&path).await;
        let states = entries.iter().map(|entry| {
            let is_paid = entry["isCoursePaid"].as_bool();
            (is_paid, entry["isCourseRefundable"].as_bool())
        });
        states.collect::<Vec<_>>()
    };
    let single = (None, None);
    let started = buy(&ana, &course).await.expect(201);
    assert_eq!(roster().await, [single, (Some(false), Some(false))]);
    pay(&app, &stripe, &started).await;
    assert_eq!(roster().await, [single, (Some(true), Some(false))]);
    let change = json!({ "occurrence": { "id": class, "room": "Another room" } });
    staff.patch("/api/admin/schedule", change).await.expect(200);
    assert_eq!(roster().await, [single, (Some(true), Some(true))]);
}

#[tokio::test]
async fn the_roster_of_a_cancelled_class_shows_who_had_booked_it_until_then() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let class = app.create_class(5).await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let booking = book(&ana, class).await.expect(201);
    book(&ben, class).await.expect(201);
    let path = format!("/api/admin/bookings?scheduledClassId={class}&cancelled=true");
    let before = staff.get(&path).await.expect(200);
    assert_eq!(before["items"][0]["cancelledAt"], Value::Null);
    set_clock_before_start(&app, &booking, TimeDelta::hours(30));
    cancel(&ana, &booking).await.expect(200);
    set_clock_before_start(&app, &booking, TimeDelta::hours(20));
    let cancel_class = format!("/api/admin/schedule?occurrenceId={class}");
    staff.delete(&cancel_class).await.expect(200);
    let roster = staff.get(&path).await.expect(200);
    let [of_ana, of_ben] = [0, 1].map(|at| time(&roster["items"][at]["cancelledAt"]));
    // The clock goes on between the requests.
    assert!(of_ben - of_ana > TimeDelta::hours(9));
}

#[tokio::test]
async fn the_roster_shows_the_level_the_visits_and_the_check_in_of_a_member() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    ana.patch("/api/auth/me", json!({ "experienceLevel": "advanced" }))
        .await
        .expect(200);
    let roster = async |class: Uuid| {
        let path = format!("/api/admin/bookings?scheduledClassId={class}");
        staff.get(&path).await.expect(200)["items"].clone()
    };
    let mut checked_in_at = Value::Null;
    for visits in 1..=2 {
        let class = app.create_class(2).await;
        let booking = book(&ana, class).await.expect(201);
        book(&ben, class).await.expect(201);
        let entries = roster(class).await;
        assert_eq!(entries[0]["level"], "advanced");
        assert_eq!(entries[1]["level"], "beginner");
        assert_eq!(entries[0]["visits"], visits - 1);
        assert_eq!(entries[0]["checkedInAt"], json!(null));
        set_clock_before_start(&app, &booking, TimeDelta::minutes(15));
        // A repeated check-in keeps the time of the first one.
        for _ in 0..2 {
            perform_action(&staff, &booking, "checkIn")
                .await
                .expect(200);
            let entries = roster(class).await;
            assert_eq!(entries[0]["visits"], visits);
            assert_eq!(entries[1]["visits"], 0);
            assert_eq!(entries[1]["checkedInAt"], json!(null));
            let previous = std::mem::replace(&mut checked_in_at, entries[0]["checkedInAt"].clone());
            let until_start = time(&booking["class"]["startTime"]) - time(&checked_in_at);
            assert!((14..=15).contains(&until_start.num_minutes()));
            assert!(previous.is_null() || previous == checked_in_at);
            app.app.clock().advance(TimeDelta::seconds(20));
        }
        checked_in_at = Value::Null;
        perform_action(&staff, &booking, "undoAttendance")
            .await
            .expect(200);
        assert_eq!(roster(class).await[0]["checkedInAt"], json!(null));
        perform_action(&staff, &booking, "checkIn")
            .await
            .expect(200);
        set_clock_before_start(&app, &booking, TimeDelta::hours(72));
    }
}

#[tokio::test]
async fn a_booking_made_by_staff_for_a_member_is_logged() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let class = app.create_class(1).await;
    let payload = json!({ "userId": ana.user_id().await, "scheduledClassId": class });
    let booking = staff
        .post("/api/admin/bookings", payload.clone())
        .await
        .expect(201);
    let own_booking = &ana.get("/api/bookings/list").await.expect(200)["items"][0];
    assert_eq!(own_booking["id"], booking["id"]);
    let second_booking = staff.post("/api/admin/bookings", payload).await;
    second_booking.expect_code(409, "already_booked");
    let unknown_user = json!({ "userId": class, "scheduledClassId": app.create_class(1).await });
    let rejected = staff.post("/api/admin/bookings", unknown_user).await;
    rejected.expect_code(404, "not_found");
    let log_entries = app
        .sql("select detail, user_id::text from security_events where kind = 'booking_changed'")
        .await;
    assert_eq!(log_entries.len(), 1);
    let detail: Value = log_entries[0].get(0);
    assert_eq!(detail["by"], staff.user_id().await);
    assert_eq!(detail["bookingId"], booking["id"]);
    assert_eq!(ana.user_id().await, log_entries[0].get::<_, String>(1));
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn attendance_can_be_recorded_corrected_and_undone() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    perform_action(&staff, &booking, "noShow")
        .await
        .expect_code(409, "class_not_started");
    set_clock_before_start(&app, &booking, TimeDelta::minutes(59));
    assert_eq!(
        perform_action(&staff, &booking, "checkIn")
            .await
            .expect(200)["status"],
        "attended"
    );
    // The class has started.
    set_clock_before_start(&app, &booking, TimeDelta::hours(-1));
    assert_eq!(
        perform_action(&staff, &booking, "noShow").await.expect(200)["status"],
        "no_show"
    );
    assert_eq!(
        perform_action(&staff, &booking, "undoAttendance")
            .await
            .expect(200)["status"],
        "booked"
    );
    perform_action(&staff, &booking, "dance")
        .await
        .expect_code(400, "validation_failed");
    assert_eq!(
        app.count("select current_participants::int8 from scheduled_classes")
            .await,
        1
    );
}

#[tokio::test]
async fn only_members_with_a_spot_can_be_checked_in() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let class = app.create_class(1).await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let booking = book(&ana, class).await.expect(201);
    let waitlisted_booking = join_waitlist(&ben, class).await.expect(201);
    perform_action(&staff, &waitlisted_booking, "checkIn")
        .await
        .expect_code(409, "no_place");
    perform_action(&staff, &booking, "cancel").await.expect(200);
    perform_action(&staff, &booking, "checkIn")
        .await
        .expect_code(409, "no_place");
    set_clock_before_start(&app, &booking, TimeDelta::zero());
    perform_action(&staff, &waitlisted_booking, "checkIn")
        .await
        .expect(200);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn staff_can_waive_a_late_cancellation() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    for lenient in [false, true] {
        let person = app.member(&format!("member-{lenient}")).await;
        let booking = book(&person, app.create_class(1).await).await.expect(201);
        // The class starts soon, so the cancellation is late.
        app.app.clock().advance(TimeDelta::hours(71));
        let change = json!({
            "bookingId": booking["id"],
            "action": "cancel",
            "reason": "ill",
            "lenient": lenient,
        });
        let cancelled_booking = staff.patch("/api/admin/bookings", change).await.expect(200);
        assert_eq!(cancelled_booking["lateCancellation"], !lenient);
        assert_eq!(cancelled_booking["cancellationReason"], "ill");
        app.app.clock().advance(TimeDelta::hours(-71));
    }
}

#[tokio::test]
async fn desk_payments_are_recorded_and_refunded_at_the_desk() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let booking = book(&ana, app.create_class(1).await).await.expect(201);
    assert_eq!(
        perform_action(&staff, &booking, "markPaid")
            .await
            .expect(200)["paymentStatus"],
        "paid"
    );
    perform_action(&staff, &booking, "markPaid")
        .await
        .expect_code(409, "already_paid");
    assert_eq!(
        perform_action(&staff, &booking, "refund").await.expect(200)["paymentStatus"],
        "refunded"
    );
    perform_action(&staff, &booking, "refund")
        .await
        .expect_code(409, "nothing_to_refund");
    // After a timely cancellation, the refund is due until staff record it.
    perform_action(&staff, &booking, "markPaid")
        .await
        .expect(200);
    assert_eq!(
        perform_action(&staff, &booking, "cancel").await.expect(200)["paymentStatus"],
        "refund_due"
    );
    assert_eq!(
        perform_action(&staff, &booking, "refund").await.expect(200)["paymentStatus"],
        "refunded"
    );
    let log_entries = "select count(*) from security_events where kind = 'booking_changed'";
    assert_eq!(app.count(log_entries).await, 5);
}

#[tokio::test]
async fn staff_cannot_mark_paid_refund_or_leniently_cancel_their_own_booking() {
    let app = TestApp::start().await;
    let (sofia, luis) = (app.staff("sofia").await, app.staff("luis").await);
    let class = app.create_class(2).await;
    let booking = book(&sofia, class).await.expect(201);
    perform_action(&sofia, &booking, "markPaid")
        .await
        .expect_code(403, "own_booking");
    // A colleague can record the payment.
    perform_action(&luis, &booking, "markPaid")
        .await
        .expect(200);
    perform_action(&sofia, &booking, "refund")
        .await
        .expect_code(403, "own_booking");
    let cancel = |lenient: bool| json!({ "bookingId": booking["id"], "action": "cancel", "lenient": lenient });
    // The class starts in an hour.
    app.app.clock().advance(TimeDelta::hours(71));
    sofia
        .patch("/api/admin/bookings", cancel(true))
        .await
        .expect_code(403, "own_booking");
    // Without `lenient`, staff can cancel their own booking like any member.
    let cancelled = sofia
        .patch("/api/admin/bookings", cancel(false))
        .await
        .expect(200);
    assert_eq!(cancelled["lateCancellation"], true);
    assert_eq!(cancelled["paymentStatus"], "paid");
    perform_action(&sofia, &booking, "refund")
        .await
        .expect_code(403, "own_booking");
    perform_action(&luis, &booking, "refund").await.expect(200);
    let unknown = json!({ "id": "01a1fbec-f5a7-774d-993f-b6dedc6eb201" });
    perform_action(&sofia, &unknown, "refund")
        .await
        .expect_code(404, "not_found");
    // The rule also applies to administrators.
    let admin = app.admin("admin").await;
    let booking = book(&admin, class).await.expect(201);
    perform_action(&admin, &booking, "markPaid")
        .await
        .expect_code(403, "own_booking");
    let own_actions = "select count(*) from security_events
        where kind = 'booking_changed' and detail ->> 'action' <> 'cancel'
          and detail ->> 'by' = user_id::text";
    assert_eq!(app.count(own_actions).await, 0);
}

#[tokio::test]
async fn staff_can_check_themselves_in() {
    let app = TestApp::start().await;
    let sofia = app.staff("sofia").await;
    let booking = book(&sofia, app.create_class(1).await).await.expect(201);
    app.app.clock().advance(TimeDelta::hours(73));
    perform_action(&sofia, &booking, "checkIn")
        .await
        .expect(200);
}
