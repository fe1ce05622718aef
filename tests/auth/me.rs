//! `api/auth/me.rs`

use reqwest::Method;
use serde_json::{Value, json};

use crate::bookings::book;
use crate::harness::{MailServer, PASSWORD, TestApp};

#[tokio::test]
async fn a_member_sees_and_changes_the_whole_profile() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let patch = json!({
        "firstName": "  Anita ",
        "phone": "+1 303 555 0100",
        "dateOfBirth": "1990-02-28",
        "emergencyContactName": "Luis",
        "emergencyContactPhone": "+1 303 555 0101",
        "experienceLevel": "advanced",
        "medicalConditions": "asma\r\nleve",
        "marketingConsent": true,
    });
    let profile = ana.patch("/api/auth/me", patch).await.expect(200);
    assert_eq!(profile["name"], "Anita Reyes");
    assert_eq!(profile["medicalConditions"], "asma\nleve");
    assert_eq!(ana.get("/api/auth/me").await.expect(200), profile);
    // Omitted fields keep their value; null clears a field.
    let patch = json!({ "phone": null, "medicalConditions": "" });
    let profile = ana.patch("/api/auth/me", patch).await.expect(200);
    assert_eq!(profile["phone"], json!(null));
    assert_eq!(profile["medicalConditions"], json!(null));
    assert_eq!(profile["emergencyContactName"], "Luis");
}

#[tokio::test]
async fn a_profile_change_is_visible_immediately_in_every_session_and_process() {
    let app = TestApp::start().await;
    let other_app = app.start_another().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    let phone = phone.connected_to(&other_app);
    for _ in 0..2 {
        phone.get("/api/auth/session").await.expect(200);
    }
    ana.patch("/api/auth/me", json!({ "lastName": "Soto" }))
        .await
        .expect(200);
    let session = phone.get("/api/auth/session").await.expect(200);
    assert_eq!(session["user"]["name"], "ana Soto");
}

#[tokio::test]
async fn fields_reserved_for_the_studio_are_rejected() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    for field in ["isAdmin", "isStaff", "email", "emailVerified", "password"] {
        let response = ana.patch("/api/auth/me", json!({ field: true })).await;
        let body = response.expect_code(400, "validation_failed");
        assert!(body["details"][field].is_array(), "{field}");
    }
}

#[tokio::test]
async fn closing_an_account_requires_the_password_and_ends_all_sessions() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let phone = app.visitor();
    phone.sign_in_as("ana").await.expect(200);
    let close = |password: &str| {
        let body = json!({ "currentPassword": password });
        ana.request(Method::DELETE, "/api/auth/me").json(&body)
    };
    ana.send(close("guess"))
        .await
        .expect_code(403, "wrong_password");
    assert!(phone.is_signed_in().await);
    ana.send(close(PASSWORD)).await.expect(200);
    assert_eq!(ana.cookie(), None);
    assert!(!phone.is_signed_in().await);
    app.visitor().sign_in_as("ana").await.expect(401);
    assert_eq!(app.count("select count(*) from users").await, 1);
}

