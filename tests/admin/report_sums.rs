//! The sums of the analytics by day, which the clean-up keeps.

use serde_json::{Value, json};
use uuid::Uuid;

use super::fixtures::{cancel_booking, insert_booking, insert_class, insert_payment};
use crate::harness::{Settings, TestApp, TestClient};

/// The analytics of two ranges, and the members who have stopped coming.
async fn read_reports(staff: &TestClient) -> Vec<Value> {
    let mut responses = Vec::new();
    for path in [
        "/api/admin/analytics?from=2026-03-01&to=2026-05-20&compare=true",
        "/api/admin/analytics?from=2026-01-07&to=2026-06-30&bucket=month",
        "/api/admin/members?quietSince=2026-05-01",
    ] {
        responses.push(staff.get(path).await.expect(200));
    }
    responses
}

/// Reads the same reports without the sums, so that everything is counted anew.
async fn count_anew(app: &TestApp, staff: &TestClient) -> Vec<Value> {
    app.sql("update report_days set till = till + interval '1 second'")
        .await;
    app.sql("insert into visit_changes (user_id) select id from users")
        .await;
    let counted = read_reports(staff).await;
    app.sql("update report_days set till = till - interval '1 second'")
        .await;
    app.sql(
        "delete from visit_changes
        where ctid in (select max(ctid) from visit_changes group by user_id)",
    )
    .await;
    counted
}

async fn assert_exact(app: &TestApp, staff: &TestClient, context: &str) {
    let reports = read_reports(staff).await;
    let counted = count_anew(app, staff).await;
    for (report, counted) in reports.iter().zip(&counted) {
        assert_eq!(report, counted, "{context}");
    }
}

/// Runs the clean-up. `insert_booking` registers members in 2001; they are registered in 2026
/// instead, so that there are fewer days to sum up.
async fn sum_up(app: &TestApp) -> Value {
    app.sql("update users set created_at = '2026-01-01' where created_at < '2002-01-01'")
        .await;
    app.sql("delete from report_changes where at < '2002-01-01'")
        .await;
    let cleaned = app.run_clean_up().await.expect(200);
    assert_eq!(cleaned["success"], true, "{cleaned}");
    cleaned
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// Returns a time in spring 2026.
    fn time(&mut self) -> String {
        let (month, day, hour) = (3 + self.roll(3), 1 + self.roll(19), self.roll(24));
        format!("2026-{month:02}-{day:02}T{hour:02}:30Z")
    }
}

