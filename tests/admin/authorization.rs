//! Staff actions are authorized again in Postgres.

use chrono::NaiveDate;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Authenticator, PASSWORD, Settings, TestApp, TestClient, wait_until};

/// Returns requests for staff actions on bookings, messages, the timetable, class types and
/// instructors.
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
async fn staff_actions_are_authorized_by_postgres_not_by_redis() {
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
async fn an_administrator_who_acts_while_their_other_sessions_end_stays_signed_in() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    // Ending all other sessions raises the epoch of the account and of the current session.
    let revocation = app
        .hold_locks(
            "update users set session_epoch = session_epoch + 1;
            update user_sessions set epoch = epoch + 1",
        )
        .await;
    let admin_copy = admin.copy();
    let form = json!({ "name": "Casa", "slug": "casa" });
    let request = tokio::spawn(async move { admin_copy.post("/api/admin/accounts", form).await });
    wait_until(async || app.blocked_statements().await == 1).await;
    revocation.commit().await;
    request.await.unwrap().expect(201);
}

/// Starts an application that requires a second factor from staff.
async fn start_with_required_second_factor() -> TestApp {
    TestApp::start_with(Settings::default().with("REQUIRE_STAFF_SECOND_FACTOR", "true")).await
}

#[tokio::test]
async fn staff_without_a_second_factor_cannot_use_staff_functions_if_it_is_required() {
    const SETUP_REQUIRED: &str = "two_factor_setup_required";
    let app = start_with_required_second_factor().await;
    let (staff, admin) = (app.staff("sofia").await, app.admin("admin").await);
    for path in ["/api/admin/dashboard", "/api/admin/contacts"] {
        let body = staff.get(path).await.expect_code(403, SETUP_REQUIRED);
        let message = body["error"].as_str().unwrap();
        assert!(message.contains("set it up in your account settings"));
        admin.get(path).await.expect_code(403, SETUP_REQUIRED);
    }
    for path in ["/api/admin/users", "/api/session/sessions"] {
        admin.get(path).await.expect_code(403, SETUP_REQUIRED);
        staff.get(path).await.expect_code(403, "forbidden");
    }
    let response = admin.post("/api/admin/cleanup-sessions", json!({})).await;
    response.expect_code(403, SETUP_REQUIRED);
    assert_all_rejected(&app, &staff, 403, SETUP_REQUIRED).await;
    // Staff can still use their own account. Members and cron are not affected.
    staff.get("/api/auth/me").await.expect(200);
    let ana = app.member("ana").await;
    ana.get("/api/admin/dashboard")
        .await
        .expect_code(403, "forbidden");
    app.run_clean_up().await.expect(200);
    if !Authenticator::is_available().await {
        return;
    }
    Authenticator::enroll(&app, &staff, Some(PASSWORD)).await;
    Authenticator::enroll(&app, &admin, Some(PASSWORD)).await;
    staff.get("/api/admin/dashboard").await.expect(200);
    staff
        .post("/api/admin/instructors", json!({ "name": "Rosa" }))
        .await
        .expect(201);
    admin.get("/api/admin/users").await.expect(200);
    let update = json!({ "id": ana.user_id().await, "endSessions": true });
    admin.patch("/api/admin/users", update).await.expect(200);
}

#[tokio::test]
async fn the_second_factor_of_staff_is_checked_in_postgres() {
    let app = start_with_required_second_factor().await;
    let (staff, admin) = (app.staff("sofia").await, app.admin("admin").await);
    let id = staff.user_id().await;
    app.sql("update users set totp_confirmed_at = now()").await;
    app.redis.flush().await.unwrap();
    staff.get("/api/admin/classes").await.expect(200);
    admin.get("/api/admin/users").await.expect(200);
    app.wait_for_session_records(2).await;
    // Direct SQL does not invalidate the records in Redis.
    app.sql("update users set totp_confirmed_at = null").await;
    staff.get("/api/admin/classes").await.expect(200);
    assert_all_rejected(&app, &staff, 403, "two_factor_setup_required").await;
    let update = json!({ "id": id, "endSessions": true });
    let response = admin.patch("/api/admin/users", update).await;
    response.expect_code(403, "two_factor_setup_required");
}

#[tokio::test]
async fn staff_need_no_second_factor_by_default() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    staff.get("/api/admin/dashboard").await.expect(200);
}
