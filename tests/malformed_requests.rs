//! Malformed requests get a documented 4xx response, never a 5xx.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::conventions::{example, operations};
use crate::harness::{PASSWORD, TestApp, TestClient, TestResponse, partner_secret};

const JSON_TYPE: &str = "application/json";

async fn send(
    person: &TestClient,
    method: &Method,
    path: &str,
    content_type: &str,
    body: Vec<u8>,
) -> TestResponse {
    let mut request = person.request(method.clone(), &example(path));
    if path == "/api/cross-app/validate" {
        request = request.basic_auth("shop", Some(partner_secret("shop")));
    }
    person
        .copy()
        .send(request.header(CONTENT_TYPE, content_type).body(body))
        .await
}

/// Returns every operation with a request body, and the fields of that body.
fn operations_with_body() -> Vec<(Method, String, Vec<String>)> {
    let document =
        serde_json::from_str::<Value>(&sabor_testing::openapi::document().unwrap()).unwrap();
    let mut with_body = Vec::new();
    for (method, path) in operations() {
        let operation = &document["paths"][&path][method.as_str().to_lowercase()];
        let schema = &operation["requestBody"]["content"][JSON_TYPE]["schema"];
        let name = schema["$ref"]
            .as_str()
            .or(schema["oneOf"][0]["$ref"].as_str());
        let Some(name) = name.and_then(|name| name.rsplit('/').next()) else {
            continue;
        };
        let properties = &document["components"]["schemas"][name]["properties"];
        let fields = properties.as_object().unwrap().keys().cloned().collect();
        with_body.push((method, path, fields));
    }
    with_body
}

#[tokio::test]
async fn bodies_that_are_not_json_objects_are_rejected_everywhere() {
    let app = TestApp::start().await;
    app.register_partner_app("shop").await;
    let ana = app.admin("ana").await;
    app.link_instructor("ana").await;
    let deeply_nested = "{\"a\":".repeat(50_000).into_bytes();
    assert!(operations_with_body().len() >= 6);
    for (method, path, _) in operations_with_body() {
        for body in [
            b"{".to_vec(),
            b"[]".to_vec(),
            b"null".to_vec(),
            b"\"text\"".to_vec(),
            b"{} {}".to_vec(),
            b"{\"a\":1e999999}".to_vec(),
            b"{\"\xff\xfe\":1}".to_vec(),
            b"\x00".to_vec(),
            deeply_nested.clone(),
        ] {
            let response = send(&ana, &method, &path, JSON_TYPE, body.clone()).await;
            assert_no_library_message(&response);
            let excerpt = String::from_utf8_lossy(&body[..body.len().min(20)]);
            assert_eq!(response.status, 400, "{path} {excerpt} {}", response.text);
            assert!(response.expect(400)["code"].is_string());
        }
        for content_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "json",
        ] {
            let response = send(&ana, &method, &path, content_type, b"{}".to_vec()).await;
            response.expect_code(415, "not_json");
            assert_no_library_message(&response);
        }
        let large = format!("{{\"email\":\"{}\"}}", "x".repeat(1024 * 1024));
        let response = send(&ana, &method, &path, JSON_TYPE, large.into_bytes()).await;
        response.expect_code(413, "body_too_large");
    }
}

#[tokio::test]
async fn no_field_value_causes_a_server_error() {
    let values = [
        json!(null),
        json!(7),
        json!(-1.5e300),
        json!(true),
        json!([]),
        json!({}),
        json!(""),
        json!("\u{0}"),
        json!("\u{7}bell"),
        json!("'; drop table users; --"),
        json!("x".repeat(100_000)),
        json!("9999-99-99"),
        json!("2026-02-28T25:61"),
        json!("01a1fbec-f5a7-774d-993f-b6dedc6eb20z"),
        json!(99_999_999_999_999_i64),
        json!({ "id": "x", "date": "soon", "unknown": [] }),
        json!([{ "id": 7 }, "x"]),
        json!("\u{202e}\u{1F483}\u{301}"),
    ];
    for (method, path, fields) in operations_with_body() {
        // A new application for each operation, since one operation closes the account.
        let app = TestApp::start().await;
        app.register_partner_app("shop").await;
        let ana = app.admin("ana").await;
        app.link_instructor("ana").await;
        for field in &fields {
            for value in &values {
                let visitor = app.visitor_with_cookie_of(&ana);
                let body = body_with(&fields, field, value);
                let response = send(
                    &visitor,
                    &method,
                    &path,
                    JSON_TYPE,
                    body.to_string().into_bytes(),
                )
                .await;
                assert!(
                    response.status < 500,
                    "{path} {field} {value}: {}",
                    response.text
                );
                assert_no_library_message(&response);
                if response.status >= 400 {
                    let failure: Value = serde_json::from_str(&response.text).unwrap();
                    assert!(failure["error"].is_string() && failure["code"].is_string());
                }
            }
        }
    }
}

