//! All functions and the site on one port.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::Request;
use axum::http::header::CACHE_CONTROL;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tower::ServiceExt;
use tower_http::services::ServeDir;

use crate::environment;
use crate::platform::Platform;

include!(concat!(env!("OUT_DIR"), "/api.rs"));

/// As Vercel serves what lies in `public/`: a browser asks each time.
const ASK_EACH_TIME: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");

/// Puts the site around the functions as Vercel does: `public/`, and the
/// rewrites and headers of `vercel.json`.
///
/// # Errors
///
/// When `vercel.json` cannot be read, or holds what cannot be played here.
pub fn site(functions: Router) -> Result<Router> {
    let root = environment::repository();
    let platform = Arc::new(Platform::read(&root.join("vercel.json"))?);
    let files = ServeDir::new(root.join("public"));
    // A fallback sees a request before anything has matched its path, so that
    // it can still be rewritten; a layer of a router comes too late for that.
    Ok(Router::new().fallback(move |request: Request| {
        answer(platform.clone(), functions.clone(), files.clone(), request)
    }))
}

async fn answer(
    platform: Arc<Platform>,
    functions: Router,
    files: ServeDir,
    mut request: Request,
) -> Result<Response, Infallible> {
    let asked_for = request.uri().path().to_owned();
    if let Some(destination) = platform.destination(&asked_for) {
        *request.uri_mut() = with_path(request.uri(), destination);
    }
    let mut response = if request.uri().path().starts_with("/api/") {
        functions.oneshot(request).await?
    } else {
        let mut response = files.oneshot(request).await?.into_response();
        response.headers_mut().insert(CACHE_CONTROL, ASK_EACH_TIME);
        response
    };
    platform.add_headers(&asked_for, response.headers_mut());
    Ok(response)
}

fn with_path(uri: &Uri, path: &str) -> Uri {
    let query = uri
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(format!("{path}{query}")).ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

/// Serves `router` for as long as this is awaited.
///
/// # Errors
///
/// None that are known: a failed `accept` is tried again.
pub async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    axum::serve(
        listener,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await
}
