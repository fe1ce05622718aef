//! Reminders of classes, and e-mails about passes that end soon.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use futures_util::future::join_all;
use sabor::store::migrations;
use sabor::values::time_zone::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::admin::bookings::perform_action;
use crate::bookings::{book, cancel, join_waitlist};
use crate::harness::{
    MailServer, Settings, TestApp, TestClient, connect, text_in_one_line, wait_until,
};
use crate::shop::{change_pass, create_product, sell, sell_pass};

/// The zones, with a start of a class less than a day after a change of the clocks.
const ZONES: [(&str, &str); 4] = [
    ("UTC", "2027-03-14T16:00:00Z"),
    // The clocks go forward at 9:00 UTC.
    ("America/Denver", "2027-03-14T16:00:00Z"),
    // The clocks go forward at 5:00 UTC, which is midnight.
    ("America/Havana", "2027-03-14T14:00:00Z"),
    // The clocks go back at 14:00 UTC on the day before.
    ("Pacific/Chatham", "2027-04-04T00:00:00Z"),
];

async fn start_in(zone: &str) -> TestApp {
    TestApp::start_with(Settings::default().with("STUDIO_TIMEZONE", zone)).await
}

/// Moves a class by SQL, without notifying anyone.
async fn move_class(app: &TestApp, class: Uuid, start: DateTime<Utc>) {
    app.sql(&format!(
        "update scheduled_classes set start_time = '{start}', end_time = '{}' where id = '{class}'",
        start + TimeDelta::hours(1)
    ))
    .await;
}

/// Creates a class at this time.
async fn class_at(app: &TestApp, spots: i32, start: DateTime<Utc>) -> Uuid {
    let class = app.create_class(spots).await;
    move_class(app, class, start).await;
    class
}

/// Runs the clean-up this long before `start`, or up to a second later, because the clock cannot be
/// set exactly. Returns how many reminders of classes it has queued.
async fn remind_before(app: &TestApp, start: DateTime<Utc>, before: TimeDelta) -> u64 {
    app.set_clock(start - before + TimeDelta::seconds(1));
    clean_up(app).await["details"]["classRemindersQueued"]
        .as_u64()
        .unwrap()
}

