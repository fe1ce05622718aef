//! The mail outbox, with PyPI's `aiosmtpd` as the mail server.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use sabor::App;
use sabor::notify::mail::{SendSummary, send_due};
use sabor::runtime::config::MailTransport;
use serde_json::{Value, json};

use crate::admin::bookings::perform_action;
use crate::bookings::{book, cancel, insert_desk_payment, join_waitlist, set_clock_before_start};
use crate::harness::{MailServer, PASSWORD, Settings, TestApp, wait_until};
use crate::shop::sell_pass;

async fn send_due_mails(app: &App) -> SendSummary {
    let deadline = Instant::now() + Duration::from_secs(60);
    send_due(app, deadline).await.unwrap()
}

/// Inserts a contact message into the outbox, addressed to `recipient`. The mail server
/// rejects or delays messages to some recipients, as `harness/mail_server.py` says.
async fn insert_mail(app: &TestApp, recipient: &str) {
    app.sql(&format!(
        "with message as (
            insert into contact_submissions (id, name, email, subject, message)
            values (gen_random_uuid(), 'Nadia', 'nadia@example.com', 'Hola', 'Hola!')
            returning id
        )
        insert into mail_outbox (id, recipient, kind, payload)
        select gen_random_uuid(), '{recipient}', 'contact_received',
            jsonb_build_object('submissionId', id) from message"
    ))
    .await;
}

/// Makes every unsent message due again, except abandoned ones.
async fn make_due(app: &TestApp) {
    app.sql(
        "update mail_outbox set next_attempt_at = now()
        where sent_at is null and next_attempt_at <> 'infinity'",
    )
    .await;
}

async fn count_mails(app: &TestApp, condition: &str) -> i64 {
    app.count(&format!(
        "select count(*) from mail_outbox where {condition}"
    ))
    .await
}

fn subjects(mails: &[Value]) -> Vec<&str> {
    let subjects = mails.iter().map(|mail| mail["headers"]["subject"].as_str());
    subjects.map(Option::unwrap).collect()
}

#[tokio::test]
async fn a_booking_confirmation_has_text_and_html_in_the_studios_local_time() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let settings = server.settings().with("STUDIO_TIMEZONE", "Europe/Madrid");
    let app = TestApp::start_with(settings).await;
    let class = app.create_class_on_clock_change("Salsa & Son").await;
    let ana = app.member("ana").await;
    app.sql("update users set email_verified_at = now()").await;
    book(&ana, class).await.expect(201);
    let mail = &server.wait_for_mails(1).await[0];
    assert_eq!(mail["to"], json!(["ana@example.com"]));
    assert_eq!(mail["type"], "multipart/alternative");
    let headers = &mail["headers"];
    assert_eq!(headers["from"], "Sabor con Flow <hello@sabor.example>");
    assert_eq!(
        headers["subject"],
        "Booked: Salsa & Son, Sunday, March 28, 2027"
    );
    assert_eq!(headers["auto-submitted"], "auto-generated");
    assert!(headers["date"].is_string());
    let row = app.sql("select id::text from mail_outbox where kind = 'booking_confirmed'");
    let row = row.await;
    let id = format!("<{}@sabor.example>", row[0].get::<_, String>(0));
    assert_eq!(headers["message-id"], json!(id));
    let text = mail["text"].as_str().unwrap();
    for part in [
        "Hola ana,",
        "Sunday, March 28, 2027, 7:30 PM to 8:30 PM (Madrid time)",
        "Salsa & Son",
        "Sala Uno",
        "Marisol Vega",
        "25.00 USD",
        "You can cancel free of charge until Sunday, March 28, 2027, 7:30 AM.",
        "https://sabor.example/",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let html = mail["html"].as_str().unwrap();
    assert!(
        html.contains("Salsa &#38; Son") && html.contains("7:30 PM"),
        "{html}"
    );
    wait_until(async || count_mails(&app, "sent_at is null").await == 0).await;
}

#[tokio::test]
async fn members_receive_messages_about_waitlists_promotions_and_cancellations() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let class = app.create_class(1).await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let response = book(&ana, class).await;
    let booking = response.expect(201);
    join_waitlist(&ben, class).await.expect(201);
    server.wait_for_mails(2).await;
    cancel(&ana, &booking).await.expect(200);
    let mails = server.wait_for_mails(4).await;
    let subjects_to = |name: &str| -> Vec<String> {
        let to = json!([format!("{name}@example.com")]);
        let own_mails = mails.iter().filter(|mail| mail["to"] == to);
        let mut own_subjects: Vec<_> = own_mails
            .map(|mail| mail["headers"]["subject"].as_str().unwrap())
            .map(|subject| subject.split(':').next().unwrap().to_owned())
            .collect();
        own_subjects.sort();
        own_subjects
    };
    assert_eq!(subjects_to("ana"), ["Booked", "Cancelled"]);
    assert_eq!(subjects_to("ben"), ["On the waitlist", "You have a spot"]);
}

