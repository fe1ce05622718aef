//! `api/admin/bookings.rs` and `api/admin/schedule.rs`: what staff can do at which time, and
//! what members cannot do any more.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::bookings::perform_action;
use super::series::{occurrence_on, weekly_wednesdays};
use crate::bookings::{
    assert_bookings_consistent, book, cancel, insert_desk_payment, join_waitlist,
    set_clock_before_start, time,
};
use crate::harness::{Settings, TestApp, TestClient, TestResponse};

async fn book_for(staff: &TestClient, member: &TestClient, class: Uuid) -> TestResponse {
    let payload = json!({ "userId": member.user_id().await, "scheduledClassId": class });
    staff.post("/api/admin/bookings", payload).await
}

async fn cancel_class(staff: &TestClient, class: Uuid) -> TestResponse {
    let path = format!("/api/admin/schedule?occurrenceId={class}");
    staff.delete(&path).await
}

/// Creates a class with a booking of a member, and sets the clock to `before` its start.
async fn booked_class(app: &TestApp, member: &TestClient, before: TimeDelta) -> (Uuid, Value) {
    let class = app.create_class(2).await;
    let booking = book(member, class).await.expect(201);
    set_clock_before_start(app, &booking, before);
    (class, booking)
}

#[tokio::test]
async fn check_in_opens_an_hour_before_the_start() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let (_, booking) = booked_class(&app, &ana, TimeDelta::minutes(61)).await;
    perform_action(&staff, &booking, "checkIn")
        .await
        .expect_code(409, "check_in_not_open");
    perform_action(&staff, &booking, "undoAttendance")
        .await
        .expect(200);
    for minutes in [60, -30, -24 * 60] {
        set_clock_before_start(&app, &booking, TimeDelta::minutes(minutes));
        let checked_in = perform_action(&staff, &booking, "checkIn").await;
        assert_eq!(checked_in.expect(200)["status"], "attended");
    }
}

#[tokio::test]
async fn a_member_who_is_checked_in_cannot_cancel() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let (_, booking) = booked_class(&app, &ana, TimeDelta::minutes(20)).await;
    perform_action(&staff, &booking, "checkIn")
        .await
        .expect(200);
    cancel(&ana, &booking).await.expect_code(409, "checked_in");
    // For staff, it takes two steps, so that no attendance is lost by mistake.
    perform_action(&staff, &booking, "cancel")
        .await
        .expect_code(409, "checked_in");
    perform_action(&staff, &booking, "undoAttendance")
        .await
        .expect(200);
    cancel(&ana, &booking).await.expect(200);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_member_who_is_checked_in_can_still_pay() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    for action in ["checkIn", "noShow"] {
        let (_, booking) = booked_class(&app, &ana, TimeDelta::minutes(-5)).await;
        perform_action(&staff, &booking, action).await.expect(200);
        let payment = json!({ "bookingId": booking["id"], "method": "desk" });
        let started = ana.post("/api/bookings/payment", payment).await.expect(201);
        assert_eq!(started["status"], "pending");
        let paid = perform_action(&staff, &booking, "markPaid").await;
        assert_eq!(paid.expect(200)["paymentStatus"], "paid");
        let payment = json!({ "bookingId": booking["id"], "method": "desk" });
        let repeated = ana.post("/api/bookings/payment", payment).await;
        repeated.expect_code(409, "already_paid");
    }
}

#[tokio::test]
async fn staff_can_book_a_walk_in_until_the_end_of_the_day() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let people = app.members(4).await;
    let (class, booking) = booked_class(&app, &people[0], TimeDelta::minutes(-5)).await;
    book(&people[1], class)
        .await
        .expect_code(409, "class_started");
    let walk_in = book_for(&staff, &people[1], class).await.expect(201);
    assert_eq!(walk_in["status"], "booked");
    assert_eq!(
        walk_in["freeCancellationUntil"],
        booking["class"]["startTime"]
    );
    perform_action(&staff, &walk_in, "checkIn")
        .await
        .expect(200);
    book_for(&staff, &people[1], class)
        .await
        .expect_code(409, "already_booked");
    book_for(&staff, &people[2], class)
        .await
        .expect_code(409, "class_full");
    // The member is at the door and needs no e-mail.
    let mails = "select count(*) from mail_outbox where kind = 'booking_confirmed'";
    assert_eq!(app.count(mails).await, 1);
    perform_action(&staff, &booking, "cancel").await.expect(200);
    set_clock_before_start(&app, &booking, TimeDelta::minutes(-59));
    book_for(&staff, &people[2], class).await.expect(201);
    // The day is over, even if the class has begun shortly before midnight.
    set_clock_before_start(&app, &booking, TimeDelta::hours(-26));
    book_for(&staff, &people[3], class)
        .await
        .expect_code(409, "class_over");
    assert_bookings_consistent(&app).await;
}

// After some calls on a connection, Postgres keeps the plans of `book_class`, with their types.
#[tokio::test]
async fn staff_book_upcoming_classes_and_walk_ins_on_one_connection() {
    let app = TestApp::start_with(Settings::default().with("POSTGRES_POOL_MAX", "1")).await;
    // The application has no connection yet. It keeps the plans of the first call.
    let keep_plans = "do $$ begin execute format(
        'alter database %I set plan_cache_mode = force_generic_plan', current_database()); end $$";
    app.sql(keep_plans).await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (started_class, _) = booked_class(&app, &ana, TimeDelta::minutes(-5)).await;
    let upcoming_class = app.create_class(2).await;
    for class in [upcoming_class, started_class] {
        book_for(&staff, &ben, class).await.expect(201);
    }
}

