//! `api/admin/bookings.rs`: bookings beyond the capacity of a class, and after its end.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bookings::perform_action;
use crate::bookings::{assert_bookings_consistent, book, cancel, join_waitlist, time};
use crate::classes::advance_to_next_minute;
use crate::harness::{TestApp, TestClient, TestResponse, connect};
use crate::shop::migration::revert_to;

/// Books a class beyond its capacity, with a reason.
pub async fn overbook(staff: &TestClient, member: &Value, class: Uuid) -> TestResponse {
    let booking = json!({
        "userId": member, "scheduledClassId": class,
        "beyondCapacity": true, "reason": "Her sister dances too",
    });
    staff.post("/api/admin/bookings", booking).await
}

/// A full class with a waitlist.
struct FullClass {
    app: TestApp,
    staff: TestClient,
    class: Uuid,
    /// The bookings of the members with a spot, each with its member.
    bookings: Vec<(TestClient, Value)>,
    waiting: TestClient,
}

impl FullClass {
    async fn start(spots: usize) -> Self {
        let app = TestApp::start().await;
        let staff = app.staff("sofia").await;
        let class = app.create_class(i32::try_from(spots).unwrap()).await;
        let mut bookings = Vec::new();
        for member in app.members(spots).await {
            let booking = book(&member, class).await.expect(201);
            bookings.push((member, booking));
        }
        let waiting = app.member("wanda").await;
        join_waitlist(&waiting, class).await.expect(201);
        Self {
            app,
            staff,
            class,
            bookings,
            waiting,
        }
    }

    /// Adds a new member beyond the capacity.
    async fn overbook(&self, name: &str) -> TestResponse {
        let member = self.app.member(name).await;
        overbook(&self.staff, &member.user_id().await, self.class).await
    }

    /// Lets the next member leave.
    async fn leave(&mut self) {
        let (member, booking) = self.bookings.pop().unwrap();
        cancel(&member, &booking).await.expect(200);
    }

    /// Returns how many members have a spot, how many spots there are, and how many places the class
    /// has beyond them.
    async fn counts(&self) -> (i32, i32, i32) {
        let columns = "current_participants, max_participants, extra_places";
        let query = format!("select {columns} from scheduled_classes");
        let rows = self.app.sql(&query).await;
        (rows[0].get(0), rows[0].get(1), rows[0].get(2))
    }

    async fn set_spots(&self, spots: i32) -> TestResponse {
        let change = json!({ "occurrence": { "id": self.class, "maxParticipants": spots } });
        self.staff.patch("/api/admin/schedule", change).await
    }

    async fn status_of_waiting(&self) -> Value {
        let list = self.waiting.get("/api/bookings/list").await.expect(200);
        list["items"][0]["status"].clone()
    }
}

#[tokio::test]
async fn nobody_moves_up_until_the_class_has_fewer_members_than_spots() {
    let mut full = FullClass::start(20).await;
    let extra = full.overbook("elena").await.expect(201);
    assert_eq!(extra["status"], "booked");
    assert_eq!(full.counts().await, (21, 20, 1));
    full.leave().await;
    assert_eq!(full.counts().await, (20, 20, 0));
    assert_eq!(full.status_of_waiting().await, "waitlisted");
    let other = full.app.member("olga").await;
    book(&other, full.class)
        .await
        .expect_code(409, "class_full");
    full.leave().await;
    assert_eq!(full.counts().await, (20, 20, 0));
    assert_eq!(full.status_of_waiting().await, "booked");
    assert_bookings_consistent(&full.app).await;
}

