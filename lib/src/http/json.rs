//! JSON in, with the documented failures, and JSON out.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::error::Category;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::App;
use crate::background::BoxFuture;
use crate::error::{Error, Result};

/// The largest body that is read.
const LIMIT: usize = 1024 * 1024;

/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// A JSON body. As an extractor it refuses what is not JSON (415), is too
/// large (413), or does not fit the type (400, naming the field).
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &App) -> Result<Self> {
        let (headers, body) = split(request);
        let bytes = json_bytes(&headers, body).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// As [`Json`], where the body may be left out: then it is the default.
#[derive(Debug)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &App) -> Result<Self> {
        let (headers, body) = split(request);
        let bytes = read(body).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        if !is_json(&headers) {
            return Err(Error::NotJson);
        }
        parse(&bytes).map(Self)
    }
}

/// Tells `null` from a field that is not there: with it, and `default`, the
/// outer `None` is a field that was left out.
///
/// # Errors
///
/// What `T` makes of the value.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A JSON body as it came, for whoever has to check a signature over it first.
#[derive(Debug)]
pub struct RawJson(pub Vec<u8>);

impl FromRequest<App> for RawJson {
    type Rejection = Error;

    async fn from_request(request: Request, _: &App) -> Result<Self> {
        let (headers, body) = split(request);
        json_bytes(&headers, body).await.map(Self)
    }
}

/// 201 and a JSON body.
#[derive(Debug)]
pub struct Created<T>(pub T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

/// The answer when there is nothing more to say: `{"success": true}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Success {
    success: bool,
}

impl Success {
    /// Ready to be answered.
    pub const ANSWER: Json<Self> = Json(Self { success: true });
}

/// 202 and `{"success": true}`: it is on its way.
#[derive(Debug)]
pub struct Accepted;

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Success::ANSWER).into_response()
    }
}

fn split(request: Request) -> (HeaderMap, Body) {
    let (parts, body) = request.into_parts();
    (parts.headers, body)
}

/// Whatever the type, the same code reads it: it is compiled once, here.
pub(super) fn json_bytes<'a>(headers: &'a HeaderMap, body: Body) -> BoxFuture<'a, Result<Vec<u8>>> {
    Box::pin(async move {
        if !is_json(headers) {
            return Err(Error::NotJson);
        }
        read(body).await
    })
}

/// The body of a form that a page has sent by itself, as it came.
pub(super) fn form_bytes(request: Request) -> BoxFuture<'static, Result<Vec<u8>>> {
    Box::pin(async move {
        let (headers, body) = split(request);
        if !is_of_type(&headers, "application/x-www-form-urlencoded") {
            return Err(Error::malformed("The body must be a form"));
        }
        read(body).await
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    is_of_type(headers, "application/json")
}

fn is_of_type(headers: &HeaderMap, media_type: &str) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = value.and_then(|value| value.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case(media_type))
}

fn read(body: Body) -> BoxFuture<'static, Result<Vec<u8>>> {
    Box::pin(async move {
        let collected = timeout(ARRIVAL, Limited::new(body, LIMIT).collect());
        match collected.await {
            Ok(Ok(body)) => Ok(body.to_bytes().into()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Error::BodyTooLarge),
            Ok(Err(_)) => Err(Error::malformed("The request ended before its body did")),
            Err(_) => Err(Error::RequestTimeout),
        }
    })
}

pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // A struct could also be read from an array, field by field: not here.
    if bytes
        .trim_ascii_start()
        .first()
        .is_some_and(|first| *first != b'{')
    {
        return Err(Error::malformed("The body must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        match error.inner().classify() {
            // An enum takes what is no name of it, such as null, for bad syntax.
            Category::Syntax if serde_json::from_slice::<serde_json::Value>(bytes).is_ok() => {
                Error::field(&error.path().to_string(), "must be one of its values")
            }
            _ => refusal(&error.path().to_string(), error.inner()),
        }
    })?;
    json.end().map_err(|error| refusal(".", &error))?;
    Ok(value)
}

/// Says what is wrong with which field; where it is not a field, that the
/// whole is not JSON.
fn refusal(path: &str, error: &serde_json::Error) -> Error {
    if error.classify() != Category::Data {
        return Error::malformed("The body is not valid JSON");
    }
    let text = error.to_string();
    let sentence = text.split(" at line ").next().unwrap_or(&text);
    let parent = if path == "." { "" } else { path };
    // serde names these fields in the text alone: the path ends above them.
    for (prefix, problem) in [
        ("missing field `", "is required"),
        ("unknown field `", "is not a field of this request"),
        ("duplicate field `", "is given twice"),
    ] {
        let named = sentence.strip_prefix(prefix);
        if let Some(name) = named.and_then(|rest| rest.split('`').next()) {
            let above = parent.strip_suffix(name).unwrap_or(parent);
            return Error::field(&format!("{above}{name}"), problem);
        }
    }
    Error::field(parent, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only its refusals are looked at")]
    struct Form {
        first_name: String,
        age: Option<u8>,
        #[serde(default)]
        kind: Kind,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        #[default]
        A,
        B,
    }

    fn refused(json: &[u8]) -> Error {
        parse::<Form>(json).unwrap_err()
    }

    #[test]
    fn what_is_wrong_is_said_of_its_field() {
        for (json, field, problem) in [
            (&br#"{}"#[..], "firstName", "is required"),
            (
                br#"{"firstName":"a","shoe":1}"#,
                "shoe",
                "is not a field of this request",
            ),
            (
                br#"{"firstName":"a","firstName":"b"}"#,
                "firstName",
                "is given twice",
            ),
            (br#"{"firstName":7}"#, "firstName", "invalid type"),
            (br#"{"firstName":"a","age":1e99}"#, "age", "invalid type"),
            (br#"{"firstName":"a","kind":null}"#, "kind", "must be one"),
            (
                br#"{"firstName":"a","kind":"c"}"#,
                "kind",
                "unknown variant",
            ),
        ] {
            let Error::Invalid(details) = refused(json) else {
                panic!("{}", String::from_utf8_lossy(json));
            };
            assert!(details[field][0].starts_with(problem), "{details:?}");
        }
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        let deep = "[".repeat(100_000);
        for json in [
            &b""[..],
            b"{",
            b"[]",
            b"nul",
            b"{\"firstName\":\"\xff\"}",
            br#"{"firstName":"a"} x"#,
            deep.as_bytes(),
        ] {
            assert!(matches!(refused(json), Error::Malformed(_)));
        }
    }
}