#[tokio::test]
async fn unknown_and_duplicate_fields_are_rejected_by_name() {
    let app = TestApp::start().await;
    app.register_partner_app("shop").await;
    let ana = app.admin("ana").await;
    app.link_instructor("ana").await;
    for (method, path, fields) in operations_with_body() {
        let body = br#"{"shoeSize":1}"#.to_vec();
        let response = send(&ana, &method, &path, JSON_TYPE, body).await;
        let details = response.expect_code(400, "validation_failed")["details"].clone();
        assert_eq!(details["shoeSize"][0], "is not a known field", "{path}");
        let body = format!("{{\"{0}\":null,\"{0}\":null}}", fields[0]);
        let response = send(&ana, &method, &path, JSON_TYPE, body.into_bytes()).await;
        response.expect_code(400, "validation_failed");
    }
    assert!(ana.is_signed_in().await);
}

/// The paths to which other services or people add query parameters.
const ACCEPTING_OTHER_PARAMS: [&str; 6] = [
    "/api/auth/oauth/{provider}",
    "/api/auth/oauth/callback/{provider}",
    "/api/calendar",
    "/api/classes/preview",
    "/api/crawlers",
    "/api/health",
];

#[tokio::test]
async fn unknown_query_parameters_are_rejected_by_name() {
    let app = TestApp::start().await;
    let ana = app.admin("ana").await;
    for (method, path) in operations() {
        let url = |query: &str| format!("{}?{query}", example(&path));
        for person in [&ana, &app.visitor()] {
            for query in [
                "shoeSize=1",
                "shoeSize=",
                "shoeSize",
                "x-vercel-a=b&shoe%53ize=1",
            ] {
                let request = person.request(method.clone(), &url(query));
                let response = person.copy().send(request).await;
                if ACCEPTING_OTHER_PARAMS.contains(&path.as_str()) {
                    assert!(!response.text.contains("shoeSize"), "{path}");
                    continue;
                }
                let details = response.expect_code(400, "validation_failed")["details"].clone();
                let expected = json!({ "shoeSize": ["is not a known parameter"] });
                assert_eq!(details, expected, "{method} {path}?{query}");
            }
        }
    }
    let request = ana.request(Method::HEAD, "/api/classes/list?shoeSize=1");
    assert_eq!(ana.send(request).await.status, 400);
}

#[tokio::test]
async fn described_query_parameters_and_those_of_vercel_are_known() {
    let app = TestApp::start().await;
    let document =
        serde_json::from_str::<Value>(&sabor_testing::openapi::document().unwrap()).unwrap();
    let mut count = 0;
    for (method, path) in operations() {
        let operation = &document["paths"][&path][method.as_str().to_lowercase()];
        let params = operation["parameters"].as_array().into_iter().flatten();
        // Vercel repeats the parameters of the path in the query.
        let names = params.filter(|param| param["in"] == "query" || param["in"] == "path");
        let names = names.map(|param| param["name"].as_str().unwrap());
        for name in names.chain(["x-vercel-protection-bypass", "_vercel_share"]) {
            let visitor = app.visitor();
            let url = format!("{}?{name}=%00", example(&path));
            let response = visitor.send(visitor.request(method.clone(), &url)).await;
            assert!(
                !response.text.contains("is not a known parameter"),
                "{method} {url}: {}",
                response.text
            );
            assert_no_library_message(&response);
            count += 1;
        }
    }
    assert!(count > 150, "{count}");
}

#[tokio::test]
async fn no_message_of_a_library_reaches_people() {
    let app = TestApp::start().await;
    let ana = app.admin("ana").await;
    app.link_instructor("ana").await;
    let mut operations = operations();
    // Operations that end the session come last.
    operations.sort_by_key(|(method, path)| {
        path.contains("logout") || (*method == Method::DELETE && !path.contains("/admin/"))
    });
    for (method, path) in operations {
        if path.contains("/admin/") {
            assert!(ana.is_signed_in().await, "before {path}");
        }
        for segment in ["x", "%ff", "%00", "01a1fbec-f5a7-774d-993f-b6dedc6eb20z"] {
            let url = path.replace("{id}", segment).replace("{provider}", segment);
            for query in [
                "",
                "?limit=x",
                "?cursor=x",
                "?id=x",
                "?from=x",
                "?ids=x",
                "?limit=%ff&limit=1",
                "?cursor=x&cursor=y",
                "?id=%ff&id=x",
            ] {
                let request = ana.request(method.clone(), &format!("{url}{query}"));
                let request = request
                    .header("last-event-id", "x")
                    .header("idempotency-key", "a b")
                    .header("stripe-signature", "t=x,v1=x")
                    .header(CONTENT_TYPE, JSON_TYPE);
                assert_no_library_message(&ana.copy().send(request).await);
            }
            if url == path {
                break;
            }
        }
        for authorization in ["Basic !!!", "Basic Zm9v", "Bearer a.b.c", "Digest x"] {
            let visitor = app.visitor();
            let request = visitor.request(method.clone(), &example(&path));
            let request = request.header("authorization", authorization);
            assert_no_library_message(&visitor.send(request).await);
        }
    }
}