async fn clean_up(app: &TestApp) -> Value {
    app.run_clean_up().await.expect(200)
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_class_is_reminded_of_24_hours_before_and_never_less_than_two() {
    let minute = TimeDelta::minutes(1);
    for (zone, start) in ZONES {
        let app = start_in(zone).await;
        let start = time(start);
        app.set_clock(start - TimeDelta::days(5));
        let ana = app.member("ana").await;
        let class = class_at(&app, 5, start).await;
        book(&ana, class).await.expect(201);
        let next_start = start + TimeDelta::days(2);
        let next = class_at(&app, 5, next_start).await;
        book(&ana, next).await.expect(201);
        let day = TimeDelta::hours(24);
        assert_eq!(remind_before(&app, start, day + minute).await, 0, "{zone}");
        assert_eq!(remind_before(&app, start, day).await, 1, "{zone}");
        for before in [day - minute, TimeDelta::hours(23), TimeDelta::hours(3)] {
            assert_eq!(remind_before(&app, start, before).await, 0, "{zone}");
        }
        // The clean-up did not run in time.
        let two = TimeDelta::hours(2);
        assert_eq!(remind_before(&app, next_start, two - minute).await, 0);
        assert_eq!(remind_before(&app, next_start, two + minute).await, 1);
        assert_eq!(app.mail_count("class_reminder").await, 2);
    }
}

#[tokio::test]
async fn a_reminder_says_when_and_where_the_class_is_and_what_to_pay() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let settings = server
        .settings()
        .with("STUDIO_ADDRESS", "12 Pearl Street")
        .with("STUDIO_CITY", "Boulder")
        .with("STUDIO_REGION", "CO")
        .with("STUDIO_POSTAL_CODE", "80302")
        .with("STUDIO_COUNTRY", "US");
    let app = TestApp::start_with(settings).await;
    let start = time("2027-03-14T16:00:00Z");
    app.set_clock(start - TimeDelta::days(5));
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let (ben, eva) = (app.member("ben").await, app.member("eva").await);
    sell_pass(&staff, &ben, json!({ "credits": 3 })).await;
    let class = class_at(&app, 5, start).await;
    for member in [&ana, &ben, &eva] {
        book(member, class).await.expect(201);
    }
    let paid = eva.get_all("/api/bookings/list").await[0].clone();
    perform_action(&staff, &paid, "markPaid").await.expect(200);
    let es = json!({ "locale": "es" });
    ben.patch("/api/auth/me", es).await.expect(200);
    // A sale, three confirmations, and a receipt.
    server.wait_for_mails(5).await;
    assert_eq!(remind_before(&app, start, TimeDelta::hours(24)).await, 3);
    let mails = server.wait_for_mails(8).await;
    let reminder_to = |name: &str| {
        let to = json!([format!("{name}@example.com")]);
        mails.iter().rfind(|mail| mail["to"] == to).unwrap()
    };
    let unpaid = reminder_to("ana");
    let subject = unpaid["headers"]["subject"].as_str().unwrap();
    assert_eq!(
        subject,
        "Reminder: Salsa on a Friday, Sunday, March 14, 2027 at 10:00 AM"
    );
    let text = text_in_one_line(unpaid);
    for part in [
        "Hola ana,",
        "Salsa on a Friday is on Sunday, March 14, 2027, 10:00 AM to 11:00 AM",
        "Please pay 25.00 USD at the desk before the class.",
        "If you cannot come, please cancel under “My bookings”",
        // The clocks have gone forward meanwhile.
        "You can cancel free of charge until Saturday, March 13, 2027, 9:00 PM.",
        "When: Sunday, March 14, 2027, 10:00 AM to 11:00 AM (Denver time)",
        "Address: 12 Pearl Street, Boulder, CO 80302",
        "Open my bookings: https://sabor.example/bookings",
        "Unsubscribe from class reminders: https://sabor.example/unsubscribe#token=reminders.",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let text = text_in_one_line(reminder_to("ben"));
    for part in [
        "La clase Salsa on a Friday es el domingo 14 de marzo de 2027, de 10:00 a 11:00",
        "Pagas esta clase con tu bono «Ten classes». Te quedan 2 clases en el bono.",
        "Puedes cancelar hasta el sábado 13 de marzo de 2027 a las 21:00",
        "Dirección: 12 Pearl Street, Boulder, CO 80302",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let text = text_in_one_line(reminder_to("eva"));
    assert!(!text.contains("pay"), "{text}");
}

#[tokio::test]
async fn only_places_that_were_booked_a_day_before_are_reminded_of() {
    let app = TestApp::start().await;
    let start = time("2027-03-14T16:00:00Z");
    app.set_clock(start - TimeDelta::days(5));
    let class = class_at(&app, 1, start).await;
    let cancelled_class = class_at(&app, 5, start + TimeDelta::hours(2)).await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let booking = book(&ana, class).await.expect(201);
    cancel(&ana, &booking).await.expect(200);
    let booking = book(&ana, class).await.expect(201);
    cancel(&ana, &booking).await.expect(200);
    book(&ana, cancelled_class).await.expect(201);
    app.mark_cancelled(cancelled_class).await;
    let eva = app.member("eva").await;
    book(&eva, class).await.expect(201);
    join_waitlist(&ben, class).await.expect(201);
    // Ben has just been told about another class.
    app.set_clock(start - TimeDelta::hours(22));
    let late = class_at(&app, 5, start + TimeDelta::hours(1)).await;
    book(&ben, late).await.expect(201);
    let day = TimeDelta::hours(24);
    assert_eq!(remind_before(&app, start, day).await, 1);
    let to = app
        .sql("select recipient from mail_outbox where kind = 'class_reminder'")
        .await;
    assert_eq!(to[0].get::<_, String>(0), "eva@example.com");
    assert_eq!(remind_before(&app, start, TimeDelta::hours(3)).await, 0);
}

/// Promotes Ben from the waitlist of a class 20 hours before its start. Returns Ben.
async fn promote_ben(app: &TestApp) -> TestClient {
    let class = app.create_class(1).await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let booking = book(&ana, class).await.expect(201);
    join_waitlist(&ben, class).await.expect(201);
    // The time of the promotion is that of Postgres, whose clock no test sets.
    app.sql(
        "update scheduled_classes set start_time = now() + interval '20 hours',
            end_time = now() + interval '21 hours'",
    )
    .await;
    app.sql("update bookings set booked_at = now() - interval '3 days'")
        .await;
    cancel(&ana, &booking).await.expect(200);
    assert_eq!(app.mail_count("booking_promoted").await, 1);
    ben
}

#[tokio::test]
async fn who_got_a_spot_from_the_waitlist_in_the_last_day_is_not_reminded() {
    let app = TestApp::start().await;
    let ben = promote_ben(&app).await;
    assert_eq!(clean_up(&app).await["details"]["classRemindersQueued"], 0);
    // Nothing has told a member who wants no e-mails about waitlists.
    let off = json!({ "waitlist": false });
    ben.patch("/api/auth/mail-preferences", off)
        .await
        .expect(200);
    assert_eq!(clean_up(&app).await["details"]["classRemindersQueued"], 1);
}

#[tokio::test]
async fn an_email_that_was_dropped_does_not_replace_the_reminder() {
    let app = TestApp::start().await;
    promote_ben(&app).await;
    app.sql("update mail_outbox set dropped = 'capped' where kind = 'booking_promoted'")
        .await;
    assert_eq!(clean_up(&app).await["details"]["classRemindersQueued"], 1);
}

#[tokio::test]
async fn a_reminder_that_was_dropped_is_queued_again_when_it_is_due_again() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let start = time("2027-03-14T16:00:00Z");
    app.set_clock(start - TimeDelta::days(5));
    let ana = app.member("ana").await;
    let class = class_at(&app, 5, start).await;
    book(&ana, class).await.expect(201);
    app.sql("delete from mail_outbox").await;
    assert_eq!(remind_before(&app, start, TimeDelta::hours(23)).await, 1);
    move_class(&app, class, start + TimeDelta::hours(48)).await;
    let mailing_app = app.start_another_with(server.settings()).await;
    mailing_app.set_clock(start - TimeDelta::hours(22));
    clean_up(&mailing_app).await;
    move_class(&app, class, start).await;
    assert_eq!(remind_before(&app, start, TimeDelta::hours(20)).await, 1);
    clean_up(&mailing_app).await;
    let mails = server.wait_for_mails(1).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(remind_before(&app, start, TimeDelta::hours(19)).await, 0);
}

#[tokio::test]
async fn a_reminder_does_not_go_to_an_address_that_was_given_up() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let start = time("2027-03-14T16:00:00Z");
    app.set_clock(start - TimeDelta::days(5));
    let ana = app.member("ana").await;
    book(&ana, class_at(&app, 5, start).await).await.expect(201);
    app.sql("delete from mail_outbox").await;
    assert_eq!(remind_before(&app, start, TimeDelta::hours(23)).await, 1);
    app.sql("update users set email = 'new@example.com' where email = 'ana@example.com'")
        .await;
    let mailing_app = app.start_another_with(server.settings()).await;
    mailing_app.set_clock(start - TimeDelta::hours(22));
    clean_up(&mailing_app).await;
    clean_up(&mailing_app).await;
    let mails = server.wait_for_mails(1).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(mails[0]["to"], json!(["new@example.com"]));
}