#[tokio::test]
async fn the_message_about_a_late_cancellation_states_the_deadline_for_free_cancellation() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    app.set_clock("2030-07-01T12:00:00Z".parse().unwrap());
    let ana = app.member("ana").await;
    let class = app.create_class(3).await;
    app.sql(
        "update scheduled_classes set start_time = '2030-07-05T01:00:00Z',
            end_time = '2030-07-05T02:00:00Z'",
    )
    .await;
    let booking = book(&ana, class).await.expect(201);
    // The confirmation must be sent first, because it is outdated after the cancellation.
    server.wait_for_mails(1).await;
    insert_desk_payment(&app, &booking).await;
    set_clock_before_start(&app, &booking, TimeDelta::hours(2));
    cancel(&ana, &booking).await.expect(200);
    let mails = server.wait_for_mails(2).await;
    let cancellation = mails
        .iter()
        .find(|mail| {
            let subject = mail["headers"]["subject"].as_str().unwrap();
            subject.starts_with("Cancelled: ")
        })
        .unwrap();
    let text = cancellation["text"].as_str().unwrap();
    // Denver is six hours behind UTC in summer.
    let expected = "the time for a free cancellation ended on Thursday, July 4, 2030, 7:00 AM.";
    assert!(
        text.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .contains(expected),
        "{text}"
    );
}

#[tokio::test]
async fn messages_about_a_booking_with_a_pass_state_what_happens_to_its_class() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    sell_pass(&staff, &ana, json!({ "credits": 2 })).await;
    server.wait_for_mails(1).await;
    let class = app.create_class(5).await;
    let booking = book(&ana, class).await.expect(201);
    server.wait_for_mails(2).await;
    cancel(&ana, &booking).await.expect(200);
    server.wait_for_mails(3).await;
    let booking = book(&ana, class).await.expect(201);
    server.wait_for_mails(4).await;
    set_clock_before_start(&app, &booking, TimeDelta::hours(6));
    cancel(&ana, &booking).await.expect(200);
    let mails = server.wait_for_mails(5).await;
    // The first e-mail is about the sale.
    let texts = mails.iter().skip(1);
    let texts = texts.map(|mail| mail["text"].as_str().unwrap());
    let texts: Vec<String> = texts.map(|text| text.replace('\n', " ")).collect();
    let expected = [
        "Your pass “Ten classes” pays for this class. One class is left on the pass.",
        "The class is back on your pass “Ten classes”.",
        "and the class then goes back to your pass.",
        "The class does not go back to your pass “Ten classes”",
    ];
    for (text, part) in texts.iter().zip(expected) {
        assert!(text.contains(part), "{part} is not in {text}");
        assert!(!text.contains("USD"), "{text}");
    }
}

#[tokio::test]
async fn messages_about_fees_state_what_is_owed_and_what_is_kept() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let settings = server.settings().with("LATE_CANCEL_FEE", "10.00");
    let app = TestApp::start_with(settings.with("NO_SHOW_FEE", "12.00")).await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let first = book(&ana, app.create_class(3).await).await.expect(201);
    server.wait_for_mails(1).await;
    set_clock_before_start(&app, &first, TimeDelta::hours(6));
    cancel(&ana, &first).await.expect(200);
    server.wait_for_mails(2).await;
    let second = book(&ana, app.create_class(3).await).await.expect(201);
    server.wait_for_mails(3).await;
    insert_desk_payment(&app, &second).await;
    set_clock_before_start(&app, &second, TimeDelta::minutes(-30));
    perform_action(&staff, &second, "noShow").await.expect(200);
    app.sql("update mail_outbox set next_attempt_at = now() where kind = 'no_show'")
        .await;
    send_due_mails(&app.app).await;
    let mails = server.wait_for_mails(4).await;
    let text = |index: usize| {
        let text: Vec<_> = mails[index]["text"]
            .as_str()
            .unwrap()
            .split_whitespace()
            .collect();
        text.join(" ")
    };
    let late = text(1);
    assert!(
        late.contains("The cancellation costs 10.00 USD, because"),
        "{late}"
    );
    assert!(
        late.contains("Please pay this under “My bookings”"),
        "{late}"
    );
    let missed = text(3);
    assert!(
        missed.contains("you did not come. The fee for a missed class is 12.00 USD."),
        "{missed}"
    );
    assert!(
        missed.contains("We keep this amount from your payment."),
        "{missed}"
    );
    assert!(
        missed.contains("collect your refund of 13.00 USD"),
        "{missed}"
    );
    // Staff have corrected the record, so the next e-mail is outdated.
    perform_action(&staff, &second, "checkIn").await.expect(200);
    perform_action(&staff, &second, "noShow").await.expect(200);
    perform_action(&staff, &second, "checkIn").await.expect(200);
    app.sql(
        "update mail_outbox set next_attempt_at = now() where kind = 'no_show' and sent_at is null",
    )
    .await;
    send_due_mails(&app.app).await;
    assert_eq!(server.received().len(), 4);
}

