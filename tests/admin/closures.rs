//! `api/admin/closures.rs`: days on which the studio is closed.

use serde_json::json;

use super::assert_rejects_only;
use super::schedule::{PATH as SCHEDULE, Studio};
use super::series::{occurrence_on, weekly_wednesdays};
use crate::bookings::book;

const PATH: &str = "/api/admin/closures";

#[tokio::test]
async fn no_class_takes_place_on_a_closed_day() {
    let studio = Studio::open_in("America/Denver", Some("2026-09-01T12:00:00Z")).await;
    studio.create(studio.weekly_class(3, "19:00")).await;
    let form = json!({ "from": "2026-09-09", "to": "2026-09-10", "reason": "Repairs" });
    let created = studio.staff.post(PATH, form).await.expect(201);
    let generation = json!({ "generateUntil": "2026-09-16" });
    assert_eq!(studio.create(generation.clone()).await["generated"], 2);

    let mut single = studio.occurrence(0, "12:00");
    single["occurrence"]["date"] = json!("2026-09-10");
    let rejected = studio.staff.post(SCHEDULE, single).await;
    rejected.expect_code(409, "studio_closed");
    let class = occurrence_on(&studio, "2026-09-02").await;
    let rejected = studio
        .change_class(class, json!({ "date": "2026-09-09" }))
        .await;
    rejected.expect_code(409, "studio_closed");

    let id = created["closure"]["id"].as_str().unwrap();
    let list = studio.staff.get(PATH).await.expect(200);
    assert_eq!(list["items"][0]["id"], id);
    let change = json!({ "id": id, "to": "2026-09-09" });
    let changed = studio.staff.patch(PATH, change).await.expect(200);
    assert_eq!(changed["closure"]["reason"], "Repairs");
    let path = format!("{PATH}?id={id}");
    studio.staff.delete(&path).await.expect(200);
    studio
        .staff
        .delete(&path)
        .await
        .expect_code(404, "not_found");
    assert_eq!(studio.create(generation).await["generated"], 1);
}

#[tokio::test]
async fn a_closure_cancels_the_classes_on_its_days_after_a_preview() {
    let (studio, _) = weekly_wednesdays().await;
    let ana = studio.app.member("ana").await;
    let class = occurrence_on(&studio, "2026-09-09").await;
    book(&ana, class).await.expect(201);
    let mut form = json!({
        "from": "2026-09-09", "to": "2026-09-22", "reason": "Repairs",
        "internalReason": "Mold", "cancelClasses": true, "preview": true,
    });
    let effect = json!({
        "changedClasses": 0, "cancelledClasses": 2, "bookings": 1, "waitlisted": 0, "members": 1,
        "notifiedMembers": 1,
    });
    let preview = studio.staff.post(PATH, form.clone()).await.expect(201);
    assert_eq!(preview["preview"], true);
    assert_eq!(preview["effect"], effect);
    let cancelled = "select count(*) from scheduled_classes where is_cancelled";
    assert_eq!(studio.app.count(cancelled).await, 0);
    assert_eq!(studio.app.count("select count(*) from closures").await, 0);
    assert_eq!(studio.mail_count("class_cancelled").await, 0);

    form["preview"] = json!(false);
    let created = studio.staff.post(PATH, form).await.expect(201);
    assert_eq!(created["effect"], effect);
    assert_eq!(created["remainingClasses"], 0);
    assert_eq!(studio.app.count(cancelled).await, 2);
    assert_eq!(studio.mail_count("class_cancelled").await, 1);
    assert_eq!(studio.event_count("class_cancelled").await, 1);
    let list = ana.get("/api/bookings/list").await.expect(200);
    assert_eq!(list["items"][0]["cancellationReason"], "Repairs");
    let logged = "select count(*) from security_events
        where kind = 'closure_changed' and detail->>'internalReason' = 'Mold'";
    assert_eq!(studio.app.count(logged).await, 1);
}

#[tokio::test]
async fn a_closure_needs_valid_days() {
    let studio = Studio::open().await;
    let form = json!({ "from": "2026-09-09", "to": "2026-09-08" });
    assert_rejects_only(&studio.staff.post(PATH, form).await, "to");
    let form = json!({ "from": "1999-12-31", "to": "2026-09-08" });
    assert_rejects_only(&studio.staff.post(PATH, form).await, "from");
}
