//! Rules that every function, the API description, and the code keep.

mod layout;
mod troubleshooting;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;

use crate::harness::{SITE, Settings, TestApp, TestResponse, send_from_origin};

const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// Returns a path with an example in the place of each dynamic segment.
pub fn example(path: &str) -> String {
    path.replace("{id}", "01a1fbec-f5a7-774d-993f-b6dedc6eb201")
        .replace("{provider}", "github")
}

/// Returns the method and the path of every described operation.
pub fn operations() -> Vec<(Method, String)> {
    let document =
        serde_json::from_str::<Value>(&sabor_testing::openapi::document().unwrap()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method = method.to_uppercase().parse().unwrap();
            operations.push((method, path.clone()));
        }
    }
    operations
}

fn assert_documented_failure(answer: &TestResponse, status: u16) {
    let body: Value = answer.expect(status);
    assert!(
        body["error"]
            .as_str()
            .unwrap()
            .ends_with(|c: char| c.is_alphanumeric())
    );
    assert!(body["code"].is_string() && body["requestId"].is_string());
    assert_eq!(answer.header("x-request-id"), body["requestId"].as_str());
}

/// Whether the response is the same for every visitor, so that a shared cache may
/// store it.
fn is_public(path: &str) -> bool {
    path.starts_with("/api/classes/")
}

fn assert_headers(answer: &TestResponse) {
    assert_headers_but_caching(answer);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

fn assert_headers_but_caching(answer: &TestResponse) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (
            "strict-transport-security",
            "max-age=63072000; includeSubDomains",
        ),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert!(!answer.header("x-request-id").unwrap().is_empty());
}