#[tokio::test]
async fn messages_about_cancelled_and_moved_classes_state_the_reason_and_both_times() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let class = app.create_class(3).await;
    let ana = app.member("ana").await;
    book(&ana, class).await.expect(201);
    server.wait_for_mails(1).await;
    let send_notification = async |kind: &str, before: &str| {
        app.sql(&format!(
            "insert into mail_outbox (id, recipient, kind, payload)
            select gen_random_uuid(), 'ana@example.com', '{kind}',
                jsonb_build_object('bookingId', id, 'before', {before}) from bookings"
        ))
        .await;
        send_due_mails(&app.app).await
    };
    app.sql(
        "update scheduled_classes set start_time = '2030-07-05T01:00:00Z',
            end_time = '2030-07-05T02:00:00Z', room = 'Main'",
    )
    .await;
    app.set_clock("2030-07-01T12:00:00Z".parse().unwrap());
    let previous = |start: &str, end: &str, room: &str| {
        let times = format!("'startTime', '{start}', 'endTime', '{end}'");
        format!("jsonb_build_object({times}, 'room', '{room}')")
    };
    // Denver is seven hours behind UTC in winter and six hours in summer.
    let old_time = previous("2030-01-04T02:00:00Z", "2030-01-04T03:00:00Z", "Main");
    assert_eq!(send_notification("class_moved", &old_time).await.sent, 1);
    let start = "2030-07-05T01:00:00Z";
    let old_room = previous(start, "2030-07-05T02:00:00Z", "Cellar");
    assert_eq!(send_notification("class_moved", &old_room).await.sent, 1);
    let old_end = previous(start, "2030-07-05T02:30:00Z", "Main");
    assert_eq!(send_notification("class_moved", &old_end).await.sent, 1);
    // The class is back at its old time and room, so no message is sent.
    let unchanged = previous("2030-07-05T01:00:00+00:00", "2030-07-05T02:00:00Z", "Main");
    let summary = send_notification("class_moved", &unchanged).await;
    assert_eq!((summary.sent, summary.dropped), (0, 1));
    assert_eq!(
        send_notification("instructor_changed", "null").await.sent,
        1
    );
    app.sql(
        "update scheduled_classes set is_cancelled = true, cancellation_reason = 'The <b>roof</b> leaks'",
    )
    .await;
    app.sql(
        "insert into payments (id, booking_id, user_id, amount, currency, method, status)
        select gen_random_uuid(), id, user_id, 25, 'USD', 'card', 'refund_due' from bookings",
    )
    .await;
    assert_eq!(send_notification("class_cancelled", "null").await.sent, 1);
    let mails = server.wait_for_mails(6).await;
    let text = |index: usize| mails[index]["text"].as_str().unwrap();
    let move_notice = |day: &str, ends: &str, room: &str| {
        format!(
            "was planned for {day}, 7:00 PM to {ends}, in {room}. \
            It is now on Thursday, July 4, 2030, 7:00 PM to 8:00 PM, in Main."
        )
    };
    for (mail, expected) in [
        (
            1,
            move_notice("Thursday, January 3, 2030", "8:00 PM", "Main"),
        ),
        (
            2,
            move_notice("Thursday, July 4, 2030", "8:00 PM", "Cellar"),
        ),
        (3, move_notice("Thursday, July 4, 2030", "8:30 PM", "Main")),
    ] {
        assert!(text(mail).contains(&expected), "{}", text(mail));
    }
    assert!(subjects(&mails)[1].starts_with("New time: "));
    assert!(subjects(&mails)[2].starts_with("New room: "));
    assert!(text(4).contains("will now be taught by Marisol Vega"));
    assert!(text(5).contains("The <b>roof</b> leaks"));
    assert!(text(5).contains("We are refunding 25.00 USD to your card"));
    let html = mails[5]["html"].as_str().unwrap();
    assert!(
        html.contains("The &#60;b&#62;roof&#60;/b&#62; leaks"),
        "{html}"
    );
}

#[tokio::test]
async fn outdated_notifications_are_not_sent() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let class = app.create_class(3).await;
    let ana = app.member("ana").await;
    app.sql("delete from mail_outbox").await;
    let booking = book(&ana, class).await.expect(201);
    cancel(&ana, &booking).await.expect(200);
    app.sql("insert into mail_outbox (id, recipient, kind, payload) values
        (gen_random_uuid(), 'ana@example.com', 'booking_promoted', '{\"bookingId\":\"01a1fbec-f5a7-774d-993f-b6dedc6eb201\"}'),
        (gen_random_uuid(), 'ana@example.com', 'booking_promoted', '{\"bookingId\":7}')")
        .await;
    let mailing_app = app.start_another_with(server.settings()).await;
    let summary = send_due_mails(&mailing_app.app).await;
    assert_eq!((summary.sent, summary.dropped), (1, 3));
    let mails = server.wait_for_mails(1).await;
    assert!(subjects(&mails)[0].starts_with("Cancelled: "));
    assert_eq!(
        send_due_mails(&mailing_app.app).await,
        SendSummary::default()
    );
}

