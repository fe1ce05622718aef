//! Rules for every function, the API description and the code.

mod api_description;
mod layout;
mod local_time;
pub mod troubleshooting;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use reqwest::Method;
use sabor::crypto::secret::sha256_hex;
use serde_json::Value;

use crate::harness::{SITE, Settings, TestApp, TestResponse, send_from_origin};

const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// Replaces each dynamic segment of a path with an example.
pub fn example(path: &str) -> String {
    path.replace("{id}", "01a1fbec-f5a7-774d-993f-b6dedc6eb201")
        .replace("{provider}", "github")
}

/// Returns the API description.
pub fn api_description() -> Value {
    serde_json::from_str(&sabor_testing::openapi::document().unwrap()).unwrap()
}

/// Returns the method and path of every operation in the API description.
pub fn operations() -> Vec<(Method, String)> {
    let document = api_description();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method = method.to_uppercase().parse().unwrap();
            operations.push((method, path.clone()));
        }
    }
    operations
}

/// Returns the values of an enum in the API description.
pub fn described_values(schema: &str) -> BTreeSet<String> {
    let document =
        serde_json::from_str::<Value>(&sabor_testing::openapi::document().unwrap()).unwrap();
    let values = &document["components"]["schemas"][schema]["enum"];
    let values = values.as_array().unwrap().iter();
    values
        .map(|value| value.as_str().unwrap().to_owned())
        .collect()
}

fn assert_documented_failure(response: &TestResponse, status: u16) {
    let body: Value = response.expect(status);
    assert!(
        body["error"]
            .as_str()
            .unwrap()
            .ends_with(char::is_alphanumeric)
    );
    assert!(body["code"].is_string() && body["requestId"].is_string());
    assert_eq!(response.header("x-request-id"), body["requestId"].as_str());
}

/// Returns whether the response is the same for every visitor. A shared cache may then
/// store it.
fn is_public(path: &str) -> bool {
    let public = ["/api/classes/", "/api/instructors", "/api/studio"];
    public.iter().any(|start| path.starts_with(start))
}

fn assert_headers(response: &TestResponse) {
    assert_headers_except_caching(response);
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

fn assert_headers_except_caching(response: &TestResponse) {
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
        assert_eq!(response.header(name), Some(value), "{name}");
    }
    assert!(!response.header("x-request-id").unwrap().is_empty());
}

#[tokio::test]
async fn every_function_rejects_other_methods_and_lists_the_allowed_ones() {
    let app = TestApp::start().await;
    let operations = operations();
    let paths: BTreeSet<_> = operations.iter().map(|(_, path)| path).collect();
    for path in paths {
        let is_supported = |method: &Method| operations.contains(&(method.clone(), path.clone()));
        for method in METHODS {
            if is_supported(&method) {
                continue;
            }
            let visitor = app.visitor();
            let response = visitor
                .send(visitor.request(method.clone(), &example(path)))
                .await;
            assert_documented_failure(&response, 405);
            assert_headers(&response);
            let allow: BTreeSet<_> = response.header("allow").unwrap().split(',').collect();
            for method in METHODS {
                assert_eq!(
                    allow.contains(method.as_str()),
                    is_supported(&method),
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
        let response = visitor
            .send(request.header("x-vercel-id", "iad1::abc"))
            .await;
        if is_public(&path) && response.status == 200 {
            assert_headers_except_caching(&response);
            let cache_control = response.header("cache-control").unwrap();
            assert!(
                cache_control.starts_with("public, max-age=0, s-maxage="),
                "{cache_control}"
            );
            assert!(response.header("set-cookie").is_none());
        } else {
            assert_headers(&response);
        }
        assert_eq!(response.header("x-request-id"), Some("iad1::abc"));
        if response.status >= 400 {
            assert_documented_failure(&response, response.status);
        }
    }
    let not_found = app.visitor().get("/api/nowhere").await;
    assert_documented_failure(&not_found, 404);
    assert_headers(&not_found);
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
            let response = send_from_origin(preflight, origin).await;
            let expected = allowed.then_some(origin);
            assert_eq!(
                response.header("access-control-allow-origin"),
                expected,
                "{path} {origin}"
            );
        }
    }
    // Error responses have the header too, so that the page can read them.
    let visitor = app.visitor();
    let response = visitor
        .send(
            visitor
                .request(Method::GET, "/api/auth/session")
                .header("origin", SITE),
        )
        .await;
    assert_eq!(response.header("access-control-allow-origin"), Some(SITE));
}

#[tokio::test]
async fn a_write_with_a_cookie_needs_an_allowed_origin() {
    let app = TestApp::start().await;
    for (method, path) in operations() {
        // A provider may post the result of a sign-in from its own page. This request only
        // redirects to the GET endpoint. Mail programs post the link that ends e-mails, which
        // reads no cookie.
        let accepts_any_origin =
            path.contains("/oauth/callback/") || path == "/api/auth/unsubscribe";
        if method == Method::GET || accepts_any_origin {
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
            let response = TestResponse::read(client.execute(request).await.unwrap()).await;
            response.expect_code(403, "foreign_origin");
        }
        // Another host of the same site is a foreign origin.
        let same_site_request = ana
            .request(method.clone(), &example(&path))
            .header("sec-fetch-site", "same-site");
        send_from_origin(same_site_request, "https://other.sabor.example")
            .await
            .expect_code(403, "foreign_origin");
        // The browser confirms that a page of this origin sent the request.
        let same_origin_request = ana
            .request(method, &example(&path))
            .header("sec-fetch-site", "same-origin");
        let response = send_from_origin(same_origin_request, "https://preview.example").await;
        assert_ne!(response.status, 403, "{path}");
    }
}

#[tokio::test]
async fn in_development_only_the_same_port_on_localhost_is_an_allowed_origin() {
    let settings = Settings::default().with("SABOR_ENV", "development");
    let app = TestApp::start_with(settings).await;
    let ana = app.member("ana").await;
    let own_request = ana.request(Method::POST, "/api/auth/logout");
    let port = own_request.build().unwrap().url().port().unwrap();
    for (origin, status) in [
        (format!("http://localhost.evil.example:{port}"), 403),
        (format!("http://127.0.0.1:{}", port.wrapping_add(1)), 403),
        (format!("http://127.0.0.1:{port}"), 200),
    ] {
        let request = ana.request(Method::POST, "/api/auth/logout");
        let response = send_from_origin(request, &origin).await;
        assert_eq!(response.status, status, "{origin}");
    }
}

#[test]
fn every_file_under_api_has_one_executable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect_files(&root.join("api"), &mut files);
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
    let listed_paths: Vec<_> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'))
        .filter(|path| path.starts_with("api/"))
        .collect();
    assert!(listed_paths.is_sorted(), "{listed_paths:?}");
    assert_eq!(listed_paths.len(), files.len());
    assert_eq!(
        listed_paths
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
            "{file} does not declare the path {url}"
        );
    }
}

