//! The functions and the site behind one router, as on Vercel.

use std::convert::Infallible;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, LOCATION};
use axum::http::uri::{Authority, PathAndQuery};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Uri, Version};
use axum::response::{IntoResponse, Response};
use sabor_testing::environment;
use tower::ServiceExt;
use tower_http::compression::CompressionLayer;
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_status::SetStatus;

use crate::site_build;
use crate::vercel_json::VercelJson;

/// Vercel's `Cache-Control` for files: browsers revalidate on every use.
const REVALIDATE: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");

/// The response to a request for a page while there is no built site.
const NOT_BUILT: &str = "The site is not built. The output of `cargo dev` says why. The API \
    works without it.\n";

/// The response to a request for another host. With DNS rebinding, a page of that host
/// could otherwise read every response that does not require a sign-in.
const FOREIGN_HOST: sabor::Error = sabor::Error::Forbidden {
    code: sabor::ErrorCode::ForeignHost,
    message: "The local server responds only at localhost and loopback addresses. Open it at one of them",
};

/// Serves functions and the built site.
#[derive(Clone)]
struct Site {
    vercel_json: Arc<VercelJson>,
    functions: Router,
    folder: PathBuf,
    files: ServeDir<SetStatus<ServeFile>>,
}

/// Adds the built site, and the rewrites and headers of `vercel.json`, to the functions.
///
/// # Errors
///
/// Fails if `vercel.json` cannot be read or has an unsupported pattern.
pub(crate) fn router(functions: Router) -> Result<Router> {
    router_with_site(functions, site_build::output_directory())
}

fn router_with_site(functions: Router, folder: PathBuf) -> Result<Router> {
    let vercel_json = environment::repository().join("vercel.json");
    let not_found_page = ServeFile::new(folder.join("404.html"));
    let site = Site {
        vercel_json: Arc::new(VercelJson::read(&vercel_json)?),
        functions,
        files: ServeDir::new(&folder).not_found_service(not_found_page),
        folder,
    };
    // A fallback can rewrite the path before the functions' router matches it. A layer
    // would run too late.
    let router = Router::new().fallback(move |request: Request| site.clone().respond(request));
    Ok(router.layer(CompressionLayer::new().compress_when(is_compressed_by_vercel)))
}

/// Returns whether Vercel compresses a response. It compresses text, and no event stream.
fn is_compressed_by_vercel(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let kind = content_type.and_then(|value| value.split(';').next());
    match kind.unwrap_or_default().trim() {
        "text/event-stream" => false,
        "image/svg+xml" => true,
        kind => {
            kind.starts_with("text/")
                || ["javascript", "json", "xml"]
                    .iter()
                    .any(|end| kind.starts_with("application/") && kind.ends_with(end))
        }
    }
}

impl Site {
    async fn respond(self, mut request: Request) -> Result<Response, Infallible> {
        if !is_for_this_machine(&request) {
            return Ok(sabor::http::reject(&FOREIGN_HOST));
        }
        let requested_path = request.uri().path().to_owned();
        let destination = self
            .vercel_json
            .destination(request.uri(), request.headers());
        if let Some(destination) = destination {
            *request.uri_mut() = with_path_and_query(request.uri(), Some(destination));
        }
        // The pages of the local stack have headers of their own.
        if requested_path.starts_with("/dev/") {
            return self.functions.clone().oneshot(request).await;
        }
        let mut response = if request.uri().path().starts_with("/api/") {
            self.functions.clone().oneshot(request).await?
        } else {
            self.serve_file(request).await?
        };
        self.vercel_json
            .add_headers(&requested_path, response.headers_mut());
        Ok(response)
    }

    /// Serves a file of the site. A page's address has no `.html` (`cleanUrls`) and no
    /// slash at its end (`trailingSlash`).
    async fn serve_file(&self, mut request: Request) -> Result<Response, Infallible> {
        if !self.folder.join("index.html").exists() {
            return Ok((StatusCode::NOT_FOUND, NOT_BUILT).into_response());
        }
        let path = request.uri().path().to_owned();
        if let Some(clean_path) = clean_path(&path) {
            let location = with_path(request.uri(), &clean_path).to_string();
            return Ok((StatusCode::PERMANENT_REDIRECT, [(LOCATION, location)]).into_response());
        }
        if is_page_path(&path) {
            let page = format!("{path}.html");
            if self.folder.join(&page[1..]).is_file() {
                *request.uri_mut() = with_path(request.uri(), &page);
            }
        }
        let response = self.files.clone().oneshot(request).await?;
        let mut response = response.into_response();
        response.headers_mut().insert(CACHE_CONTROL, REVALIDATE);
        Ok(response)
    }
}

