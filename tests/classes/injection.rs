//! Query parameters are treated as values, and no response reveals private data.

use super::{create_class_at, create_class_type};
use crate::conventions::operations;
use crate::harness::TestApp;

/// Common injection attempts and invalid values.
const ATTACKS: &[&str] = &[
    "'",
    "' or '1'='1",
    "'; drop table class_types; --",
    "1) union select hourly_rate from instructors --",
    "{salsa}",
    "$1",
    "%",
    "\\",
    "\u{0}",
    "\u{7}",
    "\u{202e}💃",
    "null",
    "[]",
    "-1",
    "99999999999999999999",
    "*\r\nFLUSHALL",
    "<script>alert(1)</script>",
];

#[tokio::test]
async fn query_parameters_cannot_inject_commands() {
    let app = TestApp::start().await;
    let staff = app.staff("sofia").await;
    let salsa = create_class_type(&app, "Salsa").await;
    create_class_at(&app, salsa, app.app.clock().now()).await;
    let mut request_count = 0;
    for (path, fields) in [
        (
            "/api/classes/list",
            &["level", "style", "instructor", "limit", "cursor"][..],
        ),
        ("/api/classes/details", &["id"]),
        (
            "/api/classes/schedule",
            &[
                "from",
                "to",
                "tz",
                "classType",
                "instructor",
                "level",
                "style",
                "room",
                "limit",
                "cursor",
            ],
        ),
        ("/api/classes/occurrence", &["id"]),
        ("/api/instructors", &["limit", "cursor"]),
        ("/api/instructors/details", &["id"]),
        ("/api/classes/availability", &["ids"]),
        ("/api/admin/classes", &["active", "limit", "cursor"]),
        ("/api/admin/instructors", &["active", "limit", "cursor"]),
    ] {
        assert!(
            operations()
                .iter()
                .any(|(_, documented_path)| documented_path == path)
        );
        for field in fields {
            for value in ATTACKS {
                let escaped: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
                let response = staff.get(&format!("{path}?{field}={escaped}")).await;
                // Any printable text is a valid style or room, but no class has one of these.
                let expected = if ["style", "room"].contains(field) {
                    &[200, 400][..]
                } else {
                    &[400]
                };
                assert!(
                    expected.contains(&response.status),
                    "{path} {field} {value} {}",
                    response.text
                );
                assert!(!response.text.contains("Salsa"), "{path} {field} {value}");
                request_count += 1;
            }
        }
        let repeated_parameter = format!("{path}?{0}=a&{0}=b", fields[0]);
        staff
            .get(&repeated_parameter)
            .await
            .expect_code(400, "malformed_request");
        let not_utf8 = staff.get(&format!("{path}?%ff=%fe")).await;
        assert!(not_utf8.status < 500, "{path} {}", not_utf8.text);
    }
    assert!(request_count > 300);
    assert_eq!(app.count("select count(*) from class_types").await, 1);
}

#[tokio::test]
async fn the_hourly_rate_appears_in_no_public_response() {
    let app = TestApp::start().await;
    let salsa = create_class_type(&app, "Salsa").await;
    let now = app.app.clock().now();
    let id = create_class_at(&app, salsa, now + chrono::TimeDelta::days(2)).await;
    // Members and staff see the same public data as visitors.
    let clients = [
        app.visitor(),
        app.member("ana").await,
        app.staff("sofia").await,
    ];
    let rate = super::HOURLY_RATE;
    for client in &clients {
        for path in [
            "/api/classes/list".to_owned(),
            format!("/api/classes/list?instructor={}", salsa.instructor),
            format!("/api/classes/details?id={}", salsa.class_type),
            "/api/classes/schedule".to_owned(),
            format!("/api/classes/availability?ids={id}"),
            format!("/api/classes/occurrence?id={id}"),
            "/api/instructors".to_owned(),
            format!("/api/instructors/details?id={}", salsa.instructor),
        ] {
            let response = client.get(&path).await;
            assert_eq!(response.status, 200, "{path}");
            assert!(
                response.text.contains(&id.to_string())
                    || path.contains("list")
                    || path.ends_with("instructors")
            );
            let text = response.text.to_lowercase();
            assert!(!text.contains("rate") && !text.contains(rate), "{path}");
            // The responses cached in Redis do not contain the rate either.
            let keys = app.redis.command(&["KEYS", "cache:*"]).await.unwrap();
            for key in keys.as_array().unwrap() {
                let key = key.as_str().unwrap();
                let value = app.redis.command(&["GET", key]).await.unwrap();
                assert!(!value.to_string().contains(rate), "{key}");
            }
        }
    }
    let staff = &clients[2];
    let list = staff.get("/api/admin/instructors").await.expect(200);
    assert_eq!(list["items"][0]["hourlyRate"], rate);
}
