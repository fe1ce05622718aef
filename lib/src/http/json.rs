//! JSON request bodies and JSON responses.

mod problem;

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

use self::problem::problem;
use crate::App;
use crate::error::{Error, Result};
use crate::runtime::background::BoxFuture;

/// The maximum size of a request body.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The maximum length of a field's path in error details. Longer paths are truncated.
const MAX_PATH_CHARS: usize = 100;

/// How long a request body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON body. As an extractor, it rejects a body whose `Content-Type` is not JSON (415), that
/// is too large (413), that does not arrive in time (408), that is not a valid JSON object
/// (400), or that does not fit the type (400, with the field's name).
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

/// An optional JSON body. An empty body yields the default value.
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

/// Deserializes a field that may be absent or `null`. Together with `#[serde(default)]`,
/// an absent field becomes `None`, and `null` becomes `Some(None)`.
///
/// # Errors
///
/// Fails if `T` cannot be deserialized.
pub fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The bytes of a JSON body, for handlers that check a signature first.
#[derive(Debug)]
pub struct RawJson(pub Vec<u8>);

impl FromRequest<App> for RawJson {
    type Rejection = Error;

    async fn from_request(request: Request, _: &App) -> Result<Self> {
        let (headers, body) = split(request);
        json_bytes(&headers, body).await.map(Self)
    }
}

/// A 201 response with a JSON body.
#[derive(Debug)]
pub struct Created<T>(pub T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

/// The response of an operation that returns no data: `{"success": true}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Success {
    success: bool,
}

impl Success {
    /// The 200 response.
    pub const RESPONSE: Json<Self> = Json(Self { success: true });
}

/// The 202 response `{"success": true}`.
#[derive(Debug)]
pub struct Accepted;

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Success::RESPONSE).into_response()
    }
}

fn split(request: Request) -> (HeaderMap, Body) {
    let (parts, body) = request.into_parts();
    (parts.headers, body)
}

/// Reads a JSON body. The function is not generic, so that it is compiled only once.
pub(super) fn json_bytes<'a>(headers: &'a HeaderMap, body: Body) -> BoxFuture<'a, Result<Vec<u8>>> {
    Box::pin(async move {
        if !is_json(headers) {
            return Err(Error::NotJson);
        }
        read(body).await
    })
}

/// Reads the body of a submitted HTML form.
pub(super) fn form_bytes(request: Request) -> BoxFuture<'static, Result<Vec<u8>>> {
    Box::pin(async move {
        let (headers, body) = split(request);
        if !is_of_type(&headers, "application/x-www-form-urlencoded") {
            return Err(Error::malformed("The request body must be a form"));
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
    let name = value.and_then(|value| value.split(';').next());
    name.is_some_and(|name| name.trim().eq_ignore_ascii_case(media_type))
}

fn read(body: Body) -> BoxFuture<'static, Result<Vec<u8>>> {
    Box::pin(async move {
        let collected = timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect());
        match collected.await {
            Ok(Ok(body)) => Ok(body.to_bytes().into()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Error::BodyTooLarge),
            Ok(Err(_)) => Err(Error::malformed("The request body is incomplete")),
            Err(_) => Err(Error::RequestTimeout),
        }
    })
}

pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // Serde would also accept an array in place of an object.
    if bytes
        .trim_ascii_start()
        .first()
        .is_some_and(|first| *first != b'{')
    {
        return Err(Error::malformed("The request body must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        match error.inner().classify() {
            // Serde reports an unknown value of an enum, such as null, as a syntax error.
            Category::Syntax if serde_json::from_slice::<serde_json::Value>(bytes).is_ok() => {
                Error::field(
                    &error.path().to_string(),
                    "must be one of the allowed values",
                )
            }
            _ => describe(&error.path().to_string(), error.inner()),
        }
    })?;
    json.end().map_err(|error| describe(".", &error))?;
    Ok(value)
}

