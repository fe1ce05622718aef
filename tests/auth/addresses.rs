//! E-mail addresses have a canonical form, so all spellings of an address belong to one
//! account.

use sabor::models::user;
use sabor::store::migrations;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::harness::{
    MailServer, PASSWORD, TestApp, TestClient, TestResponse, connect, empty_database,
};

/// An address as people write it.
const UNICODE_ADDRESS: &str = "luz@münchen.de";
/// The same address as it is stored. Chromium also sends it in this form.
const CANONICAL_ADDRESS: &str = "luz@xn--mnchen-3ya.de";

async fn register(person: &TestClient, email: &str) -> TestResponse {
    let form = json!({ "email": email, "password": PASSWORD, "name": "Luz Reyes" });
    person.post("/api/auth/register", form).await
}

async fn stored_addresses(app: &TestApp) -> Vec<String> {
    let rows = app.sql("select email from users order by email").await;
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn all_spellings_of_an_address_belong_to_one_account() {
    let app = TestApp::start().await;
    let luz = app.visitor();
    let body = register(&luz, UNICODE_ADDRESS).await.expect(201);
    app.confirm_address(CANONICAL_ADDRESS).await;
    // The response contains the Unicode form, which people can read.
    assert_eq!(body["user"]["email"], UNICODE_ADDRESS);
    assert_eq!(stored_addresses(&app).await, [CANONICAL_ADDRESS]);
    for spelling in [
        CANONICAL_ADDRESS,
        UNICODE_ADDRESS,
        "LUZ@MÜNCHEN.DE",
        "luz@XN--MNCHEN-3YA.de",
        "luz@mu\u{308}nchen.de",
        " luz@ｍünchen。de",
    ] {
        register(&app.visitor(), spelling)
            .await
            .expect_code(409, "email_taken");
        let response = app.visitor().sign_in(spelling, PASSWORD).await.expect(200);
        assert_eq!(response["user"]["email"], UNICODE_ADDRESS, "{spelling}");
    }
    let same_address = json!({ "newEmail": CANONICAL_ADDRESS, "currentPassword": PASSWORD });
    let rejected = luz.post("/api/auth/change-email", same_address).await;
    rejected.expect_code(400, "validation_failed");
    assert_eq!(stored_addresses(&app).await, [CANONICAL_ADDRESS]);
}

#[tokio::test]
async fn an_address_cannot_be_changed_to_another_spelling_of_a_taken_one() {
    let app = TestApp::start().await;
    register(&app.visitor(), CANONICAL_ADDRESS)
        .await
        .expect(201);
    app.confirm_address(CANONICAL_ADDRESS).await;
    let ana = app.member("ana").await;
    let change = json!({ "newEmail": UNICODE_ADDRESS, "currentPassword": PASSWORD });
    ana.post("/api/auth/change-email", change).await.expect(202);
    assert_eq!(app.mail_count("account_exists").await, 1);
    let links = "select count(*) from one_time_tokens t join users u on u.id = t.user_id
        where u.email = 'ana@example.com'";
    assert_eq!(app.count(links).await, 0);
}

#[tokio::test]
async fn a_reset_link_reaches_an_address_with_a_unicode_domain() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    register(&app.visitor(), UNICODE_ADDRESS).await.expect(201);
    app.sql("delete from mail_outbox").await;
    let app = app.start_another_with(server.settings()).await;
    let forgot = json!({ "email": "Luz@München.de" });
    app.visitor()
        .post("/api/auth/forgot-password", forgot)
        .await
        .expect(202);
    let mail = &server.wait_for_mails(1).await[0];
    assert_eq!(mail["to"], json!([CANONICAL_ADDRESS]));
}

#[tokio::test]
async fn administrators_and_the_contact_form_use_the_canonical_form() {
    let app = TestApp::start().await;
    let (admin, staff) = (app.admin("admin").await, app.staff("sofia").await);
    register(&app.visitor(), UNICODE_ADDRESS).await.expect(201);
    app.confirm_address(CANONICAL_ADDRESS).await;
    for search in [
        CANONICAL_ADDRESS,
        UNICODE_ADDRESS,
        "@MÜNCHEN.de",
        "luz@münchen.de+reyes",
    ] {
        let query: String = form_urlencoded::byte_serialize(search.as_bytes()).collect();
        let query = query.replace("%2B", "+");
        let found = admin
            .get(&format!("/api/admin/users?search={query}"))
            .await
            .expect(200);
        assert_eq!(found["items"].as_array().unwrap().len(), 1, "{search}");
        assert_eq!(found["items"][0]["email"], UNICODE_ADDRESS);
    }
    let client = app.app.db().client().await.unwrap();
    assert!(user::grant_admin(&client, "LUZ@MÜNCHEN.DE").await.unwrap());
    assert!(!user::grant_admin(&client, "nobody").await.unwrap());
    let is_admin =
        format!("select count(*) from users where is_admin and email = '{CANONICAL_ADDRESS}'");
    assert_eq!(app.count(&is_admin).await, 1);
    let form =
        json!({ "name": "Luz", "email": UNICODE_ADDRESS, "subject": "Hola", "message": "Hola" });
    app.visitor()
        .post("/api/contact/submit", form)
        .await
        .expect(201);
    let stored = app.sql("select email from contact_submissions").await;
    assert_eq!(stored[0].get::<_, String>(0), CANONICAL_ADDRESS);
    let inbox = staff.get("/api/admin/contacts").await.expect(200);
    assert_eq!(inbox["items"][0]["email"], UNICODE_ADDRESS);
}