#[tokio::test]
async fn a_member_on_the_waitlist_gets_a_spot_at_the_door() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let waitlisted_booking = join_waitlist(&ben, class).await.expect(201);
    set_clock_before_start(&app, &booking, TimeDelta::minutes(-5));
    book_for(&staff, &ben, class)
        .await
        .expect_code(409, "already_booked");
    perform_action(&staff, &booking, "cancel").await.expect(200);
    let moved_up = book_for(&staff, &ben, class).await.expect(201);
    assert_eq!(moved_up["id"], waitlisted_booking["id"]);
    assert_eq!(moved_up["status"], "booked");
}

#[tokio::test]
async fn staff_can_cancel_a_booking_after_the_start_which_is_late_unless_it_is_waived() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    for (lenient, payment_status) in [(false, "paid"), (true, "refund_due")] {
        let ana = app.member(&format!("ana-{lenient}")).await;
        let class = app.create_class(1).await;
        let booking = book(&ana, class).await.expect(201);
        insert_desk_payment(&app, &booking).await;
        // The class was moved to an earlier time, so the deadline is after its start.
        let free_until = "update bookings set free_until = free_until + interval '30 hours'";
        app.sql(free_until).await;
        set_clock_before_start(&app, &booking, TimeDelta::minutes(-5));
        cancel(&ana, &booking)
            .await
            .expect_code(409, "class_started");
        let change = json!({
            "bookingId": booking["id"], "action": "cancel", "lenient": lenient,
        });
        let cancelled = staff.patch("/api/admin/bookings", change).await.expect(200);
        assert_eq!(cancelled["lateCancellation"], !lenient);
        assert_eq!(cancelled["paymentStatus"], payment_status);
        set_clock_before_start(&app, &booking, TimeDelta::hours(72));
    }
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn staff_cannot_book_or_cancel_for_themselves_what_a_member_could_not() {
    let app = TestApp::start().await;
    let (sofia, luis) = (app.staff("sofia").await, app.staff("luis").await);
    let (class, booking) = booked_class(&app, &sofia, TimeDelta::minutes(-5)).await;
    perform_action(&sofia, &booking, "cancel")
        .await
        .expect_code(403, "own_booking");
    perform_action(&luis, &booking, "cancel").await.expect(200);
    book_for(&sofia, &sofia, class)
        .await
        .expect_code(403, "own_booking");
    book_for(&luis, &sofia, class).await.expect(201);
}

#[tokio::test]
async fn a_class_that_has_begun_can_be_cancelled_and_everybody_gets_their_money_back() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let people = app.members(3).await;
    let class = app.create_class(3).await;
    let mut bookings = Vec::new();
    for person in &people {
        let booking = book(person, class).await.expect(201);
        insert_desk_payment(&app, &booking).await;
        bookings.push(booking);
    }
    set_clock_before_start(&app, &bookings[0], TimeDelta::minutes(-10));
    perform_action(&staff, &bookings[0], "checkIn")
        .await
        .expect(200);
    perform_action(&staff, &bookings[1], "noShow")
        .await
        .expect(200);
    // It can no longer be moved.
    let change = json!({ "occurrence": { "id": class, "time": "23:00" } });
    staff
        .patch("/api/admin/schedule", change)
        .await
        .expect_code(409, "class_started");
    let result = cancel_class(&staff, class).await.expect(200);
    assert_eq!(result["cancelledBookings"], 3);
    for person in &people {
        let list = person.get("/api/bookings/list").await.expect(200);
        let booking = &list["items"][0];
        assert_eq!(booking["status"], "cancelled");
        assert_eq!(booking["lateCancellation"], false);
        assert_eq!(booking["paymentStatus"], "refund_due");
    }
    let mails = "select count(*) from mail_outbox where kind = 'class_cancelled'";
    assert_eq!(app.count(mails).await, 3);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_class_can_be_cancelled_until_a_day_after_its_end() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    for (minutes, outcome) in [(25 * 60 - 1, 200), (25 * 60, 409)] {
        let (class, booking) = booked_class(&app, &ana, TimeDelta::minutes(-minutes)).await;
        let response = cancel_class(&staff, class).await;
        let body = response.expect(outcome);
        assert_eq!(body["code"] == "class_over", outcome == 409);
        set_clock_before_start(&app, &booking, TimeDelta::hours(72));
    }
}

#[tokio::test]
async fn check_ins_are_undone_when_the_class_moves_to_a_later_day() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let (class, booking) = booked_class(&app, &ana, TimeDelta::minutes(20)).await;
    perform_action(&staff, &booking, "checkIn")
        .await
        .expect(200);
    let date = (time(&booking["class"]["startTime"]) + TimeDelta::days(3)).date_naive();
    let change = json!({ "occurrence": { "id": class, "date": date } });
    staff.patch("/api/admin/schedule", change).await.expect(200);
    let list = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(list["items"][0]["status"], "booked");
    cancel(&ana, &booking).await.expect(200);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn this_and_the_following_classes_can_be_cancelled_from_one_that_has_begun() {
    let (studio, _) = weekly_wednesdays().await;
    let class = occurrence_on(&studio, "2026-09-16").await;
    // Ten minutes after the start in Denver.
    let begun: DateTime<Utc> = "2026-09-17T01:10:00Z".parse().unwrap();
    studio.app.set_clock(begun);
    let path = format!("/api/admin/schedule?occurrenceId={class}&scope=following");
    let result = studio.staff.delete(&path).await.expect(200);
    assert_eq!(result["effect"]["cancelledClasses"], 3);
    let cancelled = studio
        .app
        .sql("select occurrence_date::text from scheduled_classes where is_cancelled order by 1")
        .await;
    let dates: Vec<String> = cancelled.iter().map(|row| row.get(0)).collect();
    assert_eq!(dates, ["2026-09-16", "2026-09-23", "2026-09-30"]);
}
