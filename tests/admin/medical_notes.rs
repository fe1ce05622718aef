//! `api/admin/medical-notes.rs`: who can read a member's medical notes, and when.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::bookings::{book, cancel, join_waitlist};
use crate::harness::{Settings, TestApp, TestClient, TestResponse};

const PATH: &str = "/api/admin/medical-notes";

async fn read_notes(staff: &TestClient, booking: &Value) -> TestResponse {
    staff
        .post(PATH, json!({ "bookingId": booking["id"] }))
        .await
}

/// Returns a member with medical notes.
async fn member_with_notes(app: &TestApp, name: &str) -> TestClient {
    let member = app.member(name).await;
    let notes = json!({ "medicalConditions": "asma leve" });
    member.patch("/api/auth/me", notes).await.expect(200);
    member
}

async fn roster_entry(staff: &TestClient, class: Uuid) -> Value {
    let path = format!("/api/admin/bookings?scheduledClassId={class}");
    staff.get(&path).await.expect(200)["items"][0].clone()
}

/// Counts the recorded accesses.
async fn count_accesses(app: &TestApp) -> i64 {
    let count = "select count(*) from security_events where kind = 'medical_notes_read'";
    app.count(count).await
}

#[tokio::test]
async fn staff_read_medical_notes_by_a_separate_request_that_is_logged() {
    let app = TestApp::start().await;
    let (staff, admin) = (app.staff("sofia").await, app.admin("admin").await);
    let class = app.create_class(2).await;
    let ana = member_with_notes(&app, "ana").await;
    let ben = app.member("ben").await;
    let booking = book(&ana, class).await.expect(201);
    let other_booking = book(&ben, class).await.expect(201);
    let entry = roster_entry(&staff, class).await;
    assert_eq!(entry["hasMedicalNotes"], true);
    assert!(!entry.to_string().contains("asma"), "{entry}");
    assert_eq!(count_accesses(&app).await, 0);
    let notes = read_notes(&staff, &booking).await.expect(200);
    let ana_id = ana.user_id().await;
    assert_eq!(
        notes,
        json!({ "bookingId": booking["id"], "userId": ana_id, "medicalConditions": "asma leve", "unreadable": false })
    );
    let events = "/api/admin/security-events?kind=medical_notes_read";
    let event = admin.get(events).await.expect(200)["items"][0].clone();
    assert_eq!(event["userId"], ana_id);
    assert_eq!(
        event["detail"],
        json!({ "by": staff.user_id().await, "bookingId": booking["id"], "scheduledClassId": class })
    );
    assert!(!event.to_string().contains("asma"), "{event}");
    let notes = read_notes(&staff, &other_booking).await.expect(200);
    assert_eq!(notes["medicalConditions"], json!(null));
    assert_eq!(notes["unreadable"], false);
    assert_eq!(count_accesses(&app).await, 2);
    read_notes(&ben, &booking)
        .await
        .expect_code(403, "forbidden");
    let unknown = json!({ "id": class });
    read_notes(&staff, &unknown)
        .await
        .expect_code(404, "not_found");
    assert_eq!(count_accesses(&app).await, 2);
}

#[tokio::test]
async fn medical_notes_can_be_read_until_the_end_of_the_day_of_the_class() {
    let settings = Settings::default().with("STUDIO_TIMEZONE", "America/Denver");
    let app = TestApp::start_with(settings).await;
    let staff = app.staff("sofia").await;
    let class = app.create_class(2).await;
    let ana = member_with_notes(&app, "ana").await;
    let booking = book(&ana, class).await.expect(201);
    // The class takes place from 17:00 to 18:00 in Denver.
    app.sql("update scheduled_classes set start_time = '2027-01-12T00:00Z', end_time = '2027-01-12T01:00Z'")
        .await;
    for before_midnight in ["2026-12-31T12:00:00Z", "2027-01-12T06:59:59Z"] {
        app.set_clock(before_midnight.parse().unwrap());
        read_notes(&staff, &booking).await.expect(200);
        assert_eq!(roster_entry(&staff, class).await["hasMedicalNotes"], true);
    }
    app.set_clock("2027-01-12T07:00:00Z".parse().unwrap());
    read_notes(&staff, &booking)
        .await
        .expect_code(409, "class_over");
    assert_eq!(roster_entry(&staff, class).await["hasMedicalNotes"], false);
    // A class that ends after midnight is not over yet.
    app.sql("update scheduled_classes set end_time = '2027-01-12T08:00Z'")
        .await;
    read_notes(&staff, &booking).await.expect(200);
    assert_eq!(count_accesses(&app).await, 3);
}

