//! `api/classes/details.rs`: one class type and its next classes.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{advance_to_next_minute, create_class_at, create_class_type, get_ok, time};
use crate::harness::{Settings, TestApp};

fn start_times(details: &Value) -> Vec<String> {
    let classes = details["upcomingClasses"].as_array().unwrap();
    let start = |class: &Value| class["startTime"].as_str().unwrap().to_owned();
    classes.iter().map(start).collect()
}

#[tokio::test]
async fn a_class_type_is_returned_with_its_instructors_and_next_classes() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    let bachata = create_class_type(&app, "Bachata").await;
    // A Friday in winter, far in the future. Denver is seven hours behind UTC.
    let id = create_class_at(&app, salsa, time("2199-01-05T02:00:00Z")).await;
    create_class_at(&app, bachata, time("2199-01-06T02:00:00Z")).await;
    let path = format!("/api/classes/details?id={}", salsa.class_type);
    let details = get_ok(&app.visitor(), &path).await;
    assert_eq!(details["name"], "Salsa");
    assert_eq!(details["price"], "18.00");
    assert_eq!(
        details["instructors"],
        json!([{
            "id": salsa.instructor,
            "name": "Teacher of Salsa",
            "bio": "Dances.",
            "specialties": ["salsa"],
            "certifications": [],
            "experienceYears": 0,
            "profileImageUrl": null,
            "socialMediaLinks": { "instagram": "https://instagram.example/teacher" },
        }])
    );
    assert_eq!(
        details["upcomingClasses"],
        json!([{
            "id": id,
            "classTypeId": salsa.class_type,
            "title": "Salsa",
            "description": "All about Salsa.",
            "startTime": "2199-01-05T02:00:00Z",
            "endTime": "2199-01-05T03:00:00Z",
            "localDate": "2199-01-04",
            "localTime": "19:00",
            "timeZone": "America/Denver",
            "room": format!("Room {id}"),
            "instructor": { "id": salsa.instructor, "name": "Teacher of Salsa" },
            "level": "beginner",
            "styles": ["salsa", "mambo"],
            "imageUrl": null,
            "price": "18.00",
            "currency": "USD",
            "maxParticipants": 20,
            "placesLeft": 20,
            "taken": 0,
            "waitlistLength": 0,
            "isCancelled": false,
            "course": null,
        }])
    );
}

#[tokio::test]
async fn the_next_twenty_classes_are_listed_without_cancelled_ones() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    let first_start = time("2199-01-05T02:00:00Z");
    for week in 0..22 {
        create_class_at(&app, salsa, first_start + TimeDelta::weeks(week)).await;
    }
    app.sql(&format!(
        "update scheduled_classes set is_cancelled = true where start_time = '{first_start}'"
    ))
    .await;
    let path = format!("/api/classes/details?id={}", salsa.class_type);
    let upcoming = start_times(&get_ok(&app.visitor(), &path).await);
    assert_eq!(upcoming.len(), 20);
    assert_eq!(upcoming[0], "2199-01-12T02:00:00Z");
    assert!(upcoming.is_sorted());
}

#[tokio::test]
async fn a_started_class_is_removed_even_from_a_cached_response() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    let minute = advance_to_next_minute(&app);
    let clock = app.app.clock();
    create_class_at(&app, salsa, minute + TimeDelta::minutes(2)).await;
    let path = format!("/api/classes/details?id={}", salsa.class_type);
    let visitor = app.visitor();
    assert_eq!(start_times(&get_ok(&visitor, &path).await).len(), 1);
    clock.advance(TimeDelta::minutes(1));
    assert_eq!(start_times(&get_ok(&visitor, &path).await).len(), 1);
    clock.advance(TimeDelta::minutes(1));
    assert_eq!(start_times(&get_ok(&visitor, &path).await).len(), 0);
}

#[tokio::test]
async fn unknown_and_retired_class_types_are_not_found() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    app.sql("update class_types set is_active = false").await;
    let visitor = app.visitor();
    for id in [
        salsa.class_type.to_string(),
        salsa.instructor.to_string(),
        "01a1fbec-f5a7-774d-993f-b6dedc6eb201".to_owned(),
    ] {
        let response = visitor.get(&format!("/api/classes/details?id={id}")).await;
        response.expect_code(404, "not_found");
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
    let response = visitor.get("/api/classes/details").await;
    let body = response.expect_code(400, "validation_failed");
    assert_eq!(body["details"]["id"][0], "must be a UUID");
}

#[tokio::test]
async fn times_are_shown_in_the_studios_time_zone() {
    let settings = Settings::default().with("STUDIO_TIMEZONE", "Europe/Madrid");
    let app = TestApp::start_with(settings).await;
    let salsa = create_class_type(&app, "Salsa").await;
    create_class_at(&app, salsa, time("2199-07-05T17:00:00Z")).await;
    let path = format!("/api/classes/details?id={}", salsa.class_type);
    let details = get_ok(&app.visitor(), &path).await;
    let class = &details["upcomingClasses"][0];
    assert_eq!(class["localTime"], "19:00");
    assert_eq!(class["timeZone"], "Europe/Madrid");
}
