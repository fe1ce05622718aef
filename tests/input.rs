//! What comes in broken: a clear 4xx in the documented shape, and never more.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::conventions::{example, operations};
use crate::harness::{Answer, PASSWORD, Person, TestApp, partner_secret};

const JSON: &str = "application/json";

async fn send(person: &Person, method: &Method, path: &str, kind: &str, body: Vec<u8>) -> Answer {
    let mut request = person.request(method.clone(), &example(path));
    if path == "/api/cross-app/validate" {
        request = request.basic_auth("shop", Some(partner_secret("shop")));
    }
    person
        .copy()
        .send(request.header(CONTENT_TYPE, kind).body(body))
        .await
}

/// The operations that take a body, with the fields of it.
fn forms() -> Vec<(Method, String, Vec<String>)> {
    let document = serde_json::from_str::<Value>(&sabor_dev::document().unwrap()).unwrap();
    let mut forms = Vec::new();
    for (method, path) in operations() {
        let operation = &document["paths"][&path][method.as_str().to_lowercase()];
        let schema = &operation["requestBody"]["content"][JSON]["schema"];
        let name = schema["$ref"]
            .as_str()
            .or(schema["oneOf"][0]["$ref"].as_str());
        let Some(name) = name.and_then(|name| name.rsplit('/').next()) else {
            continue;
        };
        let properties = &document["components"]["schemas"][name]["properties"];
        let fields = properties.as_object().unwrap().keys().cloned().collect();
        forms.push((method, path, fields));
    }
    forms
}

#[tokio::test]
async fn what_is_no_json_object_is_refused_everywhere() {
    let app = TestApp::start().await;
    app.partner("shop").await;
    let ana = app.admin("ana").await;
    let deep = "{\"a\":".repeat(50_000).into_bytes();
    assert!(forms().len() >= 6);
    for (method, path, _) in forms() {
        for body in [
            b"{".to_vec(),
            b"[]".to_vec(),
            b"null".to_vec(),
            b"\"text\"".to_vec(),
            b"{} {}".to_vec(),
            b"{\"a\":1e999999}".to_vec(),
            b"{\"\xff\xfe\":1}".to_vec(),
            b"\x00".to_vec(),
            deep.clone(),
        ] {
            let answer = send(&ana, &method, &path, JSON, body.clone()).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(20)]);
            assert_eq!(answer.status, 400, "{path} {shown} {}", answer.text);
            assert!(answer.expect(400)["code"].is_string());
        }
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "json",
        ] {
            let answer = send(&ana, &method, &path, kind, b"{}".to_vec()).await;
            answer.expect_code(415, "not_json");
        }
        let large = format!("{{\"email\":\"{}\"}}", "x".repeat(1024 * 1024));
        let answer = send(&ana, &method, &path, JSON, large.into_bytes()).await;
        answer.expect_code(413, "body_too_large");
    }
}

#[tokio::test]
async fn no_value_in_no_field_is_more_than_a_400() {
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
        json!("\u{202e}\u{1F483}\u{301}"),
    ];
    for (method, path, fields) in forms() {
        // Anew for each form: one of them closes the account.
        let app = TestApp::start().await;
        app.partner("shop").await;
        let ana = app.admin("ana").await;
        for field in &fields {
            for value in &values {
                let visitor = app.visitor_like(&ana);
                let body = complete(&fields, field, value);
                let answer = send(
                    &visitor,
                    &method,
                    &path,
                    JSON,
                    body.to_string().into_bytes(),
                )
                .await;
                assert!(
                    answer.status < 500,
                    "{path} {field} {value}: {}",
                    answer.text
                );
                if answer.status >= 400 {
                    let failure: Value = serde_json::from_str(&answer.text).unwrap();
                    assert!(failure["error"].is_string() && failure["code"].is_string());
                }
            }
        }
    }
}

