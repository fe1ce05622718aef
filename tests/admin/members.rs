//! `api/admin/members.rs`: finding members, and creating an account for a walk-in.

use serde_json::{Value, json};

use super::assert_rejects_only;
use crate::harness::{MailServer, PASSWORD, TestApp, TestClient, TestResponse, wait_until};

const PATH: &str = "/api/admin/members";

async fn find(staff: &TestClient, search: &str) -> Vec<String> {
    let items = staff.get_all(&format!("{PATH}?search={search}")).await;
    let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
    items.iter().map(name).collect()
}

async fn create_member(staff: &TestClient, email: &str) -> TestResponse {
    let form = json!({
        "email": email, "firstName": "José", "lastName": "Núñez", "phone": "+1 303 555 0100",
        "level": "intermediate",
    });
    staff.post(PATH, form).await
}

async fn book_for(staff: &TestClient, member: &Value, class: uuid::Uuid) -> TestResponse {
    let form = json!({ "userId": member["id"], "scheduledClassId": class });
    staff.post("/api/admin/bookings", form).await
}

#[tokio::test]
async fn staff_find_members_without_accents_and_in_any_order_of_names() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    app.member("ana").await;
    create_member(&staff, "jose@example.com").await.expect(201);
    for search in [
        "jose",
        "Nunez%20Jos%C3%A9",
        "%20n%C3%BA%C3%B1ez%20%20jose",
        "jose@ex",
    ] {
        assert_eq!(find(&staff, search).await, ["José Núñez"], "{search}");
    }
    assert_eq!(find(&staff, "jose%20ana").await, [] as [&str; 0]);
    // Newest first, page by page.
    let page = staff.get(&format!("{PATH}?limit=2")).await.expect(200);
    assert_eq!(page["items"][0]["name"], "José Núñez");
    let all = find(&staff, "").await;
    assert_eq!(all, ["José Núñez", "ana Reyes", "sofia Reyes"]);
    let cursor = page["nextCursor"].as_str().unwrap();
    let path = format!("{PATH}?limit=2&cursor={cursor}");
    let page = staff.get(&path).await.expect(200);
    assert_eq!(page["items"][0]["name"], "sofia Reyes");
    let rejected = staff.get(&format!("{PATH}?search=%00")).await;
    assert_rejects_only(&rejected, "search");
}

#[tokio::test]
async fn a_domain_is_found_in_unicode_and_in_ascii() {
    let app = TestApp::start().await;
    let admin = app.admin("rosa").await;
    let member = create_member(&admin, "luz@münchen.de").await.expect(201);
    // Not a domain, although it looks like one.
    app.sql("update users set last_name = 'J.Núñez' where email = 'rosa@example.com'")
        .await;
    let list = async |path: &str, search: &str| {
        let search: String = form_urlencoded::byte_serialize(search.as_bytes()).collect();
        let found = admin.get_all(&format!("{path}?search={search}")).await;
        found.into_iter().map(|item| item["id"].clone())
    };
    for (search, id) in [
        ("münchen.de", &member["id"]),
        ("MÜNCHEN.DE", &member["id"]),
        ("@münchen.de", &member["id"]),
        ("luz@münchen", &member["id"]),
        ("xn--mnchen-3ya.de", &member["id"]),
        ("luz@xn--mnchen-3ya.de", &member["id"]),
        ("josé münchen.de", &member["id"]),
        ("j.núñez", &admin.user_id().await),
        ("rosa J.Núñez", &admin.user_id().await),
    ] {
        for path in [PATH, "/api/admin/users"] {
            let found: Vec<_> = list(path, search).await.collect();
            assert_eq!(found, std::slice::from_ref(id), "{path} {search}");
        }
    }
    for search in ["rosa münchen.de", "münster.de"] {
        assert_eq!(list(PATH, search).await.count(), 0, "{search}");
    }
}

