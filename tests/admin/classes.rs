//! `api/admin/classes.rs`: class types.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::assert_rejects_only;
use crate::classes::{create_class_at, create_class_type, get_ok, values_of};
use crate::harness::{Settings, TestApp};

const PATH: &str = "/api/admin/classes";

#[tokio::test]
async fn a_new_class_type_is_listed_immediately() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let visitor = app.visitor();
    assert_eq!(
        get_ok(&visitor, "/api/classes/list").await["items"],
        json!([])
    );
    let form = json!({
        "name": "  Salsa en li\u{301}nea ",
        "description": "First line.\r\nSecond.",
        "styles": ["Salsa", "salsa", "MAMBO"],
        "level": "all-levels",
        "durationMinutes": 75,
        "maxParticipants": 16,
        "price": "22.5",
        "taxRate": "19.00",
        "imageUrl": "/img/classes/salsa.svg",
    });
    let class_type = staff.post(PATH, form).await.expect(201);
    for (field, value) in [
        ("name", json!("Salsa en l\u{ed}nea")),
        ("description", json!("First line.\nSecond.")),
        ("styles", json!(["salsa", "mambo"])),
        ("level", json!("all-levels")),
        ("durationMinutes", json!(75)),
        ("maxParticipants", json!(16)),
        ("price", json!("22.50")),
        ("currency", json!("USD")),
        ("taxRate", json!("19")),
        ("imageUrl", json!("/img/classes/salsa.svg")),
        ("isActive", json!(true)),
    ] {
        assert_eq!(class_type[field], value, "{field}");
    }
    let list = get_ok(&visitor, "/api/classes/list").await;
    assert_eq!(values_of(&list, "id"), [class_type["id"].clone()]);
    // Optional fields have defaults.
    let form = json!({ "name": "Rumba", "price": "0" });
    let minimal_class_type = staff.post(PATH, form).await.expect(201);
    assert_eq!(minimal_class_type["level"], "all-levels");
    assert_eq!(minimal_class_type["durationMinutes"], 60);
    assert_eq!(minimal_class_type["maxParticipants"], 20);
    assert_eq!(minimal_class_type["taxRate"], "0");
    assert_eq!(minimal_class_type["imageUrl"], json!(null));
}

#[tokio::test]
async fn class_type_names_are_unique() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let form = json!({ "name": "Salsa", "price": "18" });
    staff.post(PATH, form.clone()).await.expect(201);
    let response = staff.post(PATH, form).await;
    response.expect_code(409, "class_type_exists");
    let rumba = json!({ "name": "Rumba", "price": "18" });
    let rumba = staff.post(PATH, rumba).await.expect(201);
    let change = json!({ "id": rumba["id"], "name": "Salsa" });
    let response = staff.patch(PATH, change).await;
    response.expect_code(409, "class_type_exists");
    // A class type may keep its own name.
    let change = json!({ "id": rumba["id"], "name": "Rumba" });
    staff.patch(PATH, change).await.expect(200);
}

#[tokio::test]
async fn omitted_fields_keep_their_value_and_null_removes_the_image() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let form = json!({ "name": "Salsa", "price": "18", "styles": ["salsa"],
        "imageUrl": "/img/classes/salsa.svg" });
    let class_type = staff.post(PATH, form).await.expect(201);
    let id = &class_type["id"];
    let change = json!({ "id": id, "price": "19.00" });
    let changed_class_type = staff.patch(PATH, change).await.expect(200);
    let mut expected = class_type.clone();
    expected["price"] = json!("19.00");
    expected["updatedAt"] = changed_class_type["updatedAt"].clone();
    assert_eq!(changed_class_type, expected);
    let change = json!({ "id": id, "imageUrl": null, "styles": [], "name": null });
    let changed_class_type = staff.patch(PATH, change).await.expect(200);
    assert_eq!(changed_class_type["imageUrl"], json!(null));
    assert_eq!(changed_class_type["styles"], json!([]));
    assert_eq!(changed_class_type["name"], "Salsa");
    let unknown_class_type = json!({ "id": "01a1fbec-f5a7-774d-993f-b6dedc6eb201", "name": "X" });
    let response = staff.patch(PATH, unknown_class_type).await;
    response.expect_code(404, "not_found");
}

#[tokio::test]
async fn a_picture_comes_from_the_site_or_from_the_configured_origin() {
    let settings = Settings::default().with("IMAGE_ORIGIN", "https://images.example");
    let app = TestApp::start_with(settings).await;
    let staff = app.staff("sofia").await;
    let form = json!({ "name": "Salsa", "price": "18",
        "imageUrl": "https://images.example/salsa.jpg" });
    let class_type = staff.post(PATH, form).await.expect(201);
    assert_eq!(class_type["imageUrl"], "https://images.example/salsa.jpg");
    let id = &class_type["id"];
    let other = json!({ "id": id, "imageUrl": "https://other.example/salsa.jpg" });
    let response = staff.patch(PATH, other).await;
    assert_rejects_only(&response, "imageUrl");
    let problem = response.expect_code(400, "validation_failed")["details"]["imageUrl"].clone();
    assert!(
        problem.to_string().contains("https://images.example/"),
        "{problem}"
    );

    // Addresses from the time before the rule stay readable.
    app.sql("update class_types set image_url = 'https://other.example/old.jpg'")
        .await;
    let change = json!({ "id": id, "price": "19.00" });
    let changed = staff.patch(PATH, change).await.expect(200);
    assert_eq!(changed["imageUrl"], "https://other.example/old.jpg");
    let list = get_ok(&app.visitor(), "/api/classes/list").await;
    assert_eq!(list["items"][0]["imageUrl"], changed["imageUrl"]);
}