#[tokio::test]
async fn booking_beyond_the_capacity_takes_a_reason_and_is_logged_with_it() {
    let full = FullClass::start(1).await;
    let member = full.app.member("elena").await.user_id().await;
    for (change, field) in [
        (json!({ "reason": null }), "reason"),
        (json!({ "reason": " " }), "reason"),
        (json!({ "reason": "x".repeat(501) }), "reason"),
        (json!({ "joinWaitlist": true }), "beyondCapacity"),
    ] {
        let mut booking = json!({
            "userId": member, "scheduledClassId": full.class,
            "beyondCapacity": true, "reason": "Her sister dances too",
        });
        booking
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let rejected = full.staff.post("/api/admin/bookings", booking).await;
        super::assert_rejects_only(&rejected, field);
    }
    let own = full.staff.user_id().await;
    overbook(&full.staff, &own, full.class)
        .await
        .expect_code(403, "own_booking");
    overbook(&full.waiting, &member, full.class)
        .await
        .expect_code(403, "forbidden");
    assert_eq!(full.counts().await, (1, 1, 0));
    let booking = overbook(&full.staff, &member, full.class).await.expect(201);
    overbook(&full.staff, &member, full.class)
        .await
        .expect_code(409, "already_booked");
    let logged = full
        .app
        .sql("select detail from security_events where kind = 'booking_changed'")
        .await;
    assert_eq!(logged.len(), 1);
    let expected = json!({
        "bookingId": booking["id"], "action": "book", "beyondCapacity": true,
        "reason": "Her sister dances too",
    });
    let detail: Value = logged[0].get(0);
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(detail[name], *value, "{detail}");
    }
}

#[tokio::test]
async fn a_member_on_the_waitlist_can_get_a_spot_beyond_the_capacity() {
    let full = FullClass::start(2).await;
    let member = full.waiting.user_id().await;
    let booking = overbook(&full.staff, &member, full.class).await.expect(201);
    assert_eq!(booking["status"], "booked");
    assert!(booking["freeCancellationUntil"].is_string());
    assert_eq!(full.counts().await, (3, 2, 1));
    // A spot that is free is not beyond the capacity.
    let free = full.app.create_class(1).await;
    overbook(&full.staff, &member, free).await.expect(201);
    let logged = "select count(*) from security_events where detail ->> 'beyondCapacity' = 'true'";
    assert_eq!(full.app.count(logged).await, 1);
    assert_bookings_consistent(&full.app).await;
}

#[tokio::test]
async fn a_class_above_its_capacity_has_no_free_spots_anywhere() {
    let full = FullClass::start(2).await;
    let class = full.class;
    let visitor = full.app.visitor();
    let type_id = full.bookings[0].1["class"]["classTypeId"].as_str().unwrap();
    let day = full.bookings[0].1["class"]["localDate"].as_str().unwrap();
    let paths = [
        format!("/api/classes/occurrence?id={class}"),
        format!("/api/classes/schedule?from={day}&to={day}"),
        format!("/api/classes/availability?ids={class}"),
        format!("/api/classes/details?id={type_id}"),
    ];
    // The lists are cached now.
    for path in &paths {
        visitor.get(path).await.expect(200);
    }
    for name in ["elena", "olga"] {
        full.overbook(name).await.expect(201);
    }
    advance_to_next_minute(&full.app);
    for path in &paths {
        let response = visitor.get(path).await.expect(200);
        let found = if path.contains("details") {
            &response["upcomingClasses"][0]
        } else if path.contains("occurrence?") {
            &response
        } else {
            &response["items"][0]
        };
        assert_eq!(found["placesLeft"], 0, "{path}: {response}");
        assert_eq!(found["maxParticipants"], 2, "{path}");
    }
    let occurrence = visitor.get(&paths[0]).await.expect(200);
    assert_eq!(occurrence["taken"], 4);
    let page = visitor.request(Method::GET, &paths[0]);
    let page = visitor.send(page.header("accept", "text/html")).await.text;
    assert!(page.contains("\"remainingAttendeeCapacity\":0"), "{page}");
    let dashboard = format!("/api/admin/dashboard?date={day}");
    let dashboard = full.staff.get(&dashboard).await.expect(200);
    assert_eq!(dashboard["occupancyRate"], 2.0);
    assert_eq!(dashboard["classes"][0]["taken"], 4);
    // Someone who leaves does not make a spot free.
    let (member, booking) = &full.bookings[0];
    cancel(member, booking).await.expect(200);
    advance_to_next_minute(&full.app);
    let after = visitor.get(&paths[0]).await.expect(200);
    assert_eq!(after["placesLeft"], 0);
    assert_eq!(full.status_of_waiting().await, "waitlisted");
}

