//! The characters that names, titles and other texts may contain.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, TestApp, TestClient};

/// Names that are invisible, or that change how the text around them is displayed.
const DECEPTIVE_NAMES: [&str; 10] = [
    "\u{200b}",
    "\u{3164}",
    "\u{115f}\u{1160}",
    "\u{2800}",
    "\u{301}",
    "Ana\u{202e}seyeR",
    "Ana\u{2067}Reyes",
    "Ana\u{e0041}\u{e007f}",
    "Ana\u{f8ff}",
    "A\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}",
];

/// A form with a name. `path` is the path of the request, and `field` is the name of the field in
/// the details of an error.
struct NameField {
    method: Method,
    path: &'static str,
    field: &'static str,
    form: Value,
}

impl NameField {
    fn new(method: Method, path: &'static str, field: &'static str, form: Value) -> Self {
        Self {
            method,
            path,
            field,
            form,
        }
    }

    async fn send(&self, client: &TestClient, name: &str) -> crate::harness::TestResponse {
        let mut form = self.form.clone();
        let pointer = format!("/{}", self.field.replace('.', "/"));
        *form.pointer_mut(&pointer).unwrap() = json!(name);
        client
            .send(client.request(self.method.clone(), self.path).json(&form))
            .await
    }
}

/// Returns fields for names, titles and subjects, each with a form that contains it.
async fn name_fields(app: &TestApp, staff: &TestClient) -> Vec<NameField> {
    let class_type = json!({ "name": "Salsa", "price": "20" });
    let salsa = staff
        .post("/api/admin/classes", class_type)
        .await
        .expect(201);
    let instructor = staff
        .post("/api/admin/instructors", json!({ "name": "Marisol" }))
        .await
        .expect(201);
    let date = (app.app.clock().now() + TimeDelta::days(3)).date_naive();
    let occurrence = json!({ "occurrence": {
        "classTypeId": salsa["id"], "instructorId": instructor["id"], "date": date,
        "time": "19:00", "room": "Blue", "title": "Rueda",
    }});
    let registration = json!({ "email": "eva@example.com", "password": PASSWORD, "firstName": "Eva", "lastName": "Reyes",
        "emergencyContactName": "Luis" });
    let full_name =
        json!({ "email": "eva@example.com", "password": PASSWORD, "name": "Eva Reyes" });
    let contact =
        json!({ "name": "Eva", "email": "eva@example.com", "subject": "Hola", "message": "Hola" });
    let (post, patch) = (Method::POST, Method::PATCH);
    let (register, me) = ("/api/auth/register", "/api/auth/me");
    vec![
        NameField::new(post.clone(), register, "firstName", registration.clone()),
        NameField::new(post.clone(), register, "emergencyContactName", registration),
        NameField::new(post.clone(), register, "name", full_name),
        NameField::new(patch.clone(), me, "firstName", json!({ "firstName": "" })),
        NameField::new(
            patch.clone(),
            me,
            "emergencyContactName",
            json!({ "emergencyContactName": "" }),
        ),
        NameField::new(
            post.clone(),
            "/api/admin/instructors",
            "name",
            json!({ "name": "" }),
        ),
        NameField::new(
            patch.clone(),
            "/api/admin/instructors",
            "name",
            json!({ "id": instructor["id"], "name": "" }),
        ),
        NameField::new(
            post.clone(),
            "/api/admin/classes",
            "name",
            json!({ "name": "", "price": "20" }),
        ),
        NameField::new(
            patch,
            "/api/admin/classes",
            "name",
            json!({ "id": salsa["id"], "name": "" }),
        ),
        NameField::new(
            post.clone(),
            "/api/admin/schedule",
            "occurrence.title",
            occurrence.clone(),
        ),
        NameField::new(
            post.clone(),
            "/api/admin/schedule",
            "occurrence.room",
            occurrence,
        ),
        NameField::new(
            post.clone(),
            "/api/admin/apps",
            "name",
            json!({ "name": "", "allowedOrigins": [] }),
        ),
        NameField::new(
            post.clone(),
            "/api/admin/accounts",
            "name",
            json!({ "name": "", "slug": "casa" }),
        ),
        NameField::new(post.clone(), "/api/contact/submit", "name", contact.clone()),
        NameField::new(post, "/api/contact/submit", "subject", contact),
    ]
}

#[tokio::test]
async fn invisible_and_deceptive_names_are_rejected() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    for field in name_fields(&app, &admin).await {
        for name in DECEPTIVE_NAMES {
            let response = field.send(&admin, name).await;
            let rejected = response.expect_code(400, "validation_failed");
            let problem = &rejected["details"][field.field];
            assert!(problem.is_array(), "{} {name:?}: {rejected}", field.path);
        }
    }
}

#[tokio::test]
async fn invisible_characters_without_a_meaning_are_removed_from_names() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for (sent, stored) in [
        ("\u{feff}Ana\u{200b}", "Ana"),
        ("A\u{ad}na\u{200e}", "Ana"),
        ("Jose\u{301}", "José"),
        ("علی\u{200c}رضا", "علی\u{200c}رضا"),
        ("\u{200c}Ana\u{200d}", "Ana"),
        ("Анна Li", "Анна Li"),
        ("Ana 👩\u{200d}🎤", "Ana 👩\u{200d}🎤"),
    ] {
        let profile = ana
            .patch("/api/auth/me", json!({ "firstName": sent }))
            .await
            .expect(200);
        assert_eq!(profile["firstName"], stored, "{sent:?}");
    }
    // A full name is split after its first visible word.
    let form = json!({ "email": "luz@example.com", "password": PASSWORD, "name": "\u{200b} Luz  de la Vega\u{200b}" });
    let body = app
        .visitor()
        .post("/api/auth/register", form)
        .await
        .expect(201);
    assert_eq!(body["user"]["firstName"], "Luz");
    assert_eq!(body["user"]["lastName"], "de la Vega");
}

#[tokio::test]
async fn multi_line_texts_keep_their_line_breaks_and_follow_the_same_rules() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let biography = |bio: &str| json!({ "name": "Marisol", "bio": bio });
    let created = staff
        .post(
            "/api/admin/instructors",
            biography("Uno.\r\n\r\n\tDos.\u{200b}"),
        )
        .await;
    assert_eq!(created.expect(201)["bio"], "Uno.\n\n\tDos.");
    for text in [
        "Uno\u{202e}.",
        "\u{2800}",
        "Uno\u{7}.",
        "\u{3164}\n\u{3164}",
    ] {
        let rejected = staff.post("/api/admin/instructors", biography(text)).await;
        let rejected = rejected.expect_code(400, "validation_failed");
        assert!(rejected["details"]["bio"].is_array(), "{text:?} {rejected}");
        let notes = json!({ "medicalConditions": text });
        ana.patch("/api/auth/me", notes)
            .await
            .expect_code(400, "validation_failed");
        let contact = json!({ "name": "Eva", "email": "eva@example.com", "subject": "Hola", "message": text });
        let rejected = app.visitor().post("/api/contact/submit", contact).await;
        rejected.expect_code(400, "validation_failed");
    }
}
