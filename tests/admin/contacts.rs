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
async fn processing_a_message_records_the_author_and_time_and_can_be_undone() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    add_messages(&app, 3).await;
    let open_messages = staff
        .get(&format!("{PATH}?processed=false"))
        .await
        .expect(200);
    let id = &open_messages["items"][0]["id"];
    let change = |processed: bool| json!({ "id": id, "processed": processed });
    let message = staff.patch(PATH, change(true)).await.expect(200);
    assert_eq!(message["processed"], true);
    assert!(message["processedAt"].is_string());
    let profile = staff.get("/api/auth/me").await.expect(200);
    assert_eq!(message["processedBy"], profile["id"]);
    // A second call does not change the message.
    let admin = app.admin("admin").await;
    let unchanged_message = admin.patch(PATH, change(true)).await.expect(200);
    assert_eq!(unchanged_message, message);
    let processed_messages = staff
        .get(&format!("{PATH}?processed=true"))
        .await
        .expect(200);
    assert_eq!(processed_messages["items"], json!([message]));
    let open_messages = staff
        .get(&format!("{PATH}?processed=false"))
        .await
        .expect(200);
    assert_eq!(open_messages["items"].as_array().unwrap().len(), 2);
    let reopened_message = staff.patch(PATH, change(false)).await.expect(200);
    assert!(reopened_message["processedAt"].is_null() && reopened_message["processedBy"].is_null());
    let events = app
        .sql("select detail from security_events where kind = 'contact_processed' order by created_at")
        .await;
    let details: Vec<Value> = events.iter().map(|row| row.get(0)).collect();
    let log_entry =
        |processed| json!({ "by": profile["id"], "submissionId": id, "processed": processed });
    assert_eq!(details, [log_entry(true), log_entry(false)]);
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
    let unknown_message = json!({ "id": uuid::Uuid::nil(), "processed": true });
    staff
        .patch(PATH, unknown_message)
        .await
        .expect_code(404, "not_found");
}
