//! `api/teaching/`: what instructors who are members see and do.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bookings::{book, cancel, join_waitlist, set_clock_before_start};
use crate::harness::{NewClass, TestApp, TestClient, wait_until};
use crate::payments::{book_and_pay, deliver_dispute, start_with_stripe};
use crate::shop::courses::{buy, three_classes};
use crate::shop::{sell, sell_pass};

const CHECK_INS: &str = "/api/teaching/check-ins";

/// Gives a class to an instructor.
async fn assign(app: &TestApp, class: Uuid, instructor: Uuid) {
    app.sql(&format!(
        "update scheduled_classes set instructor_id = '{instructor}' where id = '{class}'"
    ))
    .await;
}

async fn class_ids(person: &TestClient) -> Vec<Value> {
    let items = person.get_all("/api/teaching/classes?limit=2").await;
    items.iter().map(|item| item["id"].clone()).collect()
}

fn roster_path(class: Uuid) -> String {
    format!("/api/teaching/roster?scheduledClassId={class}")
}

#[tokio::test]
async fn an_instructor_sees_which_spots_are_paid_or_covered_and_no_amounts() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (marisol, instructor) = app.instructor("marisol").await;
    let class = app.create_class(5).await;
    assign(&app, class, instructor).await;
    let people = app.members(4).await;
    sell_pass(&staff, &people[0], json!({ "credits": 1 })).await;
    let mut bookings = Vec::new();
    for person in &people {
        bookings.push(book(person, class).await.expect(201));
    }
    let given = json!({ "bookingId": bookings[1]["id"], "action": "give", "reason": "Helper" });
    staff.patch("/api/admin/bookings", given).await.expect(200);
    let paid = json!({ "bookingId": bookings[2]["id"], "action": "markPaid" });
    staff.patch("/api/admin/bookings", paid).await.expect(200);
    let roster = marisol.get_all(&roster_path(class)).await;
    let coverage: Vec<&Value> = roster.iter().map(|entry| &entry["coverage"]).collect();
    assert_eq!(
        json!(coverage),
        json!(["covered", "covered", "paid", "unpaid"])
    );
    let text = json!(roster).to_string();
    for private in ["25.00", "Helper", "Ten classes"] {
        assert!(!text.contains(private), "{text}");
    }
}

