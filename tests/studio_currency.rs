//! `STUDIO_CURRENCY`: in a currency without decimals, amounts are shown and accepted without
//! decimals.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::bookings::book;
use crate::harness::{MailServer, NewClass, Settings, TestApp};

async fn start_with_yen() -> TestApp {
    TestApp::start_with(Settings::default().with("STUDIO_CURRENCY", "JPY")).await
}

#[tokio::test]
async fn amounts_in_yen_are_shown_without_decimals() {
    let app = start_with_yen().await;
    let (staff, ana) = (app.staff("sofia").await, app.member("ana").await);
    let price = "2500.00";
    let class = app
        .create_class_with(NewClass {
            price,
            ..NewClass::default()
        })
        .await;
    app.sql("update instructors set hourly_rate = 6000").await;
    let booking = book(&ana, class).await.expect(201);
    assert_eq!(booking["price"], "2500");
    let pay = json!({ "bookingId": booking["id"], "action": "markPaid" });
    staff.patch("/api/admin/bookings", pay).await.expect(200);
    let bookings = "/api/bookings/list";
    let roster = format!("/api/admin/bookings?scheduledClassId={class}");
    for (path, list, field, amount) in [
        (bookings, "items", "price", "2500"),
        (&roster, "items", "price", "2500"),
        ("/api/classes/list", "items", "price", "2500"),
        ("/api/classes/schedule", "items", "price", "2500"),
        ("/api/admin/classes", "items", "price", "2500"),
        ("/api/admin/instructors", "items", "hourlyRate", "6000"),
        ("/api/admin/dashboard", "revenue", "paid", "2500"),
    ] {
        let client = if path == bookings { &ana } else { &staff };
        let response = client.get(path).await.expect(200);
        assert_eq!(response[list][0][field], amount, "{path}: {response}");
    }
    let payment = format!(
        "/api/bookings/payment?bookingId={}",
        booking["id"].as_str().unwrap()
    );
    let found = ana.get(&payment).await.expect(200);
    assert_eq!(found["payment"]["amount"], "2500");
    let csv = staff.get("/api/admin/analytics?format=csv").await.text;
    let last_line = csv.trim_end().rsplit("\r\n").next().unwrap();
    assert!(last_line.ends_with(",2500,0,2500"), "{csv}");
}

#[tokio::test]
async fn amounts_with_decimals_are_rejected_in_yen() {
    let app = start_with_yen().await;
    let staff = app.staff("sofia").await;
    let create = async |path: &str, form: Value| staff.post(path, form).await;
    let class_type = |price: &str| json!({ "name": format!("Salsa {price}"), "price": price });
    let instructor = |rate: &str| json!({ "name": "Marisol", "hourlyRate": rate });
    let salsa = create("/api/admin/classes", class_type("2500"))
        .await
        .expect(201);
    assert_eq!(salsa["price"], "2500");
    let marisol = create("/api/admin/instructors", instructor("6000"))
        .await
        .expect(201);
    let date = (app.app.clock().now() + TimeDelta::days(3)).date_naive();
    let class = |price: &str| {
        json!({ "occurrence": {
            "classTypeId": salsa["id"], "instructorId": marisol["id"], "date": date,
            "time": "19:00", "room": "Blue", "price": price,
        }})
    };
    let created = create("/api/admin/schedule", class("3000"))
        .await
        .expect(201);
    let change =
        |price: &str| json!({ "occurrence": { "id": created["occurrenceId"], "price": price } });
    for amount in ["2500.50", "25.00", "0.0"] {
        let attempts = [
            (
                "price",
                create("/api/admin/classes", class_type(amount)).await,
            ),
            (
                "price",
                staff
                    .patch(
                        "/api/admin/classes",
                        json!({ "id": salsa["id"], "price": amount }),
                    )
                    .await,
            ),
            (
                "hourlyRate",
                create("/api/admin/instructors", instructor(amount)).await,
            ),
            (
                "hourlyRate",
                staff
                    .patch(
                        "/api/admin/instructors",
                        json!({ "id": marisol["id"], "hourlyRate": amount }),
                    )
                    .await,
            ),
            (
                "occurrence.price",
                create("/api/admin/schedule", class(amount)).await,
            ),
            (
                "occurrence.price",
                staff.patch("/api/admin/schedule", change(amount)).await,
            ),
        ];
        for (field, response) in attempts {
            let rejected = response.expect_code(400, "validation_failed");
            let problem = rejected["details"][field][0].as_str();
            let problem = problem.unwrap_or_else(|| panic!("{amount} {rejected}"));
            assert!(problem.contains("JPY has no decimals"), "{problem}");
        }
    }
    let changed = staff.patch("/api/admin/schedule", change("2800")).await;
    changed.expect(200);
}

#[tokio::test]
async fn messages_show_yen_without_decimals() {
    let Some(server) = MailServer::start().await else {
        return;
    };
    let app = TestApp::start_with(server.settings().with("STUDIO_CURRENCY", "JPY")).await;
    let class = app
        .create_class_with(NewClass {
            price: "2500",
            ..NewClass::default()
        })
        .await;
    book(&app.member("ana").await, class).await.expect(201);
    let mail = &server.wait_for_mails(1).await[0];
    let text = mail["text"].as_str().unwrap();
    assert!(
        text.contains("2500 JPY") && !text.contains("2500.00"),
        "{text}"
    );
}