/// Changes a random row. Returns what was changed.
async fn change_something(app: &TestApp, dice: &mut Dice) -> &'static str {
    let (time, other_time) = (dice.time(), dice.time());
    let nth = dice.roll(1_000);
    let booking = |condition: &str| {
        format!(
            "(select id from bookings where {condition} order by id
            offset {nth} % greatest(1, (select count(*) from bookings where {condition})) limit 1)"
        )
    };
    let class = format!(
        "(select id from scheduled_classes order by id
        offset {nth} % (select count(*) from scheduled_classes) limit 1)"
    );
    let (change, statement) = match dice.roll(21) {
        0 => {
            let class: Uuid = app.sql(&format!("select {class}")).await[0].get(0);
            insert_booking(app, class, "booked", &time).await;
            return "book";
        }
        1 => {
            let class: Uuid = app.sql(&format!("select {class}")).await[0].get(0);
            insert_booking(app, class, "waitlisted", &time).await;
            return "join the waitlist";
        }
        2 => (
            "cancel",
            format!(
                "update bookings set status = 'cancelled', waitlist_position = null,
                    cancelled_at = '{time}', late_cancellation = {}
                where id = {}",
                nth.is_multiple_of(2),
                booking("status <> 'cancelled'"),
            ),
        ),
        3 => (
            "book again",
            format!(
                "update bookings set status = 'booked', cancelled_at = null,
                    late_cancellation = false
                where id = {}",
                booking("status = 'cancelled'"),
            ),
        ),
        4 => (
            "correct a late cancellation",
            format!(
                "update bookings set late_cancellation = not late_cancellation where id = {}",
                booking("status = 'cancelled'"),
            ),
        ),
        5 | 6 => (
            "check in",
            format!(
                "update bookings set status = 'attended' where id = {}",
                booking("status in ('booked', 'no_show')"),
            ),
        ),
        7 => (
            "undo a check-in",
            format!(
                "update bookings set status = 'booked' where id = {}",
                booking("status = 'attended'"),
            ),
        ),
        8 => (
            "record a no-show",
            format!(
                "update bookings set status = 'no_show' where id = {}",
                booking("status = 'booked'"),
            ),
        ),
        9 => (
            "promote",
            format!(
                "update bookings set status = 'booked', waitlist_position = null where id = {}",
                booking("status = 'waitlisted'"),
            ),
        ),
        10 | 11 => (
            "move a booking",
            format!(
                "update bookings set scheduled_class_id = {class} where id = {}",
                booking("status in ('booked', 'attended')"),
            ),
        ),
        12 => (
            "pay",
            format!(
                "insert into payments
                    (id, booking_id, user_id, amount, currency, method, status, paid_at)
                select gen_random_uuid(), id, user_id, {}, 'USD', 'desk', 'paid', '{time}'
                from bookings b where id = {} and not exists (
                    select from payments p where p.booking_id = b.id)",
                10 + nth,
                booking("true"),
            ),
        ),
        13 => (
            "refund",
            format!(
                "insert into refunds (id, payment_id, amount, state, source, done_at)
                select gen_random_uuid(), id, 1, 'done', 'rule', '{time}' from payments
                where status = 'paid' and amount > refunded + 1
                order by id limit 1"
            ),
        ),
        14 => (
            "fail a refund",
            "update refunds set state = 'failed', done_at = null
            where id = (select id from refunds where state = 'done' order by id limit 1)"
                .to_owned(),
        ),
        15 => (
            "move a class",
            format!(
                "update scheduled_classes set start_time = '{time}',
                    end_time = timestamptz '{time}' + interval '1 hour'
                where id = {class}"
            ),
        ),
        16 => (
            "cancel a class",
            format!("update scheduled_classes set is_cancelled = true where id = {class}"),
        ),
        17 => (
            "add spots",
            format!(
                "update scheduled_classes set max_participants = max_participants + 1
                where id = {class}"
            ),
        ),
        18 => (
            "change the type of a class",
            format!(
                "update scheduled_classes set class_type_id = (
                    select id from class_types where id <> class_type_id order by name limit 1)
                where id = {class}"
            ),
        ),
        19 => (
            "let another booking take over a payment",
            format!(
                "update payments set booking_id = b.id
                from bookings b where b.id = {} and payments.id = (
                    select id from payments where status = 'paid' order by id desc limit 1)",
                booking("not exists (select from payments p where p.booking_id = bookings.id)"),
            ),
        ),
        _ => (
            "sign up and delete the account",
            format!(
                "with deleted as (
                    delete from users where id = (
                        select id from users u where not exists (
                            select from bookings b where b.user_id = u.id)
                            and not is_staff and not is_admin limit 1)
                )
                insert into users (id, email, first_name, last_name, created_at)
                values (gen_random_uuid(), gen_random_uuid() || '@example.net', 'New', 'Member',
                    '{other_time}')"
            ),
        ),
    };
    app.sql(&statement).await;
    change
}

#[tokio::test]
async fn the_sums_equal_counting_anew_after_random_changes() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let mut dice = Dice(2026);
    for (number, class_type) in ["Salsa", "Rumba", "Bachata"]
        .iter()
        .cycle()
        .take(9)
        .enumerate()
    {
        let class = insert_class(&app, class_type, &dice.time(), 20 + number as i32).await;
        for status in ["booked", "attended", "no_show", "waitlisted"] {
            let time = dice.time();
            let booking = insert_booking(&app, class, status, &time).await;
            if dice.roll(2) == 0 {
                insert_payment(&app, booking, "25.00 USD", &time, None).await;
            }
        }
    }
    sum_up(&app).await;
    assert!(app.count("select count(*) from report_attendance").await >= 9);
    for round in 0..12 {
        let mut changes = Vec::new();
        for _ in 0..8 {
            changes.push(change_something(&app, &mut dice).await);
        }
        let context = format!("round {round}: {changes:?}");
        assert_exact(&app, &staff, &context).await;
        if round % 2 == 0 {
            sum_up(&app).await;
            assert_exact(&app, &staff, &format!("{context}, summed up")).await;
        }
    }
}

