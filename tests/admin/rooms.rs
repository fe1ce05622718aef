//! `api/admin/rooms.rs`: the rooms in which classes take place.

use serde_json::{Value, json};

use super::assert_rejects_only;
use super::schedule::{PATH as SCHEDULE, Studio};

const PATH: &str = "/api/admin/rooms";

/// Returns the names of the listed rooms.
async fn names(studio: &Studio, query: &str) -> Vec<Value> {
    let list = studio.staff.get(&format!("{PATH}{query}")).await;
    let items = list.expect(200)["items"].as_array().unwrap().clone();
    items.iter().map(|room| room["name"].clone()).collect()
}

#[tokio::test]
async fn a_stored_name_with_a_no_break_space_is_compared_without_it() {
    let studio = Studio::open().await;
    studio
        .app
        .sql(r"insert into rooms (name) values (E'Hall\u00a0A')")
        .await;
    let room = json!({ "name": "hall a" });
    let rejected = studio.staff.post(PATH, room).await;
    rejected.expect_code(409, "room_exists");
}

#[tokio::test]
async fn two_spellings_of_a_room_refer_to_one_room() {
    let studio = Studio::open().await;
    let class = studio.create_class(5, "19:00").await;
    let mut overlapping = studio.occurrence(5, "19:30");
    overlapping["occurrence"]["instructorId"] = json!(studio.instructors[1]);
    for spelling in ["blue", "BLUE ", "b lue", "b\u{a0}lue", "\u{3000}blue"] {
        overlapping["occurrence"]["room"] = json!(spelling);
        let rejected = studio.staff.post(SCHEDULE, overlapping.clone()).await;
        rejected.expect_code(409, "room_taken");
    }
    overlapping["occurrence"]["room"] = json!("Red");
    studio.create(overlapping).await;
    studio
        .change_class(class, json!({ "room": "red" }))
        .await
        .expect_code(409, "room_taken");
    assert_eq!(names(&studio, "").await, ["Red", "Blue"]);
    let rejected = studio.staff.post(PATH, json!({ "name": " bLue" })).await;
    rejected.expect_code(409, "room_exists");
}

#[tokio::test]
async fn all_classes_show_the_new_name_of_a_room() {
    let studio = Studio::open().await;
    let created = studio.staff.post(PATH, json!({ "name": "Blue" })).await;
    let room = created.expect(201);
    studio.create(studio.weekly_class(1, "10:00")).await;
    studio.create_class(5, "19:00").await;
    let change = json!({ "id": room["id"], "name": "Sky" });
    studio.staff.patch(PATH, change).await.expect(200);
    let visitor = studio.app.visitor();
    let schedule = visitor.get("/api/classes/schedule").await.expect(200);
    assert_eq!(schedule["items"][0]["room"], "Sky");
    let weekly = studio.staff.get(SCHEDULE).await.expect(200);
    assert_eq!(weekly["items"][0]["room"], "Sky");
    let log_entries = "select count(*) from security_events where kind = 'room_changed'";
    assert_eq!(studio.app.count(log_entries).await, 2);
    // The previous version of the program reads these columns.
    for table in ["class_schedules", "scheduled_classes"] {
        let renamed = format!("select count(*) from {table} where room = 'Sky'");
        assert_eq!(studio.app.count(&renamed).await, 1);
    }
}

#[tokio::test]
async fn a_retired_room_keeps_its_classes_and_gets_no_new_ones() {
    let studio = Studio::open().await;
    let class = studio.create_class(5, "19:00").await;
    studio.create(studio.weekly_class(1, "10:00")).await;
    let list = studio.staff.get(PATH).await.expect(200);
    let id = list["items"][0]["id"].as_str().unwrap().to_owned();
    let retired = studio.staff.delete(&format!("{PATH}?id={id}")).await;
    let retired = retired.expect(200);
    assert_eq!(retired["comingClasses"], 1);
    assert_eq!(retired["activePatterns"], 1);
    assert_eq!(names(&studio, "?active=true").await, [""; 0]);

    for form in [
        studio.occurrence(6, "19:00"),
        studio.weekly_class(2, "10:00"),
    ] {
        let kind = form.as_object().unwrap().keys().next().unwrap().clone();
        let rejected = studio.staff.post(SCHEDULE, form).await;
        assert_rejects_only(&rejected, &format!("{kind}.room"));
    }
    // A form that repeats the current room still works.
    let change = json!({ "room": "Blue", "time": "20:00" });
    studio.change_class(class, change).await.expect(200);

    let change = json!({ "id": id, "isActive": true });
    studio.staff.patch(PATH, change).await.expect(200);
    studio.create(studio.occurrence(6, "19:00")).await;
}
