//! Messages for people about fields that do not fit their type.
//!
//! The errors of serde and of the types that it reads are written for programmers. They
//! also quote the value, which may be a password. Only what is known about the expected
//! type gets into a message.

/// Converts the message of an error of serde to the problem of a field.
pub(super) fn problem(message: &str) -> String {
    // The problems that our own types report, such as `Money`.
    if message.starts_with("must ") {
        return message.to_owned();
    }
    // The value comes first and may contain anything, so the last part counts.
    let Some((problem, expected)) = message.rsplit_once(", expected ") else {
        return parse_problem(message).to_owned();
    };
    if problem.starts_with("unknown variant ") {
        return choices(expected);
    }
    let is_out_of_range = problem.starts_with("invalid value: ");
    type_problem(expected, is_out_of_range).to_owned()
}

/// Returns the problem of a text that could not be parsed.
fn parse_problem(message: &str) -> &'static str {
    const DATE: [&str; 4] = [
        "input contains invalid characters",
        "input is out of range",
        "premature end of input",
        "trailing input",
    ];
    match message {
        message if message.starts_with("UUID parsing failed") => "must be a UUID",
        message if DATE.contains(&message) => "must be a day such as 2026-03-08",
        _ => "is not valid",
    }
}

/// Lists the values of an enum, which serde writes as `` one of `a`, `b` `` or `` `a` or
/// `b` ``.
fn choices(expected: &str) -> String {
    let names: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
    match names.split_last() {
        None => "is not valid".to_owned(),
        Some((last, [])) => format!("must be {last}"),
        Some((last, others)) => format!("must be {} or {last}", others.join(", ")),
    }
}

/// Returns the problem of a value of the wrong type.
fn type_problem(expected: &str, is_out_of_range: bool) -> &'static str {
    match expected {
        "a boolean" => "must be true or false",
        "a string" | "str" => "must be text",
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => {
            match is_out_of_range {
                true => "is too small or too large",
                false => "must be a whole number",
            }
        }
        "f32" | "f64" => "must be a number",
        "a sequence" => "must be a list",
        "a formatted UUID string" => "must be a UUID",
        "a formatted date string" => "must be a day such as 2026-03-08",
        "string or map" | "variant identifier" => "must be one of the allowed values",
        _ if expected.starts_with("enum ") => "must be one of the allowed values",
        _ if expected == "a map" || expected.starts_with("struct ") => "must be an object",
        _ => "has the wrong type",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::NaiveDate;
    use serde::Deserialize;
    use serde::de::DeserializeOwned;
    use uuid::Uuid;

    use super::super::parse;
    use crate::error::Error;
    use crate::values::money::Money;

    #[derive(Debug, Deserialize)]
    struct Field<T> {
        #[expect(dead_code, reason = "only errors are tested")]
        x: T,
    }

    #[derive(Debug, Deserialize)]
    struct Empty {}

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Choice {
        First,
        Second,
        Third,
    }

    fn problem_of<T: DeserializeOwned + std::fmt::Debug>(json: &str) -> String {
        let body = format!("{{\"x\":{json}}}");
        match parse::<Field<T>>(body.as_bytes()) {
            Err(Error::Invalid(details)) => details["x"][0].clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_message_says_what_the_field_must_be() {
        let uuid = "must be a UUID";
        let day = "must be a day such as 2026-03-08";
        let whole = "must be a whole number";
        for (problem, expected) in [
            (problem_of::<String>("7"), "must be text"),
            (problem_of::<bool>("\"true\""), "must be true or false"),
            (problem_of::<i32>("\"7\""), whole),
            (problem_of::<i32>("1.5"), whole),
            (
                problem_of::<i32>("99999999999"),
                "is too small or too large",
            ),
            (problem_of::<u8>("-1"), "is too small or too large"),
            (problem_of::<f64>("[]"), "must be a number"),
            (problem_of::<Vec<i32>>("{}"), "must be a list"),
            (
                problem_of::<BTreeMap<String, i32>>("[]"),
                "must be an object",
            ),
            (problem_of::<Empty>("7"), "must be an object"),
            (problem_of::<Uuid>("\"x\""), uuid),
            (problem_of::<Uuid>("\"01a1fbec\""), uuid),
            (problem_of::<Uuid>("7"), uuid),
            (problem_of::<NaiveDate>("\"soon\""), day),
            (problem_of::<NaiveDate>("\"2026-02-30\""), day),
            (problem_of::<NaiveDate>("\"2026-02-28T\""), day),
            (problem_of::<NaiveDate>("\"2026\""), day),
            (problem_of::<NaiveDate>("7"), day),
            (
                problem_of::<Money>("\"cheap\""),
                "must be an amount such as 25.00",
            ),
            (
                problem_of::<Choice>("\"x\""),
                "must be first, second or third",
            ),
            (
                problem_of::<Choice>("7"),
                "must be one of the allowed values",
            ),
            (
                problem_of::<Choice>("null"),
                "must be one of the allowed values",
            ),
        ] {
            assert_eq!(problem, expected);
        }
    }
}
