//! Courses under concurrent requests.

use chrono::TimeDelta;
use futures_util::future::{join, join_all};
use serde_json::json;

use super::courses::{
    assert_courses_consistent, booked, buy, cancel_class, pay, set_classes, three_classes,
};
use super::sell;
use crate::bookings::{book, cancel};
use crate::harness::TestApp;
use crate::payments::start_with_stripe;

const BUYERS: usize = 64;

#[tokio::test]
async fn sixty_four_buyers_of_the_last_spot_get_one_course() {
    let (app, _stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let (course, _) = three_classes(&app, &staff, 1, json!({})).await;
    let members = app.members(BUYERS).await;
    let bought = join_all(members.iter().map(|member| buy(member, &course))).await;
    let sold = bought.iter().filter(|response| response.status == 201);
    assert_eq!(sold.count(), 1);
    let full = bought.iter().filter(|response| response.status == 409);
    for response in full {
        assert_eq!(response.expect(409)["code"], "course_full");
    }
    assert_eq!(app.count("select count(*) from orders").await, 1);
    assert_eq!(app.count("select count(*) from bookings").await, 3);
    assert_courses_consistent(&app).await;
}

/// Two courses share the room in the last class of each: the classes are taken in different orders.
#[tokio::test]
async fn a_member_who_buys_overlapping_courses_at_once_gets_one() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let members = app.members(8).await;
    let (one, first) = three_classes(&app, &staff, 20, json!({})).await;
    let (other, second) = three_classes(&app, &staff, 20, json!({})).await;
    app.sql(&format!(
        "update scheduled_classes c set start_time = k.start_time, end_time = k.end_time
        from scheduled_classes k where c.id = '{}' and k.id = '{}'",
        second[2], first[0]
    ))
    .await;
    let races = members.iter().map(async |member| {
        let (a, b) = join(
            sell(&staff, member, &[&one]),
            sell(&staff, member, &[&other]),
        )
        .await;
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
    });
    join_all(races).await;
    assert_eq!(app.count("select count(*) from bookings").await, 8 * 3);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_class_that_is_cancelled_while_the_course_is_bought_is_never_paid_for() {
    let (app, stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let (course, classes) = three_classes(&app, &staff, 20, json!({})).await;
    let members = app.members(12).await;
    let purchases = members.iter().map(async |member| {
        let order = buy(member, &course).await.expect(201);
        pay(&app, &stripe, &order).await;
    });
    let path = format!("/api/admin/schedule?occurrenceId={}", classes[1]);
    let cancelled = async { staff.delete(&path).await.expect(200) };
    join(join_all(purchases), cancelled).await;
    // Who bought before pays 100.00 and gets 33.33 back, who bought after pays 66.67.
    let paid = "select count(*) from orders o where o.state = 'paid' and 66.67 = (
        select sum(p.amount - p.refunded) from payments p where p.order_id = o.id)";
    assert_eq!(app.count(paid).await, 12);
    let left = "select count(*) from bookings where status = 'booked'";
    assert_eq!(app.count(left).await, 12 * 2);
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn a_spot_is_booked_again_or_refunded_but_not_both() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (course, classes) = three_classes(&app, &staff, 20, json!({})).await;
    let members = app.members(8).await;
    for member in &members {
        sell(&staff, member, &[&course]).await.expect(201);
    }
    let change = json!({ "occurrence": { "id": classes[1], "room": "Another room" } });
    staff.patch("/api/admin/schedule", change).await.expect(200);
    for member in &members {
        let spot = booked(member).await.remove(1);
        cancel(member, &spot).await.expect(200);
    }
    // The shares are due. The cancellation of another class leaves them to the clean-up, because it does
    // not hold their class.
    app.app.clock().advance(TimeDelta::minutes(11));
    let again = members[..4].iter().map(async |member| {
        book(member, classes[1]).await.expect(201);
    });
    join(join_all(again), cancel_class(&staff, classes[2])).await;
    assert_courses_consistent(&app).await;
    let again = members[4..].iter().map(async |member| {
        let booked = book(member, classes[1]).await;
        // The clean-up was earlier.
        if booked.status != 201 {
            assert_eq!(booked.expect(409)["code"], "course_only");
        }
    });
    let cleaned = async { app.run_clean_up().await.expect(200) };
    join(join_all(again), cleaned).await;
    assert_courses_consistent(&app).await;
}

#[tokio::test]
async fn the_classes_do_not_change_while_the_course_is_bought() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    for _ in 0..4 {
        let (course, classes) = three_classes(&app, &staff, 20, json!({})).await;
        let member = app.members(1).await.remove(0);
        let (_, _) = join(
            sell(&staff, &member, &[&course]),
            set_classes(&staff, &course, &classes[..1]),
        )
        .await;
    }
    let wrong = "select count(*) from order_lines l where (
            select count(*) from bookings b where b.course_line_id = l.id)
        <> (select count(*) from scheduled_classes c where c.course_id = l.product_id)";
    assert_eq!(app.count(wrong).await, 0, "somebody has half a course");
    assert_courses_consistent(&app).await;
}
