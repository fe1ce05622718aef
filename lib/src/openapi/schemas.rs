//! Corrections of the schemas that utoipa derives.

use std::collections::BTreeSet;

use serde_json::Value;
use utoipa::openapi::schema::{ArrayItems, Object, Schema};
use utoipa::openapi::{OpenApi, Ref, RefOr};

use super::links::operations_of;

/// The prefix of utoipa's names of lists.
const LIST: &str = "List_";

/// Renames the schemas of lists, and makes their items references. utoipa names them
/// `List_Booking` instead of `BookingList`, and repeats the schema of the item in each.
pub(super) fn name_lists(document: &mut OpenApi) {
    for operation in document.paths.paths.values_mut().flat_map(operations_of) {
        for response in operation.responses.responses.values_mut() {
            let RefOr::T(response) = response else {
                continue;
            };
            for content in response.content.values_mut() {
                if let RefOr::T(content) = content
                    && let Some(RefOr::Ref(reference)) = &mut content.schema
                {
                    name_list(&mut reference.ref_location);
                }
            }
        }
    }
    let Some(components) = &mut document.components else {
        return;
    };
    let mut items = Vec::new();
    let schemas = std::mem::take(&mut components.schemas).into_iter();
    components.schemas = schemas
        .map(|(mut name, mut schema)| {
            if let Some(item) = name.strip_prefix(LIST)
                && let Some(item_schema) = refer_to_items(&mut schema, item)
            {
                items.push((item.to_owned(), item_schema));
            }
            name_list(&mut name);
            if let RefOr::T(Schema::AllOf(all)) = &mut schema {
                for part in &mut all.items {
                    if let RefOr::Ref(reference) = part {
                        name_list(&mut reference.ref_location);
                    }
                }
            }
            (name, schema)
        })
        .collect();
    // utoipa leaves out the schema of an item that nothing else refers to.
    for (name, schema) in items {
        components.schemas.entry(name).or_insert(schema);
    }
}

/// Replaces `List_Booking` at the end of a name with `BookingList`.
fn name_list(name: &mut String) {
    if let Some((before, item)) = name.split_once(LIST) {
        *name = format!("{before}{item}List");
    }
}

/// Replaces the schema of the items of a list with a reference to it. Returns the schema.
fn refer_to_items(list: &mut RefOr<Schema>, item: &str) -> Option<RefOr<Schema>> {
    let RefOr::T(Schema::Object(list)) = list else {
        return None;
    };
    let RefOr::T(Schema::Array(array)) = list.properties.get_mut("items")? else {
        return None;
    };
    let ArrayItems::RefOrSchema(schema) = &mut array.items else {
        return None;
    };
    let reference = RefOr::Ref(Ref::from_schema_name(item));
    Some(std::mem::replace(&mut **schema, reference))
}

/// Marks the nullable fields of responses as required, because responses contain them even
/// if they are null. utoipa marks no `Option` as required.
///
/// A field that a response can leave out is never null. Its attributes are
/// `skip_serializing_if = "Option::is_none"` and `nullable = false`.
pub(super) fn require_nullable_fields(document: &mut OpenApi) {
    let names = schemas_of_responses(document);
    let Some(components) = &mut document.components else {
        return;
    };
    for (name, schema) in &mut components.schemas {
        if names.contains(name) {
            objects_of(schema).into_iter().for_each(require_nullable);
        }
    }
}

fn require_nullable(object: &mut Object) {
    for (name, schema) in &object.properties {
        if is_nullable(schema) && !object.required.contains(name) {
            object.required.push(name.clone());
        }
    }
}

fn is_nullable(schema: &RefOr<Schema>) -> bool {
    let schema = serde_json::to_value(schema).unwrap_or_default();
    let types = schema["type"].as_array().into_iter().flatten();
    let variants = schema["oneOf"].as_array().into_iter().flatten();
    let variant_types = variants.map(|variant| &variant["type"]);
    types
        .chain(variant_types)
        .any(|type_name| type_name == "null")
}

/// Returns the objects of which a schema consists.
fn objects_of(schema: &mut RefOr<Schema>) -> Vec<&mut Object> {
    match schema {
        RefOr::T(Schema::Object(object)) => vec![object],
        RefOr::T(Schema::AllOf(all)) => all.items.iter_mut().flat_map(objects_of).collect(),
        _ => Vec::new(),
    }
}

/// Returns the names of the schemas that only responses use.
fn schemas_of_responses(document: &OpenApi) -> BTreeSet<String> {
    let document = serde_json::to_value(document).unwrap_or_default();
    let mut in_requests = BTreeSet::new();
    let mut in_responses = BTreeSet::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    for (_, path) in paths {
        for (_, operation) in path.as_object().into_iter().flatten() {
            for part in ["requestBody", "parameters"] {
                collect_references(&document, &operation[part], &mut in_requests);
            }
            collect_references(&document, &operation["responses"], &mut in_responses);
        }
    }
    in_responses.difference(&in_requests).cloned().collect()
}

/// Collects the names of the schemas to which `value` refers, directly or through others.
fn collect_references(document: &Value, value: &Value, names: &mut BTreeSet<String>) {
    if let Some(reference) = value["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default().to_owned();
        let is_schema = reference.starts_with("#/components/schemas/");
        if !is_schema || names.insert(name) {
            let target = document.pointer(reference.trim_start_matches('#'));
            collect_references(document, target.unwrap_or(&Value::Null), names);
        }
    }
    match value {
        Value::Object(fields) => fields
            .values()
            .for_each(|field| collect_references(document, field, names)),
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_references(document, item, names)),
        _ => {}
    }
}
