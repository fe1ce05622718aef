//! The outermost layer: error bodies, request ids, security headers, and the
//! request log.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::crypto::random;
use crate::error::{Details, Error, chain};
use crate::http::cacheable;
use crate::http::cookie::{self, CookiePurpose};

/// The body of every failed request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorResponse {
    /// A message for people.
    error: String,
    /// The kind of failure, for programs.
    code: String,
    /// The problem of each invalid field. Present only if there are invalid fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    details: Option<Details>,
    /// The challenge to send with the code. Only present when a second-factor code
    /// is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<String>,
    /// The id of the request, as in the header `x-request-id` and in the log.
    request_id: String,
}

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const VERCEL_ID: HeaderName = HeaderName::from_static("x-vercel-id");

/// Headers for every response that does not set them itself.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
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
    // With `Authorization` the cookie was not checked.
    let has_cookie = cookie::read(&app, request.headers(), CookiePurpose::Session).is_some()
        && !request.headers().contains_key(header::AUTHORIZATION);

    let mut response = next.run(request).await;

    let error = response.extensions_mut().remove::<Arc<Error>>();
    if let Some(error) = &error {
        write_error(error, &id, is_browser, &mut response);
        if has_cookie {
            cookie::clear_rejected(&app, error, response.headers_mut());
        }
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

fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(VERCEL_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=200).contains(&id.len()))
        .map_or_else(|| random::id().to_string(), str::to_owned)
}

/// Writes the documented body into the bare response of an error. Its headers,
/// such as `Allow` and those of CORS, stay.
fn write_error(error: &Error, id: &str, is_browser: bool, response: &mut Response) {
    let body = ErrorResponse {
        error: error.to_string(),
        code: error.code().to_owned(),
        details: error.details().cloned(),
        challenge: error.challenge().map(|token| token.expose().to_owned()),
        request_id: id.to_owned(),
    };
    let (parts, body) = axum::Json(body).into_response().into_parts();
    *response.body_mut() = body;
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.extend(parts.headers);
    // Required by RFC 9110, section 15.5.2. `Basic` would make a browser ask the
    // user for a password.
    if response.status() == StatusCode::UNAUTHORIZED {
        let kind = HeaderValue::from_static(match error {
            Error::UnknownPartner | Error::TokenEnded if !is_browser => "Basic realm=\"sabor\"",
            _ => "Bearer",
        });
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, kind);
    }
    let headers = response.headers_mut();
    if let Some(retry_after) = error.retry_after() {
        let seconds = retry_after.as_secs_f64().ceil();
        if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
            headers.insert(header::RETRY_AFTER, value);
        }
    }
}

fn complete_headers(id: &str, headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// Turns a panic into a 500. The message is logged and not returned.
pub(super) fn panic_response(cause: Box<dyn Any + Send>) -> Response<Body> {
    let text = cause
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Error::internal(format!("a handler panicked: {text}")).into_response()
}

struct LogEntry<'a> {
    id: &'a str,
    method: &'a Method,
    route: &'a str,
    status: StatusCode,
    started: Instant,
    error: Option<&'a Error>,
}

/// Logs one line per request. Query and body are left out, because they may hold
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
