//! `STUDIO_NAME` changes the studio's name in calendars, authenticators, password
//! rules, and e-mails.

use serde_json::json;

use crate::bookings::book;
use crate::harness::{MailServer, PASSWORD, Settings, TestApp};

#[tokio::test]
async fn the_studio_name_appears_in_calendars_authenticators_and_password_rules() {
    let settings = Settings::default().with("STUDIO_NAME", "Casa Ritmo");
    let app = TestApp::start_with(settings).await;
    let ana = app.member("ana").await;
    let created = ana.post("/api/calendar/token", json!({})).await.expect(201);
    let path = format!("/api/calendar?token={}", created["token"].as_str().unwrap());
    let feed = app.visitor().get(&path).await;
    assert!(
        feed.text.contains("X-WR-CALNAME:Casa Ritmo\r\n"),
        "{}",
        feed.text
    );
    let form = json!({ "currentPassword": PASSWORD });
    let enrollment = ana.post("/api/auth/two-factor", form).await.expect(200);
    let uri = enrollment["otpauthUri"].as_str().unwrap();
    assert!(uri.contains("issuer=Casa%20Ritmo"), "{uri}");
    for (password, status) in [("Casa-Ritmo 2026", 400), ("Sabor con Flow", 201)] {
        let form = json!({ "email": "ben@example.com", "password": password, "name": "Ben" });
        let response = app.visitor().post("/api/auth/register", form).await;
        assert_eq!(response.status, status, "{password}");
    }
}

#[tokio::test]
async fn the_studio_name_appears_in_emails() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let settings = server.settings().with("STUDIO_NAME", "Casa Ritmo");
    let app = TestApp::start_with(settings).await;
    let class = app.create_class(3).await;
    book(&app.member("ana").await, class).await.expect(201);
    let mail = &server.wait_for_mails(1).await[0];
    for part in ["text", "html"] {
        let content = mail[part].as_str().unwrap();
        assert!(content.contains("Casa Ritmo"), "{content}");
        assert!(!content.contains("Sabor con Flow"), "{content}");
    }
}
