//! `api/admin/apps.rs`

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{TestApp, TestClient};

const PATH: &str = "/api/admin/apps";

/// Returns whether the API accepts this secret of a partner application. The token does not
/// exist, so the status is always 401. The code shows whether the secret was accepted.
async fn is_accepted(client: &TestClient, name: &str, secret: &Value) -> bool {
    let request = client.request(Method::POST, "/api/cross-app/validate");
    let request = request.basic_auth(name, secret.as_str());
    let body = json!({ "token": "00".repeat(32) });
    let response = client.send(request.json(&body)).await.expect(401);
    match response["code"].as_str().unwrap() {
        "token_ended" => true,
        "unknown_application" => false,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_secret_is_shown_once_and_stored_as_a_hash() {
    let app = TestApp::start().await;
    let (admin, partner_server) = (app.admin("admin").await, app.visitor());
    let form = json!({
        "name": "ticket-shop",
        "allowedOrigins": ["https://Shop.example/", "https://shop.example", "http://localhost:4000"],
    });
    let partner_app = admin.post(PATH, form).await.expect(201);
    let secret = &partner_app["secret"];
    assert_eq!(
        partner_app["allowedOrigins"],
        json!(["http://localhost:4000", "https://shop.example"])
    );
    assert_eq!(partner_app["singleUse"], true);
    assert_eq!(partner_app["isActive"], true);
    assert!(is_accepted(&partner_server, "ticket-shop", secret).await);
    let list = admin.get(PATH).await;
    assert!(!list.text.contains("ecret"));
    assert_eq!(list.expect(200)["items"][0]["id"], partner_app["id"]);
    let secret = secret.as_str().unwrap();
    let plaintext_rows =
        format!("select count(*) from apps a where strpos(to_jsonb(a)::text, '{secret}') > 0");
    assert_eq!(app.count(&plaintext_rows).await, 0);
    let events_without_secret = format!(
        "select count(*) from security_events where kind = 'partner_app_changed'
            and strpos(detail::text, '{secret}') = 0"
    );
    assert_eq!(app.count(&events_without_secret).await, 1);
}

#[tokio::test]
async fn both_secrets_work_during_a_rotation() {
    let app = TestApp::start().await;
    let (admin, partner_server) = (app.admin("admin").await, app.visitor());
    let form = json!({ "name": "shop", "allowedOrigins": [] });
    let partner_app = admin.post(PATH, form).await.expect(201);
    let first_secret = partner_app["secret"].clone();
    let change = async |fields: Value| {
        let mut form = json!({ "id": partner_app["id"] });
        for (name, value) in fields.as_object().unwrap() {
            form[name] = value.clone();
        }
        admin.patch(PATH, form).await.expect(200)
    };
    let rotated_app = change(json!({ "rotateSecret": true })).await;
    let second_secret = rotated_app["secret"].clone();
    assert_eq!(rotated_app["isRotating"], true);
    assert!(is_accepted(&partner_server, "shop", &first_secret).await);
    assert!(is_accepted(&partner_server, "shop", &second_secret).await);

    let app_after_rotation = change(json!({ "endRotation": true })).await;
    assert_eq!(app_after_rotation["secret"], json!(null));
    assert_eq!(app_after_rotation["isRotating"], false);
    assert!(!is_accepted(&partner_server, "shop", &first_secret).await);
    assert!(is_accepted(&partner_server, "shop", &second_secret).await);

    // One call can replace a leaked secret and revoke it.
    let replaced_app = change(json!({ "rotateSecret": true, "endRotation": true })).await;
    assert!(!is_accepted(&partner_server, "shop", &second_secret).await);
    assert!(is_accepted(&partner_server, "shop", &replaced_app["secret"]).await);

    // A rotation is rejected while another one has not ended, since it would revoke a secret
    // in use.
    let rotated_again = change(json!({ "rotateSecret": true })).await;
    let second_rotation = json!({ "id": partner_app["id"], "rotateSecret": true });
    admin
        .patch(PATH, second_rotation)
        .await
        .expect_code(409, "rotating");
    for secret in [&replaced_app["secret"], &rotated_again["secret"]] {
        assert!(is_accepted(&partner_server, "shop", secret).await);
    }

    change(json!({ "isActive": false })).await;
    assert!(!is_accepted(&partner_server, "shop", &rotated_again["secret"]).await);
}

#[tokio::test]
async fn omitted_fields_keep_their_value_and_invalid_ones_are_rejected() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let form =
        json!({ "name": "shop", "allowedOrigins": ["https://a.example"], "singleUse": false });
    let partner_app = admin.post(PATH, form.clone()).await.expect(201);
    admin.post(PATH, form).await.expect_code(409, "name_taken");
    let change = json!({ "id": partner_app["id"], "allowedOrigins": ["https://b.example"] });
    let changed_app = admin.patch(PATH, change).await.expect(200);
    assert_eq!(changed_app["singleUse"], false);
    assert_eq!(changed_app["allowedOrigins"], json!(["https://b.example"]));
    for (field, invalid_form) in [
        (
            "name",
            json!({ "name": "Ticket Shop", "allowedOrigins": [] }),
        ),
        ("name", json!({ "name": "a:b", "allowedOrigins": [] })),
        (
            "allowedOrigins",
            json!({ "name": "x", "allowedOrigins": ["http://shop.example"] }),
        ),
        (
            "allowedOrigins",
            json!({ "name": "x", "allowedOrigins": ["https://*.example"] }),
        ),
        (
            "allowedOrigins",
            json!({ "name": "x", "allowedOrigins": vec!["https://a.example"; 21] }),
        ),
    ] {
        let rejected = admin.post(PATH, invalid_form).await.expect(400);
        assert!(rejected["details"][field].is_array(), "{rejected}");
    }
    let unknown_app = json!({ "id": "00000000-0000-4000-8000-000000000000" });
    admin.patch(PATH, unknown_app).await.expect(404);
}

#[tokio::test]
async fn a_former_administrator_cannot_register_partner_apps_or_organizations() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    assert!(admin.is_signed_in().await);
    app.wait_for_session_records(1).await;
    // Direct SQL leaves the old role in the session record in Redis.
    app.sql("update users set is_admin = false, is_staff = true")
        .await;
    let form = json!({ "name": "shop", "allowedOrigins": [] });
    admin.post(PATH, form).await.expect_code(403, "forbidden");
    let form = json!({ "name": "Casa", "slug": "casa" });
    admin
        .post("/api/admin/accounts", form)
        .await
        .expect_code(403, "forbidden");
    assert_eq!(app.count("select count(*) from apps").await, 0);
    assert_eq!(app.count("select count(*) from accounts").await, 0);
}
