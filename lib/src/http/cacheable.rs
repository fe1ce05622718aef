//! Responses with an `ETag`.

use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::IntoParams;

use crate::crypto::secret::sha256_hex;
use crate::error::{Error, Result};
use crate::values::locale::Locale;

/// The security policy of HTML pages, which load only the style sheet and pictures of the
/// site.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// How long a cache may serve a response. Vercel's cache follows `s-maxage` and
/// `stale-while-revalidate` of `Cache-Control` (RFC 9111 and RFC 5861).
#[derive(Clone, Copy, Debug)]
pub enum Freshness {
    /// For data that changes a few times a day: fresh for a minute, then served
    /// stale for up to ten more minutes while the cache revalidates.
    Catalog,
    /// For free spots: fresh for five seconds, then served stale for up to half a
    /// minute while the cache revalidates.
    Schedule,
    /// For the data of one member: only the caller may keep it, and must revalidate it
    /// each time.
    Private,
}

impl Freshness {
    fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Catalog => "public, max-age=0, s-maxage=60, stale-while-revalidate=600",
            Self::Schedule => "public, max-age=0, s-maxage=5, stale-while-revalidate=30",
            Self::Private => "private, no-cache",
        })
    }
}

/// The `If-None-Match` header, for the API description.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only the API description uses it")]
pub struct IfNoneMatchParams {
    /// The `ETag` of the caller's copy. If it is current, the response is 304.
    #[param(rename = "If-None-Match")]
    tag: Option<String>,
}

/// A cacheable body with an `ETag`. If `If-None-Match` of the request contains the tag,
/// the response is 304 without a body.
#[derive(Debug)]
pub struct CacheableResponse {
    body: String,
    content_type: HeaderValue,
    freshness: Freshness,
    /// The language of a page. `None` for data.
    page_locale: Option<Locale>,
    status: StatusCode,
}

impl CacheableResponse {
    /// Serializes `body`, for [`CacheableResponse::json`].
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if `body` cannot be serialized.
    pub fn to_json(body: &impl Serialize) -> Result<String> {
        serde_json::to_string(body).map_err(|error| Error::Internal(Box::new(error)))
    }

    /// Creates a response from a JSON string.
    pub fn json(body: String, freshness: Freshness) -> Self {
        Self::text("application/json", body, freshness)
    }

    /// Creates a response from a string of another media type.
    pub fn text(content_type: &'static str, body: String, freshness: Freshness) -> Self {
        Self {
            body,
            content_type: HeaderValue::from_static(content_type),
            freshness,
            page_locale: None,
            status: StatusCode::OK,
        }
    }

    /// Creates a response from an HTML page in a language.
    pub fn html(body: String, locale: Locale, freshness: Freshness) -> Self {
        Self {
            page_locale: Some(locale),
            ..Self::text("text/html; charset=utf-8", body, freshness)
        }
    }

    /// Sets the status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

impl IntoResponse for CacheableResponse {
    fn into_response(self) -> Response {
        let tag = format!("\"{}\"", &sha256_hex(self.body.as_bytes())[..32]);
        let mut response = (self.status, self.body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type);
        headers.insert(CACHE_CONTROL, self.freshness.header());
        headers.append(VARY, HeaderValue::from_static("accept"));
        if let Some(locale) = self.page_locale {
            headers.append(VARY, HeaderValue::from_static("accept-language"));
            headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(locale.as_str()));
            headers.insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
        }
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(ETAG, tag);
        }
        response
    }
}

/// Returns the tags in `If-None-Match`, to pass to [`revalidate`].
pub(super) fn known_tags(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(IF_NONE_MATCH).cloned()
}

/// Turns the response into a 304 if the caller has a current copy. Tags are compared
/// weakly, and `*` matches any tag (RFC 9110, section 13.1.2).
pub(super) fn revalidate(known_tags: Option<&HeaderValue>, response: &mut Response) {
    let tag = response
        .headers()
        .get(ETAG)
        .and_then(|tag| tag.to_str().ok());
    let known_tags = known_tags.and_then(|tags| tags.to_str().ok());
    let (Some(tag), Some(known_tags)) = (tag, known_tags) else {
        return;
    };
    let is_current = |known_tag: &str| {
        let known_tag = known_tag.trim();
        known_tag == "*" || known_tag.trim_start_matches("W/") == tag
    };
    if response.status() == StatusCode::OK && known_tags.split(',').any(is_current) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = axum::body::Body::empty();
        response.headers_mut().remove(CONTENT_TYPE);
        response.headers_mut().remove(http::header::CONTENT_LENGTH);
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{header_value, text};

    fn response_to(body: String, known_tags: &HeaderValue) -> Response {
        let mut response = CacheableResponse::json(body, Freshness::Schedule).into_response();
        revalidate(Some(known_tags), &mut response);
        response
    }

    proptest! {
        #[test]
        fn a_caller_with_a_current_copy_gets_304_and_others_get_the_body(
            body in text(), value in header_value(), others in "(\"[a-z]{0,9}\", ?){0,3}",
        ) {
            let response = CacheableResponse::json(body.clone(), Freshness::Schedule).into_response();
            let tag = response.headers()[ETAG].to_str().unwrap();
            for known_tags in [format!("{others}{tag}"), format!("W/{tag}, {others}"), "*".to_owned()] {
                let known_tags = HeaderValue::from_str(&known_tags).unwrap();
                let status = response_to(body.clone(), &known_tags).status();
                assert_eq!(status, StatusCode::NOT_MODIFIED, "{known_tags:?}");
            }
            let value = Some(value).filter(|value| !value.as_bytes().contains(&b'*'));
            for known_tags in value.into_iter().chain(HeaderValue::from_str(&others)) {
                assert_eq!(response_to(body.clone(), &known_tags).status(), StatusCode::OK);
            }
        }
    }
}
