//! Answers that everybody may see, and that caches may keep for a while.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::IntoParams;

use crate::crypto::secret::sha256_hex;
use crate::error::{Error, Result};

/// How long Vercel's cache may answer in our place (`Cache-Control` with
/// `s-maxage` and `stale-while-revalidate`, RFC 9111 and RFC 5861).
#[derive(Clone, Copy, Debug)]
pub enum Freshness {
    /// What changes a few times a day: for a minute, and for ten more while
    /// it asks us.
    Catalogue,
    /// Places left: for five seconds, and for half a minute more while it asks us.
    Schedule,
}

impl Freshness {
    fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Catalogue => "public, max-age=0, s-maxage=60, stale-while-revalidate=600",
            Self::Schedule => "public, max-age=0, s-maxage=5, stale-while-revalidate=30",
        })
    }
}

/// The header by which a copy is asked about, for the description.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "for the description alone")]
pub struct CopyParams {
    /// The `ETag` of the answer that the caller has: if it is still good, 304.
    #[param(rename = "If-None-Match")]
    tag: Option<String>,
}

/// A body with its `ETag`. Whoever has it already (`If-None-Match`) is
/// answered 304 without it.
#[derive(Debug)]
pub struct Public {
    body: String,
    content_type: HeaderValue,
    freshness: Freshness,
}

impl Public {
    /// The JSON of `body`, for [`Public::json`] now or later.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when it has none.
    pub fn written(body: &impl Serialize) -> Result<String> {
        serde_json::to_string(body).map_err(|error| Error::Internal(Box::new(error)))
    }

    /// A body that is JSON already.
    pub fn json(body: String, freshness: Freshness) -> Self {
        Self::text("application/json", body, freshness)
    }

    /// A body of another type.
    pub fn text(content_type: &'static str, body: String, freshness: Freshness) -> Self {
        Self {
            body,
            content_type: HeaderValue::from_static(content_type),
            freshness,
        }
    }
}

impl IntoResponse for Public {
    fn into_response(self) -> Response {
        let tag = format!("\"{}\"", &sha256_hex(self.body.as_bytes())[..32]);
        let mut response = self.body.into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type);
        headers.insert(CACHE_CONTROL, self.freshness.header());
        headers.append(VARY, HeaderValue::from_static("accept"));
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(ETAG, tag);
        }
        response
    }
}

/// The tags that a request names; taken before it is passed on.
pub(super) fn known_tags(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(IF_NONE_MATCH).cloned()
}

/// Makes a 304 of an answer that the caller has already (RFC 9110 § 13.1.2:
/// compared weakly, `*` is any).
pub(super) fn revalidate(known: Option<&HeaderValue>, response: &mut Response) {
    let tag = response
        .headers()
        .get(ETAG)
        .and_then(|tag| tag.to_str().ok());
    let known = known.and_then(|known| known.to_str().ok());
    let (Some(tag), Some(known)) = (tag, known) else {
        return;
    };
    let same = |other: &str| {
        let other = other.trim();
        other == "*" || other.trim_start_matches("W/") == tag
    };
    if response.status() == StatusCode::OK && known.split(',').any(same) {
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

    fn answered(body: String, known: &HeaderValue) -> Response {
        let mut response = Public::json(body, Freshness::Schedule).into_response();
        revalidate(Some(known), &mut response);
        response
    }

    proptest! {
        #[test]
        fn whoever_has_the_answer_is_spared_it_and_nobody_else_is(
            body in text(), told in header_value(), others in "(\"[a-z]{0,9}\", ?){0,3}",
        ) {
            let whole = Public::json(body.clone(), Freshness::Schedule).into_response();
            let tag = whole.headers()[ETAG].to_str().unwrap();
            for known in [format!("{others}{tag}"), format!("W/{tag}, {others}"), "*".to_owned()] {
                let known = HeaderValue::from_str(&known).unwrap();
                let status = answered(body.clone(), &known).status();
                assert_eq!(status, StatusCode::NOT_MODIFIED, "{known:?}");
            }
            let told = Some(told).filter(|told| !told.as_bytes().contains(&b'*'));
            for known in told.into_iter().chain(HeaderValue::from_str(&others)) {
                assert_eq!(answered(body.clone(), &known).status(), StatusCode::OK);
            }
        }
    }
}
