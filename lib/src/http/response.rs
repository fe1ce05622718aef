//! What every answer carries: the documented failure, the request's id, the
//! security headers, and a line in the log.

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
use crate::error::{Details, Error};
use crate::http::cacheable;
use crate::http::cookie::{self, Purpose};
use crate::store::postgres::chain;

/// The body of every failure.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorResponse {
    /// A sentence for a person.
    error: String,
    /// For programs: a name in snake_case that tells it from other failures.
    code: String,
    /// What is wrong with each field; only where fields were refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    details: Option<Details>,
    /// Only where a code is asked for: what to send along with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<String>,
    /// The request's id, as in the header `x-request-id` and in the log.
    request_id: String,
}

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const VERCEL_ID: HeaderName = HeaderName::from_static("x-vercel-id");

/// What is personal must not be kept, and what is an API need not run, be
/// framed, or be guessed at.
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

/// The outermost layer.
pub(super) async fn answer(State(app): State<App>, request: Request, next: Next) -> Response {
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
    // A request with `Authorization` was judged by that alone.
    let has_cookie = cookie::presented(&app, request.headers(), Purpose::Session).is_some()
        && !request.headers().contains_key(header::AUTHORIZATION);

    let mut response = next.run(request).await;

    let error = response.extensions_mut().remove::<Arc<Error>>();
    if let Some(error) = &error {
        explain(error, &id, is_browser, &mut response);
        if has_cookie {
            cookie::clear_refused(&app, error, response.headers_mut());
        }
    }
    cacheable::revalidate(known_tags.as_ref(), &mut response);
    complete_headers(&id, response.headers_mut());
    app.counters().write_when_due();
    log(&Line {
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

/// Gives the bare response the documented body; its headers stay, `Allow` and
/// those of CORS among them.
fn explain(error: &Error, id: &str, is_browser: bool, response: &mut Response) {
    let problem = ErrorResponse {
        error: error.to_string(),
        code: error.code().to_owned(),
        details: error.details().cloned(),
        challenge: error.challenge().map(|token| token.expose().to_owned()),
        request_id: id.to_owned(),
    };
    let (parts, body) = axum::Json(problem).into_response().into_parts();
    *response.body_mut() = body;
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.extend(parts.headers);
    // RFC 9110 § 15.5.2 wants one. For `Basic` a browser would ask its owner.
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

/// A panic is a fault of ours like another: told to the log, not to the caller.
pub(super) fn panicked(cause: Box<dyn Any + Send>) -> Response<Body> {
    let text = cause
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Error::internal(format!("a handler panicked: {text}")).into_response()
}

struct Line<'a> {
    id: &'a str,
    method: &'a Method,
    route: &'a str,
    status: StatusCode,
    started: Instant,
    error: Option<&'a Error>,
}

/// One line a request; the query and the body may hold secrets and are left out.
fn log(line: &Line<'_>) {
    let ms = line.started.elapsed().as_secs_f64() * 1_000.0;
    let ms = (ms * 10.0).round() / 10.0;
    let (request, method, route) = (line.id, line.method.as_str(), line.route);
    let status = line.status.as_u16();
    match line.error {
        Some(error @ (Error::Internal(_) | Error::Unavailable(_))) => {
            let cause = chain(error);
            tracing::error!(request, method, route, status, ms, cause, "failed");
        }
        Some(error) => {
            let code = error.code();
            tracing::info!(request, method, route, status, ms, code, "refused");
        }
        None => tracing::info!(request, method, route, status, ms, "answered"),
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{header_value, headers};

    proptest! {
        #[test]
        fn every_request_has_an_id_that_a_header_and_a_line_of_the_log_can_hold(told in header_value()) {
            let id = request_id(&headers("x-vercel-id", vec![told]));
            assert!((1..=200).contains(&id.len()) && !id.contains(['\r', '\n']), "{id:?}");
            assert!(HeaderValue::from_str(&id).is_ok());
        }
    }
}