#[tokio::test]
async fn the_sums_follow_staff_and_members() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let salsa = insert_class(&app, "Salsa", "2026-05-05T18:00Z", 20).await;
    let booking = insert_booking(&app, salsa, "attended", "2026-05-04T18:00Z").await;
    insert_payment(&app, booking, "25.00 USD", "2026-05-04T18:00Z", None).await;
    let member = ana.user_id().await;
    let member = member.as_str().unwrap();
    app.sql(&format!(
        "update bookings set user_id = '{member}' where id = '{booking}'"
    ))
    .await;
    sum_up(&app).await;

    let change = json!({ "bookingId": booking, "action": "noShow" });
    staff.patch("/api/admin/bookings", change).await.expect(200);
    assert_exact(&app, &staff, "a no-show").await;
    let report = staff
        .get("/api/admin/analytics?from=2026-05-05&to=2026-05-05")
        .await
        .expect(200);
    assert_eq!(report["totals"]["noShows"], 1);
    assert_eq!(report["retention"]["firstTimers"], 0);

    let class_type: Uuid = app.sql("select id from class_types").await[0].get(0);
    let rename = json!({ "id": class_type, "name": "Son" });
    staff.patch("/api/admin/classes", rename).await.expect(200);
    let path = format!("/api/admin/classes?id={class_type}");
    assert!(staff.delete(&path).await.status < 300);
    assert_exact(&app, &staff, "a renamed and retired class type").await;
    let report = staff
        .get("/api/admin/analytics?from=2026-05-04&to=2026-05-05")
        .await
        .expect(200);
    assert_eq!(report["classTypes"][0]["name"], "Son");

    ana.close_account().await;
    assert_exact(&app, &staff, "a closed account").await;
}

#[tokio::test]
async fn a_change_that_is_committed_after_the_summation_is_not_lost() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let class = insert_class(&app, "Salsa", "2026-05-05T18:00Z", 20).await;
    let booking = insert_booking(&app, class, "booked", "2026-05-05T10:00Z").await;
    let transaction = app
        .hold_locks(&format!(
            "update bookings set status = 'no_show' where id = '{booking}'"
        ))
        .await;
    sum_up(&app).await;
    let figures = async || {
        let path = "/api/admin/analytics?from=2026-05-05&to=2026-05-05";
        staff.get(path).await.expect(200)["totals"]["noShows"].clone()
    };
    assert_eq!(figures().await, 0);
    transaction.commit().await;
    assert_eq!(figures().await, 1);
    sum_up(&app).await;
    assert_eq!(figures().await, 1);
}

#[tokio::test]
async fn the_clean_up_sums_up_each_day_once_and_again_after_a_change() {
    let app = TestApp::start().await;
    let class = insert_class(&app, "Salsa", "2026-05-05T18:00Z", 20).await;
    let booking = insert_booking(&app, class, "attended", "2026-05-05T10:00Z").await;
    let first = sum_up(&app).await;
    let days = first["details"]["daysSummed"].as_i64().unwrap();
    assert!(days > 30, "{first}");
    assert_eq!(app.count("select count(*) from report_days").await, days);
    assert_eq!(first["details"]["visitsUpdated"], 1);
    assert_eq!(first["remaining"], false);
    // A day may end between the two runs.
    let second = sum_up(&app).await;
    assert!(
        second["details"]["daysSummed"].as_i64().unwrap() <= 1,
        "{second}"
    );
    assert_eq!(second["details"]["visitsUpdated"], 0);
    assert_eq!(app.count("select count(*) from report_changes").await, 0);

    cancel_booking(&app, booking, "2026-05-04T20:00Z", false).await;
    let changed = "select count(distinct at) from report_changes";
    assert_eq!(app.count(changed).await, 2);
    let third = sum_up(&app).await;
    let days = third["details"]["daysSummed"].as_i64().unwrap();
    assert!((2..=3).contains(&days), "{third}");
    assert_eq!(third["details"]["visitsUpdated"], 1);
    assert_eq!(app.count("select count(*) from member_visits").await, 0);
}

#[tokio::test]
async fn the_days_of_another_time_zone_are_not_used() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    // It is still May 4 in Denver.
    let class = insert_class(&app, "Salsa", "2026-05-05T05:00Z", 20).await;
    insert_booking(&app, class, "attended", "2026-05-05T04:00Z").await;
    sum_up(&app).await;
    let settings = Settings::default().with("STUDIO_TIMEZONE", "Europe/Madrid");
    let madrid = app.start_another_with(settings).await;
    let staff_in_madrid = staff.connected_to(&madrid);
    let classes = async |staff: &TestClient| {
        let path = "/api/admin/analytics?from=2026-05-04&to=2026-05-05";
        let report = staff.get(path).await.expect(200);
        [0, 1].map(|bucket| report["buckets"][bucket]["classes"].as_i64().unwrap())
    };
    assert_eq!(classes(&staff).await, [1, 0]);
    assert_eq!(classes(&staff_in_madrid).await, [0, 1]);
    sum_up(&madrid).await;
    assert_eq!(classes(&staff_in_madrid).await, [0, 1]);
    assert_eq!(classes(&staff).await, [1, 0]);
    assert_exact(&madrid, &staff_in_madrid, "Madrid").await;
}

#[tokio::test]
async fn a_booking_of_today_notes_no_change() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let class = app.create_class(5).await;
    crate::bookings::book(&ana, class).await.expect(201);
    assert_eq!(app.count("select count(*) from report_changes").await, 0);
}
