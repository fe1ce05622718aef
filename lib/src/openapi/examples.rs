//! Examples of all bodies, composed from the fields of their schemas.
//!
//! A schema's own example takes precedence (`example`, `examples`, `enum`). Otherwise,
//! the value comes from `examples.json` by the name of the field, or from the type and
//! format of the field.

use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value, json};
use utoipa::openapi::content::Content;
use utoipa::openapi::{OpenApi, RefOr, Response};
use uuid::Uuid;

use super::links::operations_of;
use crate::error::{Details, Error};

/// Adds an example to every JSON body.
///
/// # Panics
///
/// Panics when `examples.json` is not valid JSON.
pub(super) fn add(document: &mut OpenApi) {
    let components = serde_json::to_value(&document.components).unwrap_or_default();
    let field_values = serde_json::from_str(include_str!("examples.json"));
    let field_values = field_values.unwrap_or_else(|error| panic!("examples.json: {error}"));
    let schemas = Schemas {
        by_name: &components["schemas"],
        field_values,
    };
    for operation in document.paths.paths.values_mut().flat_map(operations_of) {
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
    let code = quoted_code(status, &response.description);
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

/// Sets the code and the message in the example of a failure, and removes the fields that
/// belong to other codes.
fn set_code(body: &mut Map<String, Value>, code: &str) {
    let errors_with_fixed_message = [
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
    let error = errors_with_fixed_message
        .iter()
        .find(|error| error.code() == code);
    let message = error.map_or_else(|| "A message for people".to_owned(), ToString::to_string);
    body.insert("code".to_owned(), json!(code));
    body.insert("error".to_owned(), json!(message));
    for (field, codes) in [
        ("details", &["validation_failed"][..]),
        ("challenge", &["two_factor_required"]),
        ("memberId", &["member_exists", "member_deactivated"]),
    ] {
        if !codes.contains(&code) {
            body.remove(field);
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

/// Returns the first error code that the description of a failure quotes. Descriptions
/// of 400 responses also quote field names, so there only a name with an underscore counts.
fn quoted_code(status: &str, description: &str) -> Option<String> {
    let mut quoted = description.split('`').skip(1).step_by(2);
    let is_code = |text: &&str| {
        text.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            && (status != "400" || text.contains('_'))
    };
    quoted.find(is_code).map(str::to_owned)
}

fn set_example(content: &mut RefOr<Content>, schemas: &Schemas<'_>, side: Side) {
    let RefOr::T(content) = content else {
        return;
    };
    let schema = serde_json::to_value(&content.schema).unwrap_or_default();
    // A body whose schema is a string is not JSON, such as CSV, and gets no example.
    if schema["type"] != "string" {
        content.example = Some(schemas.example("", &schema, side));
    }
}

/// Whether a body belongs to a request or a response. Examples of requests have only the
/// required fields and the fields with an example of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Response,
}

struct Schemas<'a> {
    /// The schemas by name.
    by_name: &'a Value,
    /// Example values by field name.
    field_values: Map<String, Value>,
}

impl Schemas<'_> {
    /// Composes an example of `schema`, which is the schema of the field `name`.
    fn example(&self, name: &str, schema: &Value, side: Side) -> Value {
        if let Some(own) = own_example(schema) {
            return own;
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let schema_name = reference.rsplit('/').next().unwrap_or_default();
            return self.example(name, &self.by_name[schema_name], side);
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(first) = schema[keyword]
                .as_array()
                .and_then(|variants| variants.iter().find(|variant| variant["type"] != "null"))
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
        self.example_by_type(name, schema, side)
    }

    fn example_by_type(&self, name: &str, schema: &Value, side: Side) -> Value {
        let has_type = |type_name: &str| {
            schema["type"] == type_name
                || schema["type"]
                    .as_array()
                    .is_some_and(|names| names.contains(&json!(type_name)))
        };
        let fits = |value: &Value| match value {
            Value::Bool(_) => has_type("boolean"),
            Value::Number(_) => has_type("integer") || has_type("number"),
            Value::String(text) => has_type("string") && has_format(text, &schema["format"]),
            Value::Array(_) => has_type("array"),
            Value::Null => has_type("null"),
            // An object with properties is composed field by field.
            Value::Object(_) => has_type("object") && schema.get("properties").is_none(),
        };
        if let Some(known) = self.field_values.get(name).filter(|value| fits(value)) {
            return known.clone();
        }
        if has_type("object") {
            return self.example_object(schema, side);
        }
        if has_type("array") {
            return json!([self.example(name, &schema["items"], side)]);
        }
        match schema["format"].as_str() {
            Some("uuid") => json!("0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a"),
            Some("date") => json!("2026-03-14"),
            Some("date-time") => json!("2026-03-15T01:00:00Z"),
            _ if has_type("boolean") => json!(false),
            _ if has_type("integer") || has_type("number") => json!(1),
            _ if has_type("string") => json!("…"),
            _ => Value::Null,
        }
    }

    fn example_object(&self, schema: &Value, side: Side) -> Value {
        let required = schema["required"].as_array();
        let is_included = |name: &str, property: &Value| {
            side == Side::Response
                || required.is_some_and(|required| required.contains(&json!(name)))
                || own_example(property).is_some()
        };
        let properties = schema["properties"].as_object().into_iter().flatten();
        let included = properties.filter(|(name, property)| is_included(name, property));
        let fields =
            included.map(|(name, property)| (name.clone(), self.example(name, property, side)));
        Value::Object(fields.collect())
    }
}

/// Returns whether a text has the format of its schema. A field can have the name of
/// another one with another format, such as `startTime`.
fn has_format(text: &str, format: &Value) -> bool {
    match format.as_str() {
        Some("date-time") => DateTime::parse_from_rfc3339(text).is_ok(),
        Some("date") => text.parse::<NaiveDate>().is_ok(),
        Some("uuid") => text.parse::<Uuid>().is_ok(),
        _ => true,
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
    let candidates = [
        schema.get("example").cloned(),
        first("examples"),
        first("enum"),
    ];
    candidates.into_iter().flatten().next()
}
