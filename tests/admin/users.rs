//! `api/admin/users.rs`

use serde_json::{Value, json};

use crate::harness::{PASSWORD, TestApp, TestClient, TestResponse};

const PATH: &str = "/api/admin/users";

async fn update(admin: &TestClient, id: &Value, mut fields: Value) -> TestResponse {
    fields["id"] = id.clone();
    admin.patch(PATH, fields).await
}

/// Gives a role. This requires the administrator's password.
async fn give_role(admin: &TestClient, id: &Value, role: &str) -> TestResponse {
    update(
        admin,
        id,
        json!({ "role": role, "currentPassword": PASSWORD }),
    )
    .await
}

/// Returns the local parts of the e-mail addresses that a query finds, in order.
async fn search(admin: &TestClient, query: &str) -> Vec<String> {
    let response = admin.get(&format!("{PATH}?{query}")).await.expect(200);
    let users = response["items"].as_array().unwrap().iter();
    let local_part = |item: &Value| {
        item["email"]
            .as_str()
            .unwrap()
            .split('@')
            .next()
            .unwrap()
            .to_owned()
    };
    users.map(local_part).collect()
}

async fn insert_user(app: &TestApp, local_part: &str, first_name: &str, last_name: &str) {
    app.sql(&format!(
        "insert into users (id, email, first_name, last_name)
        values (gen_random_uuid(), '{local_part}@example.net', '{first_name}', '{last_name}')"
    ))
    .await;
}

#[tokio::test]
async fn members_are_found_by_any_part_of_their_email_or_name() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    insert_user(&app, "one", "Émilie", "Durand").await;
    insert_user(&app, "two", "José", "García López").await;
    insert_user(&app, "three_x", "100%", "Sure").await;
    for (text, local_parts) in [
        ("durand", &["one"][..]),
        ("DURAN", &["one"]),
        ("%C3%A9milie", &["one"]),
        ("%C3%89MIL", &["one"]),
        ("jos%C3%A9+garc%C3%ADa", &["two"]),
        ("L%C3%B3pez", &["two"]),
        ("example.net", &["three_x", "two", "one"]),
        ("e_x", &["three_x"]),
        ("%25", &["three_x"]),
        ("one%25net", &[]),
        ("%5C", &[]),
        ("%27;+drop+table+users;--", &[]),
    ] {
        assert_eq!(
            search(&admin, &format!("search={text}")).await,
            local_parts,
            "{text}"
        );
    }
    app.sql("update users set is_staff = true, is_active = false where email like 'two@%'")
        .await;
    assert_eq!(search(&admin, "role=staff").await, ["two"]);
    assert_eq!(search(&admin, "role=admin").await, ["admin"]);
    assert_eq!(search(&admin, "active=false").await, ["two"]);
    assert_eq!(
        search(&admin, "active=true&search=example.net").await,
        ["three_x", "one"]
    );
    assert_eq!(search(&admin, "search=").await.len(), 4);
    for (query, field) in [
        ("role=owner", "role"),
        ("active=yes", "active"),
        ("search=%00", "search"),
    ] {
        let rejected = admin.get(&format!("{PATH}?{query}")).await;
        let rejected = rejected.expect_code(400, "validation_failed");
        assert!(rejected["details"][field].is_array(), "{rejected}");
    }
}

#[tokio::test]
async fn members_are_found_without_accents_and_in_any_order_of_names() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    insert_user(&app, "one", "José", "  Núñez   García").await;
    insert_user(&app, "two", "Siobhán", "O’’Neill").await;
    insert_user(&app, "three", "Jürgen", "Groß").await;
    insert_user(&app, "four", "Łukasz", "Søndergård").await;
    insert_user(&app, "five", "Jose\u{301}", "Other").await;
    // The search also finds a name that has changed.
    app.sql("update users set last_name = 'O’Neill' where email = 'two@example.net'")
        .await;
    for (text, local_parts) in [
        ("jose", &["five", "one"][..]),
        ("JOSÉ", &["five", "one"]),
        ("Jose\u{301} nunez", &["one"]),
        ("Núñez José", &["one"]),
        ("garcia jose nunez", &["one"]),
        ("Núñez  García", &["one"]),
        ("nunez, jose", &[]),
        ("o'neill", &["two"]),
        ("O’Neill", &["two"]),
        ("o`neill siobhan", &["two"]),
        ("gross", &["three"]),
        ("GROẞ jurgen", &["three"]),
        ("lukasz sondergard", &["four"]),
        ("jose missing", &[]),
        // A full-width percent sign is no wildcard.
        ("\u{ff05}", &[]),
    ] {
        let query: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let found = search(&admin, &format!("search={query}")).await;
        assert_eq!(found, local_parts, "{text}");
    }
}

