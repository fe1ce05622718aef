//! What completes responses: request ids, security headers, and the request log.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use uuid::Uuid;

use crate::crypto::random;
use crate::error::{Error, chain};
use crate::http::cacheable;
use crate::http::error_response::write_error;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const VERCEL_ID: HeaderName = HeaderName::from_static("x-vercel-id");

/// The headers of every response that does not set its own. A response starts with a copy.
static DEFAULT_HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    let headers = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=63072000; includeSubDomains",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    HeaderMap::from_iter(headers)
});

/// What the response to a request and its log line need to know of the request.
pub(super) struct RequestInfo {
    started: Instant,
    id: HeaderValue,
    method: Method,
    route: Option<MatchedPath>,
    /// Whether a browser sent the request.
    is_browser: bool,
    known_tags: Option<HeaderValue>,
}

impl RequestInfo {
    pub(super) fn of(request: &Request) -> Self {
        let headers = request.headers();
        Self {
            started: Instant::now(),
            id: request_id(headers),
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            is_browser: [header::ORIGIN, SEC_FETCH_SITE]
                .iter()
                .any(|name| headers.contains_key(name)),
            known_tags: cacheable::known_tags(headers),
        }
    }

    /// Completes the headers of a response, and the body of an error. Returns the error.
    pub(super) fn complete(&self, response: &mut Response) -> Option<Arc<Error>> {
        let error = response.extensions_mut().remove::<Arc<Error>>();
        if let Some(error) = &error {
            write_error(error, self.id(), self.is_browser, response);
        }
        cacheable::revalidate(self.known_tags.as_ref(), response);
        complete_headers(self.id.clone(), response.headers_mut());
        error
    }

    /// Logs one line, without the query and the body, which may contain secrets.
    pub(super) fn log(&self, status: StatusCode, error: Option<&Error>) {
        let ms = self.started.elapsed().as_secs_f64() * 1_000.0;
        let ms = (ms * 10.0).round() / 10.0;
        let (request, method) = (self.id(), self.method.as_str());
        let route = self.route.as_ref().map_or("-", MatchedPath::as_str);
        let status = status.as_u16();
        match error {
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

    fn id(&self) -> &str {
        // `request_id` accepts only ids that are text.
        self.id.to_str().unwrap_or_default()
    }
}

/// Returns the complete response to a request that is rejected before it reaches the
/// router.
pub fn reject(error: &Error) -> Response {
    let id = generate_id();
    let mut response = Response::default();
    *response.status_mut() = error.status();
    write_error(error, id.to_str().unwrap_or_default(), true, &mut response);
    complete_headers(id, response.headers_mut());
    response
}

/// Returns the platform's id of the request, or a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_usable =
        |id: &&HeaderValue| id.to_str().is_ok() && (1..=200).contains(&id.as_bytes().len());
    let id = headers.get(VERCEL_ID).filter(is_usable);
    id.map_or_else(generate_id, HeaderValue::clone)
}

fn generate_id() -> HeaderValue {
    let mut buffer = Uuid::encode_buffer();
    let id: &str = random::id().hyphenated().encode_lower(&mut buffer);
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("-"))
}

/// Adds the default headers to those of a response.
fn complete_headers(id: HeaderValue, headers: &mut HeaderMap) {
    let own_headers = std::mem::replace(headers, DEFAULT_HEADERS.clone());
    headers.extend(own_headers);
    headers.insert(REQUEST_ID, id);
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
            let id = id.to_str().unwrap();
            assert!((1..=200).contains(&id.len()) && !id.contains(['\r', '\n']), "{id:?}");
        }
    }
}
