//! `api/auth/mail-preferences.rs` and `api/auth/unsubscribe.rs`: the e-mails that a member wants.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::bookings::{book, cancel, join_waitlist};
use crate::harness::{MailServer, TestApp, TestClient, TestResponse, send_from_origin};

const PREFERENCES: &str = "/api/auth/mail-preferences";

/// Returns the names of the e-mails that a member does not want.
async fn muted(member: &TestClient) -> Vec<String> {
    let preferences = member.get(PREFERENCES).await.expect(200);
    let preferences = preferences.as_object().unwrap().clone();
    let muted = preferences.into_iter().filter(|(_, is_on)| is_on == false);
    muted.map(|(name, _)| name).collect()
}

/// Sends the request that mail programs send (RFC 8058, section 3.2).
async fn click(app: &TestApp, path: &str) -> TestResponse {
    let visitor = app.visitor();
    let request = visitor.request(Method::POST, path);
    let (client, request) = request.build_split();
    let mut request = request.unwrap();
    request.headers_mut().remove("origin");
    let form = "List-Unsubscribe=One-Click";
    *request.body_mut() = Some(form.into());
    let form = "application/x-www-form-urlencoded".parse().unwrap();
    request.headers_mut().insert("content-type", form);
    TestResponse::read(client.execute(request).await.unwrap()).await
}

/// Returns the path of the URL in `List-Unsubscribe`.
fn unsubscribe_path(mail: &Value) -> String {
    let header = mail["headers"]["list-unsubscribe"].as_str().unwrap();
    let url = header.strip_prefix('<').unwrap().strip_suffix('>').unwrap();
    url.strip_prefix("https://sabor.example")
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_member_switches_emails_off_and_on() {
    let app = TestApp::start().await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    assert_eq!(
        ana.get(PREFERENCES).await.expect(200),
        json!({
            "reminders": true, "bookings": true, "waitlist": true, "schedule": true,
            "passes": true,
        })
    );
    let off = json!({ "reminders": false, "passes": false });
    let changed = ana.patch(PREFERENCES, off.clone()).await.expect(200);
    assert_eq!(changed["reminders"], false);
    ana.patch(PREFERENCES, off).await.expect(200);
    assert_eq!(muted(&ana).await, ["passes", "reminders"]);
    ana.patch(PREFERENCES, json!({ "passes": true, "schedule": false }))
        .await
        .expect(200);
    assert_eq!(muted(&ana).await, ["reminders", "schedule"]);
    ana.patch(PREFERENCES, json!({})).await.expect(200);
    assert_eq!(muted(&ana).await, ["reminders", "schedule"]);
    let unknown = ana.patch(PREFERENCES, json!({ "receipts": false })).await;
    assert_eq!(unknown.expect(400)["code"], "validation_failed");
    assert!(muted(&ben).await.is_empty());
    app.visitor()
        .get(PREFERENCES)
        .await
        .expect_code(401, "not_signed_in");
}

#[tokio::test]
async fn emails_that_are_switched_off_are_not_sent_but_those_about_money_are() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let start: DateTime<Utc> = "2027-03-14T16:00:00Z".parse().unwrap();
    app.set_clock(start - TimeDelta::days(5));
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(1).await;
    app.sql(&format!(
        "update scheduled_classes set start_time = '{start}', end_time = '{}'",
        start + TimeDelta::hours(1)
    ))
    .await;
    app.sql("delete from mail_outbox").await;
    let booking = book(&ana, class).await.expect(201);
    join_waitlist(&ben, class).await.expect(201);
    cancel(&ana, &booking).await.expect(200);
    app.set_clock(start - TimeDelta::hours(23));
    app.run_clean_up().await.expect(200);
    // The e-mails are queued when the members decide.
    let all = json!({
        "reminders": false, "bookings": false, "waitlist": false, "schedule": false,
        "passes": false,
    });
    for member in [&ana, &ben] {
        member.patch(PREFERENCES, all.clone()).await.expect(200);
    }
    let mailing_app = app.start_another_with(server.settings()).await;
    mailing_app.set_clock(start - TimeDelta::hours(23));
    let report = mailing_app.run_clean_up().await.expect(200);
    assert_eq!(report["details"]["mailSent"], 1, "{report}");
    let mails = server.wait_for_mails(1).await;
    let subject = mails[0]["headers"]["subject"].as_str().unwrap();
    assert!(subject.starts_with("Cancelled: "), "{subject}");
    assert_eq!(mails[0]["headers"]["list-unsubscribe"], Value::Null);
    let dropped = app
        .sql("select string_agg(kind, ' ' order by kind) from mail_outbox where dropped = 'muted'")
        .await;
    let dropped: String = dropped[0].get(0);
    assert_eq!(
        dropped,
        "booking_confirmed booking_promoted booking_waitlisted class_reminder"
    );
}