#[tokio::test]
async fn the_capacity_cannot_be_set_below_the_members_and_extra_places_are_used_once() {
    let mut full = FullClass::start(3).await;
    for name in ["elena", "olga"] {
        full.overbook(name).await.expect(201);
    }
    assert_eq!(full.counts().await, (5, 3, 2));
    full.set_spots(2).await.expect_code(409, "places_taken");
    // The class stays as it is if something else changes.
    full.set_spots(3).await.expect(200);
    assert_eq!(full.counts().await, (5, 3, 2));
    // Fewer extra places are needed, but nobody moves up.
    full.set_spots(4).await.expect(200);
    assert_eq!(full.counts().await, (5, 4, 1));
    full.set_spots(5).await.expect(200);
    assert_eq!(full.counts().await, (5, 5, 0));
    assert_eq!(full.status_of_waiting().await, "waitlisted");
    full.set_spots(4).await.expect_code(409, "places_taken");
    full.set_spots(6).await.expect(200);
    assert_eq!(full.counts().await, (6, 6, 0));
    assert_eq!(full.status_of_waiting().await, "booked");
    // An extra place that a member has left cannot be used for a smaller class.
    full.overbook("petra").await.expect(201);
    full.leave().await;
    assert_eq!(full.counts().await, (6, 6, 0));
    full.set_spots(5).await.expect_code(409, "places_taken");
    assert_bookings_consistent(&full.app).await;
}

#[tokio::test]
async fn bookings_and_overbookings_at_once_add_up() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let class = app.create_class(20).await;
    let members = app.members(64).await;
    let others = app.members(8).await;
    let bookings = join_all(members.iter().map(|member| book(member, class)));
    let overbookings = join_all(others.iter().map(async |member| {
        let member = member.user_id().await;
        overbook(&staff, &member, class).await.expect(201)
    }));
    let (bookings, overbookings) = join(bookings, overbookings).await;
    assert_eq!(overbookings.len(), 8);
    let booked = bookings.iter().filter(|one| one.status == 201).count();
    for rejected in bookings.iter().filter(|one| one.status != 201) {
        rejected.expect_code(409, "class_full");
    }
    let logged = "select count(*) from security_events where detail ->> 'beyondCapacity' = 'true'";
    let extra = app.count(logged).await;
    let ordinary = i64::try_from(booked).unwrap() + 8 - extra;
    // The first members took the spots, and each spot was taken once.
    assert_eq!(ordinary, 20);
    let exact = format!(
        "select count(*) from scheduled_classes
        where current_participants = {} and extra_places = {extra}",
        20 + extra
    );
    assert_eq!(app.count(&exact).await, 1);
    assert_bookings_consistent(&app).await;
    // Members leave at once, until there is a free spot again.
    let bookings = bookings.iter().zip(&members);
    let leaving = bookings.filter(|(booking, _)| booking.status == 201);
    join_all(leaving.map(async |(booking, member)| {
        cancel(member, &booking.expect(201)).await.expect(200);
    }))
    .await;
    let left = "select count(*) from scheduled_classes
        where current_participants = 8 and extra_places = 0";
    assert_eq!(app.count(left).await, 1);
}

/// Starts an app an hour before classes with two spots, from 19:00 to 20:00 in the studio. Returns
/// the start.
async fn start_before_evening_classes(classes: usize) -> (TestApp, Vec<Uuid>, DateTime<Utc>) {
    let app = TestApp::start().await;
    let start = "2027-03-10T02:00:00Z".parse().unwrap();
    app.set_clock(start - TimeDelta::hours(1));
    let mut ids = Vec::new();
    for _ in 0..classes {
        ids.push(app.create_class(2).await);
    }
    app.sql(
        "update scheduled_classes set start_time = '2027-03-10T02:00:00Z',
            end_time = '2027-03-10T03:00:00Z'",
    )
    .await;
    (app, ids, start)
}

#[tokio::test]
async fn staff_add_someone_who_stood_at_the_door_until_the_end_of_the_day() {
    let (app, classes, start) = start_before_evening_classes(1).await;
    let class = classes[0];
    let staff = app.staff("sofia").await;
    let (ana, ben, carla) = (
        app.member("ana").await,
        app.member("ben").await,
        app.member("carla").await,
    );
    let add = async |member: &TestClient| {
        let booking = json!({ "userId": member.user_id().await, "scheduledClassId": class });
        staff.post("/api/admin/bookings", booking).await
    };
    // It is 23:59 in Denver.
    app.set_clock(start + TimeDelta::minutes(4 * 60 + 59));
    let booking = add(&ana).await.expect(201);
    assert_eq!(time(&booking["freeCancellationUntil"]), start);
    assert_eq!(booking["amountDue"], "25.00");
    perform_action(&staff, &booking, "checkIn")
        .await
        .expect(200);
    book(&ben, class).await.expect_code(409, "class_started");
    add(&ben).await.expect(201);
    add(&carla).await.expect_code(409, "class_full");
    let carla_id = carla.user_id().await;
    overbook(&staff, &carla_id, class).await.expect(201);
    app.set_clock(start + TimeDelta::minutes(5 * 60));
    let olga = app.member("olga").await.user_id().await;
    overbook(&staff, &olga, class)
        .await
        .expect_code(409, "class_over");
    // They were there, and need no e-mail.
    let mails = "select count(*) from mail_outbox where kind = 'booking_confirmed'";
    assert_eq!(app.count(mails).await, 0);
}

