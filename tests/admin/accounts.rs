//! `api/admin/accounts.rs`

use serde_json::{Value, json};

use crate::harness::TestApp;

const ACCOUNTS: &str = "/api/admin/accounts";

#[tokio::test]
async fn account_members_can_be_added_changed_and_removed() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let (ana, leo) = (app.member("ana").await, app.member("leo").await);
    let (ana, leo) = (ana.user_id().await, leo.user_id().await);
    let form = json!({
        "name": " Casa Latina ",
        "slug": "casa",
        "members": [{ "userId": ana, "role": "owner" }],
    });
    let made = admin.post(ACCOUNTS, form).await.expect(201);
    assert_eq!(made["name"], "Casa Latina");
    assert_eq!(made["members"][0]["email"], "ana@example.com");
    assert_eq!(made["members"][0]["role"], "owner");

    let seats = json!([{ "userId": ana, "role": "member" }, { "userId": leo, "role": "admin" }]);
    let change = json!({ "id": made["id"], "slug": "casa-latina", "members": seats });
    let changed = admin.patch(ACCOUNTS, change).await.expect(200);
    assert_eq!(changed["name"], "Casa Latina");
    assert_eq!(changed["slug"], "casa-latina");
    let roles = changed["members"].as_array().unwrap();
    let roles: Vec<_> = roles
        .iter()
        .map(|seat| (&seat["userId"], &seat["role"]))
        .collect();
    assert_eq!(roles, [(&ana, &json!("member")), (&leo, &json!("admin"))]);

    let change = json!({ "id": made["id"], "members": [{ "userId": ana, "role": null }] });
    let changed = admin.patch(ACCOUNTS, change).await.expect(200);
    assert_eq!(changed["members"].as_array().unwrap().len(), 1);
    let listed = admin.get(ACCOUNTS).await.expect(200);
    assert_eq!(listed["items"], json!([changed]));
    let logged = "select count(*) from security_events where kind = 'partner_account_changed'";
    assert_eq!(app.count(logged).await, 3);
}

#[tokio::test]
async fn invalid_changes_are_rejected_as_a_whole() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let own = admin.user_id().await;
    let unknown_user = "00000000-0000-4000-8000-000000000000";
    let seat = |id: &Value| json!({ "userId": id, "role": "member" });
    for (field, bad) in [
        ("name", json!({ "name": " ", "slug": "x" })),
        ("slug", json!({ "name": "x", "slug": "Casa Latina" })),
        (
            "members",
            json!({ "name": "x", "slug": "x", "members": [seat(&json!(unknown_user))] }),
        ),
        (
            "members",
            json!({ "name": "x", "slug": "x", "members": [seat(&own), seat(&own)] }),
        ),
    ] {
        let rejected = admin.post(ACCOUNTS, bad).await.expect(400);
        assert!(rejected["details"][field].is_array(), "{rejected}");
    }
    assert_eq!(app.count("select count(*) from accounts").await, 0);
    let form = json!({ "name": "x", "slug": "x" });
    let made = admin.post(ACCOUNTS, form.clone()).await.expect(201);
    admin
        .post(ACCOUNTS, form)
        .await
        .expect_code(409, "slug_taken");
    let change = json!({ "id": unknown_user, "name": "y" });
    admin.patch(ACCOUNTS, change).await.expect(404);

    app.sql(&format!(
        "with added as (
            insert into users (id, email, first_name, last_name)
            select id, id || '@example.com', 'Ana', ''
            from (select gen_random_uuid() as id from generate_series(1, 100)) ids returning id
        )
        insert into account_members (account_id, user_id, role)
        select '{}', id, 'member' from added",
        made["id"].as_str().unwrap()
    ))
    .await;
    let change = json!({ "id": made["id"], "members": [seat(&own)] });
    let rejected = admin.patch(ACCOUNTS, change).await;
    rejected.expect_code(409, "account_full");
    let members = "select count(*) from account_members";
    assert_eq!(app.count(members).await, 100);
}
