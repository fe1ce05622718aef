//! The API description is exact enough to generate clients from it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

use super::{api_description, collect_files, source_of};
use crate::harness::python;

/// Fields whose names end with one of [`ENUM_FIELD_ENDINGS`], but whose values the API does not
/// define.
const NON_ENUM_FIELDS: [&str; 9] = [
    // Promo codes, which staff choose, and the code of a gift card.
    "MemberOrder.promoCode",
    "Order.giftCardCode",
    "Order.promoCode",
    "PromoCode.code",
    // An error code of Redis.
    "RefusedWrite.kind",
    // A promo code, as above.
    "SalesWithPromoCode.code",
    // The name of a provider, which the configuration defines, or `password`.
    "Session.loginMethod",
    // A part of an address.
    "StudioAddress.postalCode",
    // An image.
    "TwoFactorEnrollment.qrCode",
];

/// Endings of field names. A field whose name has such an ending must be an enum.
const ENUM_FIELD_ENDINGS: [&str; 6] = ["code", "kind", "level", "method", "role", "status"];

/// Returns the names of the schemas that `value` refers to, directly or through others.
fn schemas_of(document: &Value, value: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut unvisited = vec![value];
    while let Some(value) = unvisited.pop() {
        if let Some(reference) = value["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap();
            if !reference.contains("/schemas/") || names.insert(name.to_owned()) {
                unvisited.push(document.pointer(&reference[1..]).unwrap());
            }
        }
        match value {
            Value::Object(fields) => unvisited.extend(fields.values()),
            Value::Array(items) => unvisited.extend(items),
            _ => {}
        }
    }
    names
}

fn operations(document: &Value) -> impl Iterator<Item = &Value> {
    let paths = document["paths"].as_object().unwrap().values();
    paths.flat_map(|path| path.as_object().unwrap().values())
}

/// A field of a schema.
struct Field<'a> {
    /// The name of the schema and the field, such as `Booking.status`.
    name: String,
    schema: &'a Value,
    is_required: bool,
}

impl Field<'_> {
    fn is_nullable(&self) -> bool {
        let types = self.schema["type"].as_array();
        types.is_some_and(|types| types.contains(&"null".into()))
            || self.schema["oneOf"]
                .as_array()
                .is_some_and(|variants| variants.iter().any(|variant| variant["type"] == "null"))
    }
}

/// Returns the fields of all schemas in responses.
fn fields_of_responses(document: &Value) -> Vec<Field<'_>> {
    let mut names = BTreeSet::new();
    for operation in operations(document) {
        names.extend(schemas_of(document, &operation["responses"]));
    }
    let mut fields = Vec::new();
    for schema_name in names {
        let schema = &document["components"]["schemas"][&schema_name];
        let parts = schema["allOf"].as_array().into_iter().flatten();
        for object in [schema].into_iter().chain(parts) {
            let required = object["required"].as_array().cloned().unwrap_or_default();
            for (name, schema) in object["properties"].as_object().into_iter().flatten() {
                fields.push(Field {
                    name: format!("{schema_name}.{name}"),
                    schema,
                    is_required: required.contains(&name.as_str().into()),
                });
            }
        }
    }
    assert!(fields.len() > 300, "{}", fields.len());
    fields
}

#[tokio::test]
async fn every_example_is_valid_against_its_schema() {
    let Some(python) = python().await else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, api_description().to_string()).unwrap();
    let mut command = Command::new(python);
    command
        .args(["-c", include_str!("check_examples.py")])
        .arg(file.path());
    let output = command.output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let report = String::from_utf8(output.stdout).unwrap();
    let (problems, count) = report.trim().rsplit_once('\n').unwrap_or(("", &report));
    assert_eq!(problems, "");
    assert!(count.trim().parse::<usize>().unwrap() > 300, "{count}");
}

