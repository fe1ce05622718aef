//! Changes to weekly classes and to the classes that they have generated. Also the generation by
//! the clean-up, the titles of classes, and internal reasons.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::assert_rejects_only;
use super::schedule::{PATH, Studio};
use crate::bookings::{assert_bookings_consistent, book, join_waitlist};

/// Opens a studio on Tuesday, September 1, with classes on the five Wednesdays of the
/// month. Returns the studio and the id of the weekly class.
pub async fn weekly_wednesdays() -> (Studio, String) {
    let studio = Studio::open_in("America/Denver", Some("2026-09-01T12:00:00Z")).await;
    let created = studio.create(studio.weekly_class(3, "19:00")).await;
    let generation = json!({ "generateUntil": "2026-09-30" });
    assert_eq!(studio.create(generation).await["generated"], 5);
    let id = created["pattern"]["id"].as_str().unwrap().to_owned();
    (studio, id)
}

/// Returns the id of the class that was generated for a date.
pub async fn occurrence_on(studio: &Studio, date: &str) -> Uuid {
    let query = format!("select id from scheduled_classes where occurrence_date = '{date}'");
    studio.app.sql(&query).await[0].get(0)
}

/// Returns the dates and times of the classes in September and October that are not
/// cancelled.
async fn times(studio: &Studio) -> Vec<String> {
    let path = "/api/classes/schedule?from=2026-09-01&to=2026-10-31&limit=100";
    let list = studio.app.visitor().get(path).await.expect(200);
    let takes_place = |item: &&Value| item["isCancelled"] == false;
    let text = |item: &Value| {
        let date = item["localDate"].as_str().unwrap();
        format!("{} {}", &date[5..], item["localTime"].as_str().unwrap())
    };
    let items = list["items"].as_array().unwrap().iter();
    items.filter(takes_place).map(text).collect()
}

const WEDNESDAYS: [&str; 5] = [
    "09-02 19:00",
    "09-09 19:00",
    "09-16 19:00",
    "09-23 19:00",
    "09-30 19:00",
];

#[tokio::test]
async fn a_new_weekday_moves_the_coming_classes_after_a_preview() {
    let (studio, id) = weekly_wednesdays().await;
    let (ana, ben) = (
        studio.app.member("ana").await,
        studio.app.member("ben").await,
    );
    let class = occurrence_on(&studio, "2026-09-09").await;
    studio
        .change_class(class, json!({ "maxParticipants": 1 }))
        .await
        .expect(200);
    book(&ana, class).await.expect(201);
    join_waitlist(&ben, class).await.expect(201);
    let mut change = json!({ "pattern": { "id": id, "dayOfWeek": 4 }, "preview": true });
    let effect = json!({
        "changedClasses": 5, "cancelledClasses": 0, "bookings": 1, "waitlisted": 1, "members": 2,
        "notifiedMembers": 2,
    });
    let preview = studio.staff.patch(PATH, change.clone()).await.expect(200);
    assert_eq!(preview["preview"], true);
    assert_eq!(preview["effect"], effect);
    assert_eq!(preview["pattern"]["dayOfWeek"], 4);
    assert_eq!(times(&studio).await, WEDNESDAYS);
    assert_eq!(studio.mail_count("class_moved").await, 0);

    change["preview"] = json!(false);
    let changed = studio.staff.patch(PATH, change).await.expect(200);
    assert_eq!(changed["effect"], effect);
    assert_eq!(changed["conflicts"], json!([]));
    let thursdays = [
        "09-03 19:00",
        "09-10 19:00",
        "09-17 19:00",
        "09-24 19:00",
        "10-01 19:00",
    ];
    assert_eq!(times(&studio).await, thursdays);
    // The class is on another day, so the booking can be cancelled free of charge until the start.
    let moved = ana.get("/api/bookings/list").await.expect(200)["items"][0].clone();
    assert_eq!(moved["freeCancellationUntil"], moved["class"]["startTime"]);
    assert_eq!(studio.mail_count("class_moved").await, 2);
    assert_eq!(studio.event_count("class_moved").await, 2);
    let generation = json!({ "generateUntil": "2026-10-01" });
    assert_eq!(studio.create(generation).await["generated"], 0);
    assert_eq!(times(&studio).await, thursdays);
    assert_bookings_consistent(&studio.app).await;
}