/// Adds all files under a folder to `files`.
fn collect_files(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_files(&path, files);
        } else {
            files.push(path);
        }
    }
}

#[test]
fn the_api_description_in_the_repository_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = fs::read_to_string(root.join("site/public/openapi.json")).unwrap_or_default();
    let generated = sabor_testing::openapi::document().unwrap();
    assert!(
        committed.trim() == generated.trim(),
        "run `cargo dev openapi`"
    );
}

/// A database that has applied a migration rejects it if it has changed, even in a comment.
#[test]
fn no_migration_has_changed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files = Vec::new();
    collect_files(&folder, &mut files);
    let mut lines: Vec<String> = files
        .iter()
        .filter(|file| file.to_string_lossy().ends_with(".up.sql"))
        .map(|file| {
            let name = file.file_name().unwrap().to_str().unwrap();
            format!("{}  {name}", sha256_hex(&fs::read(file).unwrap()))
        })
        .collect();
    lines.sort_by(|one, other| one[64..].cmp(&other[64..]));
    let checksums = fs::read_to_string(folder.join("checksums.txt")).unwrap();
    assert_eq!(lines, checksums.lines().collect::<Vec<_>>());
}

#[test]
fn every_operation_id_is_unique_and_a_valid_method_name() {
    let document = api_description();
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|item| item.as_object().unwrap().values());
    let mut ids = BTreeSet::new();
    for operation in operations {
        let id = operation["operationId"].as_str().unwrap();
        assert!(
            id.len() > 1
                && id.starts_with(|letter: char| letter.is_ascii_lowercase())
                && id.chars().all(|letter| letter.is_ascii_alphabetic()),
            "{id}"
        );
        assert!(ids.insert(id), "{id} is used twice");
    }
}

#[test]
fn every_reference_in_the_api_description_exists() {
    let document = api_description();
    let mut unvisited = vec![&document];
    while let Some(value) = unvisited.pop() {
        if let Some(reference) = value["$ref"].as_str() {
            let target = document.pointer(reference.trim_start_matches('#'));
            assert!(target.is_some(), "{reference}");
        }
        match value {
            Value::Object(fields) => unvisited.extend(fields.values()),
            Value::Array(items) => unvisited.extend(items),
            _ => {}
        }
    }
}

/// The Spanish pages find the translation of a problem by its text.
#[test]
fn every_problem_that_the_site_translates_is_reported_by_the_library() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let texts = fs::read_to_string(root.join("site/src/texts/failures.es.ts")).unwrap();
    let (_, problems) = texts.split_once("const PROBLEMS").unwrap();
    let (problems, _) = problems.split_once("};").unwrap();
    // A backslash at the end of a line continues a string on the next line.
    let source = source_of("lib/src");
    let source: String = source.split("\\\n").map(str::trim_start).collect();
    let pieces: Vec<_> = problems.split('"').collect();
    let mut count = 0;
    for pair in pieces[1..].chunks_exact(2) {
        let (text, after) = (pair[0], pair[1]);
        if after.starts_with(':') {
            assert!(source.contains(&format!("\"{text}\"")), "{text}");
            count += 1;
        }
    }
    assert!(count > 5, "{count}");
}

/// Returns the text of all files under a folder.
fn source_of(folder: &str) -> String {
    let mut files = Vec::new();
    collect_files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
        &mut files,
    );
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    texts.collect()
}

#[test]
fn every_json_body_has_an_example() {
    let document = api_description();
    let mut body_count = 0;
    let mut unvisited = vec![&document];
    while let Some(value) = unvisited.pop() {
        if let Some(body) = value.get("application/json") {
            let example = &body["example"];
            assert!(!example.is_null(), "{body}");
            body_count += 1;
        }
        match value {
            Value::Object(fields) => unvisited.extend(fields.values()),
            Value::Array(items) => unvisited.extend(items),
            _ => {}
        }
    }
    assert!(body_count > 200, "{body_count}");
}
