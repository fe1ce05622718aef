//! `api/admin/instructors.rs`

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::assert_rejects_only;
use crate::classes::{create_class_at, create_class_type, get_ok, values_of};
use crate::harness::TestApp;

const PATH: &str = "/api/admin/instructors";

#[tokio::test]
async fn an_instructor_is_created_with_every_field() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let account = app
        .member("rosa")
        .await
        .get("/api/auth/me")
        .await
        .expect(200);
    let form = json!({
        "name": " Rosa D\u{ed}az ",
        "userId": account["id"],
        "bio": "Danced in Cali.\nTeaches here.",
        "specialties": ["Salsa", "Mambo"],
        "certifications": ["World Salsa Federation Teacher"],
        "experienceYears": 15,
        "hourlyRate": "55",
        "profileImageUrl": "/img/instructors/rosa.svg",
        "socialMediaLinks": { "instagram": "https://instagram.example/rosa" },
    });
    let instructor = staff.post(PATH, form).await.expect(201);
    for (field, value) in [
        ("name", json!("Rosa D\u{ed}az")),
        ("userId", account["id"].clone()),
        ("bio", json!("Danced in Cali.\nTeaches here.")),
        ("specialties", json!(["salsa", "mambo"])),
        ("certifications", json!(["World Salsa Federation Teacher"])),
        ("experienceYears", json!(15)),
        ("hourlyRate", json!("55.00")),
        ("currency", json!("USD")),
        ("profileImageUrl", json!("/img/instructors/rosa.svg")),
        (
            "socialMediaLinks",
            json!({ "instagram": "https://instagram.example/rosa" }),
        ),
        ("isActive", json!(true)),
    ] {
        assert_eq!(instructor[field], value, "{field}");
    }
    let list = staff.get(PATH).await.expect(200);
    assert_eq!(list["items"], json!([instructor]));
    // Optional fields have defaults.
    let minimal_instructor = staff.post(PATH, json!({ "name": "Leo" })).await.expect(201);
    assert_eq!(minimal_instructor["hourlyRate"], json!(null));
    assert_eq!(minimal_instructor["socialMediaLinks"], json!({}));
}

#[tokio::test]
async fn omitted_fields_keep_their_value_and_null_clears_optional_fields() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let account = staff.get("/api/auth/me").await.expect(200);
    let form = json!({ "name": "Rosa", "userId": account["id"], "hourlyRate": "55",
        "profileImageUrl": "/img/instructors/rosa.svg", "specialties": ["salsa"],
        "socialMediaLinks": { "web": "https://rosa.example" } });
    let instructor = staff.post(PATH, form).await.expect(201);
    let id = &instructor["id"];
    let change = json!({ "id": id, "experienceYears": 16 });
    let changed_instructor = staff.patch(PATH, change).await.expect(200);
    let mut expected = instructor.clone();
    expected["experienceYears"] = json!(16);
    expected["updatedAt"] = changed_instructor["updatedAt"].clone();
    assert_eq!(changed_instructor, expected);
    let change = json!({ "id": id, "userId": null, "hourlyRate": null, "profileImageUrl": null,
        "socialMediaLinks": {}, "specialties": [], "name": null });
    let changed_instructor = staff.patch(PATH, change).await.expect(200);
    for field in ["userId", "hourlyRate", "profileImageUrl"] {
        assert_eq!(changed_instructor[field], json!(null), "{field}");
    }
    assert_eq!(changed_instructor["socialMediaLinks"], json!({}));
    assert_eq!(changed_instructor["specialties"], json!([]));
    assert_eq!(changed_instructor["name"], "Rosa");
    let unknown_instructor = json!({ "id": "01a1fbec-f5a7-774d-993f-b6dedc6eb201", "name": "X" });
    let response = staff.patch(PATH, unknown_instructor).await;
    response.expect_code(404, "not_found");
}

