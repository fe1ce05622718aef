//! `api/admin/schedule.rs`: what staff see before they save.

use serde_json::{Value, json};

use super::schedule::{PATH, Studio};
use crate::bookings::{book, join_waitlist};

fn as_preview(mut entry: Value) -> Value {
    entry["preview"] = json!(true);
    entry
}

#[tokio::test]
async fn a_preview_of_a_weekly_class_shows_the_dates_on_which_its_room_is_taken() {
    let studio = Studio::open_in("America/Denver", Some("2026-09-01T12:00:00Z")).await;
    studio.create(studio.weekly_class(3, "19:00")).await;
    studio
        .create(json!({ "generateUntil": "2026-09-16" }))
        .await;
    let mut in_same_room = studio.weekly_class(3, "19:30");
    in_same_room["pattern"]["instructorId"] = json!(studio.instructors[1]);
    in_same_room["pattern"]["effectiveUntil"] = json!("2026-09-09");
    let tables = [
        "class_schedules",
        "scheduled_classes",
        "rooms",
        "security_events",
    ];
    let count = async || {
        let mut counts = Vec::new();
        for table in tables {
            let query = format!("select count(*) from {table}");
            counts.push(studio.app.count(&query).await);
        }
        counts
    };
    let before = count().await;
    let preview = studio.create(as_preview(in_same_room.clone())).await;
    assert_eq!(preview["preview"], true);
    assert_eq!(preview["comingClasses"], 0);
    let conflicts: Vec<_> = preview["conflicts"].as_array().unwrap().iter().collect();
    let conflicts = conflicts
        .iter()
        .map(|conflict| json!([conflict["date"], conflict["code"]]));
    assert_eq!(
        conflicts.collect::<Vec<_>>(),
        [
            json!(["2026-09-02", "room_taken"]),
            json!(["2026-09-09", "room_taken"]),
        ]
    );
    assert_eq!(count().await, before);

    let mut free = in_same_room;
    free["pattern"]["room"] = json!("Cellar");
    let preview = studio.create(as_preview(free)).await;
    assert_eq!(preview["comingClasses"], 2);
    assert_eq!(preview["conflicts"], json!([]));
    assert_eq!(count().await, before);
}

#[tokio::test]
async fn a_preview_of_a_class_reports_a_conflict_and_creates_nothing() {
    let studio = Studio::open().await;
    let free = as_preview(studio.occurrence(5, "19:00"));
    let preview = studio.create(free.clone()).await;
    assert_eq!(preview, json!({ "preview": true }));
    studio.create_class(5, "19:00").await;
    let rejected = studio.staff.post(PATH, free).await;
    let code = rejected.expect(409)["code"].clone();
    assert!(code == "room_taken" || code == "instructor_taken", "{code}");
    let mut in_red_room = as_preview(studio.occurrence(5, "19:30"));
    in_red_room["occurrence"]["room"] = json!("Red");
    let rejected = studio.staff.post(PATH, in_red_room).await;
    rejected.expect_code(409, "instructor_taken");
    let classes = "select count(*) from scheduled_classes";
    assert_eq!(studio.app.count(classes).await, 1);
}

#[tokio::test]
async fn a_preview_of_a_change_counts_the_members_who_are_notified() {
    let studio = Studio::open().await;
    let class = studio.create_class(5, "19:00").await;
    let (ana, ben) = (
        studio.app.member("ana").await,
        studio.app.member("ben").await,
    );
    studio
        .change_class(class, json!({ "maxParticipants": 1 }))
        .await
        .expect(200);
    book(&ana, class).await.expect(201);
    join_waitlist(&ben, class).await.expect(201);
    let effect = async |change: Value, preview: bool| {
        let mut change = json!({ "occurrence": change, "preview": preview });
        change["occurrence"]["id"] = json!(class);
        studio.staff.patch(PATH, change).await.expect(200)["effect"].clone()
    };
    let substitute = json!({ "instructorId": studio.instructors[1] });
    assert_eq!(effect(substitute.clone(), true).await["notifiedMembers"], 2);
    assert_eq!(studio.mail_count("instructor_changed").await, 0);
    // Both mails of a member count once.
    let moved = json!({ "instructorId": studio.instructors[1], "time": "20:00" });
    assert_eq!(effect(moved, true).await["notifiedMembers"], 2);
    let renamed = effect(json!({ "title": "Bachata night" }), true).await;
    assert_eq!(renamed["members"], 2);
    assert_eq!(renamed["notifiedMembers"], 0);
    // Another spot goes to the member on the waitlist.
    let larger = effect(json!({ "maxParticipants": 2 }), true).await;
    assert_eq!(larger["notifiedMembers"], 1);
    assert_eq!(effect(substitute, false).await["notifiedMembers"], 2);
    assert_eq!(studio.mail_count("instructor_changed").await, 2);
}
