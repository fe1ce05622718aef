//! Reads the API description, so that tests can compare it with the code.

use serde_json::Value;
use utoipa::PartialSchema;

/// Returns a bound such as `maxLength` of the property `name` of a schema, or of
/// the schema itself when `name` is empty.
///
/// # Panics
///
/// Panics when the schema does not have the bound.
pub(crate) fn bound<T: PartialSchema>(name: &str, keyword: &str) -> i64 {
    let schema = serde_json::to_value(T::schema()).unwrap();
    let property = match name {
        "" => &schema,
        name => &schema["properties"][name],
    };
    let number = &property[keyword];
    number
        .as_i64()
        .or_else(|| number.as_f64().map(|number| number as i64))
        .unwrap_or_else(|| panic!("no {keyword} of {name} in {}", Value::to_string(&schema)))
}