#[tokio::test]
async fn a_class_that_moves_after_its_reminder_is_reminded_of_at_its_new_time() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let start = time("2027-03-14T16:00:00Z");
    app.set_clock(start - TimeDelta::days(5));
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let class = class_at(&app, 5, start).await;
    book(&ana, class).await.expect(201);
    assert_eq!(remind_before(&app, start, TimeDelta::hours(24)).await, 1);
    let later = start + TimeDelta::hours(3);
    let change = json!({ "occurrence": { "id": class, "time": "13:00" } });
    staff.patch("/api/admin/schedule", change).await.expect(200);
    assert_eq!(remind_before(&app, later, TimeDelta::hours(24)).await, 1);
    assert_eq!(remind_before(&app, later, TimeDelta::hours(20)).await, 0);
    // The room is not the time.
    let change = json!({ "occurrence": { "id": class, "room": "Another room" } });
    staff.patch("/api/admin/schedule", change).await.expect(200);
    assert_eq!(remind_before(&app, later, TimeDelta::hours(19)).await, 0);
    // The first reminder was not sent yet, and its time is wrong now.
    let mailing_app = app.start_another_with(server.settings()).await;
    mailing_app.set_clock(later - TimeDelta::hours(19));
    clean_up(&mailing_app).await;
    let is_reminder = |mail: &&Value| {
        let subject = mail["headers"]["subject"].as_str().unwrap();
        subject.starts_with("Reminder: ")
    };
    // Reminders are sent last.
    wait_until(async || server.received().iter().any(|mail| is_reminder(&mail))).await;
    let mails = server.received();
    let reminders: Vec<_> = mails.iter().filter(is_reminder).collect();
    assert_eq!(reminders.len(), 1, "{reminders:?}");
    let subject = reminders[0]["headers"]["subject"].as_str().unwrap();
    assert!(subject.ends_with("at 1:00 PM"), "{subject}");
}

