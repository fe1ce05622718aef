//! Requests with an `Idempotency-Key`, which clients can repeat safely.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::json::{json_bytes, parse};
use crate::App;
use crate::crypto::secret::sha256_hex;
use crate::error::{Error, Result};
pub use crate::models::idempotency_key::{IdempotencyKey, StoredResponse};

fn read_key(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value.to_str().map(str::trim).unwrap_or_default();
    // A header value may contain tabs, which are not printable.
    if !(1..=255).contains(&text.len()) || text.contains('\t') {
        return Err(Error::malformed(
            "Idempotency-Key must have 1 to 255 printable ASCII characters",
        ));
    }
    Ok(Some(text.to_owned()))
}

/// The `Idempotency-Key` header, for the API description.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only the API description uses it")]
pub struct IdempotencyKeyParams {
    /// A key of the client's choice. A repeated request with the same key within 24
    /// hours gets the same response and has no further effect.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]([ -~]*[!-~])?$",
        example = "4b1e7d2a9c35"
    )]
    key: Option<String>,
}

/// A JSON body with the request's idempotency key.
#[derive(Debug)]
pub struct Idempotent<T> {
    /// The key, if the client sent one.
    pub key: Option<IdempotencyKey>,
    /// The body.
    pub form: T,
}

impl<T: DeserializeOwned> FromRequest<App> for Idempotent<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &App) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let key = read_key(&parts.headers)?;
        let bytes = json_bytes(&parts.headers, body).await?;
        let key = key.map(|key| {
            let request_line = format!("{} {}\n", parts.method, parts.uri.path());
            let request_hash = sha256_hex(&[request_line.as_bytes(), &bytes].concat());
            IdempotencyKey { key, request_hash }
        });
        let form = parse(&bytes)?;
        Ok(Self { key, form })
    }
}

impl IntoResponse for StoredResponse {
    fn into_response(self) -> Response {
        (self.status, axum::Json(self.body)).into_response()
    }
}

#[cfg(test)]
mod properties {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{header_value, headers, parsed_or_client_error};

    fn read(value: HeaderValue) -> Option<String> {
        parsed_or_client_error(read_key(&headers("idempotency-key", vec![value])))?
    }

    proptest! {
        #[test]
        fn a_key_is_printable_and_fits_its_column(
            value in header_value(), key in "[!-~]([ -~]{0,260}[!-~])?",
        ) {
            if let Some(key) = read(value) {
                assert!((1..=255).contains(&key.len()), "{key}");
                assert!(key.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{key:?}");
            }
            let read_back = read(HeaderValue::from_str(&key).unwrap());
            assert_eq!(read_back, (key.len() <= 255).then_some(key));
        }
    }
}
