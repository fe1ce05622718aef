//! Cached responses: in Redis, in shared caches, and in browsers.

use chrono::TimeDelta;
use redis_endpoint::FaultMode;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    ClassTypeAndInstructor, advance_to_next_minute, create_class_at, create_class_type, get_ok,
};
use crate::bookings::{book, cancel};
use crate::harness::{TestApp, TestClient, TestResponse, wait_until};

/// Indexes of the paths that [`create_class_and_paths`] returns.
const LIST: usize = 0;
const SCHEDULE: usize = 3;
const AVAILABILITY: usize = 4;

/// Creates a class that starts in two days. Returns its class type and instructor, its id, and
/// every path that shows it.
async fn create_class_and_paths(app: &TestApp) -> (ClassTypeAndInstructor, Uuid, [String; 8]) {
    let salsa = create_class_type(app, "Salsa").await;
    let start = app.app.clock().now() + TimeDelta::days(2);
    let id = create_class_at(app, salsa, start).await;
    let paths = [
        "/api/classes/list".to_owned(),
        format!("/api/classes/list?instructor={}", salsa.instructor),
        format!("/api/classes/details?id={}", salsa.class_type),
        "/api/classes/schedule".to_owned(),
        format!("/api/classes/availability?ids={id}"),
        "/api/instructors".to_owned(),
        format!("/api/instructors/details?id={}", salsa.instructor),
        format!("/api/classes/occurrence?id={id}"),
    ];
    (salsa, id, paths)
}

/// Returns which of the cached responses `write` invalidates. Only those show the
/// changes that this function makes by direct SQL.
async fn invalidated_by(
    app: &TestApp,
    paths: &[String],
    write: impl Future<Output = ()>,
) -> Vec<bool> {
    advance_to_next_minute(app);
    let visitor = app.visitor();
    let mut old_bodies = Vec::new();
    for path in paths {
        old_bodies.push(get_if_found(&visitor, path).await);
    }
    app.sql("update class_types set description = description || '!', styles = styles || '{son}'")
        .await;
    app.sql("update scheduled_classes set max_participants = max_participants + 1")
        .await;
    app.sql("update instructors set bio = bio || '!'").await;
    write.await;
    let mut invalidated = Vec::new();
    for (path, old_body) in paths.iter().zip(&old_bodies) {
        invalidated.push(get_if_found(&visitor, path).await != *old_body);
    }
    invalidated
}

/// Returns the body of a response, or null if the path is not found, for example because the
/// instructor is retired.
async fn get_if_found(visitor: &TestClient, path: &str) -> Value {
    let response = visitor.get(path).await;
    match response.status {
        404 => json!(null),
        _ => response.expect(200),
    }
}

#[tokio::test]
async fn a_response_is_cached_until_a_write_invalidates_it() {
    let app = TestApp::start().await;
    let (_, _, paths) = create_class_and_paths(&app).await;
    assert_eq!(invalidated_by(&app, &paths, async {}).await, [false; 8]);
}

#[tokio::test]
async fn bookings_invalidate_the_schedule_but_not_the_catalog() {
    let app = TestApp::start().await;
    let (_, id, paths) = create_class_and_paths(&app).await;
    let ana = app.member("ana").await;
    let book_class = async { drop(book(&ana, id).await.expect(201)) };
    assert_eq!(
        invalidated_by(&app, &paths, book_class).await,
        [false, true, true, true, true, false, true, true]
    );
    let booking = ana.get("/api/bookings/list").await.expect(200)["items"][0].clone();
    let cancel_booking = async { drop(cancel(&ana, &booking).await.expect(200)) };
    assert_eq!(
        invalidated_by(&app, &paths, cancel_booking).await,
        [false, true, true, true, true, false, true, true]
    );
    // A rejected request invalidates no response.
    let cancel_again = async { drop(cancel(&ana, &booking).await.expect(409)) };
    assert_eq!(invalidated_by(&app, &paths, cancel_again).await, [false; 8]);
}

#[tokio::test]
async fn staff_invalidate_the_schedule_only_if_they_change_how_many_spots_are_left() {
    let app = TestApp::start().await;
    let (salsa, id, paths) = create_class_and_paths(&app).await;
    let start = app.app.clock().now() + TimeDelta::days(3);
    let other_id = create_class_at(&app, salsa, start).await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let schedule = &paths[SCHEDULE..=SCHEDULE];

    let new_booking = json!({ "userId": ana.user_id().await, "scheduledClassId": id });
    let book_class = async {
        let booked = staff.post("/api/admin/bookings", new_booking).await;
        booked.expect(201);
    };
    assert_eq!(invalidated_by(&app, schedule, book_class).await, [true]);
    let booking = ana.get("/api/bookings/list").await.expect(200)["items"][0].clone();
    for (action, is_invalidated) in [("markPaid", false), ("move", true), ("cancel", true)] {
        let change = json!({
            "bookingId": booking["id"], "action": action, "scheduledClassId": other_id,
        });
        let write = async {
            let changed = staff.patch("/api/admin/bookings", change).await;
            changed.expect(200);
        };
        let invalidated = invalidated_by(&app, schedule, write).await;
        assert_eq!(invalidated, [is_invalidated], "{action}");
    }
}