#[tokio::test]
async fn nobody_is_added_to_two_classes_that_were_at_the_same_time() {
    let (app, classes, start) = start_before_evening_classes(2).await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let booking = book(&ana, classes[0]).await.expect(201);
    app.set_clock(start + TimeDelta::hours(2));
    let member = ana.user_id().await;
    let other = json!({ "userId": member, "scheduledClassId": classes[1] });
    let add = async || staff.post("/api/admin/bookings", other.clone()).await;
    add().await.expect_code(409, "overlapping_booking");
    // The member came to this class, and not to the other one.
    perform_action(&staff, &booking, "noShow").await.expect(200);
    add().await.expect(201);
}

#[tokio::test]
async fn a_waitlist_entry_of_a_class_that_has_started_hinders_nobody() {
    let (app, classes, start) = start_before_evening_classes(2).await;
    // The waitlist is still open.
    app.set_clock(start - TimeDelta::hours(3));
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    for member in app.members(2).await {
        book(&member, classes[0]).await.expect(201);
    }
    for member in [&ana, &ben] {
        join_waitlist(member, classes[0]).await.expect(201);
    }
    app.sql(&format!(
        "update scheduled_classes set start_time = start_time + interval '30 minutes',
            end_time = end_time + interval '30 minutes' where id = '{}'",
        classes[1]
    ))
    .await;
    let add = async |member: &TestClient| {
        let booking = json!({ "userId": member.user_id().await, "scheduledClassId": classes[1] });
        staff.post("/api/admin/bookings", booking).await
    };
    add(&ana).await.expect_code(409, "overlapping_booking");
    // Neither before nor after the start of the other class.
    for (minutes, member) in [(15, &ana), (45, &ben)] {
        app.set_clock(start + TimeDelta::minutes(minutes));
        add(member).await.expect(201);
    }
}

#[tokio::test]
async fn the_previous_version_keeps_booking_and_going_back_keeps_all_members() {
    let full = FullClass::start(2).await;
    for name in ["elena", "olga"] {
        full.overbook(name).await.expect(201);
    }
    let member = full.app.member("petra").await.user_id().await;
    let previous = format!(
        "select outcome from book_class(gen_random_uuid(), '{}', '{}', false, now(), '2 hours',
            '12 hours', '1 hour', 3, 'USD', true, null, false, null)",
        member.as_str().unwrap(),
        full.class
    );
    let outcome = &full.app.sql(&previous).await[0];
    assert_eq!(outcome.get::<_, &str>(0), "class_full");
    // A capacity that the previous version sets leaves no extra places behind.
    full.app
        .sql("update scheduled_classes set max_participants = 3")
        .await;
    assert_eq!(full.counts().await, (4, 3, 1));
    let give =
        json!({ "bookingId": full.bookings[0].1["id"], "action": "give", "reason": "Helper" });
    full.staff
        .patch("/api/admin/bookings", give)
        .await
        .expect(200);
    revert_to(&full.app, "0033_staff_places").await;
    let stored = "select count(*) from scheduled_classes
        where (max_participants, current_participants) = (4, 4)";
    assert_eq!(full.app.count(stored).await, 1);
    let free = "select count(*) from bookings where price = 0";
    assert_eq!(full.app.count(free).await, 1);
    let mut client = connect(&full.app.database).await;
    sabor::store::migrations::up(&mut client).await.unwrap();
    full.overbook("quinn").await.expect(201);
    assert_eq!(full.counts().await, (5, 4, 1));
    assert_bookings_consistent(&full.app).await;
}