#[tokio::test]
async fn a_change_to_this_and_the_following_classes_keeps_the_earlier_ones() {
    let (studio, id) = weekly_wednesdays().await;
    let class = occurrence_on(&studio, "2026-09-16").await;
    let change = json!({
        "occurrence": { "id": class, "date": "2026-09-14", "time": "20:00" },
        "scope": "following",
    });
    let changed = studio.staff.patch(PATH, change).await.expect(200);
    assert_ne!(changed["pattern"]["id"], json!(id));
    assert_eq!(changed["pattern"]["effectiveFrom"], "2026-09-16");
    assert_eq!(changed["comingClasses"], 3);
    let expected = [
        "09-02 19:00",
        "09-09 19:00",
        "09-14 20:00",
        "09-21 20:00",
        "09-28 20:00",
    ];
    assert_eq!(times(&studio).await, expected);
    let list = studio.staff.get(PATH).await.expect(200);
    assert_eq!(list["items"][1]["id"], json!(id));
    assert_eq!(list["items"][1]["effectiveUntil"], "2026-09-15");
    let generation = json!({ "generateUntil": "2026-10-05" });
    assert_eq!(studio.create(generation).await["generated"], 1);
    assert_eq!(times(&studio).await[5..], ["10-05 20:00"]);
}

/// The previous version of the program changes the weekday without moving the classes.
#[tokio::test]
async fn a_change_to_the_following_classes_includes_those_on_another_weekday() {
    let (studio, id) = weekly_wednesdays().await;
    let query = format!("update class_schedules set day_of_week = 2 where id = '{id}'");
    studio.app.sql(&query).await;
    let class = occurrence_on(&studio, "2026-09-16").await;
    let change = json!({
        "occurrence": { "id": class, "date": "2026-09-17" }, "scope": "following",
    });
    let changed = studio.staff.patch(PATH, change).await.expect(200);
    assert_eq!(changed["pattern"]["dayOfWeek"], 4);
    assert_eq!(changed["comingClasses"], 3);
    let remaining_classes =
        format!("select count(*) from scheduled_classes where class_schedule_id = '{id}'");
    assert_eq!(studio.app.count(&remaining_classes).await, 2);
}

#[tokio::test]
async fn a_change_from_the_day_of_a_class_that_has_begun_generates_no_second_class() {
    let (studio, id) = weekly_wednesdays().await;
    // Wednesday, September 9, 20:00 in Denver.
    let now = "2026-09-10T02:00:00Z".parse::<DateTime<Utc>>().unwrap();
    studio.app.set_clock(now);
    let change = json!({
        "pattern": { "id": id, "startTime": "21:00" }, "from": "2026-09-09",
    });
    let changed = studio.staff.patch(PATH, change).await.expect(200);
    assert_eq!(changed["comingClasses"], 3);
    let generation = json!({ "generateUntil": "2026-09-30" });
    assert_eq!(studio.create(generation).await["generated"], 0);
}