#[tokio::test]
async fn messages_about_a_class_that_the_booking_has_left_are_not_sent() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let class = app.create_class(1).await;
    let booking = book(&ana, class).await.expect(201);
    let waitlisted_booking = join_waitlist(&ben, class).await.expect(201);
    app.sql("delete from mail_outbox").await;
    let change = json!({ "occurrence": { "id": class, "room": "Another room" } });
    staff.patch("/api/admin/schedule", change).await.expect(200);
    // When Ana's booking moves, Ben gets her spot.
    for booking in [booking, waitlisted_booking] {
        let target = app.create_class(1).await;
        let change = json!({
            "bookingId": booking["id"], "action": "move", "scheduledClassId": target,
        });
        staff.patch("/api/admin/bookings", change).await.expect(200);
    }
    let kinds = app
        .sql("select string_agg(kind, ' ' order by kind) from mail_outbox")
        .await;
    let kinds: String = kinds[0].get(0);
    assert_eq!(
        kinds,
        "booking_promoted class_moved class_moved class_moved class_moved"
    );
    let mailing_app = app.start_another_with(server.settings()).await;
    let summary = send_due_mails(&mailing_app.app).await;
    assert_eq!((summary.sent, summary.dropped), (2, 3));
    let mails = server.wait_for_mails(2).await;
    for subject in subjects(&mails) {
        assert!(subject.starts_with("Booking moved: "), "{subject}");
    }
}

#[tokio::test]
async fn a_message_of_a_kind_that_a_newer_version_has_added_waits_for_that_version() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    app.sql(
        "insert into mail_outbox (id, recipient, kind, payload)
        values (gen_random_uuid(), 'ana@example.com', 'fire_alarm', '{}')",
    )
    .await;
    let summary = send_due_mails(&app.app).await;
    assert_eq!((summary.failed, summary.dropped), (1, 0));
    let waiting = "kind = 'fire_alarm' and dropped is null
        and next_attempt_at between now() and now() + interval '1 minute'";
    assert_eq!(count_mails(&app, waiting).await, 1);
}

#[tokio::test]
async fn notifications_about_past_classes_are_not_sent() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let class = app.create_class(3).await;
    book(&app.member("ana").await, class).await.expect(201);
    let mailing_app = app.start_another_with(server.settings()).await;
    mailing_app.app.clock().advance(chrono::TimeDelta::days(4));
    assert_eq!(send_due_mails(&mailing_app.app).await.dropped, 1);
}

#[tokio::test]
async fn concurrent_senders_deliver_each_message_once() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    for _ in 0..100 {
        insert_mail(&app, "studio@sabor.example").await;
    }
    let other = app.start_another().await;
    // The senders begin at the same time.
    let lock = app
        .hold_locks("lock table mail_outbox in exclusive mode")
        .await;
    let (first, second, third, ()) = tokio::join!(
        send_due_mails(&app.app),
        send_due_mails(&other.app),
        send_due_mails(&other.app),
        async {
            wait_until(async || app.blocked_statements().await == 3).await;
            lock.release().await;
        }
    );
    assert_eq!(first.sent + second.sent + third.sent, 100);
    assert!(first.sent > 0 && second.sent > 0 && third.sent > 0);
    let mails = server.wait_for_mails(100).await;
    let ids: std::collections::BTreeSet<_> = mails
        .iter()
        .map(|mail| mail["headers"]["message-id"].to_string())
        .collect();
    assert_eq!((mails.len(), ids.len()), (100, 100));
    // Each run opens up to four connections and sends many messages over each of them.
    let client_ports: std::collections::BTreeSet<_> =
        mails.iter().map(|mail| mail["peer"].as_u64()).collect();
    assert!((4..=12).contains(&client_ports.len()), "{client_ports:?}");
}

#[tokio::test]
async fn a_temporary_failure_is_retried_with_growing_delays_and_then_abandoned() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    insert_mail(&app, "later@example.com").await;
    insert_mail(&app, "ana@example.com").await;
    let mut delays = Vec::new();
    for attempt in 1..=10 {
        let summary = send_due_mails(&app.app).await;
        assert_eq!(
            summary.sent,
            u64::from(attempt == 1),
            "only the first run sends the mail to ana"
        );
        assert_eq!(summary.given_up, u64::from(attempt == 10));
        assert_eq!(
            send_due_mails(&app.app).await,
            SendSummary::default(),
            "a mail is not retried before it is due"
        );
        let row = app
            .sql(
                "select case when isfinite(next_attempt_at)
                    then round(extract(epoch from next_attempt_at - now()) / 60)::int end
                from mail_outbox where sent_at is null",
            )
            .await;
        delays.push(row[0].get::<_, Option<i32>>(0));
        make_due(&app).await;
    }
    let day = Some(1440);
    let growing_delays = [Some(1), Some(5), Some(30), Some(120), Some(360)];
    assert_eq!(
        delays,
        [&growing_delays[..], &[day, day, day, day, None]].concat()
    );
    assert_eq!(send_due_mails(&app.app).await, SendSummary::default());
}

