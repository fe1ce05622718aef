//! `api/contact/submit.rs`

use serde_json::{Value, json};

use crate::harness::{MailServer, Settings, TestApp};

const PATH: &str = "/api/contact/submit";

fn message() -> Value {
    json!({
        "name": "Nadia Flores",
        "email": "Nadia@Example.com",
        "phone": "+1 720 555 0101",
        "subject": "Private lessons",
        "message": "Hola,\n\ndo you teach bachata for two?",
    })
}

fn message_with(field: &str, value: Value) -> Value {
    let mut message = message();
    message[field] = value;
    message
}

#[tokio::test]
async fn a_message_is_stored_with_its_sender_and_ip_address() {
    let app = TestApp::start().await;
    let response = app.visitor().post(PATH, message()).await.expect(201);
    assert_eq!(response["success"], true);
    let rows = app
        .sql("select id::text, name, email, phone, subject, message, host(ip_address), is_processed from contact_submissions")
        .await;
    assert_eq!(rows.len(), 1);
    let text = |column: usize| rows[0].get::<_, String>(column);
    assert_eq!(response["id"], text(0));
    assert_eq!(text(1), "Nadia Flores");
    assert_eq!(text(2), "nadia@example.com");
    assert_eq!(text(3), "+1 720 555 0101");
    assert_eq!(text(4), "Private lessons");
    assert_eq!(text(5), "Hola,\n\ndo you teach bachata for two?");
    assert!(text(6).starts_with("198.18."));
    assert!(!rows[0].get::<_, bool>(7));
    // No recipient is configured.
    assert_eq!(app.count("select count(*) from mail_outbox").await, 0);
}

#[tokio::test]
async fn all_invalid_fields_are_reported_at_once() {
    let app = TestApp::start().await;
    let invalid_message =
        json!({ "name": " ", "email": "x", "subject": "a\nb", "message": " \n " });
    let body = app
        .visitor()
        .post(PATH, invalid_message)
        .await
        .expect_code(400, "validation_failed");
    let fields: Vec<_> = body["details"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["email", "message", "name", "subject"]);
    let long_message = message_with("message", json!("x".repeat(5_001)));
    app.visitor().post(PATH, long_message).await.expect(400);
}

#[tokio::test]
async fn a_message_with_a_filled_honeypot_is_dropped_with_the_usual_response() {
    let app = TestApp::start().await;
    let usual_response = app.visitor().post(PATH, message()).await;
    let spam = message_with("website", json!("https://casino.example"));
    let spam_response = app.visitor().post(PATH, spam).await;
    let shape = |response: &crate::harness::TestResponse| {
        let body = response.expect(201);
        let names: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
        let id = body["id"].as_str().unwrap();
        // The digit after the second hyphen of a UUID is its version.
        let id_format = (id.len(), id.as_bytes()[14]);
        (response.status, names, id_format, body["success"].clone())
    };
    assert_eq!(shape(&usual_response), shape(&spam_response));
    let stored_count = app.count("select count(*) from contact_submissions").await;
    assert_eq!(stored_count, 1);
    // An empty honeypot field is accepted.
    let with_empty_honeypot = message_with("website", json!(""));
    app.visitor()
        .post(PATH, with_empty_honeypot)
        .await
        .expect(201);
    let stored_count = app.count("select count(*) from contact_submissions").await;
    assert_eq!(stored_count, 2);
}

#[tokio::test]
async fn an_ip_address_can_send_ten_messages_an_hour() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    for number in 0..10 {
        let message = message_with("email", json!(format!("n{number}@example.com")));
        visitor.post(PATH, message).await.expect(201);
    }
    let response = visitor.post(PATH, message()).await;
    response.expect_code(429, "too_many_requests");
    assert!(response.header("retry-after").is_some());
    app.visitor().post(PATH, message()).await.expect(201);
}

#[tokio::test]
async fn an_email_address_can_send_five_messages_an_hour() {
    let app = TestApp::start().await;
    for _ in 0..5 {
        app.visitor().post(PATH, message()).await.expect(201);
    }
    let same_address = message_with("email", json!("NADIA@example.com"));
    app.visitor().post(PATH, same_address).await.expect(429);
}

#[tokio::test]
async fn the_studio_receives_the_message_and_replies_go_to_the_visitor() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let name = "<script>alert('x')</script>";
    let message = message_with("name", json!(name));
    app.visitor().post(PATH, message).await.expect(201);
    let mail = &server.wait_for_mails(1).await[0];
    assert_eq!(mail["to"], json!(["studio@sabor.example"]));
    assert_eq!(mail["headers"]["subject"], "Contact: Private lessons");
    let reply_to = mail["headers"]["reply-to"].as_str().unwrap();
    assert!(reply_to.ends_with("<nadia@example.com>"), "{reply_to}");
    assert!(mail["text"].as_str().unwrap().contains(name));
    let html = mail["html"].as_str().unwrap();
    assert!(!html.contains("<script"), "{html}");
    assert!(html.contains("&#60;script&#62;"), "{html}");
    assert!(html.contains("do you teach bachata for two?"));
}

#[tokio::test]
async fn without_a_mail_server_the_message_waits_in_the_outbox() {
    let settings = Settings::default().with("CONTACT_TO", "studio@sabor.example");
    let app = TestApp::start_with(settings).await;
    app.visitor().post(PATH, message()).await.expect(201);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let outcome = sabor::notify::mail::send_due(&app.app, deadline)
        .await
        .unwrap();
    assert!(outcome.remaining && outcome.sent == 0 && outcome.failed == 0);
    let waiting_mails = "select count(*) from mail_outbox where sent_at is null and attempts = 0";
    assert_eq!(app.count(waiting_mails).await, 1);
}
