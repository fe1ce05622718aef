//! `api/instructors.rs` and `api/instructors/`: the studio's instructors.

use chrono::TimeDelta;
use serde_json::json;

use crate::classes::{HOURLY_RATE, create_class_at, create_class_type, get_ok, time, values_of};
use crate::harness::TestApp;

#[tokio::test]
async fn visitors_see_active_instructors_without_private_data() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    let bachata = create_class_type(&app, "Bachata").await;
    let staff = app.staff("sofia").await;
    app.sql(&format!(
        "update instructors set profile_image_url = 'https://cdn.example/teacher.jpg',
            user_id = '{}', certifications = '{{Casino}}', experience_years = 12
        where id = '{}'",
        staff.user_id().await.as_str().unwrap(),
        salsa.instructor
    ))
    .await;
    let path = format!("/api/admin/instructors?id={}", bachata.instructor);
    staff.delete(&path).await.expect(200);
    let list = get_ok(&app.visitor(), "/api/instructors").await;
    assert_eq!(
        list,
        json!({
            "items": [{
                "id": salsa.instructor,
                "name": "Teacher of Salsa",
                "bio": "Dances.",
                "specialties": ["salsa"],
                "certifications": ["Casino"],
                "experienceYears": 12,
                "profileImageUrl": "https://cdn.example/teacher.jpg",
                "socialMediaLinks": { "instagram": "https://instagram.example/teacher" },
            }],
            "nextCursor": null,
        })
    );
    assert!(!list.to_string().contains(HOURLY_RATE));
}

#[tokio::test]
async fn instructors_are_listed_page_by_page_newest_first() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for name in ["Salsa", "Bachata", "Rumba"] {
        ids.insert(0, json!(create_class_type(&app, name).await.instructor));
    }
    let visitor = app.visitor();
    let instructors = visitor.get_all("/api/instructors?limit=1").await;
    let listed: Vec<_> = instructors.iter().map(|item| item["id"].clone()).collect();
    assert_eq!(listed, ids);
    let all = get_ok(&visitor, "/api/instructors").await;
    assert_eq!(values_of(&all, "id"), ids);
}

#[tokio::test]
async fn an_instructor_is_returned_with_their_next_twenty_classes() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    let bachata = create_class_type(&app, "Bachata").await;
    let now = app.app.clock().now();
    create_class_at(&app, salsa, now - TimeDelta::hours(1)).await;
    create_class_at(&app, bachata, now + TimeDelta::days(1)).await;
    let first_start = time("2199-01-05T02:00:00Z");
    for week in 0..22 {
        create_class_at(&app, salsa, first_start + TimeDelta::weeks(week)).await;
    }
    app.sql(&format!(
        "update scheduled_classes set is_cancelled = true where start_time = '{first_start}'"
    ))
    .await;
    let path = format!("/api/instructors/details?id={}", salsa.instructor);
    let details = get_ok(&app.visitor(), &path).await;
    assert_eq!(details["name"], "Teacher of Salsa");
    let upcoming = details["upcomingClasses"].as_array().unwrap();
    assert_eq!(upcoming.len(), 20);
    assert_eq!(upcoming[0]["startTime"], "2199-01-12T02:00:00Z");
    assert_eq!(upcoming[0]["localTime"], "19:00");
    for class in upcoming {
        assert_eq!(class["instructor"]["id"], json!(salsa.instructor));
    }
}

#[tokio::test]
async fn unknown_and_retired_instructors_are_not_found() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    app.sql("update instructors set is_active = false").await;
    let visitor = app.visitor();
    for id in [salsa.instructor, salsa.class_type] {
        let path = format!("/api/instructors/details?id={id}");
        let response = visitor.get(&path).await;
        response.expect_code(404, "not_found");
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
}
