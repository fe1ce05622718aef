//! `api/admin/security-events.rs`

use reqwest::Method;
use serde_json::{Value, json};

use crate::conventions::described_values;
use crate::harness::{PASSWORD, TestApp, TestClient, wait_until};

/// Returns the kinds of the events on a page, newest first.
async fn event_kinds(admin: &TestClient, query: &str) -> Vec<String> {
    let path = format!("/api/admin/security-events?{query}");
    let page = admin.get(&path).await.expect(200);
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|event| event["kind"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn events_are_found_by_kind_member_and_ip_address() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let ana = app.member("ana").await;
    let attacker = app.visitor();
    attacker
        .sign_in("ana@example.com", "guess")
        .await
        .expect(401);
    let form = json!({ "currentPassword": PASSWORD, "newPassword": "otra contraseña larga" });
    ana.post("/api/auth/change-password", form)
        .await
        .expect(200);
    let failed_sign_ins = "select count(*) from security_events where kind = 'sign_in_failed'";
    wait_until(async || app.count(failed_sign_ins).await == 1).await;

    let page = admin
        .get("/api/admin/security-events?kind=sign_in_failed")
        .await
        .expect(200);
    let [failed_sign_in] = &page["items"].as_array().unwrap()[..] else {
        panic!("{page}");
    };
    assert_eq!(failed_sign_in["email"], "ana@example.com");
    let address = failed_sign_in["ip"].as_str().unwrap();
    assert_eq!(
        event_kinds(&admin, &format!("ip={address}")).await,
        ["sign_in_failed"]
    );
    let id = failed_sign_in["userId"].as_str().unwrap();
    let kinds_of_ana = event_kinds(&admin, &format!("userId={id}")).await;
    assert_eq!(kinds_of_ana.len(), 3, "{kinds_of_ana:?}");
    for kind in ["signed_up", "sign_in_failed", "password_changed"] {
        assert!(
            kinds_of_ana.iter().any(|logged_kind| logged_kind == kind),
            "{kinds_of_ana:?}"
        );
    }
    // No password is logged.
    let all_events = admin.get("/api/admin/security-events").await.text;
    assert!(!all_events.contains(PASSWORD) && !all_events.contains("guess"));
    ana.get("/api/admin/security-events")
        .await
        .expect_code(403, "forbidden");
}

#[tokio::test]
async fn paging_returns_every_event_once() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    app.sql(
        "insert into security_events (id, kind, created_at)
        select gen_random_uuid(), 'signed_in', now() - interval '1 hour'
        from generate_series(1, 7)",
    )
    .await;
    let path = "/api/admin/security-events?kind=signed_in&limit=3";
    let events = admin.get_all(path).await;
    let mut event_ids: Vec<Value> = events.iter().map(|event| event["id"].clone()).collect();
    // The seven inserted events and the administrator's own sign-in.
    assert_eq!(event_ids.len(), 8);
    event_ids.sort_by_key(Value::to_string);
    event_ids.dedup();
    assert_eq!(event_ids.len(), 8);
}

#[tokio::test]
async fn returned_kinds_are_described_and_every_described_kind_is_accepted() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let ana = app.member("ana").await;
    app.visitor()
        .sign_in("ana@example.com", "guess")
        .await
        .expect(401);
    let request = ana.request(Method::POST, "/api/calendar/token");
    ana.send(request).await.expect(201);
    ana.post("/api/auth/logout", json!({})).await.expect(200);
    let count = "select count(distinct kind) from security_events";
    wait_until(async || app.count(count).await >= 5).await;
    let described = described_values("SecurityEventKind");
    for event in admin.get_all("/api/admin/security-events").await {
        assert!(
            described.contains(event["kind"].as_str().unwrap()),
            "{event}"
        );
    }
    for kind in &described {
        event_kinds(&admin, &format!("kind={kind}")).await;
    }
    assert!(described.len() > 40, "{described:?}");
}

#[tokio::test]
async fn invalid_filters_are_rejected_by_name() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    for (name, value) in [("kind", "nonsense"), ("userId", "7"), ("ip", "localhost")] {
        let path = format!("/api/admin/security-events?{name}={value}");
        let body = admin.get(&path).await.expect_code(400, "validation_failed");
        assert!(body["details"][name].is_array(), "{body}");
    }
}