#[tokio::test]
async fn paging_returns_every_member_once() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    app.sql(
        "insert into users (id, email, first_name, last_name, created_at)
        select gen_random_uuid(), 'many' || n || '@example.net', 'Many', n::text,
            now() - interval '1 minute' * (n % 3)
        from generate_series(1, 250) n",
    )
    .await;
    let path = format!("{PATH}?limit=40&search=many");
    let first_page = admin.get(&path).await.expect(200);
    assert_eq!(first_page["items"].as_array().unwrap().len(), 40);
    let members = admin.get_all(&path).await;
    let mut emails: Vec<_> = members
        .iter()
        .map(|member| member["email"].to_string())
        .collect();
    assert_eq!(emails.len(), 250);
    emails.sort();
    emails.dedup();
    assert_eq!(emails.len(), 250);
}

#[tokio::test]
async fn a_new_role_applies_from_the_next_request() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let sofia = app.member("sofia").await;
    let id = sofia.user_id().await;
    sofia
        .get("/api/admin/dashboard")
        .await
        .expect_code(403, "forbidden");
    let changed_user = give_role(&admin, &id, "staff").await.expect(200);
    assert_eq!(
        (&changed_user["role"], &changed_user["isStaff"]),
        (&json!("staff"), &json!(true))
    );
    sofia.get("/api/admin/dashboard").await.expect(200);
    sofia.get(PATH).await.expect_code(403, "forbidden");
    give_role(&admin, &id, "admin").await.expect(200);
    sofia.get(PATH).await.expect(200);
    update(&admin, &id, json!({ "role": "member" }))
        .await
        .expect(200);
    sofia.get(PATH).await.expect_code(403, "forbidden");
    sofia
        .get("/api/admin/dashboard")
        .await
        .expect_code(403, "forbidden");
    assert!(sofia.is_signed_in().await);
}

#[tokio::test]
async fn giving_a_role_requires_the_password_and_renews_the_session() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let id = app.member("sofia").await.user_id().await;
    let copy = admin.copy();
    for role in ["staff", "admin"] {
        let body = update(&copy, &id, json!({ "role": role })).await;
        let body = body.expect_code(400, "validation_failed");
        assert_eq!(body["details"]["currentPassword"], json!(["is required"]));
        let guess = json!({ "role": role, "currentPassword": "guess" });
        let response = update(&copy, &id, guess).await;
        response.expect_code(403, "wrong_password");
        assert_eq!(response.header("set-cookie"), None);
    }
    let staff_users = "select count(*) from users where is_staff";
    assert_eq!(app.count(staff_users).await, 0);
    let response = give_role(&admin, &id, "staff").await;
    assert_eq!(response.expect(200)["accessToken"], json!(null));
    assert_eq!(app.count(staff_users).await, 1);
    assert!(admin.is_signed_in().await && !copy.is_signed_in().await);
    // Removing a role and other changes require no password.
    let cookie = admin.cookie();
    update(&admin, &id, json!({ "role": "member" }))
        .await
        .expect(200);
    update(&admin, &id, json!({ "endSessions": true }))
        .await
        .expect(200);
    assert_eq!(admin.cookie(), cookie);
}

#[tokio::test]
async fn administrators_cannot_change_their_own_role_or_deactivate_themselves() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let id = admin.user_id().await;
    for role in ["member", "staff", "admin"] {
        let response = update(&admin, &id, json!({ "role": role })).await;
        response.expect_code(403, "own_role");
    }
    let response = update(&admin, &id, json!({ "isActive": false })).await;
    response.expect_code(403, "own_account");
    update(&admin, &id, json!({ "isActive": true }))
        .await
        .expect(200);
    let unknown_id = json!("01a1fbec-f5a7-774d-993f-b6dedc6eb201");
    let response = give_role(&admin, &unknown_id, "staff").await;
    response.expect_code(404, "not_found");
    let response = update(&admin, &id, json!({ "role": "owner" })).await;
    response.expect_code(400, "validation_failed");
    admin.get(PATH).await.expect(200);
}

const ACTIVE_ADMINS: &str = "select count(*) from users where is_admin and is_active";

#[tokio::test]
async fn one_of_two_administrators_who_remove_each_other_remains() {
    for fields in [json!({ "role": "member" }), json!({ "isActive": false })] {
        let app = TestApp::start().await;
        let (first_admin, second_admin) = (app.admin("one").await, app.admin("two").await);
        let first_id = first_admin.user_id().await;
        let second_id = second_admin.user_id().await;
        // Both requests pass the first authorization before either changes a row.
        let locks = app.hold_locks("select from users for update").await;
        let second_fields = fields.clone();
        let first_request =
            tokio::spawn(async move { update(&first_admin, &second_id, fields).await });
        let second_request =
            tokio::spawn(async move { update(&second_admin, &first_id, second_fields).await });
        crate::harness::wait_until(async || app.blocked_statements().await == 2).await;
        locks.release().await;
        let mut statuses = [
            first_request.await.unwrap().status,
            second_request.await.unwrap().status,
        ];
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200);
        assert!(matches!(statuses[1], 401 | 403), "{statuses:?}");
        assert_eq!(app.count(ACTIVE_ADMINS).await, 1);
    }
}

