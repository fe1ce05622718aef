//! Examples of all bodies, composed from the fields of their schemas.
//!
//! A schema's own example comes first (`example`, `examples`, `enum`). Otherwise
//! `examples.json` has a value by the name of the field, or the format gives one.

use serde_json::{Map, Value, json};
use utoipa::openapi::content::Content;
use utoipa::openapi::{OpenApi, RefOr, Response};

use super::links::of_path;
use crate::error::{Details, Error};

/// Adds an example to every JSON body.
///
/// # Panics
///
/// Panics when `examples.json` is not valid JSON.
pub(super) fn add(document: &mut OpenApi) {
    let components = serde_json::to_value(&document.components).unwrap_or_default();
    let fields = serde_json::from_str(include_str!("examples.json"));
    let fields = fields.unwrap_or_else(|error| panic!("examples.json: {error}"));
    let schemas = Schemas {
        named: &components["schemas"],
        fields,
    };
    for operation in document.paths.paths.values_mut().flat_map(of_path) {
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            for content in body.content.values_mut() {
                set_example(content, &schemas, Side::Request);
            }
        }
        for (status, response) in &mut operation.responses.responses {
            add_to_response(status, response, &schemas);
        }
    }
    if let Some(components) = &mut document.components {
        for response in components.responses.values_mut() {
            add_to_response("", response, &schemas);
        }
    }
}

fn add_to_response(status: &str, response: &mut RefOr<Response>, schemas: &Schemas<'_>) {
    let RefOr::T(response) = response else {
        return;
    };
    let code = named_code(status, &response.description);
    let code = code.unwrap_or_else(|| default_code(status).to_owned());
    for content in response.content.values_mut() {
        set_example(content, schemas, Side::Response);
        if let RefOr::T(content) = content
            && let Some(Value::Object(body)) = &mut content.example
            && body.contains_key("requestId")
        {
            set_code(body, &code);
        }
    }
}

/// Gives the example of a failure this code, with its message.
fn set_code(problem: &mut Map<String, Value>, code: &str) {
    let known = [
        Error::NotSignedIn,
        Error::NotFound,
        Error::NotJson,
        Error::BodyTooLarge,
        Error::RequestTimeout,
        Error::LinkEnded,
        Error::TokenEnded,
        Error::UnknownPartner,
        Error::InvalidCredentials,
        Error::Invalid(Details::default()),
        Error::internal(""),
    ];
    let known = known.iter().find(|error| error.code() == code);
    let message = known.map_or_else(|| "A message for people".to_owned(), ToString::to_string);
    problem.insert("code".to_owned(), json!(code));
    problem.insert("error".to_owned(), json!(message));
    for (extra, of) in [
        ("details", "validation_failed"),
        ("challenge", "two_factor_required"),
    ] {
        if code != of {
            problem.remove(extra);
        }
    }
}

fn default_code(status: &str) -> &'static str {
    match status {
        "400" => "validation_failed",
        "401" => "not_signed_in",
        "403" => "forbidden",
        "404" => "not_found",
        "429" => "too_many_requests",
        "503" => "unavailable",
        _ => "internal",
    }
}

/// Returns the first code that the description of a failure names. Descriptions
/// of 400s also quote names of fields, so only names with an underscore count.
fn named_code(status: &str, description: &str) -> Option<String> {
    let mut quoted = description.split('`').skip(1).step_by(2);
    let is_code = |text: &&str| {
        text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            && (status != "400" || text.contains('_'))
    };
    quoted.find(is_code).map(str::to_owned)
}

fn set_example(content: &mut RefOr<Content>, schemas: &Schemas<'_>, side: Side) {
    let RefOr::T(content) = content else {
        return;
    };
    let schema = serde_json::to_value(&content.schema).unwrap_or_default();
    // Bodies that are not JSON get no example.
    if schema["type"] != "string" {
        content.example = Some(schemas.example("", &schema, side));
    }
}

/// Whether a body is a request or a response. Request examples have only the
/// required fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Response,
}

struct Schemas<'a> {
    /// The schemas by name.
    named: &'a Value,
    /// Example values by field name.
    fields: Map<String, Value>,
}

impl Schemas<'_> {
    /// Composes an example of a schema that is the value of field `name`.
    fn example(&self, name: &str, schema: &Value, side: Side) -> Value {
        if let Some(own) = own_example(schema) {
            return own;
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let named = reference.rsplit('/').next().unwrap_or_default();
            return self.example(name, &self.named[named], side);
        }
        for any in ["oneOf", "anyOf"] {
            if let Some(first) = schema[any]
                .as_array()
                .and_then(|ways| ways.iter().find(|way| way["type"] != "null"))
            {
                return self.example(name, first, side);
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let parts = parts.iter().map(|part| self.example(name, part, side));
            return parts
                .filter_map(|part| part.as_object().cloned())
                .flatten()
                .collect::<Map<_, _>>()
                .into();
        }
        self.of_type(name, schema, side)
    }

    fn of_type(&self, name: &str, schema: &Value, side: Side) -> Value {
        let is = |kind: &str| {
            schema["type"] == kind
                || schema["type"]
                    .as_array()
                    .is_some_and(|kinds| kinds.contains(&json!(kind)))
        };
        let fits = |value: &Value| match value {
            Value::Bool(_) => is("boolean"),
            Value::Number(_) => is("integer") || is("number"),
            Value::String(_) => is("string"),
            Value::Array(_) => is("array"),
            Value::Null => is("null"),
            // An object with properties is composed from them.
            Value::Object(_) => is("object") && schema.get("properties").is_none(),
        };
        if let Some(known) = self.fields.get(name).filter(|value| fits(value)) {
            return known.clone();
        }
        if is("object") {
            return self.object(schema, side);
        }
        if is("array") {
            return json!([self.example(name, &schema["items"], side)]);
        }
        match schema["format"].as_str() {
            Some("uuid") => json!("0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a"),
            Some("date") => json!("2026-03-14"),
            Some("date-time") => json!("2026-03-15T01:00:00Z"),
            _ if is("boolean") => json!(false),
            _ if is("integer") || is("number") => json!(1),
            _ if is("string") => json!("…"),
            _ => Value::Null,
        }
    }

    fn object(&self, schema: &Value, side: Side) -> Value {
        let required = schema["required"].as_array();
        let needed = |name: &str, of: &Value| {
            side == Side::Response
                || required.is_some_and(|required| required.contains(&json!(name)))
                || own_example(of).is_some()
        };
        let properties = schema["properties"].as_object().into_iter().flatten();
        let given = properties.filter(|(name, of)| needed(name, of));
        let given = given.map(|(name, of)| (name.clone(), self.example(name, of, side)));
        Value::Object(given.collect())
    }
}

/// Returns the schema's own example.
fn own_example(schema: &Value) -> Option<Value> {
    let first = |list: &str| {
        schema[list]
            .as_array()
            .and_then(|list| list.first())
            .cloned()
    };
    let own = [
        schema.get("example").cloned(),
        first("examples"),
        first("enum"),
    ];
    own.into_iter().flatten().next()
}
