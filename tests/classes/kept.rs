//! Answers that are kept: by Redis, by caches in between, and by browsers.

use chrono::TimeDelta;
use redis_endpoint::Mode;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Course, begin_a_minute, class_at, course, get};
use crate::bookings::{book, cancel};
use crate::harness::{Answer, Person, TestApp, until};

/// A class in two days, and every address that tells of it.
async fn studio(app: &TestApp) -> (Course, Uuid, [String; 5]) {
    let salsa = course(app, "Salsa").await;
    let start = app.app.clock().now() + TimeDelta::days(2);
    let id = class_at(app, salsa, start).await;
    let paths = [
        "/api/classes/list".to_owned(),
        format!("/api/classes/list?instructor={}", salsa.instructor),
        format!("/api/classes/details?id={}", salsa.class_type),
        "/api/classes/schedule".to_owned(),
        format!("/api/classes/availability?ids={id}"),
    ];
    (salsa, id, paths)
}

/// Which of the answers `write` ends: only those then show what was changed
/// behind the functions' back.
async fn ended_by(app: &TestApp, paths: &[String], write: impl Future<Output = ()>) -> Vec<bool> {
    begin_a_minute(app);
    let visitor = app.visitor();
    let mut before = Vec::new();
    for path in paths {
        before.push(get(&visitor, path).await);
    }
    app.sql("update class_types set description = description || '!', styles = styles || '{son}'")
        .await;
    app.sql("update scheduled_classes set max_participants = max_participants + 1")
        .await;
    write.await;
    let mut ended = Vec::new();
    for (path, before) in paths.iter().zip(&before) {
        ended.push(get(&visitor, path).await != *before);
    }
    ended
}

#[tokio::test]
async fn an_answer_is_kept_until_a_write_ends_it() {
    let app = TestApp::start().await;
    let (_, _, paths) = studio(&app).await;
    assert_eq!(ended_by(&app, &paths, async {}).await, [false; 5]);
}

#[tokio::test]
async fn a_booking_and_its_end_end_the_timetable_and_not_the_catalogue() {
    let app = TestApp::start().await;
    let (_, id, paths) = studio(&app).await;
    let ana = app.member("ana").await;
    let booked = async { drop(book(&ana, id).await.expect(201)) };
    assert_eq!(
        ended_by(&app, &paths, booked).await,
        [false, true, true, true, true]
    );
    let booking = ana.get("/api/bookings/list").await.expect(200)["items"][0].clone();
    let given_up = async { drop(cancel(&ana, &booking).await.expect(200)) };
    assert_eq!(
        ended_by(&app, &paths, given_up).await,
        [false, true, true, true, true]
    );
    // A refusal changes nothing, and ends nothing.
    let refused = async { drop(cancel(&ana, &booking).await.expect(409)) };
    assert_eq!(ended_by(&app, &paths, refused).await, [false; 5]);
}

#[tokio::test]
async fn a_change_of_the_catalogue_ends_all_that_shows_it() {
    let app = TestApp::start().await;
    let (salsa, _, paths) = studio(&app).await;
    let staff = app.staff("sofia").await;
    let class_type = json!({ "id": salsa.class_type, "description": "New." });
    let instructor = json!({ "id": salsa.instructor, "bio": "New." });
    let new = json!({ "name": "Rumba", "price": "20" });
    let writes: [(Method, &str, Value, u16); 5] = [
        (Method::PATCH, "/api/admin/classes", class_type, 200),
        (Method::PATCH, "/api/admin/instructors", instructor, 200),
        (Method::POST, "/api/admin/classes", new.clone(), 201),
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
            ended_by(&app, &paths, write).await,
            [true; 5],
            "{method} {path}"
        );
    }
    let refused = async {
        staff.post("/api/admin/classes", new).await.expect(409);
    };
    assert_eq!(ended_by(&app, &paths, refused).await, [false; 5]);
    // Another's session, another's profile: nothing of this is touched.
    let elsewhere = async {
        let change = json!({ "phone": "+1 303 555 0100" });
        staff.patch("/api/auth/me", change).await.expect(200);
    };
    assert_eq!(ended_by(&app, &paths, elsewhere).await, [false; 5]);
}

async fn get_unless(person: &Person, path: &str, tag: &str) -> Answer {
    let request = person.request(Method::GET, path);
    person.send(request.header("if-none-match", tag)).await
}

#[tokio::test]
async fn whoever_has_an_answer_already_is_not_sent_it_again() {
    let app = TestApp::start().await;
    let (_, id, paths) = studio(&app).await;
    let visitor = app.visitor();
    for path in &paths {
        let first = visitor.get(path).await;
        first.expect(200);
        let tag = first.header("etag").unwrap().to_owned();
        let kept = first.header("cache-control").unwrap().to_owned();
        assert!(kept.contains("stale-while-revalidate="), "{kept}");
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            let again = get_unless(&visitor, path, &known).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""), "{path}");
            assert_eq!(again.header("etag"), Some(tag.as_str()));
            assert_eq!(again.header("cache-control"), Some(kept.as_str()));
        }
        get_unless(&visitor, path, "\"x\"").await.expect(200);
    }
    // A booking makes another answer of it, under another tag.
    let tag = visitor
        .get(&paths[4])
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    book(&app.member("ana").await, id).await.expect(201);
    let changed = get_unless(&visitor, &paths[4], &tag).await.expect(200);
    assert_eq!(changed["items"][0]["placesLeft"], 19);
}

#[tokio::test]
async fn a_change_that_redis_did_not_hear_of_is_told_until_it_does() {
    let app = TestApp::start().await;
    let (salsa, _, paths) = studio(&app).await;
    let staff = app.staff("sofia").await;
    let before = get(&app.visitor(), &paths[0]).await;
    app.redis.set_mode(Mode::Away).await.unwrap();
    let change = json!({ "id": salsa.class_type, "description": "Another one" });
    staff.patch("/api/admin/classes", change).await.expect(200);
    app.redis.set_mode(Mode::Normal).await.unwrap();
    until(async || get(&app.visitor(), &paths[0]).await != before).await;
}

#[tokio::test]
async fn without_redis_every_answer_comes_from_postgres() {
    let app = TestApp::start().await;
    let (_, id, paths) = studio(&app).await;
    let ana = app.member("ana").await;
    let visitor = app.visitor();
    app.redis.set_mode(Mode::Away).await.unwrap();
    for path in &paths {
        let answer = visitor.get(path).await;
        answer.expect(200);
        assert!(answer.header("etag").is_some());
    }
    book(&ana, id).await.expect(201);
    let room = get(&visitor, &paths[4]).await;
    assert_eq!(room["items"][0]["placesLeft"], 19);
}

#[tokio::test]
async fn without_postgres_what_is_kept_is_answered_and_the_rest_is_unavailable() {
    let app = TestApp::start().await;
    let (_, _, paths) = studio(&app).await;
    let visitor = app.visitor();
    // As on a process that has not yet connected.
    let settings = crate::harness::Settings::default().with(
        "POSTGRES_URL",
        "postgres://nobody@127.0.0.1:1/none?sslmode=disable",
    );
    let alone = app.another_with(settings).await;
    let there = visitor.at(&alone);
    let kept = get(&visitor, &paths[0]).await;
    assert_eq!(get(&there, &paths[0]).await, kept);
    let answer = there.get(&paths[3]).await;
    answer.expect_code(503, "unavailable");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}