#[tokio::test]
async fn an_instructor_sees_whether_a_course_is_paid() {
    let (app, _stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let (marisol, instructor) = app.instructor("marisol").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (course, classes) = three_classes(&app, &staff, 5, json!({})).await;
    assign(&app, classes[0], instructor).await;
    sell(&staff, &ana, &[&course]).await.expect(201);
    buy(&ben, &course).await.expect(201);
    let roster = marisol.get_all(&roster_path(classes[0])).await;
    let coverage: Vec<&Value> = roster.iter().map(|entry| &entry["coverage"]).collect();
    assert_eq!(json!(coverage), json!(["covered", "unpaid"]));
    let text = json!(roster).to_string();
    for private in ["33.34", "Salsa for beginners"] {
        assert!(!text.contains(private), "{text}");
    }
}

#[tokio::test]
async fn an_instructor_sees_what_counts_after_money_has_gone_back() {
    let (app, stripe) = start_with_stripe().await;
    let staff = app.staff("sofia").await;
    let (marisol, instructor) = app.instructor("marisol").await;
    let (ana, ben) = (app.member("ana").await, app.member("ben").await);
    let (given, _) = book_and_pay(&app, &stripe, &ana).await;
    let (disputed, session) = book_and_pay(&app, &stripe, &ben).await;
    let dispute = stripe.open_dispute(&session, "needs_response");
    for kind in ["created", "funds_withdrawn"] {
        deliver_dispute(&app, kind, &dispute).await;
    }
    // The refund is due, and is not sent.
    stripe.forbid("/v1/refunds");
    for mut change in [
        json!({ "action": "refund" }),
        json!({ "action": "give", "reason": "Helper" }),
    ] {
        change["bookingId"] = given["id"].clone();
        staff.patch("/api/admin/bookings", change).await.expect(200);
    }
    for (booking, coverage) in [(&given, "covered"), (&disputed, "unpaid")] {
        let class: Uuid = booking["scheduledClassId"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assign(&app, class, instructor).await;
        let roster = marisol.get_all(&roster_path(class)).await;
        assert_eq!(roster[0]["coverage"], coverage);
        // Staff see the payment itself.
        let path = format!("/api/admin/bookings?scheduledClassId={class}");
        assert!(staff.get_all(&path).await[0].get("coverage").is_none());
    }
}

fn check_in_form(class: Uuid, booking: &Value) -> Value {
    json!({ "scheduledClassId": class, "bookingIds": [booking["id"]] })
}

/// The class of an instructor, with a booking.
struct OwnClass {
    app: TestApp,
    marisol: TestClient,
    class: Uuid,
    booking: Value,
}

impl OwnClass {
    /// Starts an app in which Marisol's class begins in ten minutes, and Ana has booked it.
    async fn start() -> Self {
        let app = TestApp::start().await;
        let (marisol, instructor) = app.instructor("marisol").await;
        let class = app.create_class(1).await;
        assign(&app, class, instructor).await;
        let booking = book(&app.member("ana").await, class).await.expect(201);
        set_clock_before_start(&app, &booking, TimeDelta::minutes(10));
        Self {
            app,
            marisol,
            class,
            booking,
        }
    }

    fn check_in_form(&self) -> Value {
        check_in_form(self.class, &self.booking)
    }

    /// Returns how many members are checked in.
    async fn checked_in(&self) -> i64 {
        let query = "select count(*) from bookings where status = 'attended'";
        self.app.count(query).await
    }
}

/// Returns all keys of a JSON value, at any depth.
fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| [vec![name.clone()], keys(value)].concat())
            .collect(),
        Value::Array(items) => items.iter().flat_map(keys).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn an_instructor_sees_their_own_classes_and_those_of_a_substitution() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let (marisol, instructor) = app.instructor("marisol").await;
    let mut classes = Vec::new();
    for _ in 0..4 {
        classes.push(app.create_class(2).await);
    }
    for class in &classes[..3] {
        assign(&app, *class, instructor).await;
    }
    app.mark_cancelled(classes[1]).await;
    assert_eq!(
        class_ids(&marisol).await,
        classes[..3].iter().map(|id| json!(id)).collect::<Vec<_>>()
    );
    let own = json!({ "occurrence": { "id": classes[3], "instructorId": instructor } });
    staff.patch("/api/admin/schedule", own).await.expect(200);
    let (_, luis) = app.instructor("luis").await;
    let given_away = json!({ "occurrence": { "id": classes[0], "instructorId": luis } });
    staff
        .patch("/api/admin/schedule", given_away)
        .await
        .expect(200);
    assert_eq!(
        class_ids(&marisol).await,
        classes[1..].iter().map(|id| json!(id)).collect::<Vec<_>>()
    );
    marisol.get(&roster_path(classes[3])).await.expect(200);
    let rejected = marisol.get(&roster_path(classes[0])).await;
    rejected.expect_code(404, "not_found");

    let list = marisol.get("/api/teaching/classes").await.expect(200);
    let cancelled = &list["items"][0];
    assert_eq!(cancelled["isCancelled"], true);
    let day = cancelled["localDate"].as_str().unwrap();
    let of_day = format!("/api/teaching/classes?from={day}&to={day}");
    let of_day = marisol.get_all(&of_day).await;
    assert!(of_day.iter().all(|class| class["localDate"] == day));
    assert!(of_day.contains(cancelled));
    for query in ["from=x", "to=2020-01-01", "from=2026-01-01&to=2027-01-02"] {
        let path = format!("/api/teaching/classes?{query}");
        marisol
            .get(&path)
            .await
            .expect_code(400, "validation_failed");
    }
}

