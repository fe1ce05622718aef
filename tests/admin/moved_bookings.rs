//! `api/admin/bookings.rs`: moving a booking to another class.

use chrono::TimeDelta;
use sabor::values::time_zone::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bookings::perform_action;
use crate::bookings::{
    assert_bookings_consistent, book, cancel, insert_desk_payment, join_waitlist,
    set_clock_before_start, time,
};
use crate::harness::{MailServer, NewClass, TestApp, TestClient, TestResponse, wait_until};

async fn move_booking(
    staff: &TestClient,
    booking: &Value,
    class: impl serde::Serialize,
) -> TestResponse {
    let change = json!({
        "bookingId": booking["id"], "action": "move", "scheduledClassId": class,
    });
    staff.patch("/api/admin/bookings", change).await
}

async fn class_in(app: &TestApp, hours: f64) -> Uuid {
    let class = NewClass {
        starts_in: Some(hours),
        spots: 1,
        ..NewClass::default()
    };
    app.create_class_with(class).await
}

#[tokio::test]
async fn a_moved_booking_keeps_its_price_its_payment_and_its_history() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let class = app.create_class(1).await;
    let expensive_class = NewClass {
        price: "40.00",
        ..NewClass::default()
    };
    let target = app.create_class_with(expensive_class).await;
    let booking = book(&ana, class).await.expect(201);
    insert_desk_payment(&app, &booking).await;
    let moved = move_booking(&staff, &booking, target).await.expect(200);
    assert_eq!(moved["scheduledClassId"], json!(target));
    for field in ["id", "status", "price", "bookedAt"] {
        assert_eq!(moved[field], booking[field], "{field}");
    }
    assert_eq!(moved["paymentStatus"], "paid");
    assert_ne!(moved["class"]["startTime"], booking["class"]["startTime"]);
    assert_eq!(
        time(&moved["freeCancellationUntil"]),
        time(&moved["class"]["startTime"]) - TimeDelta::hours(12)
    );
    let list = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(list["items"], json!([moved]));
    let event = &ana.get("/api/events").await.expect(200)["items"][0];
    assert_eq!(event["kind"], "booking_moved");
    assert_eq!(event["data"]["scheduledClassId"], json!(target));
    let entries = app
        .sql("select detail from security_events where kind = 'booking_changed'")
        .await;
    let detail: Value = entries[0].get(0);
    assert_eq!(detail["action"], "move");
    assert_eq!(detail["from"], json!(class));
    assert_eq!(detail["to"], json!(target));
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_booking_that_moves_to_an_earlier_class_keeps_its_later_deadline() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let (class, earlier_class) = (class_in(&app, 60.0).await, class_in(&app, 50.0).await);
    let booking = book(&ana, class).await.expect(201);
    insert_desk_payment(&app, &booking).await;
    let moved = move_booking(&staff, &booking, earlier_class)
        .await
        .expect(200);
    assert_eq!(
        moved["freeCancellationUntil"],
        booking["freeCancellationUntil"]
    );
    // A booking of the earlier class would have been late for nine hours.
    set_clock_before_start(&app, &moved, TimeDelta::hours(3));
    let cancelled_booking = cancel(&ana, &moved).await.expect(200);
    assert_eq!(cancelled_booking["lateCancellation"], false);
    assert_eq!(cancelled_booking["paymentStatus"], "refund_due");
}

#[tokio::test]
async fn an_unpaid_booking_takes_over_the_payment_that_was_kept_for_the_new_class() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let target = NewClass {
        starts_in: Some(50.0),
        price: "40.00",
        ..NewClass::default()
    };
    let target = app.create_class_with(target).await;
    let cancelled_booking = book(&ana, target).await.expect(201);
    insert_desk_payment(&app, &cancelled_booking).await;
    set_clock_before_start(&app, &cancelled_booking, TimeDelta::hours(6));
    let cancelled_booking = cancel(&ana, &cancelled_booking).await.expect(200);
    assert_eq!(cancelled_booking["paymentStatus"], "paid");

    let booking = book(&ana, class_in(&app, 60.0).await).await.expect(201);
    let desk_payment = json!({ "bookingId": booking["id"], "method": "desk" });
    ana.post("/api/bookings/payment", desk_payment)
        .await
        .expect(201);
    let moved = move_booking(&staff, &booking, target).await.expect(200);
    assert_eq!(moved["id"], booking["id"]);
    assert_eq!(moved["paymentStatus"], "paid");
    assert_eq!(moved["price"], "40.00");

    let list = ana.get("/api/bookings/list").await.expect(200);
    let items = list["items"].as_array().unwrap();
    let left = items
        .iter()
        .find(|item| item["id"] == cancelled_booking["id"])
        .unwrap();
    assert_eq!(left["paymentStatus"], json!(null));
    let payments = staff.get("/api/admin/payments").await.expect(200);
    let payments: Vec<_> = payments["items"].as_array().unwrap().iter().collect();
    let of_booking = |payment: &&&Value| payment["bookingId"] == booking["id"];
    assert_eq!(payments.iter().filter(of_booking).count(), 2);
    let statuses: Vec<_> = payments.iter().map(|payment| &payment["status"]).collect();
    assert_eq!(statuses, ["paid", "cancelled"]);
    assert_eq!(unpaid_and_taken(&app, &staff, &moved).await, [0, 1]);
    assert_bookings_consistent(&app).await;
}

