//! The days on which a pass is good, by the studio's calendar.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sabor::values::time_zone::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{assert_passes_consistent, credits_left, sell_pass};
use crate::bookings::{book, cancel};
use crate::harness::{Settings, TestApp};

/// Returns the studio's date.
pub fn today(app: &TestApp) -> NaiveDate {
    let zone = TimeZone::of_studio(&app.app.config().studio).unwrap();
    zone.date(app.app.clock().now())
}

async fn start_in(zone: &str) -> TestApp {
    TestApp::start_with(Settings::default().with("STUDIO_TIMEZONE", zone)).await
}

/// Returns the time of a local time of the studio.
fn local(app: &TestApp, text: &str) -> DateTime<Utc> {
    let zone = TimeZone::of_studio(&app.app.config().studio).unwrap();
    let (date, time) = text.split_once(' ').unwrap();
    let time = chrono::NaiveTime::parse_from_str(time, "%H:%M").unwrap();
    zone.resolve(date.parse().unwrap(), time)
}

/// Creates a class that starts at this local time.
async fn class_at(app: &TestApp, text: &str) -> Uuid {
    let class = app.create_class(5).await;
    move_class(app, class, text).await;
    class
}

async fn move_class(app: &TestApp, class: Uuid, text: &str) {
    let start = local(app, text);
    app.sql(&format!(
        "update scheduled_classes set start_time = '{start}', end_time = '{}' where id = '{class}'",
        start + TimeDelta::minutes(15)
    ))
    .await;
}

#[tokio::test]
async fn a_pass_is_good_from_its_first_to_its_last_day_wherever_the_studio_is() {
    for zone in ["UTC", "America/Denver", "America/Havana", "Pacific/Chatham"] {
        let app = start_in(zone).await;
        app.set_clock(local(&app, "2027-03-01 23:30"));
        let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
        let pass = sell_pass(&staff, &ana, json!({ "days": 30 })).await;
        let shown = super::pass(&ana, &pass).await;
        assert_eq!(shown["firstDay"], "2027-03-01", "{zone}");
        assert_eq!(shown["lastDay"], "2027-03-30", "{zone}");
        let covered = class_at(&app, "2027-03-30 23:45").await;
        assert_eq!(
            book(&ana, covered).await.expect(201)["pass"]["id"],
            pass,
            "{zone}"
        );
        let too_late = class_at(&app, "2027-03-31 00:15").await;
        let path = format!("/api/shop/cover?scheduledClassId={too_late}");
        let cover = ana.get(&path).await.expect(200);
        assert_eq!(cover["passes"][0]["refusal"], "ended", "{zone}");
        assert_eq!(
            book(&ana, too_late).await.expect(201)["pass"],
            Value::Null,
            "{zone}"
        );
    }
}

