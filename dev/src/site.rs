//! The functions and the site behind one router, as on Vercel.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::Request;
use axum::http::header::CACHE_CONTROL;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use sabor_testing::environment;
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_status::SetStatus;

use crate::vercel_json::VercelJson;

/// Vercel's `Cache-Control` for files in `public/`: browsers revalidate on every use.
const REVALIDATE: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");

/// Serves functions and the files of `public/`.
#[derive(Clone)]
struct Site {
    vercel_json: Arc<VercelJson>,
    functions: Router,
    files: ServeDir<SetStatus<ServeFile>>,
}

/// Adds `public/` and the rewrites and headers of `vercel.json` to the functions.
///
/// # Errors
///
/// Fails if `vercel.json` cannot be read or has an unsupported pattern.
pub(crate) fn router(functions: Router) -> Result<Router> {
    let root = environment::repository();
    let not_found_page = ServeFile::new(root.join("public/404.html"));
    let site = Site {
        vercel_json: Arc::new(VercelJson::read(&root.join("vercel.json"))?),
        functions,
        files: ServeDir::new(root.join("public")).not_found_service(not_found_page),
    };
    // A fallback can rewrite the path before the functions' router matches it. A layer
    // would run too late.
    Ok(Router::new().fallback(move |request: Request| site.clone().respond(request)))
}

impl Site {
    async fn respond(self, mut request: Request) -> Result<Response, Infallible> {
        let requested_path = request.uri().path().to_owned();
        if let Some(destination) = self.vercel_json.destination(&requested_path) {
            *request.uri_mut() = with_path(request.uri(), destination);
        }
        let mut response = if request.uri().path().starts_with("/api/") {
            self.functions.oneshot(request).await?
        } else {
            let mut response = self.files.oneshot(request).await?.into_response();
            response.headers_mut().insert(CACHE_CONTROL, REVALIDATE);
            response
        };
        self.vercel_json
            .add_headers(&requested_path, response.headers_mut());
        Ok(response)
    }
}

fn with_path(uri: &Uri, path: &str) -> Uri {
    let query = uri
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(format!("{path}{query}")).ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::header::CONTENT_SECURITY_POLICY;
    use axum::routing::post;

    use super::*;

    async fn send(method: &str, address: &str) -> (Response, String) {
        let register = post(|uri: Uri| async move { uri.to_string() });
        let site = router(Router::new().route("/api/auth/register", register)).unwrap();
        let request = Request::builder().method(method).uri(address);
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
        let (response, _) = send("GET", "/no-such-page").await;
        assert_eq!(response.status(), 404);
        let policy = response.headers()[CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"));
    }
}