/// Returns all tables that refer to an account by `user_id`.
async fn tables_about_members(app: &TestApp) -> Vec<String> {
    let tables = "select c.conrelid::regclass::text
        from pg_constraint c
        join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
        where c.contype = 'f' and c.confrelid = 'users'::regclass and a.attname = 'user_id'
        order by 1";
    let rows = app.sql(tables).await;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Returns those of `tables` that have a row of this account.
async fn tables_with_rows(app: &TestApp, tables: &[String], id: &Value) -> Vec<String> {
    let mut with_rows = Vec::new();
    for table in tables {
        let id = id.as_str().unwrap();
        let rows = format!("select count(*) from {table} where user_id = '{id}'");
        if app.count(&rows).await > 0 {
            with_rows.push(table.clone());
        }
    }
    with_rows
}

#[tokio::test]
async fn closing_an_account_erases_personal_data_and_cancels_bookings() {
    let app = TestApp::start().await;
    let class = app.create_class(3).await;
    let ana = app.member("ana").await;
    let id = ana.user_id().await;
    let details = json!({
        "firstName": "Anastasia",
        "lastName": "Quintanilla",
        "phone": "+1 303 555 0100",
        "dateOfBirth": "1990-02-28",
        "emergencyContactName": "Segismundo",
        "emergencyContactPhone": "+1 303 555 0101",
        "experienceLevel": "advanced",
        "medicalConditions": "asma",
        "marketingConsent": true,
    });
    ana.patch("/api/auth/me", details).await.expect(200);
    ana.patch("/api/auth/mail-preferences", json!({ "passes": false }))
        .await
        .expect(200);
    let booking = book(&ana, class).await.expect(201);
    let desk_payment = json!({ "bookingId": booking["id"], "method": "desk" });
    ana.post("/api/bookings/payment", desk_payment)
        .await
        .expect(201);
    ana.post("/api/calendar/token", json!({})).await.expect(201);
    let form = json!({ "newEmail": "anita@example.com", "currentPassword": PASSWORD });
    ana.post("/api/auth/change-email", form).await.expect(202);
    app.sql(
        "insert into user_identities (id, user_id, provider, subject, email)
        select gen_random_uuid(), id, 'google', '7', email from users",
    )
    .await;
    app.register_partner_app("shop").await;
    app.sql(
        "insert into accounts (id, name, slug)
        values (gen_random_uuid(), 'Dance club', 'dance-club')",
    )
    .await;
    for row in [
        "recovery_codes (id, user_id, code_hash) select gen_random_uuid(), id, 'x' from users",
        "sign_in_challenges (id, token_hash, user_id, epoch, method, remember, expires_at)
            select gen_random_uuid(), 'x', id, 0, 'password', false, now() + interval '1 hour'
            from users",
        "oauth_states (state_hash, provider, browser_hash, verifier, nonce, return_path, remember,
                user_id, expires_at)
            select 'x', 'google', 'x', 'x', 'x', '/', false, id, now() + interval '1 hour'
            from users",
        "instructors (id, name, user_id) select gen_random_uuid(), 'Marisol Vega', id from users",
        "account_members (account_id, user_id, role)
            select accounts.id, users.id, 'owner' from accounts, users",
        "cross_app_sessions (id, token_hash, user_id, target_app, ip_address, expires_at)
            select gen_random_uuid(), 'x', id, 'shop', '192.0.2.1', now() + interval '1 hour'
            from users",
        "member_visits (user_id, first, last) select id, now(), now() from users",
        "products (id, kind, name, price, days, starts)
            values (md5('product')::uuid, 'pass', 'Ten classes', 150, 120, 'first_class')",
        "orders (id, user_id, currency, total, state, settled_at)
            select md5('order')::uuid, id, 'USD', 150, 'paid', now() from users",
        "order_lines (id, order_id, product_id, description, amount, days, starts)
            values (md5('line')::uuid, md5('order')::uuid, md5('product')::uuid, 'Ten classes', 150,
                120, 'first_class')",
        "memberships (id, user_id, product_id, name, price, currency, every, days, expires_at)
            select gen_random_uuid(), id, md5('product')::uuid, 'Unlimited', 80, 'USD', 'month',
                31, now() from users",
        "receipts (year, number, order_id, user_id, buyer, currency, issued_at)
            select 2026, 1, md5('order')::uuid, id, 'Ana Reyes', 'USD', now() from users",
        "passes (id, user_id, product_id, order_line_id, days, starts)
            select gen_random_uuid(), id, md5('product')::uuid, md5('line')::uuid, 120, 'first_class'
            from users",
        "wallets (id, kind, user_id, currency)
            select md5('wallet')::uuid, 'credit', id, 'USD' from users",
        "wallet_entries (id, wallet_id, change, reason, note, made_by)
            select gen_random_uuid(), md5('wallet')::uuid, 20, 'staff', 'Anastasia was ill', id
            from users",
    ] {
        app.sql(&format!("insert into {row}")).await;
    }
    app.sql("update users set totp_secret = 'x', provider_customer = 'cus_1', is_staff = true, is_admin = true")
        .await;
    let tables = tables_about_members(&app).await;
    assert_eq!(tables_with_rows(&app, &tables, &id).await, tables);
    ana.close_account().await;

    let rows = app
        .sql(
            "select coalesce(string_agg(line, ' '), '') from (
                select u::text as line from users u
                union all select i::text from user_identities i
                union all select d::text from remembered_devices d
                union all select t::text from one_time_tokens t
                union all select s::text from user_sessions s
                union all select e::text from security_events e
                union all select w::text from wallet_entries w
            ) all_rows",
        )
        .await;
    let stored: String = rows[0].get(0);
    for personal in [
        "@example.com",
        "Anastasia",
        "Quintanilla",
        "303 555",
        "1990-02-28",
        "Segismundo",
        "argon2",
        "google",
    ] {
        assert!(!stored.contains(personal), "{personal}: {stored}");
    }
    let kept = [
        "bookings",
        "cross_app_sessions",
        "member_events",
        "member_visits",
        "memberships",
        "orders",
        "passes",
        "payments",
        "receipts",
        "security_events",
        "wallets",
    ];
    assert_eq!(tables_with_rows(&app, &tables, &id).await, kept);
    let remaining_values =
        "select count(password_hash) + count(medical_conditions) + count(totp_secret)
            + count(calendar_token_hash) + count(provider_customer)
            + count(*) filter (where marketing_consent or is_active
                or is_staff or is_admin or experience_level <> 'beginner' or muted_categories <> '{}')
        from users";
    assert_eq!(app.count(remaining_values).await, 0);
    assert_eq!(
        app.count("select count(*) from receipts where buyer <> ''")
            .await,
        0
    );
    let cancelled = "select count(*) from bookings where status = 'cancelled'";
    assert_eq!(app.count(cancelled).await, 1);
}