#[tokio::test]
async fn at_least_one_of_three_administrators_who_remove_each_other_in_a_ring_remains() {
    let app = TestApp::start().await;
    let mut ring = Vec::new();
    for name in ["one", "two", "three"] {
        let admin = app.admin(name).await;
        let id = admin.user_id().await;
        ring.push((admin, id));
    }
    let locks = app.hold_locks("select from users for update").await;
    let requests: Vec<_> = (0..3)
        .map(|index| {
            let (admin, next_id) = (ring[index].0.copy(), ring[(index + 1) % 3].1.clone());
            tokio::spawn(async move { update(&admin, &next_id, json!({ "role": "member" })).await })
        })
        .collect();
    crate::harness::wait_until(async || app.blocked_statements().await == 3).await;
    locks.release().await;
    for request in requests {
        let status = request.await.unwrap().status;
        assert!(matches!(status, 200 | 403), "{status}");
    }
    assert!(app.count(ACTIVE_ADMINS).await >= 1);
}

#[tokio::test]
async fn a_deactivated_account_is_signed_out_and_cannot_sign_in_until_it_is_reactivated() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    let id = ana.user_id().await;
    assert!(ana.is_signed_in().await && phone.is_signed_in().await);
    let deactivated = update(&admin, &id, json!({ "isActive": false }))
        .await
        .expect(200);
    assert_eq!(
        (&deactivated["isActive"], &deactivated["sessions"]),
        (&json!(false), &json!(0))
    );
    assert!(!ana.is_signed_in().await && !phone.is_signed_in().await);
    let response = phone.sign_in_as("ana").await;
    response.expect_code(401, "invalid_credentials");
    update(&admin, &id, json!({ "isActive": true }))
        .await
        .expect(200);
    assert!(!ana.is_signed_in().await);
    phone.sign_in_as("ana").await.expect(200);
}

#[tokio::test]
async fn an_administrator_can_end_a_members_sessions_without_deactivating_the_account() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    let id = ana.user_id().await;
    let luis = app.member("luis").await;
    update(&admin, &id, json!({ "endSessions": true }))
        .await
        .expect(200);
    assert!(!ana.is_signed_in().await && !phone.is_signed_in().await);
    assert!(luis.is_signed_in().await && admin.is_signed_in().await);
    ana.sign_in_as("ana").await.expect(200);
}

#[tokio::test]
async fn an_administrator_can_unlock_a_rate_limited_member() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let id = app.member("ana").await.user_id().await;
    app.member("luis").await;
    let (ana, luis) = (app.visitor(), app.visitor());
    for _ in 0..6 {
        ana.sign_in("ana@example.com", "wrong password").await;
        luis.sign_in("luis@example.com", "wrong password").await;
    }
    ana.sign_in_as("ana").await.expect(429);
    let path = format!("{PATH}?search=ana@");
    let list = admin.get(&path).await.expect(200);
    assert!(list["items"][0]["lockedUntil"].is_string(), "{list}");
    let changed_user = update(&admin, &id, json!({ "unlock": true }))
        .await
        .expect(200);
    assert_eq!(changed_user["lockedUntil"], json!(null));
    ana.sign_in_as("ana").await.expect(200);
    // Another member stays locked out.
    luis.sign_in_as("luis").await.expect(429);
}

#[tokio::test]
async fn every_effective_change_is_logged_with_its_author() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let admin_id = admin.user_id().await;
    let id = app.member("ana").await.user_id().await;
    for fields in [
        json!({ "role": "staff", "currentPassword": PASSWORD }),
        json!({ "role": "staff", "currentPassword": PASSWORD, "isActive": true }),
        json!({ "isActive": false }),
        json!({ "isActive": true, "role": "member", "endSessions": true, "unlock": true }),
        json!({}),
    ] {
        update(&admin, &id, fields).await.expect(200);
    }
    let rows = app
        .sql(&format!(
            "select kind, detail from security_events
            where user_id = '{}' and kind <> 'signed_up' order by created_at, id",
            id.as_str().unwrap()
        ))
        .await;
    let log_entries: Vec<(String, Value)> =
        rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected = [
        (
            "role_changed",
            json!({ "by": admin_id, "from": "member", "to": "staff" }),
        ),
        (
            "account_deactivated",
            json!({ "by": admin_id, "from": true, "to": false }),
        ),
        (
            "role_changed",
            json!({ "by": admin_id, "from": "staff", "to": "member" }),
        ),
        (
            "account_activated",
            json!({ "by": admin_id, "from": false, "to": true }),
        ),
        ("sessions_ended", json!({ "by": admin_id, "count": 0 })),
        ("sign_in_unlocked", json!({ "by": admin_id, "count": 0 })),
    ];
    let expected = expected.map(|(kind, detail)| (kind.to_owned(), detail));
    assert_eq!(log_entries, expected);
}