#[tokio::test]
async fn a_change_to_the_weekly_class_keeps_changes_to_single_classes() {
    let (studio, id) = weekly_wednesdays().await;
    let substituted = occurrence_on(&studio, "2026-09-09").await;
    let moved = occurrence_on(&studio, "2026-09-16").await;
    let substitute = json!({ "instructorId": studio.instructors[1] });
    studio
        .change_class(substituted, substitute)
        .await
        .expect(200);
    let other_day = json!({ "date": "2026-09-19", "time": "11:00" });
    studio.change_class(moved, other_day).await.expect(200);
    let rosa = Uuid::now_v7();
    let insert = format!("insert into instructors (id, name) values ('{rosa}', 'Rosa')");
    studio.app.sql(&insert).await;
    let change = json!({ "pattern": {
        "id": id, "startTime": "20:00", "instructorId": rosa, "room": "Red",
        "durationMinutes": 90, "maxParticipants": 30,
    }});
    let changed = studio.staff.patch(PATH, change).await.expect(200);
    assert_eq!(changed["effect"]["changedClasses"], 5);
    let expected = [
        "09-02 20:00",
        "09-09 20:00",
        "09-19 11:00",
        "09-23 20:00",
        "09-30 20:00",
    ];
    assert_eq!(times(&studio).await, expected);
    let path = "/api/classes/schedule?from=2026-09-01&to=2026-09-30";
    let list = studio.app.visitor().get(path).await.expect(200);
    let names = list["items"].as_array().unwrap().iter();
    let names: Vec<_> = names
        .map(|item| item["instructor"]["name"].clone())
        .collect();
    assert_eq!(names, ["Rosa", "Luis", "Rosa", "Rosa", "Rosa"]);
    for item in list["items"].as_array().unwrap() {
        assert_eq!(item["room"], "Red");
        assert_eq!(item["maxParticipants"], 30);
    }
}

#[tokio::test]
async fn a_class_that_cannot_move_stays_and_is_reported() {
    let (studio, id) = weekly_wednesdays().await;
    let mut obstacle = studio.occurrence(0, "19:30");
    obstacle["occurrence"]["date"] = json!("2026-09-10");
    obstacle["occurrence"]["instructorId"] = json!(studio.instructors[1]);
    let obstacle = studio.create(obstacle).await["occurrenceId"].clone();
    let closure = json!({ "from": "2026-09-17", "to": "2026-09-17" });
    let closures = "/api/admin/closures";
    studio.staff.post(closures, closure).await.expect(201);
    let stuck = occurrence_on(&studio, "2026-09-09").await;
    let change = json!({ "pattern": { "id": id, "dayOfWeek": 4 } });
    let changed = studio.staff.patch(PATH, change).await.expect(200);
    assert_eq!(changed["effect"]["changedClasses"], 3);
    assert_eq!(changed["conflicts"][0]["code"], "room_taken");
    assert_eq!(changed["conflicts"][0]["occurrenceId"], json!(stuck));
    assert_eq!(changed["conflicts"][1]["code"], "studio_closed");
    let expected = [
        "09-03 19:00",
        "09-09 19:00",
        "09-10 19:30",
        "09-16 19:00",
        "09-24 19:00",
        "10-01 19:00",
    ];
    assert_eq!(times(&studio).await, expected);
    // The class that stayed is not generated a second time once its new time is free.
    let path = format!("{PATH}?occurrenceId={}", obstacle.as_str().unwrap());
    studio.staff.delete(&path).await.expect(200);
    let generation = json!({ "generateUntil": "2026-10-01" });
    assert_eq!(studio.create(generation).await["generated"], 0);
    assert_eq!(times(&studio).await.len(), 5);
}

#[tokio::test]
async fn retiring_a_weekly_class_cancels_its_coming_classes_and_notifies_members() {
    let (studio, id) = weekly_wednesdays().await;
    let ana = studio.app.member("ana").await;
    let class = occurrence_on(&studio, "2026-09-09").await;
    book(&ana, class).await.expect(201);
    let path = format!("{PATH}?patternId={id}&reason=Summer%20break");
    let preview = studio.staff.delete(&format!("{path}&preview=true")).await;
    let preview = preview.expect(200);
    assert_eq!(preview["effect"]["cancelledClasses"], 5);
    assert_eq!(preview["effect"]["bookings"], 1);
    assert_eq!(preview["cancelledBookings"], 1);
    assert_eq!(times(&studio).await, WEDNESDAYS);
    let list = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(list["items"][0]["status"], "booked");

    let retired = studio.staff.delete(&path).await.expect(200);
    assert_eq!(retired["pattern"]["isActive"], false);
    assert_eq!(retired["effect"], preview["effect"]);
    assert_eq!(retired["comingClasses"], 0);
    assert_eq!(times(&studio).await, [""; 0]);
    let list = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(list["items"][0]["status"], "cancelled");
    assert_eq!(list["items"][0]["cancellationReason"], "Summer break");
    assert_eq!(studio.mail_count("class_cancelled").await, 1);
    assert_eq!(studio.event_count("class_cancelled").await, 1);
    assert_bookings_consistent(&studio.app).await;
}

