//! The migration that adds passes (`0026_passes`).

use sabor::store::migrations;
use serde_json::{Value, json};

use super::{assert_passes_consistent, credits_left, sell_pass};
use crate::bookings::{book, cancel};
use crate::harness::{TestApp, connect};

/// Reverts a migration and all later ones.
pub async fn revert_to(app: &TestApp, name: &str) {
    let mut client = connect(&app.database).await;
    let query = "select count(*) from schema_migrations where name >= $1";
    let count: i64 = client.query_one(query, &[&name]).await.unwrap().get(0);
    let count = usize::try_from(count).unwrap();
    migrations::down(&mut client, count).await.unwrap();
}

#[tokio::test]
async fn what_passes_have_paid_stays_paid_without_them() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    sell_pass(&staff, &ana, json!({ "credits": 10 })).await;
    let paid = app.create_class(5).await;
    book(&ana, paid).await.expect(201);
    let stored = "select concat_ws(' ', id, status, price, free_until) from bookings";
    let before: String = app.sql(stored).await[0].get(0);
    revert_to(&app, "0026_passes").await;
    assert_eq!(app.sql(stored).await[0].get::<_, String>(0), before);
    assert_eq!(app.count("select count(*) from payments").await, 0);
    let mut client = connect(&app.database).await;
    migrations::up(&mut client).await.unwrap();
    // Everything works again, and the passes are gone.
    let booking = book(&ana, app.create_class(5).await).await.expect(201);
    assert_eq!(booking["pass"], Value::Null);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 1 })).await;
    book(&ana, app.create_class(5).await).await.expect(201);
    assert_eq!(credits_left(&ana, &pass).await, 0);
    assert_passes_consistent(&app).await;
}

#[tokio::test]
async fn the_previous_version_books_without_a_pass() {
    let app = TestApp::start().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let pass = sell_pass(&staff, &ana, json!({ "credits": 1 })).await;
    let class = app.create_class(5).await;
    let member = ana.user_id().await;
    let call = format!(
        "select outcome from book_class(gen_random_uuid(), '{}', '{class}', false, now(), '2 hours',
            '12 hours', '1 hour', 3, 'USD', false, null)",
        member.as_str().unwrap()
    );
    assert_eq!(app.sql(&call).await[0].get::<_, String>(0), "booked");
    let booking = &ana.get("/api/bookings/list").await.expect(200)["items"][0];
    assert_eq!(booking["price"], "25.00");
    assert_eq!(credits_left(&ana, &pass).await, 1);
    cancel(&ana, booking).await.expect(200);
    assert_passes_consistent(&app).await;
}