#[tokio::test]
async fn a_booking_that_staff_move_is_reported_to_a_member_without_emails_about_changes() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (class, other) = (app.create_class(5).await, app.create_class(5).await);
    let booking = book(&ana, class).await.expect(201);
    app.sql(&format!(
        "update scheduled_classes set start_time = start_time + interval '1 day',
            end_time = end_time + interval '1 day' where id = '{other}'"
    ))
    .await;
    ana.patch(PREFERENCES, json!({ "schedule": false }))
        .await
        .expect(200);
    app.sql("delete from mail_outbox").await;
    let change = json!({
        "bookingId": booking["id"], "action": "move", "scheduledClassId": other,
    });
    staff.patch("/api/admin/bookings", change).await.expect(200);
    app.start_another_with(server.settings())
        .await
        .run_clean_up()
        .await
        .expect(200);
    let mails = server.wait_for_mails(1).await;
    let subject = mails[0]["headers"]["subject"].as_str().unwrap();
    assert!(subject.starts_with("Booking moved: "), "{subject}");
    assert_eq!(mails[0]["headers"]["list-unsubscribe"], Value::Null);
}

#[tokio::test]
async fn a_member_who_wants_no_reminders_has_none_queued() {
    let app = TestApp::start().await;
    let start: DateTime<Utc> = "2027-03-14T16:00:00Z".parse().unwrap();
    app.set_clock(start - TimeDelta::days(5));
    let ana = app.member("ana").await;
    let class = app.create_class(1).await;
    app.sql(&format!(
        "update scheduled_classes set start_time = '{start}', end_time = '{}'",
        start + TimeDelta::hours(1)
    ))
    .await;
    book(&ana, class).await.expect(201);
    ana.patch(PREFERENCES, json!({ "reminders": false }))
        .await
        .expect(200);
    app.set_clock(start - TimeDelta::hours(23));
    app.run_clean_up().await.expect(200);
    assert_eq!(app.mail_count("class_reminder").await, 0);
    // The member decides otherwise in time.
    ana.patch(PREFERENCES, json!({ "reminders": true }))
        .await
        .expect(200);
    app.run_clean_up().await.expect(200);
    assert_eq!(app.mail_count("class_reminder").await, 1);
}

