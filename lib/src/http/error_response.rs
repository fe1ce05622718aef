//! The body and the headers of the response to a failed request.

use std::any::Any;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Details, Error, ErrorCode};

/// The body of the response to a failed request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorResponse {
    /// A message for people.
    error: String,
    /// The kind of failure, for programs.
    #[schema(value_type = ErrorCode)]
    code: String,
    /// The problems of each invalid field. Present only if there are invalid fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = BTreeMap<String, Vec<String>>, nullable = false)]
    details: Option<Details>,
    /// The challenge to send with the second-factor code. Present only if a code is
    /// needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    challenge: Option<String>,
    /// The id of the member who has the e-mail address. Present only with `member_exists` and
    /// `member_deactivated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    member_id: Option<Uuid>,
    /// The id of the request, as in the header `x-request-id` and in the log.
    request_id: String,
}

/// Writes an [`ErrorResponse`] to a response that has no body yet. The headers of the
/// response, such as `Allow` and the CORS headers, are kept.
pub(super) fn write_error(error: &Error, id: &str, is_browser: bool, response: &mut Response) {
    let body = ErrorResponse {
        error: error.to_string(),
        code: error.code().to_owned(),
        details: error.details().cloned(),
        challenge: error.challenge().map(|token| token.expose().to_owned()),
        member_id: error.member_id(),
        request_id: id.to_owned(),
    };
    let (parts, body) = axum::Json(body).into_response().into_parts();
    *response.body_mut() = body;
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.extend(parts.headers);
    // RFC 9110, section 15.5.2, requires this header. `Basic` would make a browser ask
    // the user for a password.
    if response.status() == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static(match error {
            Error::UnknownPartner | Error::TokenEnded if !is_browser => "Basic realm=\"sabor\"",
            _ => "Bearer",
        });
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, scheme);
    }
    let headers = response.headers_mut();
    if let Some(retry_after) = error.retry_after() {
        let seconds = retry_after.as_secs_f64().ceil();
        if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
            headers.insert(header::RETRY_AFTER, value);
        }
    }
}

/// Turns a panic into a 500 response. The message is logged but not returned.
pub(super) fn panic_response(cause: Box<dyn Any + Send>) -> Response<Body> {
    let message = cause
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Error::internal(format!("a handler panicked: {message}")).into_response()
}