#[tokio::test]
async fn a_reminder_that_could_not_be_sent_in_time_is_not_sent() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start().await;
    let start = time("2027-03-14T16:00:00Z");
    app.set_clock(start - TimeDelta::days(5));
    let ana = app.member("ana").await;
    book(&ana, class_at(&app, 5, start).await).await.expect(201);
    app.sql("delete from mail_outbox").await;
    assert_eq!(remind_before(&app, start, TimeDelta::hours(24)).await, 1);
    let mailing_app = app.start_another_with(server.settings()).await;
    mailing_app.set_clock(start - TimeDelta::minutes(119));
    clean_up(&mailing_app).await;
    let dropped = "select count(*) from mail_outbox
        where kind = 'class_reminder' and dropped = 'outdated'";
    assert_eq!(app.count(dropped).await, 1);
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn sixteen_clean_ups_at_once_queue_each_reminder_once() {
    let app = TestApp::start().await;
    let start = time("2027-03-14T16:00:00Z");
    app.set_clock(start - TimeDelta::days(5));
    let staff = app.staff("sofia").await;
    let class = class_at(&app, 40, start).await;
    let product = create_product(&staff, json!({ "days": 12 })).await;
    let members = app.members(30).await;
    for member in &members {
        sell(&staff, member, &[&product]).await.expect(201);
        book(member, class).await.expect(201);
    }
    app.set_clock(start - TimeDelta::hours(24) + TimeDelta::minutes(1));
    let others = join_all((0..3).map(|_| app.start_another())).await;
    for other in &others {
        other.set_clock(app.app.clock().now());
    }
    let apps: Vec<&TestApp> = others.iter().chain([&app]).collect();
    let runs = (0..16).map(|index| clean_up(apps[index % apps.len()]));
    let reports = join_all(runs).await;
    for (field, kind) in [
        ("classRemindersQueued", "class_reminder"),
        ("passRemindersQueued", "pass_ending"),
    ] {
        let queued = reports
            .iter()
            .map(|report| report["details"][field].as_u64());
        assert_eq!(queued.flatten().sum::<u64>(), 30, "{field}");
        assert_eq!(app.mail_count(kind).await, 30);
        let recipients =
            format!("select count(distinct recipient) from mail_outbox where kind = '{kind}'");
        assert_eq!(app.count(&recipients).await, 30);
    }
}