#[tokio::test]
async fn every_function_rejects_other_methods_and_lists_the_allowed_ones() {
    let app = TestApp::start().await;
    let operations = operations();
    let paths: BTreeSet<_> = operations.iter().map(|(_, path)| path).collect();
    for path in paths {
        let taken = |method: &Method| operations.contains(&(method.clone(), path.clone()));
        for method in METHODS {
            if taken(&method) {
                continue;
            }
            let visitor = app.visitor();
            let answer = visitor
                .send(visitor.request(method.clone(), &example(path)))
                .await;
            assert_documented_failure(&answer, 405);
            assert_headers(&answer);
            let allow: BTreeSet<_> = answer.header("allow").unwrap().split(',').collect();
            for method in METHODS {
                assert_eq!(
                    allow.contains(method.as_str()),
                    taken(&method),
                    "{path} {allow:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn every_response_has_the_security_headers_and_a_request_id() {
    let app = TestApp::start().await;
    for (method, path) in operations() {
        let visitor = app.visitor();
        let request = visitor.request(method, &example(&path));
        let answer = visitor
            .send(request.header("x-vercel-id", "iad1::abc"))
            .await;
        if is_public(&path) && answer.status == 200 {
            assert_headers_but_caching(&answer);
            let kept = answer.header("cache-control").unwrap();
            assert!(kept.starts_with("public, max-age=0, s-maxage="), "{kept}");
            assert!(answer.header("set-cookie").is_none());
        } else {
            assert_headers(&answer);
        }
        assert_eq!(answer.header("x-request-id"), Some("iad1::abc"));
        if answer.status >= 400 {
            assert_documented_failure(&answer, answer.status);
        }
    }
    let nowhere = app.visitor().get("/api/nowhere").await;
    assert_documented_failure(&nowhere, 404);
    assert_headers(&nowhere);
}

#[tokio::test]
async fn cors_allows_exact_origins_only() {
    let app = TestApp::start().await;
    for (method, path) in operations() {
        for (origin, allowed) in [
            (SITE, true),
            ("https://evil.example", false),
            ("https://sabor.example.evil.example", false),
            ("http://sabor.example", false),
            ("null", false),
        ] {
            let visitor = app.visitor();
            let preflight = visitor
                .request(Method::OPTIONS, &example(&path))
                .header("origin", origin)
                .header("access-control-request-method", method.as_str());
            // Each request sets its own origin instead of the person's.
            let answer = send_from_origin(preflight, origin).await;
            let expected = allowed.then_some(origin);
            assert_eq!(
                answer.header("access-control-allow-origin"),
                expected,
                "{path} {origin}"
            );
        }
    }
    // Failures have the header as well, so that the page can read them.
    let visitor = app.visitor();
    let answer = visitor
        .send(
            visitor
                .request(Method::GET, "/api/auth/session")
                .header("origin", SITE),
        )
        .await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(SITE));
}

#[tokio::test]
async fn a_change_with_a_cookie_needs_an_allowed_origin() {
    let app = TestApp::start().await;
    for (method, path) in operations() {
        // A provider's page may post its form. The request changes nothing.
        if method == Method::GET || path.contains("/oauth/callback/") {
            continue;
        }
        let ana = app.visitor();
        ana.set_cookie(Some("__Host-sabor_session=whatever".to_owned()));
        for origin in ["https://evil.example", "null", ""] {
            let request = ana
                .request(method.clone(), &example(&path))
                .json(&serde_json::json!({}));
            let (client, request) = request.build_split();
            let mut request = request.unwrap();
            request.headers_mut().remove("origin");
            if !origin.is_empty() {
                request
                    .headers_mut()
                    .insert("origin", origin.parse().unwrap());
            }
            let answer = TestResponse::read(client.execute(request).await.unwrap()).await;
            answer.expect_code(403, "foreign_origin");
        }
        // Another host of the same site is not the page itself.
        let near = ana
            .request(method.clone(), &example(&path))
            .header("sec-fetch-site", "same-site");
        send_from_origin(near, "https://other.sabor.example")
            .await
            .expect_code(403, "foreign_origin");
        // The browser says that the page itself sent it.
        let own = ana
            .request(method, &example(&path))
            .header("sec-fetch-site", "same-origin");
        let answer = send_from_origin(own, "https://preview.example").await;
        assert_ne!(answer.status, 403, "{path}");
    }
}

#[tokio::test]
async fn in_development_only_the_same_port_on_localhost_is_an_allowed_origin() {
    let settings = Settings::default().with("SABOR_ENV", "development");
    let app = TestApp::start_with(settings).await;
    let ana = app.member("ana").await;
    let here = ana.request(Method::POST, "/api/auth/logout");
    let port = here.build().unwrap().url().port().unwrap();
    for (origin, status) in [
        (format!("http://localhost.evil.example:{port}"), 403),
        (format!("http://127.0.0.1:{}", port.wrapping_add(1)), 403),
        (format!("http://127.0.0.1:{port}"), 200),
    ] {
        let request = ana.request(Method::POST, "/api/auth/logout");
        let answer = send_from_origin(request, &origin).await;
        assert_eq!(answer.status, status, "{origin}");
    }
}

#[test]
fn every_file_under_api_has_one_executable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("api"), &mut files);
    let files: BTreeSet<_> = files
        .iter()
        .map(|file| {
            file.strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let listed: Vec<_> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'))
        .filter(|path| path.starts_with("api/"))
        .collect();
    assert!(listed.is_sorted(), "{listed:?}");
    assert_eq!(listed.len(), files.len());
    assert_eq!(
        listed
            .iter()
            .map(|path| (*path).to_owned())
            .collect::<BTreeSet<_>>(),
        files
    );
    for file in files {
        let text = fs::read_to_string(root.join(&file)).unwrap();
        assert!(text.starts_with("//! "), "{file}");
        assert!(text.lines().count() <= 90, "{file}");
        let url = format!(
            "/{}",
            file.trim_end_matches(".rs")
                .replace('[', "{")
                .replace(']', "}")
        );
        assert!(
            text.contains(&format!("path = \"{url}\"")),
            "{file} is not {url}"
        );
    }
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

#[test]
fn the_api_description_in_the_repository_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let written = fs::read_to_string(root.join("public/openapi.json")).unwrap_or_default();
    let given = sabor_testing::openapi::document().unwrap();
    assert!(written.trim() == given.trim(), "run `cargo dev openapi`");
}

#[test]
fn every_operation_id_is_unique_and_makes_a_method_name() {
    let document: Value =
        serde_json::from_str(&sabor_testing::openapi::document().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|item| item.as_object().unwrap().values());
    let mut ids = BTreeSet::new();
    for operation in operations {
        let id = operation["operationId"].as_str().unwrap();
        // ^[a-z]+[A-Za-z]+$
        assert!(
            id.len() > 1
                && id.starts_with(|c: char| c.is_ascii_lowercase())
                && id.chars().all(|c| c.is_ascii_alphabetic()),
            "{id}"
        );
        assert!(ids.insert(id), "{id} is used twice");
    }
}

#[test]
fn every_reference_in_the_api_description_exists() {
    let document: Value =
        serde_json::from_str(&sabor_testing::openapi::document().unwrap()).unwrap();
    let mut left = vec![&document];
    while let Some(value) = left.pop() {
        if let Some(reference) = value["$ref"].as_str() {
            let found = document.pointer(reference.trim_start_matches('#'));
            assert!(found.is_some(), "{reference}");
        }
        match value {
            Value::Object(fields) => left.extend(fields.values()),
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
}

/// Returns the text of all files under a folder.
fn source_of(folder: &str) -> String {
    let mut files = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
        &mut files,
    );
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    texts.collect()
}

#[test]
fn every_json_body_has_an_example() {
    let document: Value =
        serde_json::from_str(&sabor_testing::openapi::document().unwrap()).unwrap();
    let codes = codes();
    let mut bodies = 0;
    let mut left = vec![&document];
    while let Some(value) = left.pop() {
        if let Some(body) = value.get("application/json") {
            let example = &body["example"];
            assert!(!example.is_null(), "{body}");
            let is_failure = example.get("requestId").is_some();
            let code = example["code"].as_str().filter(|_| is_failure);
            assert!(code.is_none_or(|code| codes.contains(code)), "{body}");
            bodies += 1;
        }
        match value {
            Value::Object(fields) => left.extend(fields.values()),
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    assert!(bodies > 200, "{bodies}");
}

#[test]
fn every_error_code_is_described() {
    let document = sabor_testing::openapi::document().unwrap();
    let codes = codes();
    assert!(codes.len() > 60, "{codes:?}");
    for code in codes {
        assert!(document.contains(&format!("`{code}`")), "{code}");
    }
}

/// Returns the error codes in the source.
fn codes() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let errors = fs::read_to_string(root.join("lib/src/error.rs")).unwrap();
    let (_, common) = errors.split_once("pub fn code(&self)").unwrap();
    let (common, _) = common.split_once("\n    }\n").unwrap();
    let source = source_of("lib/src") + &source_of("api");
    let marks = [
        (common, "=> \""),
        (&source, "code: \""),
        (&source, "CODE: &str = \""),
    ];
    let found = marks
        .iter()
        .flat_map(|(text, mark)| text.split(mark).skip(1));
    found
        .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        .collect()
}