#[tokio::test]
async fn catalog_changes_invalidate_every_response_that_shows_them() {
    let app = TestApp::start().await;
    let (salsa, _, paths) = create_class_and_paths(&app).await;
    let staff = app.staff("sofia").await;
    let class_type = json!({ "id": salsa.class_type, "description": "New." });
    let instructor = json!({ "id": salsa.instructor, "bio": "New." });
    let room: Uuid = app.sql("select id from rooms").await[0].get(0);
    let room = json!({ "id": room, "name": "New" });
    let new_class_type = json!({ "name": "Rumba", "price": "20" });
    let writes: [(Method, &str, Value, u16); 6] = [
        (Method::PATCH, "/api/admin/classes", class_type, 200),
        (Method::PATCH, "/api/admin/rooms", room, 200),
        (Method::PATCH, "/api/admin/instructors", instructor, 200),
        (
            Method::POST,
            "/api/admin/classes",
            new_class_type.clone(),
            201,
        ),
        (
            Method::POST,
            "/api/admin/instructors",
            json!({ "name": "Rosa" }),
            201,
        ),
        (
            Method::DELETE,
            &format!("/api/admin/instructors?id={}", salsa.instructor),
            json!({}),
            200,
        ),
    ];
    for (method, path, body, status) in writes {
        let write = async {
            let request = staff.request(method.clone(), path).json(&body);
            staff.send(request).await.expect(status);
        };
        assert_eq!(
            invalidated_by(&app, &paths, write).await,
            [true; 8],
            "{method} {path}"
        );
    }
    let create_again = async {
        staff
            .post("/api/admin/classes", new_class_type)
            .await
            .expect(409);
    };
    assert_eq!(invalidated_by(&app, &paths, create_again).await, [false; 8]);
    // A preview changes nothing.
    let preview = async {
        let day = app.app.clock().now().date_naive();
        let form = json!({
            "from": day, "to": day + chrono::Days::new(30), "reason": "Repairs",
            "cancelClasses": true, "preview": true,
        });
        let response = staff.post("/api/admin/closures", form).await;
        assert_eq!(response.expect(201)["preview"], true);
    };
    assert_eq!(invalidated_by(&app, &paths, preview).await, [false; 8]);
    // A change of a profile invalidates no response.
    let profile_change = async {
        let change = json!({ "phone": "+1 303 555 0100" });
        staff.patch("/api/auth/me", change).await.expect(200);
    };
    assert_eq!(
        invalidated_by(&app, &paths, profile_change).await,
        [false; 8]
    );
}

async fn get_if_none_match(person: &TestClient, path: &str, tag: &str) -> TestResponse {
    let request = person.request(Method::GET, path);
    person.send(request.header("if-none-match", tag)).await
}

#[tokio::test]
async fn a_matching_etag_returns_not_modified() {
    let app = TestApp::start().await;
    let (_, id, paths) = create_class_and_paths(&app).await;
    let visitor = app.visitor();
    for path in &paths {
        let response = visitor.get(path).await;
        response.expect(200);
        let tag = response.header("etag").unwrap().to_owned();
        let cache_control = response.header("cache-control").unwrap().to_owned();
        assert!(
            cache_control.contains("stale-while-revalidate="),
            "{cache_control}"
        );
        for matching_tags in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            let not_modified = get_if_none_match(&visitor, path, &matching_tags).await;
            assert_eq!(
                (not_modified.status, not_modified.text.as_str()),
                (304, ""),
                "{path}"
            );
            assert_eq!(not_modified.header("etag"), Some(tag.as_str()));
            assert_eq!(
                not_modified.header("cache-control"),
                Some(cache_control.as_str())
            );
        }
        get_if_none_match(&visitor, path, "\"x\"").await.expect(200);
    }
    // A booking changes the response and its ETag.
    let tag = visitor
        .get(&paths[AVAILABILITY])
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    book(&app.member("ana").await, id).await.expect(201);
    let availability = get_if_none_match(&visitor, &paths[AVAILABILITY], &tag)
        .await
        .expect(200);
    assert_eq!(availability["items"][0]["placesLeft"], 19);
}

#[tokio::test]
async fn an_invalidation_is_retried_until_redis_accepts_it() {
    let app = TestApp::start().await;
    let (salsa, _, paths) = create_class_and_paths(&app).await;
    let staff = app.staff("sofia").await;
    let old_list = get_ok(&app.visitor(), &paths[LIST]).await;
    app.redis.set_mode(FaultMode::Unreachable).await.unwrap();
    let change = json!({ "id": salsa.class_type, "description": "Another one" });
    staff.patch("/api/admin/classes", change).await.expect(200);
    app.redis.set_mode(FaultMode::Normal).await.unwrap();
    wait_until(async || get_ok(&app.visitor(), &paths[LIST]).await != old_list).await;
}

#[tokio::test]
async fn without_redis_every_response_comes_from_postgres() {
    let app = TestApp::start().await;
    let (_, id, paths) = create_class_and_paths(&app).await;
    let ana = app.member("ana").await;
    let visitor = app.visitor();
    app.redis.set_mode(FaultMode::Unreachable).await.unwrap();
    for path in &paths {
        let response = visitor.get(path).await;
        response.expect(200);
        assert!(response.header("etag").is_some());
    }
    book(&ana, id).await.expect(201);
    let availability = get_ok(&visitor, &paths[AVAILABILITY]).await;
    assert_eq!(availability["items"][0]["placesLeft"], 19);
}

#[tokio::test]
async fn without_postgres_only_cached_responses_are_available() {
    let app = TestApp::start().await;
    let (_, _, paths) = create_class_and_paths(&app).await;
    let visitor = app.visitor();
    // The second process has never connected to Postgres.
    let settings = crate::harness::Settings::default().with(
        "POSTGRES_URL",
        "postgres://nobody@127.0.0.1:1/none?sslmode=disable",
    );
    let app_without_postgres = app.start_another_with(settings).await;
    let client = visitor.connected_to(&app_without_postgres);
    let cached = get_ok(&visitor, &paths[LIST]).await;
    assert_eq!(get_ok(&client, &paths[LIST]).await, cached);
    let response = client.get(&paths[SCHEDULE]).await;
    response.expect_code(503, "unavailable");
    assert_eq!(response.header("cache-control"), Some("no-store"));
}