#[tokio::test]
async fn a_field_that_is_none_is_named_and_one_that_is_given_twice_too() {
    let app = TestApp::start().await;
    app.partner("shop").await;
    let ana = app.admin("ana").await;
    for (method, path, fields) in forms() {
        let body = br#"{"shoeSize":1}"#.to_vec();
        let answer = send(&ana, &method, &path, JSON, body).await;
        let details = answer.expect_code(400, "validation_failed")["details"].clone();
        assert_eq!(
            details["shoeSize"][0], "is not a field of this request",
            "{path}"
        );
        let body = format!("{{\"{0}\":null,\"{0}\":null}}", fields[0]);
        let answer = send(&ana, &method, &path, JSON, body.into_bytes()).await;
        answer.expect_code(400, "validation_failed");
    }
    assert!(ana.is_signed_in().await);
}

/// Every field with a value that would do, but one.
fn complete(fields: &[String], field: &str, value: &Value) -> Value {
    let mut body = json!({});
    for name in fields {
        let usual = match name.as_str() {
            "email" => json!("new@example.com"),
            "password" | "confirmPassword" | "newPassword" | "currentPassword" => json!(PASSWORD),
            "firstName" | "lastName" => json!("Ana"),
            _ => continue,
        };
        body[name] = usual;
    }
    body[field] = value.clone();
    body
}

#[tokio::test]
async fn damaged_cookies_and_bearers_are_not_signed_in_and_nothing_else() {
    let app = TestApp::start().await;
    app.partner("shop").await;
    let ana = app.admin("ana").await;
    let good = ana.cookie().unwrap();
    let (name, value) = good.split_once('=').unwrap();
    app.redis.clear_log();
    for bad in [
        String::new(),
        ".".to_owned(),
        value.to_uppercase(),
        value[..64].to_owned(),
        format!("{value}0"),
        format!("{}.{}", "0".repeat(64), value.split('.').nth(1).unwrap()),
        "demo.99999999999999.00".to_owned(),
        "x".repeat(7_000),
    ] {
        *ana.cookie.lock().unwrap() = Some(format!("{name}={bad}"));
        let answer = ana.copy().get("/api/auth/session").await;
        answer.expect_code(401, "not_signed_in");
        assert!(
            answer.header("set-cookie").unwrap().contains("Max-Age=0"),
            "{bad}"
        );
    }
    // None of them cost a look at any store.
    assert_eq!(app.redis.requests(), 0);
    // A bearer is judged alone, whatever the cookie.
    *ana.cookie.lock().unwrap() = Some(good.clone());
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
    // A token is taken from the cookie and from nowhere else.
    let token = value.split('.').next().unwrap();
    for path in [
        format!("/api/auth/session?token={token}"),
        format!("/api/auth/session?sid={value}"),
    ] {
        app.visitor().get(&path).await.expect(401);
    }
}

#[tokio::test]
async fn a_refusal_that_did_not_judge_the_cookie_leaves_it_alone() {
    let app = TestApp::start().await;
    app.partner("shop").await;
    let ana = app.admin("ana").await;
    // A link on any site leads here.
    let answer = ana.get("/api/admin/cleanup-sessions").await;
    answer.expect_code(401, "not_signed_in");
    assert_eq!(answer.header("set-cookie"), None);
    let request = ana.request(Method::GET, "/api/auth/session");
    let answer = ana.send(request.bearer_auth("x")).await;
    answer.expect_code(401, "not_signed_in");
    assert_eq!(answer.header("set-cookie"), None);
}

#[tokio::test]
async fn a_cookie_of_somebody_elses_does_not_hide_ours() {
    let app = TestApp::start().await;
    app.partner("shop").await;
    let ana = app.admin("ana").await;
    let request = app.visitor().request(Method::GET, "/api/auth/session");
    let cookies = format!("nombre=José; {}", ana.cookie().unwrap());
    let cookies = http_value(cookies.as_bytes());
    let answer = Answer::read(request.header("cookie", cookies).send().await.unwrap()).await;
    answer.expect(200);
}

fn http_value(bytes: &[u8]) -> reqwest::header::HeaderValue {
    reqwest::header::HeaderValue::from_bytes(bytes).unwrap()
}