#[tokio::test]
async fn the_list_shows_how_to_reach_active_members_and_no_more() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let profile = json!({
        "phone": "+1 303 555 0100", "medicalConditions": "asthma", "dateOfBirth": "1990-02-28",
    });
    ana.patch("/api/auth/me", profile).await.expect(200);
    app.member("ben").await;
    app.sql("update users set is_active = false where email = 'ben@example.com'")
        .await;
    let list = staff.get(PATH).await.expect(200);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let member = &items[0];
    assert_eq!(member["id"], ana.user_id().await);
    assert_eq!(member["email"], "ana@example.com");
    assert_eq!(member["phone"], "+1 303 555 0100");
    assert_eq!(member["emailVerified"], true);
    let fields: Vec<_> = member.as_object().unwrap().keys().collect();
    let expected = [
        "createdAt",
        "email",
        "emailVerified",
        "firstName",
        "id",
        "lastName",
        "lastVisit",
        "level",
        "name",
        "phone",
    ];
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn a_walk_in_gets_an_account_an_invitation_and_a_spot() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let class = app.create_class(5).await;
    let member = create_member(&staff, "Jose@Example.com ").await.expect(201);
    assert_eq!(member["email"], "jose@example.com");
    assert_eq!(member["emailVerified"], false);
    assert_eq!(member["level"], "intermediate");
    let booking = book_for(&staff, &member, class).await.expect(201);
    assert_eq!(booking["status"], "booked");
    let found = staff.get(&format!("{PATH}?search=jose")).await.expect(200);
    assert_eq!(found["items"][0]["phone"], "+1 303 555 0100");
    // Nobody can sign in before the invitation is accepted.
    let jose = app.visitor();
    jose.sign_in("jose@example.com", PASSWORD).await.expect(401);
    let password_hashes = "select count(password_hash) from users where email = 'jose@example.com'";
    assert_eq!(app.count(password_hashes).await, 0);

    let token = app.mailed_token("invitation", "jose@example.com").await;
    let form = json!({ "token": token });
    let confirmed = jose.post("/api/auth/verify-email", form).await.expect(200);
    let form = json!({ "token": confirmed["resetToken"], "newPassword": PASSWORD });
    jose.post("/api/auth/reset-password", form)
        .await
        .expect(200);
    jose.sign_in("jose@example.com", PASSWORD).await.expect(200);
    let profile = jose.get("/api/auth/me").await.expect(200);
    // The address may be mistyped, and a stranger must not get the number.
    assert_eq!(profile.to_string().matches("303 555").count(), 0);
    let list = jose.get("/api/bookings/list").await.expect(200);
    assert_eq!(list["items"][0]["id"], booking["id"]);
    let found = staff.get(&format!("{PATH}?search=jose")).await.expect(200);
    assert_eq!(found["items"][0]["emailVerified"], true);
    assert_eq!(found["items"][0]["phone"], json!(null));
    assert_eq!(found["items"][0]["level"], "intermediate");

    let entries = app
        .sql("select detail, user_id::text from security_events where kind = 'member_created'")
        .await;
    let detail: Value = entries[0].get(0);
    assert_eq!(detail["by"], staff.user_id().await);
    assert_eq!(member["id"], entries[0].get::<_, String>(1));
}

#[tokio::test]
async fn an_invitation_works_for_a_week_and_once() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    create_member(&staff, "jose@example.com").await.expect(201);
    let token = app.mailed_token("invitation", "jose@example.com").await;
    let form = json!({ "token": token });
    let lifetime = "select count(*) from one_time_tokens
        where expires_at - created_at = interval '7 days' and purpose = 'verify_email'";
    assert_eq!(app.count(lifetime).await, 1);
    let visitor = app.visitor();
    visitor
        .post("/api/auth/verify-email", form.clone())
        .await
        .expect(200);
    visitor
        .post("/api/auth/verify-email", form)
        .await
        .expect_code(400, "link_ended");
}

#[tokio::test]
async fn an_address_with_an_account_is_a_conflict_that_names_the_member() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let rejected = create_member(&staff, "ANA@example.com").await;
    let body = rejected.expect_code(409, "member_exists");
    assert_eq!(body["memberId"], ana.user_id().await);
    let member = create_member(&staff, "jose@example.com").await.expect(201);
    let rejected = create_member(&staff, "jose@example.com").await;
    let body = rejected.expect_code(409, "member_exists");
    assert_eq!(body["memberId"], member["id"]);
    assert_eq!(app.mail_count("invitation").await, 1);
    // Other errors name no member.
    let other = staff.post(PATH, json!({ "email": "x" })).await.expect(400);
    assert!(other.get("memberId").is_none());
}

#[tokio::test]
async fn a_member_whom_staff_create_replaces_a_registration_that_was_never_confirmed() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let stranger = app.unconfirmed_member("jose").await;
    let old_link = app.mailed_token("verify_email", "jose@example.com").await;
    let member = create_member(&staff, "jose@example.com").await.expect(201);
    assert_eq!(find(&staff, "jose").await, ["José Núñez"]);
    stranger.get("/api/auth/me").await.expect(401);
    stranger
        .sign_in("jose@example.com", PASSWORD)
        .await
        .expect(401);
    let form = json!({ "token": old_link });
    stranger
        .post("/api/auth/verify-email", form)
        .await
        .expect_code(400, "link_ended");
    let token = app.mailed_token("invitation", "jose@example.com").await;
    let form = json!({ "token": token });
    app.visitor()
        .post("/api/auth/verify-email", form)
        .await
        .expect(200);
    let body = create_member(&staff, "jose@example.com").await;
    let body = body.expect_code(409, "member_exists");
    assert_eq!(body["memberId"], member["id"]);
}