#[tokio::test]
async fn closing_an_account_is_confirmed_by_mail_to_its_address() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let class = app.create_class(3).await;
    let ana = app.member("ana").await;
    book(&ana, class).await.expect(201);
    server.wait_for_mails(1).await;
    ana.close_account().await;
    let mails = server.wait_for_mails(3).await;
    for subject in ["Your account is closed", "Cancelled: Salsa on a Friday"] {
        let mail = mails.iter().find(|mail| {
            let line = mail["headers"]["subject"].as_str().unwrap();
            line.starts_with(subject)
        });
        let mail = mail.unwrap_or_else(|| panic!("{subject}: {mails:?}"));
        assert_eq!(mail["to"], json!(["ana@example.com"]));
        // The name has been erased, so the greeting contains none.
        assert!(mail["text"].as_str().unwrap().contains("Hola,"), "{mail}");
    }
}

#[tokio::test]
async fn the_address_of_a_closed_account_can_register_again() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let old_id = ana.user_id().await;
    ana.close_account().await;
    app.visitor().sign_in_as("ana").await.expect(401);
    let new_ana = app.member("ana").await;
    assert_ne!(new_ana.user_id().await, old_id);
    app.visitor().sign_in_as("ana").await.expect(200);
    // The new account can be closed as well.
    new_ana.close_account().await;
    assert_eq!(app.count("select count(*) from users").await, 2);
}

#[tokio::test]
async fn administrators_see_a_closed_account_and_cannot_reopen_it() {
    let app = TestApp::start().await;
    let admin = app.admin("admin").await;
    let ana = app.member("ana").await;
    let id = ana.user_id().await;
    ana.close_account().await;
    let list = admin.get("/api/admin/users?active=false").await.expect(200);
    let account = &list["items"][0];
    assert_eq!(
        (&account["id"], &account["name"]),
        (&id, &json!("Former member"))
    );
    assert!(account["closedAt"].is_string());
    let role = json!({ "role": "staff", "currentPassword": PASSWORD });
    for change in [json!({ "isActive": true }), role] {
        let mut change = change;
        change["id"] = id.clone();
        let rejected = admin.patch("/api/admin/users", change).await;
        rejected.expect_code(409, "account_closed");
    }
    let path = format!("/api/admin/security-events?userId={}", id.as_str().unwrap());
    let events = admin.get(&path).await.expect(200);
    assert_eq!(events["items"][0]["kind"], "account_deactivated");
    assert_eq!(events["items"][0]["email"], json!(null));
}

#[tokio::test]
async fn the_migration_erases_accounts_that_were_closed_before() {
    let app = TestApp::start().await;
    for name in ["closed", "suspended", "reopened"] {
        app.member(name).await;
    }
    let mut client = crate::harness::connect(&app.database).await;
    let is_applied = "select count(*) from information_schema.columns
        where table_name = 'users' and column_name = 'closed_at'";
    while app.count(is_applied).await > 0 {
        sabor::store::migrations::down(&mut client, 1)
            .await
            .unwrap();
    }
    client
        .batch_execute(
            "insert into security_events (id, user_id, kind, detail, created_at)
            select gen_random_uuid(), u.id, e.kind, e.detail::jsonb, now() + make_interval(secs => e.at)
            from users u join (values
                ('closed', 'account_deactivated', '{}', 0),
                ('suspended', 'account_deactivated', '{\"by\": \"x\"}', 0),
                ('reopened', 'account_deactivated', '{}', 0),
                ('reopened', 'account_activated', '{\"by\": \"x\"}', 1)
            ) e (name, kind, detail, at) on u.email = e.name || '@example.com';
            update users set is_active = false where email not like 'reopened%'",
        )
        .await
        .unwrap();
    sabor::store::migrations::up(&mut client).await.unwrap();
    let rows = app
        .sql("select email from users where closed_at is null order by email")
        .await;
    let kept: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(kept, ["reopened@example.com", "suspended@example.com"]);
    let erased = "select count(*) from users
        where email = 'closed:' || id and password_hash is null and first_name = 'Former'";
    assert_eq!(app.count(erased).await, 1);
    app.member("closed").await;
}
