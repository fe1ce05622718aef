//! `api/admin/schedule.rs`: weekly classes and their occurrences.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bookings::{
    assert_bookings_consistent, book, cancel, insert_desk_payment, join_waitlist,
    set_clock_before_start, time,
};
use crate::harness::{Settings, TestApp, TestClient, TestResponse};

pub const PATH: &str = "/api/admin/schedule";

/// A studio with a class type and two instructors.
pub struct Studio {
    pub app: TestApp,
    pub staff: TestClient,
    pub class_type: Uuid,
    pub instructors: [Uuid; 2],
}

impl Studio {
    pub async fn open() -> Self {
        Self::open_in("America/Denver", None).await
    }

    /// Opens a studio in this time zone. Sets the application's clock to `now`, or to the next
    /// noon.
    pub async fn open_in(zone: &str, now: Option<&str>) -> Self {
        let app = TestApp::start_with(Settings::default().with("STUDIO_TIMEZONE", zone)).await;
        let staff = app.staff("sofia").await;
        // Classes use the clock of the application; sessions use that of Postgres.
        if let Some(now) = now {
            app.set_clock(now.parse().unwrap());
        } else {
            app.advance_to_noon();
        }
        let [class_type, first, second] = [(); 3].map(|()| Uuid::now_v7());
        app.sql(&format!(
            "insert into class_types (id, name, price_per_class, max_participants)
            values ('{class_type}', 'Bachata', 20, 12)"
        ))
        .await;
        app.sql(&format!(
            "insert into instructors (id, name) values ('{first}', 'Marisol'), ('{second}', 'Luis')"
        ))
        .await;
        Self {
            app,
            staff,
            class_type,
            instructors: [first, second],
        }
    }

    /// Returns the form for a weekly class of the first instructor in the blue room.
    pub fn weekly_class(&self, day: u32, time: &str) -> Value {
        json!({ "pattern": {
            "classTypeId": self.class_type,
            "instructorId": self.instructors[0],
            "dayOfWeek": day,
            "startTime": time,
            "room": "Blue",
            "effectiveFrom": "2026-01-01",
        }})
    }

    /// Returns the form for an occurrence of the first instructor in the blue room, `days`
    /// ahead.
    pub fn occurrence(&self, days: i64, time: &str) -> Value {
        let date = (self.app.app.clock().now() + TimeDelta::days(days)).date_naive();
        json!({ "occurrence": {
            "classTypeId": self.class_type,
            "instructorId": self.instructors[0],
            "date": date,
            "time": time,
            "room": "Blue",
        }})
    }

    pub async fn create(&self, entry: Value) -> Value {
        self.staff.post(PATH, entry).await.expect(201)
    }

    pub async fn create_class(&self, days: i64, time: &str) -> Uuid {
        let created = self.create(self.occurrence(days, time)).await;
        created["occurrenceId"].as_str().unwrap().parse().unwrap()
    }

    /// Sets the clock to five hours before the class of a booking, so that a
    /// cancellation is late.
    fn advance_past_cancellation_deadline(&self, booking: &Value) {
        set_clock_before_start(&self.app, booking, TimeDelta::hours(5));
    }

    pub async fn change_class(&self, id: Uuid, mut change: Value) -> TestResponse {
        change["id"] = json!(id);
        self.staff
            .patch(PATH, json!({ "occurrence": change }))
            .await
    }

    /// Returns the local date, local time and start of each class in the public
    /// schedule.
    pub async fn timetable(&self, from: &str, to: &str) -> Vec<[String; 3]> {
        let path = format!("/api/classes/schedule?from={from}&to={to}");
        let response = self.app.visitor().get(&path).await.expect(200);
        let items = response["items"].as_array().unwrap().clone();
        let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
        items
            .iter()
            .map(|item| ["localDate", "localTime", "startTime"].map(|name| text(item, name)))
            .collect()
    }

    pub async fn mail_count(&self, kind: &str) -> i64 {
        let query = format!("select count(*) from mail_outbox where kind = '{kind}'");
        self.app.count(&query).await
    }

    pub async fn event_count(&self, kind: &str) -> i64 {
        let query = format!("select count(*) from member_events where kind = '{kind}'");
        self.app.count(&query).await
    }
}