/// Converts an error of serde to an error about a field or about the whole body. No value
/// is quoted, because it may be a password.
fn describe(path: &str, error: &serde_json::Error) -> Error {
    if error.classify() != Category::Data {
        return Error::malformed("The request body is not valid JSON");
    }
    let text = error.to_string();
    let sentence = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(sentence, _)| sentence);
    if sentence.starts_with("unknown field `") {
        return Error::field(&truncated(path), "is not a known field");
    }
    let path = truncated(if path == "." { "" } else { path });
    for (prefix, problem) in [
        ("missing field `", "is required"),
        ("duplicate field `", "is given twice"),
    ] {
        if let Some(name) = sentence.strip_prefix(prefix) {
            // The path that serde reports ends at the parent object.
            let dot = if path.is_empty() { "" } else { "." };
            let name = name.trim_end_matches('`');
            return Error::field(&format!("{path}{dot}{name}"), problem);
        }
    }
    Error::field(&path, problem(sentence))
}

/// Truncates the path of a field, because the caller may choose a name of any length.
pub(super) fn truncated(path: &str) -> String {
    match path.char_indices().nth(MAX_PATH_CHARS) {
        Some((end, _)) => format!("{}…", &path[..end]),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only errors are tested")]
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

    fn error_of(json: &[u8]) -> Error {
        parse::<Form>(json).unwrap_err()
    }

    #[test]
    fn an_error_names_its_field() {
        for (json, field, problem) in [
            (&br#"{}"#[..], "firstName", "is required"),
            (
                br#"{"firstName":"a","shoe":1}"#,
                "shoe",
                "is not a known field",
            ),
            (
                br#"{"firstName":"a","firstName":"b"}"#,
                "firstName",
                "is given twice",
            ),
            (br#"{"firstName":7}"#, "firstName", "must be text"),
            (
                br#"{"firstName":"a","age":1e99}"#,
                "age",
                "must be a whole number",
            ),
            (br#"{"firstName":"a","kind":null}"#, "kind", "must be one"),
            (br#"{"firstName":"a","kind":"c"}"#, "kind", "must be a or b"),
        ] {
            let Error::Invalid(details) = error_of(json) else {
                panic!("{}", String::from_utf8_lossy(json));
            };
            assert!(details[field][0].starts_with(problem), "{details:?}");
        }
    }

    #[test]
    fn a_nested_field_is_named_with_its_parent() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only errors are tested")]
        struct Parent {
            form: Option<Form>,
        }
        for (json, field) in [
            (&br#"{"form":{}}"#[..], "form.firstName"),
            (br#"{"form":{"firstName":"a","shoe":1}}"#, "form.shoe"),
            (
                br#"{"form":{"firstName":"a","firstName":"a"}}"#,
                "form.firstName",
            ),
            (br#"{"form":{"firstName":"a","age":"x"}}"#, "form.age"),
        ] {
            let Err(Error::Invalid(details)) = parse::<Parent>(json) else {
                panic!("{}", String::from_utf8_lossy(json));
            };
            assert!(details.keys().eq([field]), "{details:?}");
        }
    }

    #[test]
    fn a_body_that_is_not_json_is_malformed() {
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
            assert!(matches!(error_of(json), Error::Malformed(_)));
        }
    }
}

#[cfg(test)]
mod properties {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::bookings::member;
    use crate::classes::timetable::CreateTimetableEntry;
    use crate::identity::{profile, registration, sign_in};
    use crate::testing::arbitrary::{bytes, form, json, json_text, parsed_or_client_error, text};

    const FORMS: [&str; 5] = ["registration", "login", "booking", "profile", "timetable"];

    /// Returns an example of a form with all of its fields.
    fn example(form: &str) -> Value {
        match form {
            "registration" => json!({
                "email": "ana@example.com", "password": "correct horse", "confirmPassword": "x",
                "firstName": "Ana", "lastName": "Reyes", "name": "Ana Reyes", "phone": "555 0100",
                "dateOfBirth": "1990-02-28", "emergencyContactName": "Luz",
                "emergencyContactPhone": "555 0101", "experienceLevel": "advanced",
                "medicalConditions": "asma", "marketingConsent": true, "mode": "token", "remember": true,
            }),
            "login" => json!({
                "email": "ana@example.com", "password": "correct horse", "code": "123456",
                "challenge": "0", "remember": true, "rememberDevice": true, "mode": "cookie",
            }),
            "booking" => json!({
                "scheduledClassId": "01a1fbec-f5a7-774d-993f-b6dedc6eb201", "joinWaitlist": true,
            }),
            "profile" => json!({
                "firstName": "Ana", "phone": null, "dateOfBirth": "1990-02-28",
                "experienceLevel": "beginner", "medicalConditions": "asma", "marketingConsent": false,
            }),
            _ => json!({
                "pattern": {
                    "classTypeId": "01a1fbec-f5a7-774d-993f-b6dedc6eb201",
                    "instructorId": "01a1fbec-f5a7-774d-993f-b6dedc6eb201",
                    "dayOfWeek": 4, "startTime": "19:00", "durationMinutes": 60,
                    "maxParticipants": 20, "room": "1", "effectiveFrom": "2026-11-21",
                },
                "occurrence": {
                    "classTypeId": "01a1fbec-f5a7-774d-993f-b6dedc6eb201",
                    "instructorId": "01a1fbec-f5a7-774d-993f-b6dedc6eb201",
                    "date": "2026-11-21", "time": "19:00", "room": "1", "price": "25.00",
                },
                "generateUntil": "2026-12-24",
            }),
        }
    }

    fn read(form: &str, body: &[u8]) -> Result<()> {
        match form {
            "registration" => parse::<registration::Registration>(body).map(|_| ()),
            "login" => parse::<sign_in::Login>(body).map(|_| ()),
            "booking" => parse::<member::CreateBooking>(body).map(|_| ()),
            "profile" => parse::<profile::UpdateProfile>(body).map(|_| ()),
            _ => parse::<CreateTimetableEntry>(body).map(|_| ()),
        }
    }

    /// Collects the paths of all fields of a value.
    fn collect_paths(value: &Value, prefix: &str, paths: &mut BTreeSet<String>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            let path = format!("{prefix}{name}");
            collect_paths(value, &format!("{path}."), paths);
            paths.insert(path);
        }
        for (index, value) in value.as_array().into_iter().flatten().enumerate() {
            let path = format!("{}[{index}]", prefix.trim_end_matches('.'));
            collect_paths(value, &format!("{path}."), paths);
            paths.insert(path);
        }
    }

    fn forms() -> impl Strategy<Value = (&'static str, Value)> {
        prop::sample::select(&FORMS[..])
            .prop_flat_map(|name| form(&example(name)).prop_map(move |form| (name, form)))
    }

    proptest! {
        #[test]
        fn a_form_is_read_or_rejected_for_one_of_its_fields((name, form) in forms()) {
            let outcome = read(name, form.to_string().as_bytes());
            let mut known_paths = BTreeSet::new();
            collect_paths(&example(name), "", &mut known_paths);
            collect_paths(&form, "", &mut known_paths);
            if let Err(Error::Invalid(details)) = &outcome {
                for path in details.keys() {
                    assert!(known_paths.iter().any(|known| is_path(known, path)), "{path:?}");
                }
            }
            parsed_or_client_error(outcome);
        }

        #[test]
        fn any_bytes_and_any_json_are_read_or_rejected(
            bytes in bytes(), text in json_text(), value in json(),
        ) {
            for name in FORMS {
                for body in [&bytes, text.as_bytes(), value.to_string().as_bytes()] {
                    let accepted = parsed_or_client_error(read(name, body));
                    let is_object = serde_json::from_slice::<Value>(body).is_ok_and(|json| json.is_object());
                    assert!(accepted.is_none() || is_object, "{name}");
                }
            }
        }

        #[test]
        fn an_error_quotes_no_value(
            secret in "[a-z]{12}", number in 1_000_000_000..i64::MAX, rest in text(),
            field in prop::sample::select(vec!["password", "email", "mode", "dateOfBirth", "remember", "experienceLevel"]),
        ) {
            for value in [
                json!(secret), json!(format!("{secret}{rest}")), json!(format!("{rest}{secret}")),
                json!([secret]), json!({ secret.as_str(): number }), json!(number),
                json!(-number), json!(number as f64 / 4096.0),
            ] {
                let mut form = example("registration");
                form[field] = value;
                let Err(error) = read("registration", form.to_string().as_bytes()) else { continue };
                let message = format!("{error} {:?}", error.details());
                assert!(!message.contains(&secret) && !message.contains(&number.to_string()), "{message}");
                let fraction = (number as f64 / 4096.0).to_string();
                assert!(!message.contains(&fraction), "{message}");
            }
        }
    }

    fn is_path(known: &str, path: &str) -> bool {
        // A long path is truncated.
        path.strip_suffix('…')
            .map_or(path == known, |start| known.starts_with(start))
    }
}