#[tokio::test]
async fn a_local_part_with_non_ascii_characters_is_rejected_with_a_reason() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let reason = "before the @";
    let visitor = app.visitor();
    let contact = json!({ "name": "José", "email": "josé@example.com", "subject": "Hola", "message": "Hola" });
    for (field, response) in [
        ("email", register(&visitor, "josé@example.com").await),
        ("email", visitor.post("/api/contact/submit", contact).await),
        (
            "email",
            visitor
                .post(
                    "/api/auth/forgot-password",
                    json!({ "email": "иван@example.com" }),
                )
                .await,
        ),
        (
            "newEmail",
            ana.post(
                "/api/auth/change-email",
                json!({ "newEmail": "josé@example.com", "currentPassword": PASSWORD }),
            )
            .await,
        ),
    ] {
        let rejected = response.expect_code(400, "validation_failed");
        let problem = rejected["details"][field][0].as_str().unwrap();
        assert!(problem.contains(reason), "{problem}");
    }
    // An existing account with such an address can still sign in and change it.
    app.sql("update users set email = 'josé@example.com' where email = 'ana@example.com'")
        .await;
    let jose = app.visitor();
    jose.sign_in("José@example.com", PASSWORD).await.expect(200);
    let change = json!({ "newEmail": "jose@example.com", "currentPassword": PASSWORD });
    jose.post("/api/auth/change-email", change)
        .await
        .expect(202);
}

/// Reverts migrations until the one with this name is reverted.
async fn revert_to_before(client: &mut Client, name: &str) {
    while migrations::down(client, 1).await.unwrap() != [name] {}
}

#[tokio::test]
async fn the_migration_makes_stored_addresses_canonical_and_renames_duplicates() {
    let database = empty_database().await;
    let mut client = connect(&database).await;
    migrations::up(&mut client).await.unwrap();
    revert_to_before(&mut client, "0007_canonical_texts").await;
    client
        .batch_execute(
            "insert into users (id, email, first_name, last_name, email_verified_at, created_at)
            select gen_random_uuid(), email, 'Luz', '', verified::timestamptz, created::timestamptz
            from (values
                ('luz@münchen.de', null, '2020-01-01'),
                ('luz@xn--mnchen-3ya.de', '2021-01-01', '2021-01-01'),
                ('ana@例え.テスト', null, '2020-01-01'),
                ('ana@xn--r8jz45g.xn--zckzah', null, '2022-01-01'),
                ('leo@straße.bücher.example', null, '2020-01-01'),
                ('josé@example.com', null, '2020-01-01'),
                ('eva@example.com', null, '2020-01-01')
            ) as row (email, verified, created)",
        )
        .await
        .unwrap();
    client
        .batch_execute(
            "insert into one_time_tokens (id, purpose, user_id, token_hash, email, epoch, expires_at)
            select id, 'reset_password', id, id, email, 0, now() + interval '1 hour' from users",
        )
        .await
        .unwrap();
    migrations::up(&mut client).await.unwrap();
    let rows = client
        .query(
            "select u.email, to_char(u.created_at, 'YYYY') || coalesce(' ' || t.email, '')
            from users u left join one_time_tokens t on t.user_id = u.id order by 2, 1",
            &[],
        )
        .await
        .unwrap();
    let accounts: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let of_year = |year: &str| -> Vec<&str> {
        let accounts = accounts
            .iter()
            .filter(|(_, year_and_link)| year_and_link.starts_with(year));
        accounts.map(|(email, _)| email.as_str()).collect()
    };
    // The account with a confirmed address keeps it. If neither is confirmed, the older account
    // keeps the address.
    assert_eq!(of_year("2021"), ["luz@xn--mnchen-3ya.de"]);
    let duplicates = [of_year("2020")[0], of_year("2022")[0]];
    for duplicate in duplicates {
        assert!(
            duplicate.starts_with("duplicate-") && duplicate.ends_with("@sabor.invalid"),
            "{duplicate}"
        );
    }
    for canonical in [
        "ana@xn--r8jz45g.xn--zckzah",
        "leo@xn--strae-oqa.xn--bcher-kva.example",
        "josé@example.com",
        "eva@example.com",
    ] {
        assert!(of_year("2020").contains(&canonical), "{accounts:?}");
        assert!(
            accounts.contains(&(canonical.to_owned(), format!("2020 {canonical}"))),
            "{accounts:?}"
        );
    }
    // The links of the duplicates are deleted, so only the year is left. The log records
    // their former addresses.
    assert_eq!(
        accounts
            .iter()
            .filter(|(_, year_and_link)| year_and_link.len() == 4)
            .count(),
        2
    );
    let rows = client
        .query(
            "select detail from security_events where detail->>'reason' = 'duplicate address'",
            &[],
        )
        .await
        .unwrap();
    let mut sources: Vec<String> = rows
        .iter()
        .map(|row| row.get::<_, Value>(0)["from"].as_str().unwrap().to_owned())
        .collect();
    sources.sort();
    assert_eq!(sources, ["ana@xn--r8jz45g.xn--zckzah", UNICODE_ADDRESS]);
    // The database rejects an address in another form, even from the previous version of the
    // program.
    let insert = "insert into users (id, email, first_name, last_name)
        values (gen_random_uuid(), 'eva@münchen.de', 'Eva', '')";
    assert!(client.batch_execute(insert).await.is_err());
}