#[tokio::test]
async fn repeated_and_concurrent_generation_creates_each_class_once() {
    let studio = Studio::open_in("America/Denver", Some("2026-09-01T12:00:00Z")).await;
    studio.create(studio.weekly_class(2, "19:00")).await;
    studio.create(studio.weekly_class(4, "19:00")).await;
    let generation = json!({ "generateUntil": "2026-09-30" });
    let responses = join_all((0..8).map(|_| studio.create(generation.clone()))).await;
    let generated_count: u64 = responses
        .iter()
        .map(|response| response["generated"].as_u64().unwrap())
        .sum();
    assert_eq!(generated_count, 9, "five Tuesdays and four Thursdays");
    let repeated_response = studio.create(generation).await;
    assert_eq!(repeated_response["generated"], 0);
    assert_eq!(repeated_response["alreadyThere"], 9);
    assert_eq!(repeated_response["conflicts"], json!([]));
}

#[tokio::test]
async fn weekly_classes_keep_their_local_time_when_the_clocks_change() {
    for (zone, now, day, until, expected) in [
        (
            "America/Denver",
            "2026-03-01T12:00:00Z",
            6,
            "2026-03-14",
            [
                ["2026-03-07", "19:00", "2026-03-08T02:00:00Z"],
                ["2026-03-14", "19:00", "2026-03-15T01:00:00Z"],
            ],
        ),
        (
            "America/Denver",
            "2026-10-25T12:00:00Z",
            6,
            "2026-11-07",
            [
                ["2026-10-31", "19:00", "2026-11-01T01:00:00Z"],
                ["2026-11-07", "19:00", "2026-11-08T02:00:00Z"],
            ],
        ),
        (
            "Europe/Madrid",
            "2026-03-22T20:00:00Z",
            6,
            "2026-04-04",
            [
                ["2026-03-28", "19:00", "2026-03-28T18:00:00Z"],
                ["2026-04-04", "19:00", "2026-04-04T17:00:00Z"],
            ],
        ),
        (
            "Europe/Madrid",
            "2026-10-18T20:00:00Z",
            6,
            "2026-10-31",
            [
                ["2026-10-24", "19:00", "2026-10-24T17:00:00Z"],
                ["2026-10-31", "19:00", "2026-10-31T18:00:00Z"],
            ],
        ),
    ] {
        let studio = Studio::open_in(zone, Some(now)).await;
        studio.create(studio.weekly_class(day, "19:00")).await;
        studio.create(json!({ "generateUntil": until })).await;
        let timetable = studio.timetable(&now[..10], until).await;
        assert_eq!(timetable, expected, "{zone}");
    }
}

#[tokio::test]
async fn a_class_in_a_skipped_or_repeated_hour_takes_place_once() {
    for (zone, now, time, until, expected) in [
        (
            "America/Denver",
            "2026-03-05T12:00:00Z",
            "02:30",
            "2026-03-08",
            ["2026-03-08", "03:00", "2026-03-08T09:00:00Z"],
        ),
        (
            "America/Denver",
            "2026-10-29T12:00:00Z",
            "01:30",
            "2026-11-01",
            ["2026-11-01", "01:30", "2026-11-01T07:30:00Z"],
        ),
        (
            "Europe/Madrid",
            "2026-03-26T12:00:00Z",
            "02:30",
            "2026-03-29",
            ["2026-03-29", "03:00", "2026-03-29T01:00:00Z"],
        ),
        (
            "Europe/Madrid",
            "2026-10-22T12:00:00Z",
            "02:30",
            "2026-10-25",
            ["2026-10-25", "02:30", "2026-10-25T00:30:00Z"],
        ),
    ] {
        let studio = Studio::open_in(zone, Some(now)).await;
        studio.create(studio.weekly_class(0, time)).await;
        let outcome = studio.create(json!({ "generateUntil": until })).await;
        assert_eq!(outcome["generated"], 1);
        assert_eq!(
            studio.timetable(&now[..10], until).await,
            [expected],
            "{zone} {time}"
        );
    }
}