#[tokio::test]
async fn a_weekly_class_can_be_ended_from_one_of_its_classes_on() {
    let (studio, _) = weekly_wednesdays().await;
    let class = occurrence_on(&studio, "2026-09-16").await;
    let path = format!("{PATH}?occurrenceId={class}&scope=following");
    let ended = studio.staff.delete(&path).await.expect(200);
    assert_eq!(ended["effect"]["cancelledClasses"], 3);
    assert_eq!(ended["pattern"]["isActive"], true);
    assert_eq!(ended["pattern"]["effectiveUntil"], "2026-09-15");
    let generation = json!({ "generateUntil": "2026-10-31" });
    assert_eq!(studio.create(generation).await["generated"], 0);
    assert_eq!(times(&studio).await, WEDNESDAYS[..2]);
    let class = occurrence_on(&studio, "2026-09-09").await;
    let path = format!("{PATH}?occurrenceId={class}&scope=all");
    let ended = studio.staff.delete(&path).await.expect(200);
    assert_eq!(ended["pattern"]["isActive"], false);
    assert_eq!(times(&studio).await, [""; 0]);
}

#[tokio::test]
async fn a_shorter_period_cancels_the_classes_outside_it() {
    let (studio, id) = weekly_wednesdays().await;
    let change = json!({ "pattern": {
        "id": id, "effectiveFrom": "2026-09-03", "effectiveUntil": "2026-09-16",
    }});
    let changed = studio.staff.patch(PATH, change).await.expect(200);
    assert_eq!(changed["effect"]["cancelledClasses"], 3);
    assert_eq!(times(&studio).await, WEDNESDAYS[1..3]);
}

#[tokio::test]
async fn a_scope_must_fit_the_class_and_the_change() {
    let (studio, id) = weekly_wednesdays().await;
    let single = studio.create_class(5, "10:00").await;
    let class = occurrence_on(&studio, "2026-09-16").await;
    for (change, field) in [
        (
            json!({ "occurrence": { "id": single, "time": "11:00" }, "scope": "all" }),
            "scope",
        ),
        (
            json!({ "occurrence": { "id": class, "title": "Party" }, "scope": "all" }),
            "occurrence.title",
        ),
        (
            json!({ "occurrence": { "id": class, "date": "2026-09-23" }, "scope": "all" }),
            "occurrence.date",
        ),
        (
            json!({ "pattern": { "id": id, "room": "Red" }, "scope": "this" }),
            "scope",
        ),
        (
            json!({ "occurrence": { "id": class, "room": "Red" }, "from": "2026-09-16" }),
            "from",
        ),
    ] {
        assert_rejects_only(&studio.staff.patch(PATH, change).await, field);
    }
    let path = format!("{PATH}?occurrenceId={single}&scope=following");
    assert_rejects_only(&studio.staff.delete(&path).await, "scope");
}

#[tokio::test]
async fn a_change_cannot_assign_a_retired_instructor() {
    let (studio, id) = weekly_wednesdays().await;
    let retired = studio.instructors[1];
    let retire = format!("update instructors set is_active = false where id = '{retired}'");
    studio.app.sql(&retire).await;
    let class = occurrence_on(&studio, "2026-09-16").await;
    let rejected = studio
        .change_class(class, json!({ "instructorId": retired }))
        .await;
    assert_rejects_only(&rejected, "occurrence.instructorId");
    let change = json!({ "pattern": { "id": id, "instructorId": retired } });
    let rejected = studio.staff.patch(PATH, change).await;
    assert_rejects_only(&rejected, "pattern.instructorId");
}

