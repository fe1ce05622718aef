//! `Idempotency-Key`: a request that may be sent again, and is done once.

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
    // A header may also hold a tab.
    if !(1..=255).contains(&text.len()) || text.contains('\t') {
        return Err(Error::malformed(
            "Idempotency-Key must have 1 to 255 printable ASCII characters",
        ));
    }
    Ok(Some(text.to_owned()))
}

/// The header, for the description.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "for the description alone")]
pub struct IdempotencyKeyParams {
    /// A name for this request, chosen by the client: sent again within 24 hours, it
    /// is answered again, and not done again.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]([ -~]*[!-~])?$",
        example = "4b1e7d2a9c35"
    )]
    key: Option<String>,
}

/// A JSON body, as [`super::Json`] has it, with the key that it came under.
#[derive(Debug)]
pub struct Idempotent<T> {
    /// `None`: the client did not send one.
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
            let asked = format!("{} {}\n", parts.method, parts.uri.path());
            let request_hash = sha256_hex(&[asked.as_bytes(), &bytes].concat());
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
    use crate::testing::arbitrary::{fair, header_value, headers};

    fn read(value: HeaderValue) -> Option<String> {
        fair(read_key(&headers("idempotency-key", vec![value])))?
    }

    proptest! {
        #[test]
        fn a_key_is_of_printable_characters_and_fits_its_column(
            told in header_value(), key in "[!-~]([ -~]{0,260}[!-~])?",
        ) {
            if let Some(key) = read(told) {
                assert!((1..=255).contains(&key.len()), "{key}");
                assert!(key.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{key:?}");
            }
            let given = read(HeaderValue::from_str(&key).unwrap());
            assert_eq!(given, (key.len() <= 255).then_some(key));
        }
    }
}