#[tokio::test]
async fn a_moved_class_is_not_generated_again() {
    let studio = Studio::open_in("America/Denver", Some("2026-09-01T12:00:00Z")).await;
    studio.create(studio.weekly_class(3, "19:00")).await;
    let generation = json!({ "generateUntil": "2026-09-02" });
    studio.create(generation.clone()).await;
    let id: Uuid = studio.app.sql("select id from scheduled_classes").await[0].get(0);
    studio
        .change_class(id, json!({ "date": "2026-09-05", "time": "11:00" }))
        .await
        .expect(200);
    assert_eq!(studio.create(generation).await["alreadyThere"], 1);
    let timetable = studio.timetable("2026-09-01", "2026-09-07").await;
    assert_eq!(timetable, [["2026-09-05", "11:00", "2026-09-05T17:00:00Z"]]);
}

#[tokio::test]
async fn generation_reports_conflicts_and_creates_the_other_classes() {
    let studio = Studio::open_in("America/Denver", Some("2026-09-01T12:00:00Z")).await;
    studio.create(studio.weekly_class(3, "19:00")).await;
    let mut in_same_room = studio.weekly_class(3, "19:30");
    in_same_room["pattern"]["instructorId"] = json!(studio.instructors[1]);
    let same_room_id = studio.create(in_same_room).await["pattern"]["id"].clone();
    let mut with_same_instructor = studio.weekly_class(3, "19:30");
    with_same_instructor["pattern"]["room"] = json!("Red");
    let same_instructor_id = studio.create(with_same_instructor).await["pattern"]["id"].clone();
    let outcome = studio
        .create(json!({ "generateUntil": "2026-09-02" }))
        .await;
    assert_eq!(outcome["generated"], 1);
    let conflicts: Vec<_> = outcome["conflicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|conflict| (conflict["patternId"].clone(), conflict["code"].clone()))
        .collect();
    assert!(
        conflicts.contains(&(same_room_id, json!("room_taken"))),
        "{conflicts:?}"
    );
    assert!(
        conflicts.contains(&(same_instructor_id, json!("instructor_taken"))),
        "{conflicts:?}"
    );
}

#[tokio::test]
async fn rooms_and_instructors_cannot_be_double_booked() {
    let studio = Studio::open().await;
    let occurrence = studio.occurrence(5, "19:00");
    let requests = (0..16).map(|_| studio.staff.post(PATH, occurrence.clone()));
    let responses = join_all(requests).await;
    assert_eq!(
        responses
            .iter()
            .filter(|response| response.status == 201)
            .count(),
        1
    );
    for rejected in responses.iter().filter(|response| response.status != 201) {
        let code = rejected.expect(409)["code"].clone();
        assert!(code == "room_taken" || code == "instructor_taken", "{code}");
    }
    let mut in_red_room = studio.occurrence(5, "19:30");
    in_red_room["occurrence"]["room"] = json!("Red");
    studio
        .staff
        .post(PATH, in_red_room.clone())
        .await
        .expect_code(409, "instructor_taken");
    in_red_room["occurrence"]["instructorId"] = json!(studio.instructors[1]);
    studio
        .staff
        .post(PATH, in_red_room.clone())
        .await
        .expect(201);
    in_red_room["occurrence"]["time"] = json!("20:30");
    studio.staff.post(PATH, in_red_room).await.expect(201);
}

#[tokio::test]
async fn cancelling_a_class_cancels_and_notifies_every_booking() {
    let studio = Studio::open().await;
    let (app, class) = (&studio.app, studio.create_class(1, "23:00").await);
    studio
        .change_class(class, json!({ "maxParticipants": 1 }))
        .await
        .expect(200);
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let booking = book(&ana, class).await.expect(201);
    join_waitlist(&ben, class).await.expect(201);
    insert_desk_payment(app, &booking).await;
    // At this time, a cancellation by the member would be late.
    studio.advance_past_cancellation_deadline(&booking);
    let path = format!("{PATH}?occurrenceId={class}&reason=The%20floor%20is%20wet");
    let outcome = studio.staff.delete(&path).await.expect(200);
    assert_eq!(outcome["cancelledBookings"], 2);
    for person in [&ana, &ben] {
        let list = person.get("/api/bookings/list").await.expect(200);
        let booking = &list["items"][0];
        assert_eq!(booking["status"], "cancelled");
        assert_eq!(booking["cancellationReason"], "The floor is wet");
        assert_eq!(booking["lateCancellation"], false);
        assert_eq!(booking["class"]["isCancelled"], true);
    }
    let due_refunds = "select count(*) from payments where status = 'refund_due'";
    assert_eq!(app.count(due_refunds).await, 1);
    assert_eq!(studio.mail_count("class_cancelled").await, 2);
    assert_eq!(studio.event_count("class_cancelled").await, 2);
    studio
        .staff
        .delete(&path)
        .await
        .expect_code(409, "class_cancelled");
    assert_bookings_consistent(app).await;
}

#[tokio::test]
async fn a_late_cancellation_is_refunded_when_the_class_is_cancelled() {
    let studio = Studio::open().await;
    let (app, class) = (&studio.app, studio.create_class(1, "23:00").await);
    let ana = app.member("ana").await;
    let booking = book(&ana, class).await.expect(201);
    let payment = json!({ "bookingId": booking["id"], "action": "markPaid" });
    studio
        .staff
        .patch("/api/admin/bookings", payment)
        .await
        .expect(200);
    studio.advance_past_cancellation_deadline(&booking);
    let booking = cancel(&ana, &booking).await.expect(200);
    assert_eq!(booking["lateCancellation"], true);
    assert_eq!(booking["paymentStatus"], "paid");
    let path = format!("{PATH}?occurrenceId={class}");
    let outcome = studio.staff.delete(&path).await.expect(200);
    assert_eq!(outcome["cancelledBookings"], 0);
    let list = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(list["items"][0]["paymentStatus"], "refund_due");
    assert_eq!(list["items"][0]["lateCancellation"], false);
    assert_eq!(studio.event_count("payment_refund_due").await, 1);
    assert_eq!(studio.event_count("class_cancelled").await, 0);
}

#[tokio::test]
async fn members_are_notified_when_a_class_moves_or_changes_instructor() {
    let studio = Studio::open().await;
    let (app, class) = (&studio.app, studio.create_class(5, "19:00").await);
    let ana = app.member("ana").await;
    book(&ana, class).await.expect(201);
    studio
        .change_class(class, json!({ "description": "Bring water" }))
        .await
        .expect(200);
    assert_eq!(studio.mail_count("class_moved").await, 0);
    studio
        .change_class(class, json!({ "time": "20:00" }))
        .await
        .expect(200);
    assert_eq!(studio.mail_count("class_moved").await, 1);
    let change = json!({ "instructorId": studio.instructors[1], "room": "Cellar" });
    studio.change_class(class, change).await.expect(200);
    for (kind, expected_count) in [("class_moved", 2), ("instructor_changed", 1)] {
        assert_eq!(studio.mail_count(kind).await, expected_count);
        assert_eq!(studio.event_count(kind).await, expected_count);
    }
    let list = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(list["items"][0]["class"]["instructor"], "Luis");
    assert_eq!(
        app.count("select sequence::int8 from scheduled_classes")
            .await,
        3
    );
    let log_entries = "select count(*) from security_events where kind = 'timetable_changed'";
    assert_eq!(app.count(log_entries).await, 4);
}

/// Rule: a change by the studio never puts the member at a disadvantage.
#[tokio::test]
async fn a_booking_can_be_cancelled_free_of_charge_until_the_start_after_a_major_change() {
    let studio = Studio::open().await;
    let class = studio.create_class(5, "19:00").await;
    let changes = [
        json!({ "time": "18:40" }),
        json!({ "room": "Red" }),
        json!({ "instructorId": studio.instructors[1] }),
        json!({ "date": (studio.app.app.clock().now() + TimeDelta::days(6)).date_naive() }),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let person = studio.app.member(&format!("ana{number}")).await;
        let booking = book(&person, class).await.expect(201);
        insert_desk_payment(&studio.app, &booking).await;
        // The deadline for free cancellation has passed.
        studio.advance_past_cancellation_deadline(&booking);
        studio.change_class(class, change.clone()).await.expect(200);
        let moved = person.get("/api/bookings/list").await.expect(200)["items"][0].clone();
        let start = time(&moved["class"]["startTime"]);
        assert_eq!(time(&moved["freeCancellationUntil"]), start, "{change}");
        set_clock_before_start(&studio.app, &moved, TimeDelta::minutes(1));
        let cancelled_booking = cancel(&person, &booking).await.expect(200);
        assert_eq!(cancelled_booking["lateCancellation"], false, "{change}");
        assert_eq!(cancelled_booking["paymentStatus"], "refund_due", "{change}");
        set_clock_before_start(&studio.app, &booking, TimeDelta::days(4));
    }
}

#[tokio::test]
async fn a_minor_change_keeps_the_deadline_for_free_cancellation() {
    let studio = Studio::open().await;
    let class = studio.create_class(5, "19:00").await;
    let ana = studio.app.member("ana").await;
    let booking = book(&ana, class).await.expect(201);
    for change in [
        json!({ "time": "19:14" }),
        json!({ "durationMinutes": 90 }),
        json!({ "title": "Bachata with live music" }),
        json!({ "maxParticipants": 30 }),
    ] {
        studio.change_class(class, change).await.expect(200);
    }
    let kept = ana.get("/api/bookings/list").await.expect(200)["items"][0].clone();
    assert_eq!(
        kept["freeCancellationUntil"],
        booking["freeCancellationUntil"]
    );
}

#[tokio::test]
async fn a_move_of_ten_minutes_to_another_day_is_a_major_change() {
    let studio = Studio::open().await;
    let class = studio.create_class(5, "23:55").await;
    let ana = studio.app.member("ana").await;
    book(&ana, class).await.expect(201);
    let next_day = (studio.app.app.clock().now() + TimeDelta::days(6)).date_naive();
    let change = json!({ "date": next_day, "time": "00:05" });
    studio.change_class(class, change).await.expect(200);
    let moved = ana.get("/api/bookings/list").await.expect(200)["items"][0].clone();
    assert_eq!(moved["freeCancellationUntil"], moved["class"]["startTime"]);
}

#[tokio::test]
async fn the_deadline_for_free_cancellation_never_becomes_earlier() {
    let studio = Studio::open().await;
    let class = studio.create_class(5, "19:00").await;
    let ana = studio.app.member("ana").await;
    let booking = book(&ana, class).await.expect(201);
    // The class now starts before the previous deadline for free cancellation.
    let date = (studio.app.app.clock().now() + TimeDelta::days(2)).date_naive();
    studio
        .change_class(class, json!({ "date": date }))
        .await
        .expect(200);
    let moved = ana.get("/api/bookings/list").await.expect(200)["items"][0].clone();
    assert_eq!(moved["freeCancellationUntil"], moved["class"]["startTime"]);
    let stored = studio.app.sql("select free_until from bookings").await;
    let stored: DateTime<Utc> = stored[0].get(0);
    assert_eq!(stored, time(&booking["freeCancellationUntil"]));
}

#[tokio::test]
async fn added_spots_go_to_the_waitlist_and_booked_spots_cannot_be_removed() {
    let studio = Studio::open().await;
    let (app, class) = (&studio.app, studio.create_class(5, "19:00").await);
    studio
        .change_class(class, json!({ "maxParticipants": 1 }))
        .await
        .expect(200);
    let mut members = Vec::new();
    for name in ["ana", "ben", "eva", "luz"] {
        let person = app.member(name).await;
        join_waitlist(&person, class).await.expect(201);
        members.push(person);
    }
    studio
        .change_class(class, json!({ "maxParticipants": 3 }))
        .await
        .expect(200);
    let mut statuses = Vec::new();
    for person in &members {
        let list = person.get("/api/bookings/list").await.expect(200);
        statuses.push(list["items"][0]["status"].as_str().unwrap().to_owned());
    }
    assert_eq!(statuses, ["booked", "booked", "booked", "waitlisted"]);
    let rejected = studio
        .change_class(class, json!({ "maxParticipants": 2 }))
        .await;
    rejected.expect_code(409, "places_taken");
    assert_eq!(studio.mail_count("booking_promoted").await, 2);
    assert_bookings_consistent(app).await;
}

#[tokio::test]
async fn started_classes_cannot_change_and_retired_weekly_classes_generate_nothing() {
    let studio = Studio::open().await;
    let class = studio.create_class(1, "19:00").await;
    let rejected = studio
        .change_class(class, json!({ "date": "2020-01-01" }))
        .await;
    rejected.expect_code(400, "validation_failed");
    studio.app.app.clock().advance(TimeDelta::days(3));
    studio
        .change_class(class, json!({ "time": "20:00" }))
        .await
        .expect_code(409, "class_started");
    let created = studio.create(studio.weekly_class(1, "10:00")).await;
    let id = created["pattern"]["id"].as_str().unwrap();
    let retired_class = studio
        .staff
        .delete(&format!("{PATH}?patternId={id}"))
        .await
        .expect(200);
    assert_eq!(retired_class["pattern"]["isActive"], false);
    let until = (studio.app.app.clock().now() + TimeDelta::days(20)).date_naive();
    assert_eq!(
        studio.create(json!({ "generateUntil": until })).await["generated"],
        0
    );
    let list = studio.staff.get(PATH).await.expect(200);
    assert_eq!(list["items"][0]["startTime"], "10:00");
}

#[tokio::test]
async fn empty_ambiguous_and_invalid_requests_are_rejected() {
    let studio = Studio::open().await;
    let ambiguous_form = json!({ "generateUntil": "2030-01-01", "pattern": studio.weekly_class(1, "10:00")["pattern"] });
    for (form, code) in [
        (json!({}), "malformed_request"),
        (ambiguous_form, "malformed_request"),
        (
            json!({ "generateUntil": "1999-01-01" }),
            "validation_failed",
        ),
        (
            json!({ "generateUntil": "9999-01-01" }),
            "validation_failed",
        ),
        (studio.weekly_class(7, "10:00"), "validation_failed"),
        (studio.weekly_class(1, "25:00"), "validation_failed"),
        (studio.occurrence(-2, "10:00"), "validation_failed"),
    ] {
        studio.staff.post(PATH, form).await.expect_code(400, code);
    }
    let [retired_class_type, retired_instructor] = [(); 2].map(|()| Uuid::now_v7());
    for statement in [
        format!(
            "insert into class_types (id, name, price_per_class, is_active)
            values ('{retired_class_type}', 'Lambada', 20, false)"
        ),
        format!(
            "insert into instructors (id, name, is_active)
            values ('{retired_instructor}', 'Rosa', false)"
        ),
        "insert into rooms (name, is_active) values ('Cellar', false)".to_owned(),
    ] {
        studio.app.sql(&statement).await;
    }
    for (field, value) in [
        ("classTypeId", json!(Uuid::now_v7())),
        ("instructorId", json!(Uuid::now_v7())),
        ("room", json!("")),
        ("durationMinutes", json!(0)),
        ("classTypeId", json!(retired_class_type)),
        ("instructorId", json!(retired_instructor)),
        ("room", json!("CELLAR")),
    ] {
        for kind in ["pattern", "occurrence"] {
            let mut form = match kind {
                "pattern" => studio.weekly_class(1, "10:00"),
                _ => studio.occurrence(5, "10:00"),
            };
            form[kind][field] = value.clone();
            let rejected = studio.staff.post(PATH, form).await;
            let details = rejected.expect_code(400, "validation_failed")["details"].clone();
            assert!(details[format!("{kind}.{field}")].is_array(), "{details}");
        }
    }
    let class = studio.create_class(5, "10:00").await;
    for date in ["+262142-12-31", "-9999-01-01", "1999-12-31", "2200-01-01"] {
        let mut form = studio.occurrence(5, "23:00");
        form["occurrence"]["date"] = json!(date);
        let rejected = studio.staff.post(PATH, form).await;
        rejected.expect_code(400, "validation_failed");
        let rejected = studio.change_class(class, json!({ "date": date })).await;
        rejected.expect_code(400, "validation_failed");
        for field in ["effectiveFrom", "effectiveUntil"] {
            let mut form = studio.weekly_class(1, "10:00");
            form["pattern"][field] = json!(date);
            let rejected = studio.staff.post(PATH, form).await;
            rejected.expect_code(400, "validation_failed");
        }
    }
    let unknown_weekly_class = json!({ "pattern": { "id": Uuid::now_v7(), "room": "Red" } });
    studio
        .staff
        .patch(PATH, unknown_weekly_class)
        .await
        .expect_code(404, "not_found");
}
