//! The layer that completes responses: request ids, security headers, and the request log.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use crate::App;
use crate::crypto::random;
use crate::error::{Error, chain};
use crate::http::cacheable;
use crate::http::error_response::write_error;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const VERCEL_ID: HeaderName = HeaderName::from_static("x-vercel-id");

/// The headers of every response that does not set its own.
const DEFAULT_HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=63072000; includeSubDomains"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Completes and logs every response.
pub(super) async fn complete(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let is_browser = [header::ORIGIN, SEC_FETCH_SITE]
        .iter()
        .any(|name| request.headers().contains_key(name));
    let known_tags = cacheable::known_tags(request.headers());

    let mut response = next.run(request).await;

    let error = response.extensions_mut().remove::<Arc<Error>>();
    if let Some(error) = &error {
        write_error(error, &id, is_browser, &mut response);
    }
    cacheable::revalidate(known_tags.as_ref(), &mut response);
    complete_headers(&id, response.headers_mut());
    app.counters().write_when_due();
    log(&LogEntry {
        id: &id,
        method: &method,
        route: route.as_deref().unwrap_or("-"),
        status: response.status(),
        started,
        error: error.as_deref(),
    });
    response
}

/// Returns the complete response to a request that is rejected before it reaches the
/// router.
pub fn reject(error: &Error) -> Response {
    let id = random::id().to_string();
    let mut response = Response::default();
    *response.status_mut() = error.status();
    write_error(error, &id, true, &mut response);
    complete_headers(&id, response.headers_mut());
    response
}

fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(VERCEL_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=200).contains(&id.len()))
        .map_or_else(|| random::id().to_string(), str::to_owned)
}

fn complete_headers(id: &str, headers: &mut HeaderMap) {
    for (name, value) in DEFAULT_HEADERS {
        headers.entry(name).or_insert(value);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

struct LogEntry<'a> {
    id: &'a str,
    method: &'a Method,
    route: &'a str,
    status: StatusCode,
    started: Instant,
    error: Option<&'a Error>,
}

/// Logs one line per request, without the query and the body, which may contain
/// secrets.
fn log(entry: &LogEntry<'_>) {
    let ms = entry.started.elapsed().as_secs_f64() * 1_000.0;
    let ms = (ms * 10.0).round() / 10.0;
    let (request, method, route) = (entry.id, entry.method.as_str(), entry.route);
    let status = entry.status.as_u16();
    match entry.error {
        Some(error @ (Error::Internal(_) | Error::Unavailable(_))) => {
            let cause = chain(error);
            tracing::error!(request, method, route, status, ms, cause, "request failed");
        }
        Some(error) => {
            let code = error.code();
            tracing::info!(request, method, route, status, ms, code, "request rejected");
        }
        None => tracing::info!(request, method, route, status, ms, "request served"),
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{header_value, headers};

    proptest! {
        #[test]
        fn every_request_id_fits_a_header_and_a_log_line(value in header_value()) {
            let id = request_id(&headers("x-vercel-id", vec![value]));
            assert!((1..=200).contains(&id.len()) && !id.contains(['\r', '\n']), "{id:?}");
            assert!(HeaderValue::from_str(&id).is_ok());
        }
    }
}