#[tokio::test]
async fn records_of_reminders_are_deleted_after_30_days() {
    let app = TestApp::start().await;
    let start = time("2027-03-14T16:00:00Z");
    app.set_clock(start - TimeDelta::days(5));
    let staff = app.staff("sofia").await;
    let class = class_at(&app, 5, start).await;
    let product = create_product(&staff, json!({ "days": 12 })).await;
    for member in app.members(2).await {
        sell(&staff, &member, &[&product]).await.expect(201);
        book(&member, class).await.expect(201);
    }
    app.set_clock(start - TimeDelta::hours(23));
    clean_up(&app).await;
    for table in ["class_reminders", "pass_reminders"] {
        assert_eq!(rows(&app, table).await, 2, "{table}");
        app.sql(&format!(
            "update {table} set created_at = now() - case
                when ctid = (select min(ctid) from {table}) then interval '29 days'
                else interval '31 days' end"
        ))
        .await;
    }
    app.set_clock(start + TimeDelta::days(30));
    assert_eq!(clean_up(&app).await["details"]["reminderRecords"], 2);
    for table in ["class_reminders", "pass_reminders"] {
        assert_eq!(rows(&app, table).await, 1, "{table}");
    }
}

async fn rows(app: &TestApp, table: &str) -> i64 {
    app.count(&format!("select count(*) from {table}")).await
}

/// Returns this time of day at the studio, `days` days before the last day of the pass.
async fn days_before_end(app: &TestApp, days: i64, hour: u32) -> DateTime<Utc> {
    let last_day = app.sql("select last_day from passes").await[0].get(0);
    let zone = TimeZone::of_studio(&app.app.config().studio).unwrap();
    let date: chrono::NaiveDate = last_day;
    zone.resolve(
        date - TimeDelta::days(days),
        NaiveTime::from_hms_opt(hour, 5, 0).unwrap(),
    )
}

/// Runs the clean-up at this time. Returns how many e-mails about passes it has queued.
async fn pass_reminders_at(app: &TestApp, time: DateTime<Utc>) -> u64 {
    app.set_clock(time);
    clean_up(app).await["details"]["passRemindersQueued"]
        .as_u64()
        .unwrap()
}

async fn pass_ending_in(app: &TestApp, fields: Value) -> (TestClient, TestClient, Value) {
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, fields).await;
    (staff, ana, pass)
}

#[tokio::test]
async fn a_pass_that_ends_in_seven_days_is_announced_once_on_that_morning() {
    for (zone, start) in ZONES {
        let app = start_in(zone).await;
        // The last week begins around the change of the clocks.
        app.set_clock(time(start) - TimeDelta::days(22));
        let fields = json!({ "days": 30, "credits": 5, "starts": "purchase" });
        let (staff, _, pass) = pass_ending_in(&app, fields).await;
        for (days, hour, expected) in [(8, 20, 0), (7, 8, 0), (7, 9, 1), (7, 11, 0), (6, 12, 0)] {
            let at = days_before_end(&app, days, hour).await;
            assert_eq!(
                pass_reminders_at(&app, at).await,
                expected,
                "{zone} {days} {hour}"
            );
        }
        // The end has changed, so the new one is announced too. Nobody gets e-mails at night.
        let change = json!({ "action": "addDays", "number": 3 });
        change_pass(&staff, &pass, change).await.expect(200);
        for (days, hour, expected) in [(8, 12, 0), (2, 21, 0), (1, 8, 0), (1, 20, 1), (0, 12, 0)] {
            let at = days_before_end(&app, days, hour).await;
            assert_eq!(
                pass_reminders_at(&app, at).await,
                expected,
                "{zone} {days} {hour}"
            );
        }
    }
}