/// Asserts that a failed response contains no message of a library, because such messages are
/// written for programmers.
pub fn assert_no_library_message(response: &TestResponse) {
    const PHRASES: [&str; 27] = [
        "UUID parsing",
        "invalid type",
        "invalid value",
        "invalid length",
        "invalid digit",
        "invalid character",
        "unknown variant",
        "unknown field",
        "missing field",
        "duplicate field",
        "did not match any variant",
        ", expected",
        "at line",
        "EOF while",
        "premature end",
        "input is",
        "input contains",
        "trailing",
        "relative URL",
        "invalid URL",
        "utf-8",
        "struct ",
        "Failed to",
        "deserialize",
        "Some(",
        "Error",
        "panicked",
    ];
    if response.status < 400 {
        return;
    }
    for phrase in PHRASES {
        assert!(
            !response.text.contains(phrase),
            "{phrase}: {}",
            response.text
        );
    }
}

/// Returns a body with valid values, except in one field.
fn body_with(fields: &[String], field: &str, value: &Value) -> Value {
    let mut body = json!({});
    for name in fields {
        let valid = match name.as_str() {
            "email" => json!("new@example.com"),
            "password" | "confirmPassword" | "newPassword" | "currentPassword" => json!(PASSWORD),
            "firstName" | "lastName" => json!("Ana"),
            _ => continue,
        };
        body[name] = valid;
    }
    body[field] = value.clone();
    body
}

#[tokio::test]
async fn damaged_cookies_and_bearer_tokens_are_treated_as_signed_out() {
    let app = TestApp::start().await;
    app.register_partner_app("shop").await;
    let ana = app.admin("ana").await;
    let valid_cookie = ana.cookie().unwrap();
    let (name, value) = valid_cookie.split_once('=').unwrap();
    app.redis.clear_log();
    for damaged_value in [
        String::new(),
        ".".to_owned(),
        value.to_uppercase(),
        value[..64].to_owned(),
        format!("{value}0"),
        format!("{}.{}", "0".repeat(64), value.split('.').nth(1).unwrap()),
        "demo.99999999999999.00".to_owned(),
        "x".repeat(7_000),
    ] {
        ana.set_cookie(Some(format!("{name}={damaged_value}")));
        let response = ana.copy().get("/api/auth/session").await;
        response.expect_code(401, "not_signed_in");
        assert_eq!(response.header("set-cookie"), None, "{damaged_value}");
    }
    // None of these cookies caused a request to Redis.
    assert_eq!(app.redis.request_count(), 0);
    // The cookie is ignored if there is a bearer token.
    ana.set_cookie(Some(valid_cookie.clone()));
    for bearer in ["", "x", "eyJhbGciOiJub25lIn0.e30."] {
        let request = ana
            .request(Method::GET, "/api/auth/session")
            .bearer_auth(bearer);
        ana.copy()
            .send(request)
            .await
            .expect_code(401, "not_signed_in");
    }
    assert!(ana.is_signed_in().await);
    // A session token is accepted only in the cookie.
    let token = value.split('.').next().unwrap();
    for path in [
        format!("/api/auth/session?token={token}"),
        format!("/api/auth/session?sid={value}"),
    ] {
        app.visitor().get(&path).await.expect(400);
    }
}

#[tokio::test]
async fn an_error_unrelated_to_the_cookie_does_not_clear_it() {
    let app = TestApp::start().await;
    app.register_partner_app("shop").await;
    let ana = app.admin("ana").await;
    // Any site can link to this path, so the response must not clear the cookie.
    let response = ana.get("/api/admin/cleanup-sessions").await;
    response.expect_code(401, "not_signed_in");
    assert_eq!(response.header("set-cookie"), None);
    let request = ana.request(Method::GET, "/api/auth/session");
    let response = ana.send(request.bearer_auth("x")).await;
    response.expect_code(401, "not_signed_in");
    assert_eq!(response.header("set-cookie"), None);
}

#[tokio::test]
async fn unrelated_cookies_do_not_hide_the_session_cookie() {
    let app = TestApp::start().await;
    app.register_partner_app("shop").await;
    let ana = app.admin("ana").await;
    let request = app.visitor().request(Method::GET, "/api/auth/session");
    let cookies = format!("nombre=José; {}", ana.cookie().unwrap());
    let cookies = header_value(cookies.as_bytes());
    let response =
        TestResponse::read(request.header("cookie", cookies).send().await.unwrap()).await;
    response.expect(200);
}

fn header_value(bytes: &[u8]) -> reqwest::header::HeaderValue {
    reqwest::header::HeaderValue::from_bytes(bytes).unwrap()
}
