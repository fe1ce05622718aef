//! Passes under concurrent requests.

use futures_util::future::{join, join_all};
use serde_json::json;

use super::{assert_passes_consistent, change_pass, credits_left, sell_pass};
use crate::bookings::{assert_bookings_consistent, book, cancel, join_waitlist};
use crate::harness::TestApp;

const REQUESTS: usize = 64;

#[tokio::test]
async fn sixty_four_bookings_at_once_use_no_credit_twice() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let passes = [
        sell_pass(&staff, &ana, json!({ "credits": 3 })).await,
        sell_pass(&staff, &ana, json!({ "credits": 2, "days": 60 })).await,
    ];
    let mut classes = Vec::new();
    for _ in 0..REQUESTS {
        classes.push(app.create_class(5).await);
    }
    // Staff book, because a member can make fewer bookings in an hour.
    let member = ana.user_id().await;
    let bookings = classes.iter().map(|class| {
        let payload = json!({ "userId": member, "scheduledClassId": class });
        staff.post("/api/admin/bookings", payload)
    });
    let bookings = join_all(bookings).await;
    let bookings: Vec<_> = bookings
        .iter()
        .map(|response| response.expect(201))
        .collect();
    let paid = bookings.iter().filter(|booking| !booking["pass"].is_null());
    assert_eq!(paid.count(), 5);
    let unpaid = bookings
        .iter()
        .filter(|booking| booking["price"] == "25.00");
    assert_eq!(unpaid.count(), REQUESTS - 5);
    for pass in &passes {
        assert_eq!(credits_left(&ana, pass).await, 0);
    }
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_chosen_pass_is_never_replaced() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 5 })).await;
    let mut classes = Vec::new();
    for _ in 0..REQUESTS {
        classes.push(app.create_class(5).await);
    }
    let member = ana.user_id().await;
    let bookings = classes.iter().map(|class| {
        let payload = json!({ "userId": member, "scheduledClassId": class, "payWith": pass });
        staff.post("/api/admin/bookings", payload)
    });
    let bookings = join_all(bookings).await;
    let refused = bookings.iter().filter(|response| response.status == 409);
    assert_eq!(refused.count(), REQUESTS - 5);
    assert_eq!(app.count("select count(*) from bookings").await, 5);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn promotions_revocations_and_bookings_at_once_end_consistently() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let members = app.members(12).await;
    let mut passes = Vec::new();
    for member in &members {
        passes.push(sell_pass(&staff, member, json!({ "credits": 4 })).await);
    }
    let mut classes = Vec::new();
    for _ in 0..4 {
        classes.push(app.create_class(3).await);
    }
    let visits = members.iter().enumerate().map(async |(number, member)| {
        for round in 0..classes.len() {
            let class = classes[(number + round) % classes.len()];
            let booking = join_waitlist(member, class).await;
            if booking.status == 201 && (number + round) % 3 == 0 {
                cancel(member, &booking.expect(201)).await.expect(200);
            }
        }
    });
    let changes = passes.iter().step_by(3).map(async |pass| {
        for action in ["revoke", "restore"] {
            change_pass(&staff, pass, json!({ "action": action }))
                .await
                .expect(200);
        }
    });
    join(join_all(visits), join_all(changes)).await;
    assert_bookings_consistent(&app).await;
    assert_passes_consistent(&app).await;
}

/// A promotion does not wait for the lock that the member's own bookings take.
#[tokio::test]
async fn a_promotion_and_a_booking_at_once_use_the_last_credit_once() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let members = app.members(24).await;
    let (leaving, waiting) = members.split_at(12);
    let mut rounds = Vec::new();
    for (leaves, waits) in leaving.iter().zip(waiting) {
        let (full, other) = (app.create_class(1).await, app.create_class(1).await);
        let booking = book(leaves, full).await.expect(201);
        join_waitlist(waits, full).await.expect(201);
        let pass = sell_pass(&staff, waits, json!({ "credits": 1 })).await;
        rounds.push((leaves, waits, booking, other, pass));
    }
    let races = rounds
        .iter()
        .map(async |(leaves, waits, booking, other, pass)| {
            let (cancelled, booked) = join(cancel(leaves, booking), book(waits, *other)).await;
            cancelled.expect(200);
            booked.expect(201);
            assert_eq!(credits_left(waits, pass).await, 0);
        });
    join_all(races).await;
    let paid = "select count(*) from bookings where pass_id is not null";
    assert_eq!(app.count(paid).await, 12);
    assert_passes_consistent(&app).await;
}