/// Returns the figures of the class of a booking on the dashboard: the unpaid bookings and the
/// taken spots.
async fn unpaid_and_taken(app: &TestApp, staff: &TestClient, booking: &Value) -> [i64; 2] {
    let zone = TimeZone::of_studio(&app.app.config().studio).unwrap();
    let day = zone.date(time(&booking["class"]["startTime"]));
    let path = format!("/api/admin/dashboard?date={day}");
    let dashboard = staff.get(&path).await.expect(200);
    let classes = dashboard["classes"].as_array().unwrap();
    let class = classes
        .iter()
        .find(|class| class["id"] == booking["scheduledClassId"])
        .unwrap();
    ["unpaid", "taken"].map(|figure| class[figure].as_i64().unwrap())
}

#[tokio::test]
async fn a_move_withdraws_the_refund_of_the_new_class_that_was_not_sent() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let (class, target) = (class_in(&app, 60.0).await, class_in(&app, 50.0).await);
    let cancelled_booking = book(&ana, target).await.expect(201);
    insert_desk_payment(&app, &cancelled_booking).await;
    let cancelled_booking = cancel(&ana, &cancelled_booking).await.expect(200);
    assert_eq!(cancelled_booking["paymentStatus"], "refund_due");
    let booking = book(&ana, class).await.expect(201);
    let moved = move_booking(&staff, &booking, target).await.expect(200);
    assert_eq!(moved["paymentStatus"], "paid");
    let dashboard = staff.get("/api/admin/dashboard").await.expect(200);
    assert_eq!(dashboard["refundsDue"], json!([]));
    // The next cancellation is refunded.
    let cancelled_booking = cancel(&ana, &moved).await.expect(200);
    assert_eq!(cancelled_booking["paymentStatus"], "refund_due");
}

#[tokio::test]
async fn a_booking_that_is_paid_leaves_the_other_payment_alone() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let (class, target) = (class_in(&app, 60.0).await, class_in(&app, 50.0).await);
    let cancelled_booking = book(&ana, target).await.expect(201);
    insert_desk_payment(&app, &cancelled_booking).await;
    cancel(&ana, &cancelled_booking).await.expect(200);
    let booking = book(&ana, class).await.expect(201);
    insert_desk_payment(&app, &booking).await;
    let moved = move_booking(&staff, &booking, target).await.expect(200);
    assert_eq!(moved["paymentStatus"], "paid");
    let refunds = staff
        .get("/api/admin/payments?status=refund_due")
        .await
        .expect(200);
    assert_eq!(refunds["items"][0]["bookingId"], cancelled_booking["id"]);
}