#[tokio::test]
async fn a_domain_in_any_script_is_written_in_ascii() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let settings = server
        .settings()
        .with("MAIL_FROM", "Estudio <hola@señal.example>");
    let app = TestApp::start_with(settings).await;
    let domains = [
        ("bücher.example", "xn--bcher-kva.example"),
        ("пример.example", "xn--e1afmkfd.example"),
        ("例え.example", "xn--r8jz45g.example"),
        ("مثال.example", "xn--mgbh0fb.example"),
    ];
    for (domain, _) in domains {
        insert_mail(&app, &format!("ana@{domain}")).await;
    }
    // The invisible character in this domain is not allowed in a domain name.
    insert_mail(&app, "ana@a\u{200d}b.example").await;
    let summary = send_due_mails(&app.app).await;
    assert_eq!((summary.sent, summary.given_up), (4, 1));
    let mails = server.wait_for_mails(4).await;
    for (_, ascii) in domains {
        let address = format!("ana@{ascii}");
        let mail = mails.iter().find(|mail| mail["to"] == json!([address]));
        let headers = &mail.unwrap()["headers"];
        assert_eq!(headers["to"], json!(address));
        assert_eq!(headers["from"], "Estudio <hola@xn--seal-hqa.example>");
    }
}

#[tokio::test]
async fn an_unknown_recipient_is_abandoned_immediately() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    insert_mail(&app, "gone@example.com").await;
    insert_mail(&app, "no address").await;
    insert_mail(&app, "ana@example.com").await;
    let summary = send_due_mails(&app.app).await;
    assert_eq!((summary.sent, summary.given_up, summary.failed), (1, 2, 0));
    make_due(&app).await;
    assert_eq!(send_due_mails(&app.app).await, SendSummary::default());
    assert_eq!(count_mails(&app, "next_attempt_at = 'infinity'").await, 2);
}

#[tokio::test]
async fn no_message_is_lost_when_the_server_blocks_the_sender() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    insert_mail(&app, "blocked@example.com").await;
    let summary = send_due_mails(&app.app).await;
    assert_eq!((summary.failed, summary.given_up), (1, 0));
}

#[tokio::test]
async fn rejected_content_is_retried() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    insert_mail(&app, "broken@example.com").await;
    let summary = send_due_mails(&app.app).await;
    assert_eq!((summary.failed, summary.given_up), (1, 0));
}

#[tokio::test]
async fn a_connection_lost_before_the_reply_loses_no_message_and_the_message_id_stays() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    insert_mail(&app, "cut-before@example.com").await;
    insert_mail(&app, "cut-after@example.com").await;
    insert_mail(&app, "ana@example.com").await;
    let summary = send_due_mails(&app.app).await;
    assert_eq!(
        (summary.sent, summary.failed),
        (1, 2),
        "the mail to ana is sent"
    );
    make_due(&app).await;
    assert_eq!(send_due_mails(&app.app).await.failed, 2);
    let mails = server.wait_for_mails(3).await;
    let message_ids: Vec<_> = mails
        .iter()
        .filter(|mail| mail["to"] == json!(["cut-after@example.com"]))
        .map(|mail| &mail["headers"]["message-id"])
        .collect();
    assert_eq!(message_ids.len(), 2);
    assert_eq!(message_ids[0], message_ids[1]);
}

#[tokio::test]
async fn a_slow_server_times_out() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    insert_mail(&app, "slow@example.com").await;
    let mut config = app.app.config().clone();
    let MailTransport::Smtp(smtp) = &mut config.mail.transport else {
        panic!("{:?}", config.mail);
    };
    smtp.time_limit = Duration::from_secs(1);
    let app_with_short_deadline = App::new(config).unwrap();
    assert_eq!(send_due_mails(&app_with_short_deadline).await.failed, 1);
    app_with_short_deadline.close().await;
}

#[tokio::test]
async fn without_a_server_one_message_is_attempted_and_the_others_wait() {
    let port = sabor_testing::port::find_free(None).unwrap();
    let settings = Settings::default()
        .with("SMTP_HOST", "127.0.0.1")
        .with("SMTP_PORT", port.to_string())
        .with("MAIL_FROM", "hello@sabor.example");
    let app = TestApp::start_with(settings).await;
    for _ in 0..3 {
        insert_mail(&app, "ana@example.com").await;
    }
    let summary = send_due_mails(&app.app).await;
    assert_eq!((summary.failed, summary.remaining), (1, true));
    assert_eq!(count_mails(&app, "attempts = 0").await, 2);
}

