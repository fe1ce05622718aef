//! `api/admin/contacts.rs`

use serde_json::{Value, json};

use crate::harness::TestApp;

const PATH: &str = "/api/admin/contacts";

async fn add_messages(app: &TestApp, count: u32) {
    app.sql(&format!(
        "insert into contact_submissions (id, name, email, subject, message, created_at)
        select gen_random_uuid(), 'N' || n, 'n@example.com', 'S' || n, 'M',
            now() - n * interval '1 minute'
        from generate_series(1, {count}) n"
    ))
    .await;
}

#[tokio::test]
async fn staff_page_through_messages_newest_first() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    add_messages(&app, 5).await;
    let messages = staff.get_all(&format!("{PATH}?limit=2")).await;
    let subjects: Vec<_> = messages.iter().map(|message| &message["subject"]).collect();
    assert_eq!(subjects, ["S1", "S2", "S3", "S4", "S5"]);
}

#[tokio::test]
async fn a_processed_message_records_who_and_when_and_can_be_reopened() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    add_messages(&app, 3).await;
    let open = staff
        .get(&format!("{PATH}?processed=false"))
        .await
        .expect(200);
    let id = &open["items"][0]["id"];
    let note = |processed: bool| json!({ "id": id, "processed": processed });
    let logged = staff.patch(PATH, note(true)).await.expect(200);
    assert_eq!(logged["processed"], true);
    assert!(logged["processedAt"].is_string());
    let me = staff.get("/api/auth/me").await.expect(200);
    assert_eq!(logged["processedBy"], me["id"]);
    // Processing it again changes nothing.
    let admin = app.admin("admin").await;
    let again = admin.patch(PATH, note(true)).await.expect(200);
    assert_eq!(again, logged);
    let done = staff
        .get(&format!("{PATH}?processed=true"))
        .await
        .expect(200);
    assert_eq!(done["items"], json!([logged]));
    let open = staff
        .get(&format!("{PATH}?processed=false"))
        .await
        .expect(200);
    assert_eq!(open["items"].as_array().unwrap().len(), 2);
    let back = staff.patch(PATH, note(false)).await.expect(200);
    assert!(back["processedAt"].is_null() && back["processedBy"].is_null());
    let events = app
        .sql("select detail from security_events where kind = 'contact_processed' order by created_at")
        .await;
    let details: Vec<Value> = events.iter().map(|row| row.get(0)).collect();
    let me = staff.get("/api/auth/me").await.expect(200)["id"].clone();
    let logged = |processed| json!({ "by": me, "submissionId": id, "processed": processed });
    assert_eq!(details, [logged(true), logged(false)]);
}

#[tokio::test]
async fn invalid_filters_and_unknown_messages_are_rejected() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    for query in ["processed=yes", "processed=1", "limit=0", "cursor=x"] {
        let response = staff.get(&format!("{PATH}?{query}")).await;
        let body = response.expect_code(400, "validation_failed");
        let field = query.split('=').next().unwrap();
        assert!(body["details"][field].is_array(), "{query}");
    }
    let unknown = json!({ "id": uuid::Uuid::nil(), "processed": true });
    staff
        .patch(PATH, unknown)
        .await
        .expect_code(404, "not_found");
}