#[test]
fn every_object_in_a_list_or_field_is_a_reference() {
    let document = api_description();
    let is_inlined = |schema: &Value| {
        let keywords = ["properties", "allOf"];
        let variants = schema["oneOf"].as_array().into_iter().flatten();
        let schemas = [schema, &schema["items"]].into_iter().chain(variants);
        schemas
            .into_iter()
            .any(|schema| keywords.iter().any(|keyword| schema.get(keyword).is_some()))
    };
    let fields = fields_of_responses(&document);
    let inlined = fields.iter().filter(|field| is_inlined(field.schema));
    let inlined: Vec<_> = inlined.map(|field| &field.name).collect();
    assert!(inlined.is_empty(), "{inlined:?}");
    let items = |field: &&Field<'_>| field.name.ends_with("List.items");
    assert!(fields.iter().filter(items).count() > 10);
}

/// A generated client then has to distinguish only null and a value, and never a missing field.
#[test]
fn a_nullable_field_of_a_response_is_always_present() {
    let document = api_description();
    let fields = fields_of_responses(&document);
    let optional = fields
        .iter()
        .filter(|field| field.is_nullable() && !field.is_required);
    let optional: Vec<_> = optional.map(|field| &field.name).collect();
    assert!(optional.is_empty(), "{optional:?}");
}

#[test]
fn a_field_that_a_response_can_leave_out_is_described_as_never_null() {
    let source = source_of("lib/src") + &source_of("api");
    let mut parts = source.split("skip_serializing_if = \"Option::is_none\"");
    let _before_first = parts.next();
    let mut count = 0;
    for part in parts {
        let (attributes, _) = part.split_once(": Option<").unwrap();
        assert!(attributes.contains("nullable = false"), "{attributes}");
        count += 1;
    }
    assert!(count > 10, "{count}");
}

#[test]
fn every_code_status_and_kind_is_an_enum() {
    let document = api_description();
    let schemas = &document["components"]["schemas"];
    let mut open = Vec::new();
    let mut enum_count = 0;
    for field in fields_of_responses(&document) {
        let (_, name) = field.name.split_once('.').unwrap();
        let name = name.to_lowercase();
        if !ENUM_FIELD_ENDINGS.iter().any(|kind| name.ends_with(kind)) {
            continue;
        }
        let variants = field.schema["oneOf"].as_array();
        let schema = variants.map_or(field.schema, |variants| &variants[0]);
        let schema = schema["$ref"].as_str().map_or(schema, |reference| {
            &schemas[reference.rsplit('/').next().unwrap()]
        });
        match schema["enum"].is_array() {
            true => enum_count += 1,
            false => open.push(field.name),
        }
    }
    open.sort_unstable();
    assert_eq!(open, NON_ENUM_FIELDS);
    assert!(enum_count > 10, "{enum_count}");
}

/// Returns the error codes that the source code uses.
fn codes_in_source() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["lib/src", "api", "dev/src"] {
        collect_files(&root.join(folder), &mut files);
    }
    files.retain(|file| !file.ends_with("error/code.rs"));
    let mut codes = BTreeSet::new();
    for file in files {
        let source = fs::read_to_string(file).unwrap();
        for after in source.split("ErrorCode::").skip(1) {
            let end = after.find(|letter: char| !letter.is_ascii_alphanumeric());
            let mut code = String::new();
            for letter in after[..end.unwrap()].chars() {
                if letter.is_ascii_uppercase() && !code.is_empty() {
                    code.push('_');
                }
                code.push(letter.to_ascii_lowercase());
            }
            codes.insert(code);
        }
    }
    codes
}

#[test]
fn the_described_error_codes_are_those_that_the_source_uses() {
    let document = api_description();
    let described = document["components"]["schemas"]["ErrorCode"]["enum"].as_array();
    let described = described.unwrap().iter();
    let described: BTreeSet<_> = described
        .map(|code| code.as_str().unwrap().to_owned())
        .collect();
    assert!(described.len() > 60, "{described:?}");
    assert_eq!(described, codes_in_source());
}

#[test]
fn every_error_code_is_explained() {
    let document = api_description().to_string();
    for code in codes_in_source() {
        assert!(document.contains(&format!("`{code}`")), "{code}");
    }
}