#[tokio::test]
async fn the_spot_that_a_moved_booking_leaves_goes_to_the_waitlist() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (class, target) = (app.create_class(1).await, app.create_class(1).await);
    let booking = book(&ana, class).await.expect(201);
    join_waitlist(&ben, class).await.expect(201);
    move_booking(&staff, &booking, target).await.expect(200);
    let list = ben.get("/api/bookings/list").await.expect(200);
    assert_eq!(list["items"][0]["status"], "booked");
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_booking_moves_only_to_a_free_spot_that_staff_could_book_for_the_member() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = class_in(&app, 50.0).await;
    let booking = book(&ana, class).await.expect(201);

    let full = class_in(&app, 60.0).await;
    book(&ben, full).await.expect(201);
    let cancelled = class_in(&app, 62.0).await;
    app.mark_cancelled(cancelled).await;
    let over = class_in(&app, -2.0).await;
    let booked = class_in(&app, 64.0).await;
    book(&ana, booked).await.expect(201);
    let overlapping = class_in(&app, 64.5).await;
    for (target, code) in [
        (full, "class_full"),
        (cancelled, "class_cancelled"),
        (over, "class_over"),
        (booked, "already_booked"),
        (class, "already_booked"),
        (overlapping, "overlapping_booking"),
    ] {
        let rejected = move_booking(&staff, &booking, target).await;
        rejected.expect_code(409, code);
    }
    let unknown = "01a1fbec-f5a7-774d-993f-b6dedc6eb201";
    move_booking(&staff, &booking, unknown)
        .await
        .expect_code(404, "not_found");
    move_booking(&staff, &json!({ "id": unknown }), full)
        .await
        .expect_code(404, "not_found");
    perform_action(&staff, &booking, "move")
        .await
        .expect_code(400, "validation_failed");
    // The class that the booking leaves does not count as overlapping.
    let beside = class_in(&app, 50.5).await;
    let moved = move_booking(&staff, &booking, beside).await.expect(200);
    assert_eq!(moved["scheduledClassId"], json!(beside));
    // A class that has begun is open to staff.
    let begun = class_in(&app, -0.5).await;
    move_booking(&staff, &booking, begun).await.expect(200);
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn only_a_booking_with_a_spot_and_without_attendance_moves() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (class, target) = (app.create_class(1).await, app.create_class(5).await);
    let booking = book(&ana, class).await.expect(201);
    let waitlisted_booking = join_waitlist(&ben, class).await.expect(201);
    move_booking(&staff, &waitlisted_booking, target)
        .await
        .expect_code(409, "not_movable");
    set_clock_before_start(&app, &booking, TimeDelta::minutes(-5));
    for action in ["checkIn", "noShow"] {
        perform_action(&staff, &booking, action).await.expect(200);
        move_booking(&staff, &booking, target)
            .await
            .expect_code(409, "not_movable");
    }
    perform_action(&staff, &booking, "undoAttendance")
        .await
        .expect(200);
    // The member came on the wrong day.
    let moved = move_booking(&staff, &booking, target).await.expect(200);
    cancel(&ana, &moved).await.expect(200);
    move_booking(&staff, &booking, class)
        .await
        .expect_code(409, "not_movable");
}

#[tokio::test]
async fn staff_cannot_move_their_own_booking() {
    let app = TestApp::start().await;
    let (sofia, luis) = (app.staff("sofia").await, app.staff("luis").await);
    let (class, target) = (app.create_class(1).await, app.create_class(1).await);
    let booking = book(&sofia, class).await.expect(201);
    move_booking(&sofia, &booking, target)
        .await
        .expect_code(403, "own_booking");
    move_booking(&luis, &booking, target).await.expect(200);
}

#[tokio::test]
async fn a_cancellation_that_waits_for_a_move_frees_the_spot_in_the_new_class() {
    let app = TestApp::start().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (class, target) = (app.create_class(1).await, app.create_class(1).await);
    let booking = book(&ana, class).await.expect(201);
    // The move of the booking, up to its commit. Ben waits for the spot that it takes.
    let locks = app
        .hold_locks(&format!(
            "select * from book_class(gen_random_uuid(), '{}', '{target}', false, now(),
                interval '2 hours', interval '12 hours', interval '1 hour', null, 'USD', true,
                '{}');
            insert into bookings (id, user_id, scheduled_class_id, status, waitlist_position,
                price, currency)
            values (gen_random_uuid(), '{}', '{target}', 'waitlisted', nextval('waitlist_tickets'),
                25, 'USD')",
            ana.user_id().await.as_str().unwrap(),
            booking["id"].as_str().unwrap(),
            ben.user_id().await.as_str().unwrap()
        ))
        .await;
    let cancelling = cancel(&ana, &booking);
    let committing = async {
        wait_until(async || app.blocked_statements().await == 1).await;
        locks.commit().await;
    };
    let (cancelled, ()) = tokio::join!(cancelling, committing);
    assert_eq!(cancelled.expect(200)["scheduledClassId"], json!(target));
    let list = ben.get("/api/bookings/list").await.expect(200);
    assert_eq!(list["items"][0]["status"], "booked");
    assert_bookings_consistent(&app).await;
}

#[tokio::test]
async fn a_booking_that_moves_between_two_pages_is_not_missed() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let earlier = class_in(&app, 40.0).await;
    book(&ana, class_in(&app, 50.0).await).await.expect(201);
    let booking = book(&ana, class_in(&app, 60.0).await).await.expect(201);
    let first_page = ana.get("/api/bookings/list?limit=1").await.expect(200);
    move_booking(&staff, &booking, earlier).await.expect(200);
    let cursor = first_page["nextCursor"].as_str().unwrap();
    let path = format!("/api/bookings/list?limit=1&cursor={cursor}");
    let second_page = ana.get(&path).await.expect(200);
    let items = second_page["items"].as_array().unwrap();
    assert!(items.iter().any(|item| item["id"] == booking["id"]));
}