#[tokio::test]
async fn medical_notes_cannot_be_read_for_bookings_without_a_spot() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let class = app.create_class(1).await;
    let ana = member_with_notes(&app, "ana").await;
    let luz = member_with_notes(&app, "luz").await;
    let booking = book(&ana, class).await.expect(201);
    let waitlisted = join_waitlist(&luz, class).await.expect(201);
    read_notes(&staff, &waitlisted)
        .await
        .expect_code(409, "no_place");
    cancel(&ana, &booking).await.expect(200);
    read_notes(&staff, &booking)
        .await
        .expect_code(409, "no_place");
    read_notes(&staff, &waitlisted).await.expect(200);
    let roster = format!("/api/admin/bookings?scheduledClassId={class}&cancelled=true");
    let items = staff.get(&roster).await.expect(200)["items"].clone();
    let flags: Vec<_> = items
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["hasMedicalNotes"].clone())
        .collect();
    assert_eq!(flags, [json!(false), json!(true)]);
    app.mark_cancelled(class).await;
    read_notes(&staff, &waitlisted)
        .await
        .expect_code(409, "class_cancelled");
    assert_eq!(count_accesses(&app).await, 1);
}

#[tokio::test]
async fn medical_notes_encrypted_with_a_retired_key_are_reported_as_unreadable() {
    let app = TestApp::start().await;
    let class = app.create_class(2).await;
    let ana = member_with_notes(&app, "ana").await;
    let booking = book(&ana, class).await.expect(201);
    book(&app.member("ben").await, class).await.expect(201);
    let staff = app.staff("sofia").await;
    let new_key = Settings::default().with("ENCRYPTION_KEY", "5a".repeat(32));
    let app = app.start_another_with(new_key).await;
    let staff = staff.connected_to(&app);
    let roster = format!("/api/admin/bookings?scheduledClassId={class}");
    let roster = staff.get(&roster).await.expect(200);
    assert_eq!(roster["items"].as_array().unwrap().len(), 2);
    let notes = read_notes(&staff, &booking).await.expect(200);
    assert_eq!(notes["medicalConditions"], json!(null));
    assert_eq!(notes["unreadable"], true);
    let ana = ana.connected_to(&app);
    let profile = ana.get("/api/auth/me").await.expect(200);
    assert_eq!(profile["medicalConditions"], json!(null));
    assert_eq!(profile["medicalConditionsUnreadable"], true);
    // Other fields can still be changed, and new notes replace the unreadable ones.
    let phone = json!({ "phone": "+1 303 555 0142" });
    let profile = ana.patch("/api/auth/me", phone).await.expect(200);
    assert_eq!(profile["medicalConditionsUnreadable"], true);
    let notes = json!({ "medicalConditions": "asma" });
    let profile = ana.patch("/api/auth/me", notes).await.expect(200);
    assert_eq!(profile["medicalConditions"], "asma");
    assert_eq!(profile["medicalConditionsUnreadable"], false);
}

#[tokio::test]
async fn medical_notes_are_not_shown_if_the_access_cannot_be_logged() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let class = app.create_class(2).await;
    let ana = member_with_notes(&app, "ana").await;
    let booking = book(&ana, class).await.expect(201);
    app.sql("alter table security_events rename to elsewhere")
        .await;
    let response = read_notes(&staff, &booking).await;
    response.expect_code(500, "internal");
    assert!(!response.text.contains("asma"));
}
