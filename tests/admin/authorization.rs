//! Each staff action is authorized again in Postgres.

use chrono::NaiveDate;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{TestApp, TestClient, wait_until};

/// Returns a request for each staff action.
fn staff_actions(today: NaiveDate) -> Vec<(Method, String, Value)> {
    let id = Uuid::now_v7();
    let request = |method, path: &str, body| (method, format!("/api/admin/{path}"), body);
    let class = json!({
        "classTypeId": id, "instructorId": id, "room": "Main", "date": "2199-01-01", "time": "19:00",
    });
    let pattern = json!({
        "classTypeId": id, "instructorId": id, "room": "Main", "dayOfWeek": 1, "startTime": "19:00",
    });
    let booking = json!({ "userId": id, "scheduledClassId": id });
    let mut requests = vec![
        request(Method::POST, "bookings", booking),
        request(
            Method::PATCH,
            "contacts",
            json!({ "id": id, "processed": true }),
        ),
        request(Method::POST, "schedule", json!({ "pattern": pattern })),
        request(Method::POST, "schedule", json!({ "occurrence": class })),
        request(Method::POST, "schedule", json!({ "generateUntil": today })),
        request(
            Method::PATCH,
            "schedule",
            json!({ "pattern": { "id": id } }),
        ),
        request(
            Method::PATCH,
            "schedule",
            json!({ "occurrence": { "id": id } }),
        ),
        request(
            Method::DELETE,
            &format!("schedule?patternId={id}"),
            Value::Null,
        ),
        request(
            Method::DELETE,
            &format!("schedule?occurrenceId={id}"),
            Value::Null,
        ),
        request(
            Method::POST,
            "classes",
            json!({ "name": "Salsa", "price": "18" }),
        ),
        request(Method::POST, "instructors", json!({ "name": "Rosa" })),
    ];
    for resource in ["classes", "instructors"] {
        requests.push(request(Method::PATCH, resource, json!({ "id": id })));
        requests.push(request(
            Method::DELETE,
            &format!("{resource}?id={id}"),
            Value::Null,
        ));
    }
    for action in [
        "checkIn",
        "noShow",
        "undoAttendance",
        "cancel",
        "markPaid",
        "refund",
    ] {
        let change = json!({ "bookingId": id, "action": action });
        requests.push(request(Method::PATCH, "bookings", change));
    }
    requests
}

async fn assert_all_rejected(app: &TestApp, staff: &TestClient, status: u16, code: &str) {
    let today = app.app.clock().now().date_naive();
    for (method, path, body) in staff_actions(today) {
        // A 401 response deletes the cookie.
        let staff = staff.copy();
        let request = staff.request(method.clone(), &path);
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        let response = staff.send(request).await;
        assert_eq!(
            response.status, status,
            "{method} {path} {body}: {response:?}"
        );
        response.expect_code(status, code);
    }
}

#[tokio::test]
async fn every_staff_action_is_authorized_by_postgres_not_by_redis() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    staff.get("/api/admin/classes").await.expect(200);
    // Direct SQL does not invalidate the record in Redis.
    app.sql("update users set is_staff = false").await;
    staff.get("/api/admin/classes").await.expect(200);
    assert_all_rejected(&app, &staff, 403, "forbidden").await;
    app.sql("update users set is_staff = true").await;
    app.sql("delete from user_sessions").await;
    staff.get("/api/admin/classes").await.expect(200);
    assert_all_rejected(&app, &staff, 401, "session_gone").await;
}

#[tokio::test]
async fn an_administrator_who_acts_during_their_own_password_change_stays_signed_in() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    // A password change raises the epoch of the account and of the current session.
    let password_change = app
        .hold_locks(
            "update users set session_epoch = session_epoch + 1;
            update user_sessions set epoch = epoch + 1",
        )
        .await;
    let admin_copy = admin.copy();
    let form = json!({ "name": "Casa", "slug": "casa" });
    let request = tokio::spawn(async move { admin_copy.post("/api/admin/accounts", form).await });
    wait_until(async || app.blocked_statements().await == 1).await;
    password_change.commit().await;
    request.await.unwrap().expect(201);
}