#[tokio::test]
async fn a_roster_of_an_instructor_has_names_and_levels_and_nothing_private() {
    let app = TestApp::start().await;
    let (marisol, instructor) = app.instructor("marisol").await;
    let class = app.create_class(1).await;
    assign(&app, class, instructor).await;
    let (ana, ben, eva) = (
        app.member("ana").await,
        app.member("ben").await,
        app.member("eva").await,
    );
    let profile = json!({ "phone": "+1 303 555 0123", "emergencyContactName": "Rosa",
        "medicalConditions": "Left knee", "experienceLevel": "advanced" });
    ana.patch("/api/auth/me", profile).await.expect(200);
    let cancelled = book(&eva, class).await.expect(201);
    cancel(&eva, &cancelled).await.expect(200);
    let booking = book(&ana, class).await.expect(201);
    let waiting = join_waitlist(&ben, class).await.expect(201);
    set_clock_before_start(&app, &booking, TimeDelta::minutes(10));
    let result = marisol
        .post(CHECK_INS, check_in_form(class, &booking))
        .await
        .expect(200);
    let author = json!({ "id": marisol.user_id().await, "name": "marisol Reyes" });
    assert_eq!(result["results"][0]["outcome"], "checkedIn");
    assert_eq!(result["results"][0]["checkedInBy"], author);
    let items = marisol
        .get_all(&format!("{}&limit=1", roster_path(class)))
        .await;
    let expected = json!([
        {
            "bookingId": booking["id"], "status": "attended", "waitlistPosition": null,
            "name": "ana Reyes", "level": "advanced", "visits": 1,
            "checkedInAt": result["results"][0]["checkedInAt"], "checkedInBy": author, "coverage": "unpaid",
        },
        {
            "bookingId": waiting["id"], "status": "waitlisted", "waitlistPosition": 1,
            "name": "ben Reyes", "level": "beginner", "visits": 0,
            "checkedInAt": null, "checkedInBy": null, "coverage": null,
        },
    ]);
    assert_eq!(json!(items), expected);
    let classes = marisol.get("/api/teaching/classes").await.expect(200);
    assert_eq!(classes["items"][0]["taken"], 1);
    assert_eq!(classes["items"][0]["waitlisted"], 1);
    assert_eq!(classes["items"][0]["checkedIn"], 1);
    let all_keys = keys(&json!([items, classes, result]));
    for word in [
        "email",
        "phone",
        "price",
        "pay",
        "paid",
        "rate",
        "amount",
        "currency",
        "emergency",
        "medical",
        "birth",
        "user",
    ] {
        let found = all_keys
            .iter()
            .find(|key| key.to_lowercase().contains(word));
        assert_eq!(found, None, "{word}");
    }
    // Staff see who checked the member in.
    let staff = app.staff("sofia").await;
    let path = format!("/api/admin/bookings?scheduledClassId={class}");
    let roster = staff.get(&path).await.expect(200);
    assert_eq!(roster["items"][0]["checkedInBy"], author);
    let logged = app
        .sql("select detail from security_events where kind = 'booking_changed'")
        .await;
    let detail: Value = logged[0].get(0);
    assert_eq!(detail["by"], marisol.user_id().await);
}