#[tokio::test]
async fn invalid_values_are_rejected_field_by_field() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let instructor = staff
        .post(PATH, json!({ "name": "Rosa" }))
        .await
        .expect(201);
    let too_many_links: serde_json::Map<_, _> = (0..11)
        .map(|number| (format!("n{number}"), json!("https://example.com")))
        .collect();
    for (field, value) in [
        ("name", json!(" ")),
        ("name", json!("x".repeat(201))),
        ("userId", json!("rosa")),
        ("userId", json!("01a1fbec-f5a7-774d-993f-b6dedc6eb201")),
        ("bio", json!("x".repeat(5_001))),
        ("specialties", json!(["x".repeat(51)])),
        ("certifications", json!(["x".repeat(201)])),
        ("certifications", json!([7])),
        ("experienceYears", json!(-1)),
        ("experienceYears", json!(101)),
        ("hourlyRate", json!("a lot")),
        ("hourlyRate", json!(55.5)),
        ("profileImageUrl", json!("https://cdn.example.com/a.jpg")),
        ("socialMediaLinks", json!({ "web": "http://rosa.example" })),
        ("socialMediaLinks", json!({ "web": 7 })),
        ("socialMediaLinks", json!({ "": "https://rosa.example" })),
        ("socialMediaLinks", json!({ "<b>": "https://rosa.example" })),
        ("socialMediaLinks", json!(["https://rosa.example"])),
        ("socialMediaLinks", json!(too_many_links)),
    ] {
        let mut new_instructor = json!({ "name": "Another" });
        new_instructor[field] = value.clone();
        let mut change = json!({ "id": instructor["id"] });
        change[field] = value;
        for response in [
            staff.post(PATH, new_instructor).await,
            staff.patch(PATH, change).await,
        ] {
            assert_rejects_only(&response, field);
        }
    }
    assert_eq!(app.count("select count(*) from instructors").await, 1);
}

#[tokio::test]
async fn a_retired_instructor_keeps_their_scheduled_classes() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let salsa = create_class_type(&app, "Salsa").await;
    let now = app.app.clock().now();
    create_class_at(&app, salsa, now - TimeDelta::days(2)).await;
    create_class_at(&app, salsa, now + TimeDelta::days(2)).await;
    let visitor = app.visitor();
    let details_path = format!("/api/classes/details?id={}", salsa.class_type);
    assert_eq!(
        get_ok(&visitor, &details_path).await["instructors"][0]["name"],
        "Teacher of Salsa"
    );
    let path = format!("{PATH}?id={}", salsa.instructor);
    let expected = json!({ "success": true, "comingClasses": 1, "activePatterns": 0 });
    for _ in 0..2 {
        assert_eq!(staff.delete(&path).await.expect(200), expected);
    }
    let class_type = get_ok(&visitor, &details_path).await;
    assert_eq!(class_type["instructors"], json!([]));
    // Scheduled classes keep their instructor.
    assert_eq!(
        class_type["upcomingClasses"][0]["instructor"]["name"],
        "Teacher of Salsa"
    );
    let retired_instructors = staff.get(&format!("{PATH}?active=false")).await.expect(200);
    assert_eq!(
        values_of(&retired_instructors, "name"),
        ["Teacher of Salsa"]
    );
    let reactivation = json!({ "id": salsa.instructor, "isActive": true });
    staff.patch(PATH, reactivation).await.expect(200);
    let unknown_instructor = format!("{PATH}?id=01a1fbec-f5a7-774d-993f-b6dedc6eb201");
    staff
        .delete(&unknown_instructor)
        .await
        .expect_code(404, "not_found");
    staff
        .delete(PATH)
        .await
        .expect_code(400, "validation_failed");
}

#[tokio::test]
async fn every_change_is_logged_without_the_hourly_rate() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let profile = staff.get("/api/auth/me").await.expect(200);
    let form = json!({ "name": "Rosa", "hourlyRate": "4321.09" });
    let instructor = staff.post(PATH, form).await.expect(201);
    let id = instructor["id"].as_str().unwrap();
    let change = json!({ "id": id, "hourlyRate": "4321.10" });
    staff.patch(PATH, change).await.expect(200);
    staff.delete(&format!("{PATH}?id={id}")).await.expect(200);
    let rows = app
        .sql(
            "select detail from security_events where kind = 'instructor_changed'
            order by created_at, id",
        )
        .await;
    let log_entries: Vec<Value> = rows.iter().map(|row| row.get("detail")).collect();
    let log_entry = |action: &str| json!({ "by": profile["id"], "id": id, "action": action });
    assert_eq!(
        log_entries,
        [
            log_entry("create"),
            log_entry("change"),
            log_entry("retire")
        ]
    );
}

#[tokio::test]
async fn instructors_are_listed_page_by_page_newest_first() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    for name in ["One", "Two", "Three"] {
        staff.post(PATH, json!({ "name": name })).await.expect(201);
    }
    let first_page = staff.get(&format!("{PATH}?limit=2")).await.expect(200);
    assert_eq!(values_of(&first_page, "name"), ["Three", "Two"]);
    let cursor = first_page["nextCursor"].as_str().unwrap();
    let second_page = staff.get(&format!("{PATH}?limit=2&cursor={cursor}")).await;
    let second_page = second_page.expect(200);
    assert_eq!(values_of(&second_page, "name"), ["One"]);
    assert_eq!(second_page["nextCursor"], json!(null));
}