#[tokio::test]
async fn visitor_input_cannot_inject_headers() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    // Direct SQL, since the form rejects line breaks.
    app.sql(
        "insert into contact_submissions (id, name, email, subject, message)
        values ('01a1fbec-f5a7-774d-993f-b6dedc6eb201',
            E'Eve\\r\\nBcc: all@example.com', 'eve@example.com',
            E'Hola\\r\\nBcc: all@example.com\\r\\n\\r\\nBuy this', E'.\\r\\nMAIL FROM:<x@y.example>\\r\\n.\\r\\n')",
    )
    .await;
    app.sql(
        "insert into mail_outbox (id, recipient, kind, payload)
        select gen_random_uuid(), 'studio@sabor.example', 'contact_received',
            jsonb_build_object('submissionId', id) from contact_submissions",
    )
    .await;
    assert_eq!(send_due_mails(&app.app).await.sent, 1);
    let mails = server.wait_for_mails(1).await;
    let header_names: Vec<_> = mails[0]["names"].as_array().unwrap().to_vec();
    assert!(!header_names.contains(&json!("Bcc")), "{header_names:?}");
    assert_eq!(mails[0]["to"], json!(["studio@sabor.example"]));
    let subject = mails[0]["headers"]["subject"].as_str().unwrap();
    assert!(subject.starts_with("Contact: Hola  Bcc:"), "{subject}");
    assert!(
        mails[0]["text"]
            .as_str()
            .unwrap()
            .contains("MAIL FROM:<x@y.example>")
    );
    assert_eq!(mails.len(), 1);
}

#[tokio::test]
async fn mail_is_sent_only_over_verified_tls() {
    let folder = tempfile::tempdir().unwrap();
    let self_signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    std::fs::write(&certificate, self_signed.cert.pem()).unwrap();
    std::fs::write(&key, self_signed.signing_key.serialize_pem()).unwrap();
    let Some(server) = MailServer::start_with_tls(&certificate, &key).await else {
        return;
    };
    let settings = server
        .settings()
        .with("SMTP_HOST", "localhost")
        .with("SMTP_USER", "sabor")
        .with("SMTP_PASS", "mail-password")
        .with("SMTP_CA_CERT", self_signed.cert.pem());
    let app = TestApp::start_with(settings.clone()).await;
    insert_mail(&app, "ana@example.com").await;
    assert_eq!(send_due_mails(&app.app).await.sent, 1);
    let mail = &server.wait_for_mails(1).await[0];
    assert_eq!(
        (&mail["tls"], &mail["user"]),
        (&json!(true), &json!("sabor"))
    );

    let other_certificate =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    for (name, value) in [
        ("SMTP_CA_CERT", other_certificate.cert.pem()),
        ("SMTP_HOST", "127.0.0.1".to_owned()),
        ("SMTP_PASS", "wrong".to_owned()),
    ] {
        let misconfigured_app = app
            .start_another_with(settings.clone().with(name, value))
            .await;
        insert_mail(&app, "ana@example.com").await;
        make_due(&app).await;
        let summary = send_due_mails(&misconfigured_app.app).await;
        assert_eq!((summary.sent, summary.failed), (0, 1), "{name}");
    }
    assert_eq!(server.received().len(), 1);
    // TLS is required, and this server does not offer it.
    let Some(server_without_tls) = MailServer::start().await else {
        return;
    };
    let settings = settings.with("SMTP_PORT", server_without_tls.port.to_string());
    let app_requiring_tls = app.start_another_with(settings).await;
    make_due(&app).await;
    assert_eq!(send_due_mails(&app_requiring_tls.app).await.sent, 0);
    assert!(server_without_tls.received().is_empty());
}

#[tokio::test]
async fn in_development_messages_are_files_whose_names_sort_by_time() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = app.app.config().clone();
    config.mail.transport = MailTransport::Folder(folder.path().join("mail"));
    let mailing_app = App::new(config).unwrap();
    insert_mail(&app, "ana@example.com").await;
    insert_mail(&app, "ben@example.com").await;
    assert_eq!(send_due_mails(&mailing_app).await.sent, 2);
    let mut files: Vec<_> = std::fs::read_dir(folder.path().join("mail"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 2);
    for (file, name) in files.iter().zip(["ana", "ben"]) {
        assert_eq!(file.extension().unwrap(), "eml");
        let text = std::fs::read_to_string(file).unwrap();
        assert!(
            text.contains(&format!("To: {name}@example.com\r\n")),
            "{text}"
        );
    }
    mailing_app.close().await;
}

#[tokio::test]
async fn many_other_messages_do_not_delay_a_password_reset() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    app.sql("delete from mail_outbox").await;
    for _ in 0..30 {
        insert_mail(&app, "studio@sabor.example").await;
    }
    let form = json!({ "email": "ana@example.com" });
    ana.post("/api/auth/forgot-password", form)
        .await
        .expect(202);
    let mailing_app = app.start_another_with(server.settings()).await;
    assert_eq!(send_due_mails(&mailing_app.app).await.sent, 31);
    let mails = server.wait_for_mails(31).await;
    assert_eq!(subjects(&mails)[0], "Reset your password");
}

