//! `api/auth/session.rs`

use serde_json::json;

use crate::harness::TestApp;

#[tokio::test]
async fn a_page_may_ask_who_is_signed_in_without_an_error_for_a_visitor() {
    let app = TestApp::start().await;
    let nobody = json!({ "user": null, "session": null });
    let optional = "/api/auth/session?optional=true";
    let visitor = app.visitor();
    assert_eq!(visitor.get(optional).await.expect(200), nobody);
    for path in ["/api/auth/session", "/api/auth/session?optional=false"] {
        visitor.get(path).await.expect_code(401, "not_signed_in");
    }
    let response = visitor.get("/api/auth/session?optional=perhaps").await;
    response.expect_code(400, "validation_failed");

    let ana = app.member("ana").await;
    let session = ana.get(optional).await.expect(200);
    assert_eq!(session, ana.get("/api/auth/session").await.expect(200));
    assert_eq!(session["user"]["firstName"], "ana");
    ana.post("/api/auth/logout", json!({})).await.expect(200);
    assert_eq!(ana.get(optional).await.expect(200), nobody);
}
