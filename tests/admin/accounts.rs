//! `api/admin/accounts.rs`: organizations that members act for.

use serde_json::{Value, json};

use crate::harness::TestApp;

const PATH: &str = "/api/admin/accounts";

#[tokio::test]
async fn the_members_of_an_organization_can_be_added_changed_and_removed() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let (ana, leo) = (app.member("ana").await, app.member("leo").await);
    let (ana_id, leo_id) = (ana.user_id().await, leo.user_id().await);
    let form = json!({
        "name": " Casa Latina ",
        "slug": "casa",
        "members": [{ "userId": ana_id, "role": "owner" }],
    });
    let account = admin.post(PATH, form).await.expect(201);
    assert_eq!(account["name"], "Casa Latina");
    assert_eq!(account["members"][0]["email"], "ana@example.com");
    assert_eq!(account["members"][0]["role"], "owner");

    let members =
        json!([{ "userId": ana_id, "role": "member" }, { "userId": leo_id, "role": "admin" }]);
    let change = json!({ "id": account["id"], "slug": "casa-latina", "members": members });
    let changed_account = admin.patch(PATH, change).await.expect(200);
    assert_eq!(changed_account["name"], "Casa Latina");
    assert_eq!(changed_account["slug"], "casa-latina");
    let roles: Vec<_> = changed_account["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| (&member["userId"], &member["role"]))
        .collect();
    assert_eq!(
        roles,
        [(&ana_id, &json!("member")), (&leo_id, &json!("admin"))]
    );

    let change = json!({ "id": account["id"], "members": [{ "userId": ana_id, "role": null }] });
    let changed_account = admin.patch(PATH, change).await.expect(200);
    assert_eq!(changed_account["members"].as_array().unwrap().len(), 1);
    let list = admin.get(PATH).await.expect(200);
    assert_eq!(list["items"], json!([changed_account]));
    let log_entries = "select count(*) from security_events where kind = 'partner_account_changed'";
    assert_eq!(app.count(log_entries).await, 3);
}

#[tokio::test]
async fn invalid_changes_are_rejected_as_a_whole() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let admin_id = admin.user_id().await;
    let unknown_user = "00000000-0000-4000-8000-000000000000";
    let member = |id: &Value| json!({ "userId": id, "role": "member" });
    for (field, invalid_form) in [
        ("name", json!({ "name": " ", "slug": "x" })),
        ("slug", json!({ "name": "x", "slug": "Casa Latina" })),
        (
            "members",
            json!({ "name": "x", "slug": "x", "members": [member(&json!(unknown_user))] }),
        ),
        (
            "members",
            json!({ "name": "x", "slug": "x", "members": [member(&admin_id), member(&admin_id)] }),
        ),
    ] {
        let rejected = admin.post(PATH, invalid_form).await.expect(400);
        assert!(rejected["details"][field].is_array(), "{rejected}");
    }
    assert_eq!(app.count("select count(*) from accounts").await, 0);
    let form = json!({ "name": "x", "slug": "x" });
    let account = admin.post(PATH, form.clone()).await.expect(201);
    admin.post(PATH, form).await.expect_code(409, "slug_taken");
    let change = json!({ "id": unknown_user, "name": "y" });
    admin.patch(PATH, change).await.expect(404);

    app.sql(&format!(
        "with added as (
            insert into users (id, email, first_name, last_name)
            select id, id || '@example.com', 'Ana', ''
            from (select gen_random_uuid() as id from generate_series(1, 100)) ids returning id
        )
        insert into account_members (account_id, user_id, role)
        select '{}', id, 'member' from added",
        account["id"].as_str().unwrap()
    ))
    .await;
    let change = json!({ "id": account["id"], "members": [member(&admin_id)] });
    let rejected = admin.patch(PATH, change).await;
    rejected.expect_code(409, "account_full");
    let member_rows = "select count(*) from account_members";
    assert_eq!(app.count(member_rows).await, 100);
}