#[tokio::test]
async fn many_other_messages_do_not_delay_an_invitation() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    app.sql("delete from mail_outbox").await;
    // Notices come before contact messages, and after links.
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "a long new password" });
    ana.post("/api/auth/change-password", change)
        .await
        .expect(200);
    insert_mail(&app, "studio@sabor.example").await;
    let form = json!({ "email": "jose@example.com", "firstName": "José" });
    staff.post("/api/admin/members", form).await.expect(201);
    let mailing_app = app.start_another_with(server.settings()).await;
    assert_eq!(send_due_mails(&mailing_app.app).await.sent, 3);
    let mails = server.wait_for_mails(3).await;
    let order = &subjects(&mails)[..2];
    assert_eq!(
        order,
        ["Your account with us", "Your password has been changed"]
    );
}

#[tokio::test]
async fn messages_to_an_unconfirmed_address_contain_no_user_input() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let class = app.create_class(3).await;
    // The attacker has registered with the address of the victim.
    let attacker = app.member("victim").await;
    book(&attacker, class).await.expect(201);
    app.sql("update users set first_name = 'Win at evil.example', email_verified_at = null")
        .await;
    app.visitor().sign_in_as("victim").await.expect(200);
    let form = json!({ "email": "victim@example.com" });
    attacker
        .post("/api/auth/forgot-password", form)
        .await
        .expect(202);
    let form =
        json!({ "newEmail": "win@evil.example", "currentPassword": crate::harness::PASSWORD });
    attacker
        .post("/api/auth/change-email", form)
        .await
        .expect(202);
    let mailing_app = app.start_another_with(server.settings()).await;
    send_due_mails(&mailing_app.app).await;
    let mails = server.wait_for_mails(4).await;
    let mails_to_victim = mails
        .iter()
        .filter(|mail| mail["to"] == json!(["victim@example.com"]));
    let mut count = 0;
    for mail in mails_to_victim {
        let whole_mail = mail.to_string();
        assert!(!whole_mail.contains("evil.example"), "{whole_mail}");
        assert!(mail["text"].as_str().unwrap().starts_with("Hola,"));
        count += 1;
    }
    assert_eq!(count, 4, "{:?}", subjects(&mails));
}

#[tokio::test]
async fn a_cancellation_message_contains_the_reason_of_the_studio_but_not_of_the_member() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    let class = app.create_class(3).await;
    let (ana, staff) = (app.member("ana").await, app.staff("staff").await);
    let booking = book(&ana, class).await.expect(201);
    let form = json!({ "bookingId": booking["id"], "reason": "Buy at evil.example" });
    ana.post("/api/bookings/cancel", form).await.expect(200);
    let booking = book(&ana, class).await.expect(201);
    let form =
        json!({ "bookingId": booking["id"], "action": "cancel", "reason": "The roof leaks" });
    staff.patch("/api/admin/bookings", form).await.expect(200);
    let to_ana = || {
        let mails = server.received().into_iter();
        let mails = mails.filter(|mail| mail["to"] == json!(["ana@example.com"]));
        mails
            .filter(|mail| {
                let subject = mail["headers"]["subject"].as_str().unwrap();
                subject.starts_with("Cancelled: ")
            })
            .collect::<Vec<_>>()
    };
    wait_until(async || to_ana().len() == 2).await;
    let texts: Vec<_> = to_ana().iter().map(ToString::to_string).collect();
    assert!(!texts.iter().any(|text| text.contains("evil.example")));
    let with_reason = texts.iter().filter(|text| text.contains("The roof leaks"));
    assert_eq!(with_reason.count(), 1);
}

#[tokio::test]
async fn a_recipient_gets_at_most_twenty_booking_messages_an_hour_and_reset_links_do_not_count() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let class = app.create_class(3).await;
    let ana = app.member("ana").await;
    book(&ana, class).await.expect(201);
    app.sql("delete from mail_outbox").await;
    let insert_confirmations = async |count: i32| {
        app.sql(&format!(
            "insert into mail_outbox (id, recipient, kind, payload)
            select gen_random_uuid(), 'ana@example.com', 'booking_confirmed',
                jsonb_build_object('bookingId', id) from bookings, generate_series(1, {count})"
        ))
        .await;
    };
    insert_confirmations(25).await;
    let mailing_app = app.start_another_with(server.settings()).await;
    let other_sender = app.start_another_with(server.settings()).await;
    let (first, second) = tokio::join!(
        send_due_mails(&mailing_app.app),
        send_due_mails(&other_sender.app)
    );
    let sent = first.sent + second.sent;
    // Each application also counts the message that the other one has claimed. After 19
    // messages, both can therefore drop the message that they have claimed.
    assert!((19..=20).contains(&sent), "{sent}");
    assert_eq!(sent + first.capped + second.capped, 25);
    assert_eq!(
        count_mails(&app, "dropped = 'capped'").await,
        25 - sent as i64
    );
    let form = json!({ "email": "ana@example.com" });
    ana.post("/api/auth/forgot-password", form)
        .await
        .expect(202);
    assert_eq!(send_due_mails(&mailing_app.app).await.sent, 1);
    // An hour later, the limit allows more messages.
    app.sql("update mail_outbox set sent_at = sent_at - interval '1 hour'")
        .await;
    insert_confirmations(1).await;
    assert_eq!(send_due_mails(&mailing_app.app).await.sent, 1);
}