#[tokio::test]
async fn an_instructor_cannot_touch_the_class_of_another_one() {
    let own = OwnClass::start().await;
    let OwnClass {
        app,
        marisol,
        class,
        booking,
    } = &own;
    let (luis, _) = app.instructor("luis").await;
    let check_in = own.check_in_form();
    let seen = marisol.post(CHECK_INS, check_in.clone()).await.expect(200);
    let undo = json!({ "scheduledClassId": class, "undo": [{
        "bookingId": booking["id"], "checkedInAt": seen["results"][0]["checkedInAt"],
    }]});
    for form in [check_in, undo.clone()] {
        luis.post(CHECK_INS, form)
            .await
            .expect_code(404, "not_found");
    }
    luis.get(&roster_path(*class))
        .await
        .expect_code(404, "not_found");
    assert_eq!(class_ids(&luis).await, [] as [Value; 0]);
    assert_eq!(own.checked_in().await, 1);
    let undone = marisol.post(CHECK_INS, undo).await.expect(200);
    assert_eq!(undone["results"][0]["outcome"], "undone");
    let unknown = Uuid::now_v7();
    marisol
        .get(&roster_path(unknown))
        .await
        .expect_code(404, "not_found");
    marisol
        .post(CHECK_INS, check_in_form(unknown, booking))
        .await
        .expect_code(404, "not_found");
}

#[tokio::test]
async fn a_substitute_who_takes_over_during_a_check_in_ends_it() {
    let own = OwnClass::start().await;
    let OwnClass {
        app,
        marisol,
        class,
        ..
    } = &own;
    let (_, luis) = app.instructor("luis").await;
    let substitution = app
        .hold_locks(&format!(
            "update scheduled_classes set instructor_id = '{luis}' where id = '{class}'"
        ))
        .await;
    let check_in = marisol.post(CHECK_INS, own.check_in_form());
    let commit = async {
        wait_until(async || app.blocked_statements().await == 1).await;
        substitution.commit().await;
    };
    let (response, ()) = tokio::join!(check_in, commit);
    response.expect_code(404, "not_found");
    assert_eq!(own.checked_in().await, 0);
}

#[tokio::test]
async fn staff_link_and_unlink_the_account_of_an_instructor() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let ana = app.member("ana").await;
    let id = ana.user_id().await;
    let create = async |name: &str| {
        let form = json!({ "name": name });
        staff.post("/api/admin/instructors", form).await.expect(201)["id"].clone()
    };
    let (first, second) = (create("Ana").await, create("Luis").await);
    let link = async |instructor: &Value, user_id: &Value| {
        let form = json!({ "id": instructor, "userId": user_id });
        staff.patch("/api/admin/instructors", form).await
    };
    ana.get("/api/teaching/classes")
        .await
        .expect_code(403, "forbidden");
    assert_eq!(
        ana.get("/api/auth/me").await.expect(200)["instructorId"],
        json!(null)
    );
    assert_eq!(link(&first, &id).await.expect(200)["userId"], id);
    ana.get("/api/teaching/classes").await.expect(200);
    assert_eq!(
        ana.get("/api/auth/me").await.expect(200)["instructorId"],
        first
    );
    // Linking again changes nothing, and another instructor cannot have the same account.
    link(&first, &id).await.expect(200);
    link(&second, &id)
        .await
        .expect_code(409, "instructor_linked");
    let form = json!({ "name": "Rosa", "userId": id });
    let created = staff.post("/api/admin/instructors", form).await;
    created.expect_code(409, "instructor_linked");
    // Both ways to end the access take effect with the next request.
    link(&first, &Value::Null).await.expect(200);
    ana.get("/api/teaching/classes")
        .await
        .expect_code(403, "forbidden");
    assert_eq!(
        ana.get("/api/auth/me").await.expect(200)["instructorId"],
        json!(null)
    );
    link(&second, &id).await.expect(200);
    ana.get("/api/teaching/classes").await.expect(200);
    let path = format!("/api/admin/instructors?id={}", second.as_str().unwrap());
    staff.delete(&path).await.expect(200);
    ana.get("/api/teaching/classes")
        .await
        .expect_code(403, "forbidden");
}