#[tokio::test]
async fn a_class_that_moves_before_it_is_booked_counts_on_its_new_day() {
    let app = start_in("America/Denver").await;
    app.set_clock(local(&app, "2027-03-01 12:00"));
    let (staff, ana, ben) = (
        app.staff("sofia").await,
        app.member("ana").await,
        app.member("ben").await,
    );
    for person in [&ana, &ben] {
        sell_pass(&staff, person, json!({ "days": 30 })).await;
    }
    let class = class_at(&app, "2027-03-30 23:45").await;
    let booking = book(&ana, class).await.expect(201);
    assert_ne!(booking["pass"], Value::Null);
    move_class(&app, class, "2027-03-31 00:15").await;
    assert_eq!(book(&ben, class).await.expect(201)["pass"], Value::Null);
    // The pass still pays for the booking that was made before.
    let bookings = ana.get("/api/bookings/list").await.expect(200);
    assert_ne!(bookings["items"][0]["pass"], Value::Null);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_pass_that_begins_with_its_first_class_begins_with_the_earliest() {
    let app = start_in("America/Denver").await;
    app.set_clock(local(&app, "2027-03-01 12:00"));
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let fields = json!({ "days": 10, "starts": "first_class" });
    let pass = sell_pass(&staff, &ana, fields).await;
    let days = async || {
        let shown = super::pass(&ana, &pass).await;
        json!([shown["firstDay"], shown["lastDay"]])
    };
    assert_eq!(days().await, json!([null, null]));
    let middle = book(&ana, class_at(&app, "2027-04-10 19:00").await)
        .await
        .expect(201);
    assert_eq!(days().await, json!(["2027-04-10", "2027-04-19"]));
    // An earlier class that fits with the other one moves the first day.
    let earlier = book(&ana, class_at(&app, "2027-04-01 19:00").await)
        .await
        .expect(201);
    assert_eq!(earlier["pass"]["id"], pass);
    assert_eq!(days().await, json!(["2027-04-01", "2027-04-10"]));
    let late = class_at(&app, "2027-04-11 19:00").await;
    let path = format!("/api/shop/cover?scheduledClassId={late}");
    let refusal = ana.get(&path).await.expect(200)["passes"][0]["refusal"].clone();
    assert_eq!(refusal, "ended");
    let early = class_at(&app, "2027-03-31 19:00").await;
    let path = format!("/api/shop/cover?scheduledClassId={early}");
    let refusal = ana.get(&path).await.expect(200)["passes"][0]["refusal"].clone();
    assert_eq!(refusal, "too_early");
    assert_eq!(book(&ana, early).await.expect(201)["pass"], Value::Null);
    cancel(&ana, &earlier).await.expect(200);
    assert_eq!(days().await, json!(["2027-04-10", "2027-04-19"]));
    cancel(&ana, &middle).await.expect(200);
    assert_eq!(days().await, json!([null, null]));
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn a_frozen_pass_pays_for_nothing_and_ends_later() {
    let app = start_in("America/Denver").await;
    app.set_clock(local(&app, "2027-03-01 12:00"));
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 5, "days": 30 })).await;
    let booking = book(&ana, class_at(&app, "2027-03-10 19:00").await)
        .await
        .expect(201);
    let freeze = json!({ "action": "freeze", "from": "2027-03-08", "to": "2027-03-14" });
    let response = super::change_pass(&staff, &pass, freeze.clone()).await;
    response.expect_code(409, "pass_not_changeable");
    cancel(&ana, &booking).await.expect(200);
    let frozen = super::change_pass(&staff, &pass, freeze.clone())
        .await
        .expect(200);
    assert_eq!(frozen["lastDay"], "2027-04-06");
    assert_eq!(frozen["frozenFrom"], "2027-03-08");
    let response = super::change_pass(&staff, &pass, freeze).await;
    response.expect_code(409, "pass_not_changeable");
    let noted = &super::changes_of(&staff, &pass).await[0];
    assert_eq!(noted["action"], "freeze");
    assert_eq!(noted["from"], "2027-03-08");
    assert_eq!(noted["to"], "2027-03-14");
    let in_freeze = class_at(&app, "2027-03-14 19:00").await;
    let path = format!("/api/shop/cover?scheduledClassId={in_freeze}");
    let cover = ana.get(&path).await.expect(200);
    assert_eq!(cover["passes"][0]["refusal"], "frozen");
    assert_eq!(book(&ana, in_freeze).await.expect(201)["pass"], Value::Null);
    let after = class_at(&app, "2027-04-06 19:00").await;
    let booking = book(&ana, after).await.expect(201);
    assert_eq!(booking["pass"]["id"], pass);
    assert_eq!(credits_left(&ana, &pass).await, 4);
    // The freeze ends after two of its days, which stay added. The class that is booked for the
    // last day would no longer be covered.
    app.set_clock(local(&app, "2027-03-10 12:00"));
    let unfreeze = json!({ "action": "unfreeze" });
    let response = super::change_pass(&staff, &pass, unfreeze.clone()).await;
    response.expect_code(409, "pass_not_changeable");
    cancel(&ana, &booking).await.expect(200);
    let thawed = super::change_pass(&staff, &pass, unfreeze.clone())
        .await
        .expect(200);
    assert_eq!(thawed["lastDay"], "2027-04-01");
    assert_eq!(thawed["frozenTo"], "2027-03-09");
    super::change_pass(&staff, &pass, unfreeze)
        .await
        .expect_code(409, "pass_not_changeable");
    // Another freeze follows, and is taken back as a whole before it begins.
    let again = json!({ "action": "freeze", "from": "2027-03-20", "to": "2027-03-21" });
    let frozen = super::change_pass(&staff, &pass, again).await.expect(200);
    assert_eq!(frozen["lastDay"], "2027-04-03");
    let unfreeze = json!({ "action": "unfreeze" });
    let thawed = super::change_pass(&staff, &pass, unfreeze)
        .await
        .expect(200);
    assert_eq!(thawed["lastDay"], "2027-04-01");
    assert_eq!(thawed["frozenFrom"], Value::Null);
    let after_the_end = json!({ "action": "freeze", "from": "2027-04-02", "to": "2027-04-03" });
    super::change_pass(&staff, &pass, after_the_end)
        .await
        .expect_code(409, "pass_not_changeable");
    assert_passes_consistent(&app).await;
}