#[tokio::test]
async fn a_pass_that_is_used_up_revoked_or_short_is_not_announced() {
    let app = TestApp::start().await;
    app.set_clock(time("2027-03-01T18:00:00Z"));
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let sell = async |fields: Value| {
        let mut product = json!({ "starts": "purchase" });
        for (name, value) in fields.as_object().unwrap() {
            product[name] = value.clone();
        }
        sell_pass(&staff, &ana, product).await
    };
    let used = sell(json!({ "days": 20, "credits": 1 })).await;
    let class = class_at(&app, 5, time("2027-03-03T18:00:00Z")).await;
    assert_eq!(book(&ana, class).await.expect(201)["pass"]["id"], used);
    let revoked = sell(json!({ "days": 20 })).await;
    change_pass(&staff, &revoked, json!({ "action": "revoke" }))
        .await
        .expect(200);
    sell(json!({ "days": 7 })).await;
    assert_eq!(
        pass_reminders_at(&app, time("2027-03-02T18:00:00Z")).await,
        0
    );
    assert_eq!(
        pass_reminders_at(&app, time("2027-03-13T18:00:00Z")).await,
        0
    );
    // Its end was told on the day on which it began.
    sell(json!({ "days": 8, "credits": 2 })).await;
    sell(json!({ "days": 9, "credits": 2 })).await;
    for (day, expected) in [(13, 0), (14, 1)] {
        let day = time(&format!("2027-03-{day}T19:00:00Z"));
        assert_eq!(pass_reminders_at(&app, day).await, expected);
    }
}

#[tokio::test]
async fn the_message_about_a_pass_says_what_is_left_and_leads_to_the_shop() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings()).await;
    app.set_clock(time("2027-03-01T18:00:00Z"));
    let fields = json!({ "days": 20, "credits": 3, "starts": "purchase" });
    let (_, ana, _) = pass_ending_in(&app, fields).await;
    ana.patch("/api/auth/me", json!({ "locale": "es" }))
        .await
        .expect(200);
    server.wait_for_mails(1).await;
    assert_eq!(
        pass_reminders_at(&app, time("2027-03-13T18:00:00Z")).await,
        1
    );
    let mail = &server.wait_for_mails(2).await[1];
    assert_eq!(
        mail["headers"]["subject"],
        "Tu bono caduca pronto: Ten classes"
    );
    let text = text_in_one_line(mail);
    for part in [
        "Puedes usar tu bono «Ten classes» hasta el sábado 20 de marzo de 2027, incluido.",
        "Te quedan 3 clases.",
        "Abrir la tienda: https://sabor.example/shop",
        "Dejar de recibir avisos de bonos que caducan: https://sabor.example/unsubscribe#token=passes.",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[tokio::test]
async fn the_migrations_can_be_reverted_with_reminders_and_preferences() {
    let app = TestApp::start().await;
    let start = time("2027-03-14T16:00:00Z");
    app.set_clock(start - TimeDelta::days(5));
    let ana = app.member("ana").await;
    book(&ana, class_at(&app, 5, start).await).await.expect(201);
    assert_eq!(remind_before(&app, start, TimeDelta::hours(24)).await, 1);
    let off = json!({ "passes": false });
    ana.patch("/api/auth/mail-preferences", off)
        .await
        .expect(200);
    let mut client = connect(&app.database).await;
    let query = "select count(*) from schema_migrations
        where name >= '0031_mail_priorities'";
    let count = usize::try_from(app.count(query).await).unwrap();
    migrations::down(&mut client, count).await.unwrap();
    // The previous version does not know the reminder.
    assert_eq!(app.mail_count("class_reminder").await, 0);
    assert_eq!(app.mail_count("booking_confirmed").await, 1);
    migrations::up(&mut client).await.unwrap();
    assert_eq!(remind_before(&app, start, TimeDelta::hours(23)).await, 1);
}