/// Returns the address to which a browser is redirected from `/page.html`, `/page/`, or
/// `/index`.
fn clean_path(path: &str) -> Option<String> {
    let mut clean = path.strip_suffix(".html").unwrap_or(path);
    clean = clean.strip_suffix("/index").unwrap_or(clean);
    clean = clean.trim_end_matches('/');
    // `//host` would lead to another site.
    let clean = format!("/{}", clean.trim_start_matches('/'));
    (clean != path).then_some(clean)
}

/// Returns whether `path` can name a page. Names of files have a dot.
fn is_page_path(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_');
    path.len() > 1 && path.bytes().all(is_plain)
}

/// Returns whether the request is for this machine. The `Host` header must name this machine,
/// and so must the authority of the URI if there is one.
fn is_for_this_machine(request: &Request) -> bool {
    let host = request.headers().get(HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority = request.uri().authority().map(Authority::as_str);
    is_local_host(host) && authority.is_none_or(is_local_host)
}

/// Returns whether `host`, with or without a port, is `localhost`, a name below it, or a
/// loopback address. Browsers resolve these names without DNS.
fn is_local_host(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    if host.contains('@') {
        return false;
    }
    let name = authority.host().to_ascii_lowercase();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = address
        .parse()
        .is_ok_and(|address: IpAddr| address.is_loopback());
    is_loopback || name == "localhost" || name.ends_with(".localhost")
}

fn with_path(uri: &Uri, path: &str) -> Uri {
    let query = uri
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    with_path_and_query(uri, PathAndQuery::try_from(format!("{path}{query}")).ok())
}

fn with_path_and_query(uri: &Uri, path_and_query: Option<PathAndQuery>) -> Uri {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = path_and_query;
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use axum::body::{Body, to_bytes};
    use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_SECURITY_POLICY};
    use axum::routing::post;

    use super::*;

    /// The files of a small site.
    const FILES: [(&str, &str); 5] = [
        ("404.html", "not found"),
        ("index.html", "home"),
        ("timetable.html", "timetable"),
        ("staff/roster.html", "roster"),
        ("assets/app-1234.js", "script"),
    ];

    async fn send(method: &str, uri: &str) -> (Response, String) {
        send_to("localhost:3000", method, uri).await
    }

    async fn send_to(host: &str, method: &str, uri: &str) -> (Response, String) {
        let register = post(|uri: Uri| async move { uri.to_string() });
        let functions = Router::new().route("/api/auth/register", register);
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in FILES {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        let site = router_with_site(functions, folder.path().to_owned()).unwrap();
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(HOST, host);
        let response = site
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        (Response::from_parts(parts, Body::empty()), body)
    }

    #[tokio::test]
    async fn a_rewritten_request_keeps_its_query_and_gets_no_page_headers() {
        let (response, body) = send("POST", "/signup?from=page").await;
        assert_eq!(body, "/api/auth/register?from=page");
        assert!(!response.headers().contains_key(CONTENT_SECURITY_POLICY));
    }

    #[tokio::test]
    async fn a_missing_page_has_the_security_policy_of_pages() {
        let (response, body) = send("GET", "/no-such-page").await;
        assert_eq!(
            (response.status().as_u16(), body.as_str()),
            (404, "not found")
        );
        let policy = response.headers()[CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(policy.contains("script-src 'self' 'sha256-") && !policy.contains("unsafe"));
        assert!(policy.contains("require-trusted-types-for 'script'"));
    }

    #[tokio::test]
    async fn a_page_is_served_at_its_name_without_an_extension() {
        for (path, content) in [
            ("/", "home"),
            ("/timetable?week=2026-03-09", "timetable"),
            ("/staff/roster", "roster"),
        ] {
            let (response, body) = send("GET", path).await;
            assert_eq!((response.status().as_u16(), body.as_str()), (200, content));
            let cached = &response.headers()[CACHE_CONTROL];
            assert_eq!(cached, "public, max-age=0, must-revalidate");
        }
        for (path, clean) in [
            ("/index.html", "/"),
            ("/index", "/"),
            (
                "/timetable.html?level=beginner",
                "/timetable?level=beginner",
            ),
            ("/timetable/", "/timetable"),
            ("//studio.example/", "/studio.example"),
        ] {
            let (response, _) = send("GET", path).await;
            assert_eq!(response.status(), 308, "{path}");
            assert_eq!(response.headers()[LOCATION], clean);
        }
    }

    #[tokio::test]
    async fn files_with_a_hash_in_their_name_are_cached_forever() {
        let (response, body) = send("GET", "/assets/app-1234.js").await;
        assert_eq!(body, "script");
        let cached = response.headers()[CACHE_CONTROL].to_str().unwrap();
        assert!(cached.contains("immutable"), "{cached}");
    }

    #[tokio::test]
    async fn text_is_compressed_as_the_browser_accepts_and_event_streams_are_not() {
        let text = "a line that is worth compressing\n".repeat(100);
        let functions = [
            ("/api/list", "application/json; charset=utf-8"),
            ("/api/page", "text/html"),
            ("/api/drawing", "image/svg+xml"),
            ("/api/events", "text/event-stream"),
            ("/api/photograph", "image/jpeg"),
        ];
        let functions = functions
            .into_iter()
            .fold(Router::new(), |router, (path, kind)| {
                let text = text.clone();
                let respond = move || async move { ([(CONTENT_TYPE, kind)], text) };
                router.route(path, axum::routing::get(respond))
            });
        let folder = tempfile::tempdir().unwrap();
        let site = router_with_site(functions, folder.path().to_owned()).unwrap();
        for (path, accepted, encoding) in [
            ("/api/list", "gzip, deflate, br, zstd", Some("br")),
            ("/api/list", "gzip", Some("gzip")),
            ("/api/list", "identity", None),
            ("/api/page", "gzip, br", Some("br")),
            ("/api/drawing", "gzip, br", Some("br")),
            ("/api/events", "gzip, br", None),
            ("/api/photograph", "gzip, br", None),
        ] {
            let request = Request::builder().uri(path).header(HOST, "localhost");
            let request = request.header(ACCEPT_ENCODING, accepted);
            let request = request.body(Body::empty()).unwrap();
            let response = site.clone().oneshot(request).await.unwrap();
            let found = response.headers().get(CONTENT_ENCODING).cloned();
            let found = found.as_ref().map(|value| value.to_str().unwrap());
            assert_eq!(found, encoding, "{path} {accepted}");
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            assert_eq!(
                body.len() < text.len(),
                encoding.is_some(),
                "{path} {accepted}"
            );
        }
    }

    #[tokio::test]
    async fn without_a_built_site_the_functions_still_respond() {
        let folder = tempfile::tempdir().unwrap();
        let health = axum::routing::get(|| async { "healthy" });
        let functions = Router::new().route("/api/health", health);
        let site = router_with_site(functions, folder.path().to_owned()).unwrap();
        for (path, status) in [("/api/health", 200), ("/", 404)] {
            let request = Request::builder().uri(path).header(HOST, "localhost");
            let request = request.body(Body::empty()).unwrap();
            let response = site.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
        }
    }

    #[tokio::test]
    async fn only_requests_for_this_machine_are_answered() {
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "sabor.localhost:3000",
            "127.0.0.1:3000",
            "127.1.2.3",
            "[::1]:3000",
        ] {
            let (response, _) = send_to(host, "POST", "/signup").await;
            assert_eq!(response.status(), 200, "{host}");
        }
        for host in [
            "",
            "studio.example",
            "studio.example:3000",
            "localhost.studio.example",
            "notlocalhost",
            "127.0.0.1.studio.example",
            "localhost@studio.example",
            "192.0.2.1:3000",
            "0.0.0.0:3000",
            "[2001:db8::1]",
        ] {
            for path in ["/signup", "/", "/api/auth/register"] {
                let (response, body) = send_to(host, "POST", path).await;
                assert_eq!(response.status(), 403, "{host}{path}");
                let body: serde_json::Value = serde_json::from_str(&body).unwrap();
                assert_eq!(body["code"], "foreign_host");
                assert!(body["requestId"].is_string());
            }
        }
        let (response, _) = send("POST", "http://studio.example/signup").await;
        assert_eq!(response.status(), 403);
    }
}