#[tokio::test]
async fn one_click_in_a_mail_program_switches_one_category_off() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(2).await;
    book(&ana, class).await.expect(201);
    let mail = &server.wait_for_mails(1).await[0];
    assert_eq!(
        mail["headers"]["list-unsubscribe-post"],
        "List-Unsubscribe=One-Click"
    );
    // The URL is on one line and is not encoded.
    let lines: Vec<_> = mail["head"].as_str().unwrap().lines().collect();
    let header = mail["headers"]["list-unsubscribe"].as_str().unwrap();
    let line = format!("List-Unsubscribe: {header}");
    assert!(lines.contains(&line.as_str()), "{lines:?}");
    assert!(lines.contains(&"List-Unsubscribe-Post: List-Unsubscribe=One-Click"));
    let path = unsubscribe_path(mail);
    // Scanners and browsers open the link. It leads to a page that asks.
    let visitor = app.visitor();
    for method in [Method::GET, Method::HEAD] {
        let response = visitor.send(visitor.request(method, &path)).await;
        assert_eq!(response.status, 303);
        let token = path.split_once('=').unwrap().1;
        let page = format!("https://sabor.example/unsubscribe#token={token}");
        assert_eq!(response.header("location"), Some(page.as_str()));
    }
    let html = mail["html"].as_str().unwrap();
    assert!(html.contains("https://sabor.example/unsubscribe#token=bookings."));
    assert!(muted(&ana).await.is_empty());
    for _ in 0..2 {
        let response = click(&app, &path).await;
        assert_eq!(response.expect(200), json!({ "success": true }));
        assert_eq!(response.header("set-cookie"), None);
        assert_eq!(muted(&ana).await, ["bookings"]);
    }
    assert!(muted(&ben).await.is_empty());
    book(&ana, app.create_class(2).await).await.expect(201);
    book(&ben, class).await.expect(201);
    let mails = server.wait_for_mails(2).await;
    assert_eq!(mails[1]["to"], json!(["ben@example.com"]));
    // The member can undo it, and the link works again.
    ana.patch(PREFERENCES, json!({ "bookings": true }))
        .await
        .expect(200);
    // A mail program can be a page of another origin, in the browser of another member.
    let request = ben.request(Method::POST, &path);
    send_from_origin(request, "https://mail.example")
        .await
        .expect(200);
    assert_eq!(muted(&ana).await, ["bookings"]);
    assert!(muted(&ben).await.is_empty());
    // Nothing else is open to other origins.
    let request = ben.request(Method::PATCH, PREFERENCES);
    let request = request.json(&json!({ "bookings": false }));
    send_from_origin(request, "https://mail.example")
        .await
        .expect_code(403, "foreign_origin");
}

#[tokio::test]
async fn a_forged_token_switches_nothing_off() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    book(&ana, app.create_class(2).await).await.expect(201);
    let path = unsubscribe_path(&server.wait_for_mails(1).await[0]);
    let [ana_id, ben_id] = [ana.user_id().await, ben.user_id().await];
    let forged = [
        path.replace("bookings", "reminders"),
        path.replace(ana_id.as_str().unwrap(), ben_id.as_str().unwrap()),
        path[..path.len() - 1].to_owned(),
        format!("{path}0"),
        path.to_uppercase()
            .replace("/API/AUTH/UNSUBSCRIBE?TOKEN", "/api/auth/unsubscribe?token"),
        "/api/auth/unsubscribe?token=bookings".to_owned(),
        "/api/auth/unsubscribe?token=%22%3E%0D%0AX:y".to_owned(),
    ];
    for forged in forged {
        click(&app, &forged).await.expect_code(404, "not_found");
        let page = app.visitor().get(&forged).await;
        // The page says that the link does not work.
        let (_, token) = forged.split_once('=').unwrap();
        let token = match token.starts_with('%') {
            true => "Xy",
            false => token,
        };
        let expected = format!("https://sabor.example/unsubscribe#token={token}");
        assert_eq!(page.header("location"), Some(expected.as_str()));
    }
    let page = app.visitor().get("/api/auth/unsubscribe").await;
    let expected = "https://sabor.example/unsubscribe#token=";
    assert_eq!(page.header("location"), Some(expected));
    let missing = click(&app, "/api/auth/unsubscribe").await;
    missing.expect_code(400, "validation_failed");
    for member in [&ana, &ben] {
        assert!(muted(member).await.is_empty());
    }
    // The link of a closed account does no harm.
    ana.close_account().await;
    click(&app, &path).await.expect(200);
    assert_eq!(
        app.count("select count(*) from users where muted_categories <> '{}'")
            .await,
        0
    );
}