#[tokio::test]
async fn the_clean_up_generates_the_classes_of_the_next_weeks() {
    let studio = Studio::open_in("America/Denver", Some("2026-09-01T12:00:00Z")).await;
    studio.create(studio.weekly_class(3, "19:00")).await;
    let generated = async || {
        let response = studio.app.run_clean_up().await.expect(200);
        response["details"]["classesGenerated"].clone()
    };
    // Eight weeks end on Tuesday, October 27.
    assert_eq!(generated().await, 8);
    let cancelled = occurrence_on(&studio, "2026-09-09").await;
    let path = format!("{PATH}?occurrenceId={cancelled}");
    studio.staff.delete(&path).await.expect(200);
    let moved = occurrence_on(&studio, "2026-09-16").await;
    studio
        .change_class(moved, json!({ "date": "2026-09-18" }))
        .await
        .expect(200);
    assert_eq!(generated().await, 0);
    studio.app.app.clock().advance(TimeDelta::days(1));
    assert_eq!(generated().await, 1);
    let times = times(&studio).await;
    assert_eq!(times[..2], ["09-02 19:00", "09-18 19:00"]);
    assert_eq!(times[7], "10-28 19:00");
}

#[tokio::test]
async fn a_class_without_a_title_of_its_own_shows_the_name_of_its_class_type() {
    let studio = Studio::open().await;
    studio.create_class(1, "10:00").await;
    let mut titled = studio.occurrence(2, "10:00");
    titled["occurrence"]["title"] = json!("Rueda");
    let titled = studio.create(titled).await["occurrenceId"].clone();
    let ana = studio.app.member("ana").await;
    let first = studio
        .app
        .sql("select id from scheduled_classes where own_title is null")
        .await;
    let first: Uuid = first[0].get(0);
    book(&ana, first).await.expect(201);
    let change = json!({ "id": studio.class_type, "name": "Bachata Sensual" });
    let path = "/api/admin/classes";
    studio.staff.patch(path, change).await.expect(200);
    let titles = async || {
        let list = studio.app.visitor().get("/api/classes/schedule").await;
        let items = list.expect(200)["items"].as_array().unwrap().clone();
        let titles = items.iter().map(|item| item["title"].clone());
        titles.collect::<Vec<_>>()
    };
    assert_eq!(titles().await, ["Bachata Sensual", "Rueda"]);
    let list = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(list["items"][0]["class"]["title"], "Bachata Sensual");
    let titled: Uuid = titled.as_str().unwrap().parse().unwrap();
    studio
        .change_class(titled, json!({ "title": null }))
        .await
        .expect(200);
    assert_eq!(titles().await, ["Bachata Sensual", "Bachata Sensual"]);
}

#[tokio::test]
async fn an_internal_reason_is_only_in_the_security_log() {
    let studio = Studio::open().await;
    let class = studio.create_class(1, "10:00").await;
    let second_class = studio.create_class(2, "10:00").await;
    let ana = studio.app.member("ana").await;
    book(&ana, class).await.expect(201);
    let booking = book(&ana, second_class).await.expect(201);
    let path = format!("{PATH}?occurrenceId={class}&reason=No%20heating&internalReason=Flu");
    studio.staff.delete(&path).await.expect(200);
    let cancellation = json!({
        "bookingId": booking["id"], "action": "cancel",
        "reason": "Please call us", "internalReason": "Flu",
    });
    let bookings = "/api/admin/bookings";
    studio.staff.patch(bookings, cancellation).await.expect(200);
    let list = ana.get("/api/bookings/list").await.expect(200).to_string();
    assert!(list.contains("No heating") && list.contains("Please call us"));
    let schedule = studio.app.visitor().get("/api/classes/schedule").await;
    let schedule = schedule.expect(200).to_string();
    assert!(!schedule.contains("No heating"), "{schedule}");
    for text in [list, schedule] {
        assert!(!text.contains("Flu"), "{text}");
    }
    let leaked_reasons =
        "select (select count(*) from mail_outbox where payload::text like '%Flu%')
        + (select count(*) from member_events where data::text like '%Flu%')
        + (select count(*) from scheduled_classes where cancellation_reason like '%Flu%')
        + (select count(*) from bookings where cancellation_reason like '%Flu%')";
    assert_eq!(studio.app.count(leaked_reasons).await, 0);
    let logged = "select count(*) from security_events where detail->>'internalReason' = 'Flu'";
    assert_eq!(studio.app.count(logged).await, 2);
}