#[tokio::test]
async fn a_registration_with_a_booking_is_not_replaced_by_staff() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.unconfirmed_member("ana").await;
    let id = ana.user_id().await;
    let class = app.create_class(1).await;
    book_for(&staff, &json!({ "id": id }), class)
        .await
        .expect(201);
    let rejected = create_member(&staff, "ana@example.com").await;
    let body = rejected.expect_code(409, "member_exists");
    assert_eq!(body["memberId"], id);
    ana.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn staff_learn_that_the_account_of_an_address_is_deactivated() {
    let app = TestApp::start().await;
    let (admin, staff) = (app.admin("rosa").await, app.staff("sofia").await);
    let id = app.member("ana").await.user_id().await;
    let set_active = async |is_active: bool| {
        let change = json!({ "id": id, "isActive": is_active });
        admin.patch("/api/admin/users", change).await.expect(200);
    };
    set_active(false).await;
    let rejected = create_member(&staff, "ana@example.com").await;
    let body = rejected.expect_code(409, "member_deactivated");
    assert_eq!(body["memberId"], id);
    let message = body["error"].as_str().unwrap();
    assert!(message.contains("ask an administrator"), "{message}");
    set_active(true).await;
    create_member(&staff, "ana@example.com")
        .await
        .expect_code(409, "member_exists");
}

#[tokio::test]
async fn an_account_that_is_created_at_the_same_time_is_named() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    // A first sign-in through a provider, up to its commit.
    let id = "01a1fbec-f5a7-774d-993f-b6dedc6eb201";
    let sign_in = app
        .hold_locks(&format!(
            "insert into users (id, email, first_name, last_name, email_verified_at)
            values ('{id}', 'jose@example.com', 'José', '', now())"
        ))
        .await;
    let (rejected, ()) = tokio::join!(create_member(&staff, "jose@example.com"), async {
        wait_until(async || app.blocked_statements().await == 1).await;
        sign_in.commit().await;
    });
    let body = rejected.expect_code(409, "member_exists");
    assert_eq!(body["memberId"], id);
}

#[tokio::test]
async fn a_registration_that_is_made_at_the_same_time_is_replaced() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    // A stranger's registration, up to its commit.
    let registration = app
        .hold_locks(
            "select pg_advisory_xact_lock(hashtextextended('address:jose@example.com', 0));
            insert into users (id, email, first_name, last_name, password_hash)
            values (gen_random_uuid(), 'jose@example.com', 'Mallory', '', 'x')",
        )
        .await;
    let (created, ()) = tokio::join!(create_member(&staff, "jose@example.com"), async {
        wait_until(async || app.blocked_statements().await == 1).await;
        registration.commit().await;
    });
    created.expect(201);
    assert_eq!(find(&staff, "jose").await, ["José Núñez"]);
    assert_eq!(app.mail_count("invitation").await, 1);
}

#[tokio::test]
async fn an_account_that_staff_created_is_not_replaced_by_a_registration() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let member = create_member(&staff, "jose@example.com").await.expect(201);
    let form = json!({ "email": "jose@example.com", "password": PASSWORD, "name": "Mallory" });
    let register = async || {
        let response = app.visitor().post("/api/auth/register", form.clone()).await;
        response.expect_code(409, "email_taken");
    };
    register().await;
    book_for(&staff, &member, app.create_class(1).await)
        .await
        .expect(201);
    register().await;
    assert_eq!(find(&staff, "jose").await, ["José Núñez"]);
}

#[tokio::test]
async fn an_invalid_member_is_rejected_with_all_problems() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let form = json!({ "email": "jose", "firstName": " ", "phone": "call me" });
    let rejected = staff.post(PATH, form).await;
    let body = rejected.expect_code(400, "validation_failed");
    let fields: Vec<_> = body["details"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["email", "firstName", "phone"]);
}

#[tokio::test]
async fn sixty_invitations_an_hour_are_sent_for_one_member_of_staff() {
    let app = TestApp::start().await;
    let (sofia, luis) = (app.staff("sofia").await, app.staff("luis").await);
    create_member(&sofia, "guest0@example.com")
        .await
        .expect(201);
    // A rejected request does not count.
    create_member(&sofia, "guest0@example.com")
        .await
        .expect_code(409, "member_exists");
    for number in 1..60 {
        let email = format!("guest{number}@example.com");
        create_member(&sofia, &email).await.expect(201);
    }
    create_member(&sofia, "last@example.com")
        .await
        .expect_code(429, "too_many_requests");
    create_member(&luis, "last@example.com").await.expect(201);
}

#[tokio::test]
async fn the_invitation_says_what_to_do_and_nothing_that_staff_have_entered() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let staff = app.staff("sofia").await;
    create_member(&staff, "jose@example.com").await.expect(201);
    let mails = server.wait_for_mails(1).await;
    let mail = mails
        .iter()
        .find(|mail| mail["to"] == json!(["jose@example.com"]))
        .unwrap();
    assert_eq!(mail["headers"]["subject"], "Your account with us");
    let text = mail["text"].as_str().unwrap();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "We have created an account for you",
        "expires after seven days",
        "/verify-email#token=",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let html = mail["html"].as_str().unwrap();
    for entered in ["José", "Jos&", "Núñez", "303 555"] {
        assert!(
            !text.contains(entered) && !html.contains(entered),
            "{entered}"
        );
    }
}