#[tokio::test]
async fn a_booking_that_enters_the_roster_between_two_pages_is_not_missed() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, eva) = (app.member("ana").await, app.member("eva").await);
    let (ben, dan) = (app.member("ben").await, app.member("dan").await);
    let class = app.create_class(9).await;
    let moving = book(&ana, class_in(&app, 90.0).await).await.expect(201);
    let reopening = book(&eva, class).await.expect(201);
    insert_desk_payment(&app, &reopening).await;
    cancel(&eva, &reopening).await.expect(200);
    let first = book(&ben, class).await.expect(201);
    let second = book(&dan, class).await.expect(201);
    let roster = RosterReader {
        staff: &staff,
        class,
    };
    let (ids, cursor) = roster.read_page(None).await;
    assert_eq!(ids, [first["id"].clone()]);

    let moved = move_booking(&staff, &moving, class).await.expect(200);
    let reopened = book(&eva, class).await.expect(201);
    assert_eq!(reopened["id"], reopening["id"]);
    let expected = [&second, &moved, &reopened].map(|booking| booking["id"].clone());
    assert_eq!(roster.read_from(cursor).await, expected);
    assert_eq!(unpaid_and_taken(&app, &staff, &moved).await, [3, 4]);
}

#[tokio::test]
async fn a_booking_that_is_made_slowly_is_not_missed_between_two_pages() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben, eva) = (
        app.member("ana").await,
        app.member("ben").await,
        app.member("eva").await,
    );
    let class = app.create_class(9).await;
    // The transaction of Ben's booking begins first, and books last.
    let slow = app.hold_locks("select now()").await;
    let first = book(&ana, class).await.expect(201);
    let second = book(&eva, class).await.expect(201);
    let roster = RosterReader {
        staff: &staff,
        class,
    };
    let (ids, cursor) = roster.read_page(None).await;
    assert_eq!(ids, [first["id"].clone()]);
    slow.run(&format!(
        "select * from book_class(gen_random_uuid(), '{}', '{class}', false, now(),
            interval '2 hours', interval '12 hours', interval '1 hour', null, 'USD', true, null)",
        ben.user_id().await.as_str().unwrap()
    ))
    .await;
    slow.commit().await;
    let rest = roster.read_from(cursor).await;
    assert_eq!(rest[0], second["id"]);
    assert_eq!(rest.len(), 2);
}

/// Reads a roster with one booking on each page.
struct RosterReader<'a> {
    staff: &'a TestClient,
    class: Uuid,
}

impl RosterReader<'_> {
    /// Returns the ids of the bookings on a page, and the cursor of the next one.
    async fn read_page(&self, cursor: Option<String>) -> (Vec<Value>, Option<String>) {
        let class = self.class;
        let mut path = format!("/api/admin/bookings?scheduledClassId={class}&limit=1");
        if let Some(cursor) = cursor {
            path += &format!("&cursor={cursor}");
        }
        let page = self.staff.get(&path).await.expect(200);
        let items = page["items"].as_array().unwrap();
        let ids = items.iter().map(|item| item["bookingId"].clone()).collect();
        (ids, page["nextCursor"].as_str().map(str::to_owned))
    }

    /// Returns the ids of the bookings from a cursor to the end.
    async fn read_from(&self, mut cursor: Option<String>) -> Vec<Value> {
        let mut ids = Vec::new();
        while cursor.is_some() {
            let (page, next) = self.read_page(cursor).await;
            ids.extend(page);
            cursor = next;
        }
        ids
    }
}

#[tokio::test]
async fn the_member_is_mailed_what_has_moved_and_where() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    app.set_clock("2030-07-01T12:00:00Z".parse().unwrap());
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let (class, target) = (app.create_class(1).await, app.create_class(1).await);
    for (id, title, start) in [
        (class, "Salsa basics", "2030-07-05T01:00:00Z"),
        (target, "Rueda", "2030-07-06T01:00:00Z"),
    ] {
        app.sql(&format!(
            "update scheduled_classes set own_title = '{title}', start_time = '{start}',
                end_time = timestamptz '{start}' + interval '1 hour' where id = '{id}'"
        ))
        .await;
    }
    let booking = book(&ana, class).await.expect(201);
    server.wait_for_mails(1).await;
    insert_desk_payment(&app, &booking).await;
    move_booking(&staff, &booking, target).await.expect(200);
    let mails = server.wait_for_mails(2).await;
    let mail = mails
        .iter()
        .find(|mail| {
            let subject = mail["headers"]["subject"].as_str().unwrap();
            subject == "Booking moved: Rueda, Friday, July 5, 2030 at 7:00 PM"
        })
        .unwrap();
    let text = mail["text"].as_str().unwrap();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Your booking for Salsa basics on Thursday, July 4, 2030, 7:00 PM to 8:00 PM",
        "It is now for Rueda on Friday, July 5, 2030, 7:00 PM to 8:00 PM",
        "We have received your payment of 25.00 USD.",
    ] {
        assert!(text.contains(part), "{text}");
    }
}