#[tokio::test]
async fn invalid_values_are_rejected_field_by_field() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let valid_form = json!({ "name": "Salsa", "price": "18" });
    let class_type = staff.post(PATH, valid_form.clone()).await.expect(201);
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("x".repeat(101))),
        ("name", json!("a\nb")),
        ("description", json!("x".repeat(5_001))),
        ("description", json!("\u{7}")),
        ("styles", json!([" "])),
        ("styles", json!(["x".repeat(51)])),
        ("styles", json!(vec!["x"; 21])),
        ("level", json!("expert")),
        ("durationMinutes", json!(0)),
        ("durationMinutes", json!(1_441)),
        ("durationMinutes", json!(3_000_000_000_i64)),
        ("maxParticipants", json!(0)),
        ("maxParticipants", json!(1_001)),
        ("price", json!("-1")),
        ("price", json!("1.234")),
        ("price", json!(18)),
        ("price", json!("100000000")),
        ("imageUrl", json!("https://cdn.example.com/a.jpg")),
        ("imageUrl", json!("/img/../api/auth/logout")),
        ("imageUrl", json!("javascript:alert(1)")),
        ("imageUrl", json!(format!("/img/{}", "x".repeat(2_000)))),
    ] {
        let mut new_class_type = valid_form.clone();
        new_class_type["name"] = json!("Another");
        new_class_type[field] = value.clone();
        let mut change = json!({ "id": class_type["id"] });
        change[field] = value;
        for response in [
            staff.post(PATH, new_class_type).await,
            staff.patch(PATH, change).await,
        ] {
            assert_rejects_only(&response, field);
        }
    }
    assert_eq!(app.count("select count(*) from class_types").await, 1);
    // All invalid fields are reported at once.
    let form = json!({ "name": "", "price": "1", "durationMinutes": 0, "styles": [""] });
    let body = staff.post(PATH, form).await.expect(400);
    assert_eq!(body["details"].as_object().unwrap().len(), 3);
}

#[tokio::test]
async fn a_retired_class_type_is_no_longer_listed_but_its_classes_remain() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let salsa = create_class_type(&app, "Salsa").await;
    let now = app.app.clock().now();
    for days in [-2, 2, 3] {
        create_class_at(&app, salsa, now + TimeDelta::days(days)).await;
    }
    let cancelled_class = create_class_at(&app, salsa, now + TimeDelta::days(4)).await;
    app.mark_cancelled(cancelled_class).await;
    app.sql(&format!(
        "insert into class_schedules (id, class_type_id, instructor_id, day_of_week, start_time,
            duration_minutes, max_participants, room, effective_from)
        values (gen_random_uuid(), '{}', '{}', 5, '19:00', 60, 20, 'A', '2020-01-01')",
        salsa.class_type, salsa.instructor
    ))
    .await;
    let visitor = app.visitor();
    let details_path = format!("/api/classes/details?id={}", salsa.class_type);
    get_ok(&visitor, &details_path).await;
    let path = format!("{PATH}?id={}", salsa.class_type);
    let expected = json!({ "success": true, "comingClasses": 2, "activePatterns": 1 });
    // A second call changes nothing.
    for _ in 0..2 {
        assert_eq!(staff.delete(&path).await.expect(200), expected);
    }
    assert_eq!(
        get_ok(&visitor, "/api/classes/list").await["items"],
        json!([])
    );
    visitor
        .get(&details_path)
        .await
        .expect_code(404, "not_found");
    let timetable = get_ok(&visitor, "/api/classes/schedule").await;
    assert_eq!(values_of(&timetable, "title").len(), 3);
    // Staff still see the class type and can reactivate it.
    let retired_class_types = staff.get(&format!("{PATH}?active=false")).await.expect(200);
    assert_eq!(values_of(&retired_class_types, "name"), ["Salsa"]);
    let active_class_types = staff.get(&format!("{PATH}?active=true")).await.expect(200);
    assert_eq!(active_class_types["items"], json!([]));
    let change = json!({ "id": salsa.class_type, "isActive": true });
    staff.patch(PATH, change).await.expect(200);
    get_ok(&visitor, &details_path).await;
    for (id, status) in [
        ("01a1fbec-f5a7-774d-993f-b6dedc6eb201", 404),
        ("salsa", 400),
        ("", 400),
    ] {
        staff
            .delete(&format!("{PATH}?id={id}"))
            .await
            .expect(status);
    }
}

#[tokio::test]
async fn every_change_is_logged_with_its_author_and_action() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let profile = staff.get("/api/auth/me").await.expect(200);
    let form = json!({ "name": "Salsa", "price": "18" });
    let class_type = staff.post(PATH, form.clone()).await.expect(201);
    let id = class_type["id"].as_str().unwrap();
    let change = json!({ "id": id, "price": "20" });
    staff.patch(PATH, change).await.expect(200);
    let path = format!("{PATH}?id={id}");
    for _ in 0..2 {
        staff.delete(&path).await.expect(200);
    }
    // A rejected change is not logged.
    staff.post(PATH, form).await.expect(409);
    let rows = app
        .sql(
            "select detail from security_events
            where kind = 'class_type_changed' and user_id is null order by created_at, id",
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
async fn a_change_that_cannot_be_logged_is_rolled_back() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    app.sql("alter table security_events add constraint reject_log_entry check (kind <> 'class_type_changed') not valid")
        .await;
    let form = json!({ "name": "Salsa", "price": "18" });
    staff.post(PATH, form).await.expect(500);
    assert_eq!(app.count("select count(*) from class_types").await, 0);
}