#[tokio::test]
async fn each_kind_of_message_has_its_own_limit_per_recipient_and_hour() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let mut expected = Vec::new();
    for (kind, counted_kind, limit) in [
        ("reset_password", "reset_password", 10),
        ("verify_email", "verify_email", 20),
        ("account_exists", "account_exists", 3),
        ("sign_in_blocked", "sign_in_blocked", 3),
        ("password_changed", "password_changed", 10),
        ("codes_guessed", "codes_guessed", 10),
        ("booking_cancelled", "booking_confirmed", 20),
        ("class_moved", "instructor_changed", 60),
        ("booking_promoted", "class_cancelled", 60),
    ] {
        // The last recipient has received many messages of another kind.
        for (recipient, sent_kind, count) in [
            ("over", counted_kind, limit),
            ("under", counted_kind, limit - 1),
            ("other", "identity_linked", 100),
        ] {
            app.sql(&format!(
                "insert into mail_outbox (id, recipient, kind, payload, sent_at)
                select gen_random_uuid(), '{recipient}-{kind}@example.com', '{sent_kind}', '{{}}',
                    now()
                from generate_series(1, {count})"
            ))
            .await;
            app.sql(&format!(
                "insert into mail_outbox (id, recipient, kind, payload)
                values (gen_random_uuid(), '{recipient}-{kind}@example.com', '{kind}', '{{}}')"
            ))
            .await;
        }
        expected.push(format!("over-{kind}@example.com"));
    }
    let mailing_app = app.start_another_with(server.settings()).await;
    let summary = send_due_mails(&mailing_app.app).await;
    assert_eq!(summary.capped, expected.len() as u64);
    let capped = "select recipient from mail_outbox where dropped = 'capped' order by recipient";
    let capped = app.sql(capped).await;
    let capped: Vec<String> = capped.iter().map(|row| row.get(0)).collect();
    expected.sort();
    assert_eq!(capped, expected);
    assert_eq!(
        count_mails(&app, "sent_at is null and attempts = 0").await,
        0
    );
}

#[tokio::test]
async fn old_messages_are_dropped_and_counted_even_without_a_mail_server() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let class = app.create_class(3).await;
    let ana = app.member("ana").await;
    book(&ana, class).await.expect(201);
    let form = json!({ "email": "ana@example.com" });
    ana.post("/api/auth/forgot-password", form)
        .await
        .expect(202);
    insert_mail(&app, "studio@sabor.example").await;
    insert_mail(&app, "fresh@sabor.example").await;
    // Makes each message, except the fresh one, as old as the age limit of its kind plus
    // `difference`.
    let set_age = async |difference: &str| {
        app.sql(&format!(
            "update mail_outbox set created_at = now() - interval '{difference}' - case kind
                when 'reset_password' then interval '1 hour'
                when 'contact_received' then interval '7 days'
                else interval '1 day' end
            where recipient <> 'fresh@sabor.example'"
        ))
        .await;
    };
    set_age("-5 minutes").await;
    let body = app.run_clean_up().await.expect(200);
    assert_eq!(body["details"]["mailExpired"], 0);
    set_age("1 minute").await;
    let old_mails = count_mails(&app, "recipient <> 'fresh@sabor.example'").await;
    assert_eq!(
        old_mails, 4,
        "address confirmation, booking confirmation, password reset and contact message"
    );
    let body = app.run_clean_up().await.expect(200);
    assert_eq!(body["details"]["mailExpired"], old_mails);
    let counter = "select count from daily_counters where name = 'mail_expired'";
    assert_eq!(app.count(counter).await, old_mails);
    let body = app.run_clean_up().await.expect(200);
    assert_eq!(body["details"]["mailExpired"], 0);
    let mailing_app = app.start_another_with(server.settings()).await;
    assert_eq!(send_due_mails(&mailing_app.app).await.sent, 1);
    let mails = server.wait_for_mails(1).await;
    assert_eq!(mails[0]["to"], json!(["fresh@sabor.example"]));
}

#[tokio::test]
async fn messages_about_the_next_class_are_sent_first() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let (later_class, earlier_class) = (app.create_class(3).await, app.create_class(3).await);
    app.sql(&format!(
        "update scheduled_classes set start_time = now() + interval '7 days',
            end_time = now() + interval '169 hours', own_title = 'Next week' where id = '{later_class}'"
    ))
    .await;
    app.sql(&format!(
        "update scheduled_classes set own_title = 'Earlier class' where id = '{earlier_class}'"
    ))
    .await;
    book(&ana, later_class).await.expect(201);
    book(&ana, earlier_class).await.expect(201);
    let mailing_app = app.start_another_with(server.settings()).await;
    send_due_mails(&mailing_app.app).await;
    let mails = server.wait_for_mails(2).await;
    let subjects = subjects(&mails);
    assert!(subjects[0].contains("Earlier class"), "{subjects:?}");
    assert!(subjects[1].contains("Next week"), "{subjects:?}");
}