#[tokio::test]
async fn only_an_active_account_with_a_confirmed_address_can_be_linked() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let form = json!({ "name": "Ana" });
    let created = staff.post("/api/admin/instructors", form).await.expect(201);
    let link = async |user_id: &Value| {
        let form = json!({ "id": created["id"], "userId": user_id });
        staff.patch("/api/admin/instructors", form).await
    };
    let unconfirmed = app.unconfirmed_member("ana").await;
    let id = unconfirmed.user_id().await;
    link(&id).await.expect_code(409, "email_not_verified");
    let new = json!({ "name": "Ana", "userId": id });
    let rejected = staff.post("/api/admin/instructors", new).await;
    rejected.expect_code(409, "email_not_verified");
    // A link from before this rule gives no access.
    app.sql(
        "update instructors set user_id = (select id from users where email = 'ana@example.com')",
    )
    .await;
    unconfirmed
        .get("/api/teaching/classes")
        .await
        .expect_code(403, "forbidden");
    app.sql("update users set is_active = false where email = 'ana@example.com'")
        .await;
    for id in [id, json!(Uuid::now_v7())] {
        let rejected = link(&id).await.expect_code(400, "validation_failed");
        assert!(rejected["details"]["userId"].is_array());
    }
}

#[tokio::test]
async fn a_check_in_of_an_instructor_is_authorized_by_postgres_not_by_redis() {
    let app = TestApp::start().await;
    let (marisol, instructor) = app.instructor("marisol").await;
    let class = app.create_class_with(NewClass {
        starts_in: Some(0.5),
        ..NewClass::default()
    });
    let class = class.await;
    assign(&app, class, instructor).await;
    let booking = book(&app.member("ana").await, class).await.expect(201);
    marisol.get("/api/teaching/classes").await.expect(200);
    // Direct SQL does not invalidate the record in Redis.
    app.sql("delete from user_sessions where user_id = (select id from users where email = 'marisol@example.com')")
        .await;
    marisol.get("/api/teaching/classes").await.expect(200);
    let form = check_in_form(class, &booking);
    let rejected = marisol.post(CHECK_INS, form).await;
    rejected.expect_code(401, "session_gone");
}

#[tokio::test]
async fn a_check_in_of_an_instructor_that_is_sent_twice_is_made_once() {
    let own = OwnClass::start().await;
    let send = async || {
        let request = own.marisol.request(Method::POST, CHECK_INS);
        let request = request.header("idempotency-key", "queue-1");
        let request = request.json(&own.check_in_form());
        own.marisol.send(request).await.expect(200)
    };
    let first = send().await;
    assert_eq!(first["results"][0]["outcome"], "checkedIn");
    assert_eq!(send().await, first);
}

#[tokio::test]
async fn an_account_that_belongs_to_several_instructors_stays_with_the_active_one() {
    let app = TestApp::start().await;
    let ana = app.member("ana").await;
    let id = ana.user_id().await;
    let id = id.as_str().unwrap();
    let mut client = crate::harness::connect(&app.database).await;
    let migrations = std::fs::read_dir("migrations").unwrap();
    let later = migrations.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        let name = name.to_str().unwrap();
        name.ends_with(".up.sql") && name >= "0023"
    });
    let count = later.count();
    sabor::store::migrations::down(&mut client, count)
        .await
        .unwrap();
    let [retired, older, newer] = [(); 3].map(|()| Uuid::now_v7());
    for (instructor, is_active, year) in [
        (newer, true, 2026),
        (retired, false, 2024),
        (older, true, 2025),
    ] {
        app.sql(&format!(
            "insert into instructors (id, name, user_id, is_active, created_at)
            values ('{instructor}', 'Ana', '{id}', {is_active}, '{year}-01-01')"
        ))
        .await;
    }
    sabor::store::migrations::up(&mut client).await.unwrap();
    let linked = app
        .sql("select id from instructors where user_id is not null")
        .await;
    let linked: Vec<Uuid> = linked.iter().map(|row| row.get(0)).collect();
    assert_eq!(linked, [older]);
}
