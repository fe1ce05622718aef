//! Generators of arbitrary input for property tests.
//!
//! Each parser has a module `properties` in the same file, with tests that must pass for
//! any input. `cargo test` tries a few inputs, which are always the same. `cargo dev fuzz`
//! tries others.

use http::{HeaderMap, HeaderValue, Uri};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Number, Value};

use crate::{App, Config, Error};

/// Characters with a special meaning in Unicode or in a format that Sabor reads or
/// writes.
const SIGNIFICANT_CHARACTERS: &[char] = &[
    '\0',
    '\t',
    '\n',
    '\r',
    ' ',
    '"',
    '\'',
    '`',
    '\\',
    '/',
    ':',
    ';',
    ',',
    '.',
    '=',
    '&',
    '?',
    '#',
    '@',
    '%',
    '+',
    '-',
    '_',
    '<',
    '>',
    '{',
    '[',
    '0',
    '9',
    'a',
    'Z',
    '\u{7f}',
    '\u{85}',
    '\u{a0}',
    '\u{ad}',
    'İ',
    'ß',
    'é',
    '\u{301}',
    '\u{958}',
    '\u{200b}',
    '\u{202e}',
    '\u{2028}',
    'ﬁ',
    '\u{feff}',
    '\u{fffd}',
    '💃',
    '\u{10ffff}',
];

pub(crate) fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        3 => select(SIGNIFICANT_CHARACTERS),
        3 => proptest::char::range(' ', '~'),
        1 => any::<char>(),
    ]
}

/// Generates text that is mostly short, and sometimes longer than any column.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let of_length = |length: std::ops::Range<usize>| {
        vec(character(), length).prop_map(|characters| characters.into_iter().collect())
    };
    let repeated =
        (character(), 0_usize..6_000).prop_map(|(one, times)| one.to_string().repeat(times));
    prop_oneof![8 => of_length(0..24), 3 => of_length(24..300), 1 => repeated]
}

pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..200),
        text().prop_map(String::into_bytes),
        json_text().prop_map(String::into_bytes),
    ]
}

/// Generates header values that hyper accepts.
pub(crate) fn header_value() -> impl Strategy<Value = HeaderValue> {
    let byte = prop_oneof![4 => 0x20..0x7f_u8, 1 => 0x80..=0xff_u8, 1 => Just(b'\t')];
    vec(byte, 0..120).prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap())
}

pub(crate) fn headers(name: &'static str, values: Vec<HeaderValue>) -> HeaderMap {
    let name = http::HeaderName::from_static(name);
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(name.clone(), value);
    }
    headers
}

/// Generates any JSON, including numbers at the limits of their range.
pub(crate) fn json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<f64>().prop_filter_map("JSON has no such number", Number::from_f64),
        select(vec![0, 1, -1, 7, i64::from(i32::MAX) + 1]).prop_map(Number::from),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number.prop_map(Value::Number),
        text().prop_map(Value::from),
        date_or_time_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let fields = vec((text(), inner.clone()), 0..6);
        prop_oneof![
            vec(inner, 0..6).prop_map(Value::from),
            fields.prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Generates JSON as text: complete, truncated, with an extra character, or with a lone
/// surrogate, which JSON can express and UTF-8 cannot.
pub(crate) fn json_text() -> impl Strategy<Value = String> {
    let truncated = (json(), any::<Index>()).prop_map(|(value, index)| {
        let text = value.to_string();
        let characters: Vec<_> = text.chars().collect();
        characters[..index.index(characters.len() + 1)]
            .iter()
            .collect()
    });
    prop_oneof![
        4 => json().prop_map(|value| value.to_string()),
        1 => truncated,
        1 => (json(), character()).prop_map(|(value, extra)| format!("{value}{extra}")),
        1 => Just(r#"{"firstName":"\ud800"}"#.to_owned()),
    ]
}

/// Generates a date, a time of day or, rarely, a timestamp, as text. Some are invalid or at
/// the limits of the calendar.
pub(crate) fn date_or_time_text() -> impl Strategy<Value = String> {
    let day = (-10_000..300_000_i32, 0..14_u32, 0..33_u32)
        .prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"));
    let limits = select(vec![
        "-262143-01-01",
        "+262142-12-31",
        "0000-01-01",
        "1900-02-29",
        "2000-02-29",
        "2026-11-21",
        "2199-12-31",
        "9999-12-31T23:59:60Z",
    ]);
    let time = (0..26_u32, 0..62_u32).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}"));
    prop_oneof![day, limits.prop_map(str::to_owned), time]
}

/// Generates a form with the fields of `example`, and sometimes one more. Each field is
/// omitted, has the value of the example, or has an arbitrary value.
pub(crate) fn form(example: &Value) -> impl Strategy<Value = Value> + use<> {
    let fields: Vec<_> = example.as_object().unwrap().clone().into_iter().collect();
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| {
            let similar = match &value {
                Value::String(_) => prop_oneof![text(), date_or_time_text()]
                    .prop_map(Value::from)
                    .boxed(),
                Value::Number(_) => any::<i32>().prop_map(Value::from).boxed(),
                Value::Object(_) => form(&value).boxed(),
                _ => json().boxed(),
            };
            let given = prop_oneof![6 => Just(value), 3 => similar, 1 => json()];
            proptest::option::weighted(0.9, given).prop_map(move |value| (name.clone(), value))
        })
        .collect();
    let extra = proptest::option::weighted(0.05, (text(), json()));
    (fields, extra).prop_map(|(fields, extra)| {
        let given = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        Value::Object(given.chain(extra).collect())
    })
}

/// Returns the bytes with one byte changed.
pub(crate) fn altered(genuine: &[u8], index: Index, flip: u8) -> Vec<u8> {
    let mut bytes = genuine.to_vec();
    bytes[index.index(genuine.len())] ^= flip.max(1);
    bytes
}

/// Returns the text with one character replaced. `None` when the character stays the
/// same.
pub(crate) fn altered_text(genuine: &str, index: Index, replacement: char) -> Option<String> {
    let mut characters: Vec<_> = genuine.chars().collect();
    let index = index.index(characters.len());
    (characters[index] != replacement).then(|| {
        characters[index] = replacement;
        characters.into_iter().collect()
    })
}

/// Returns a URI with this query. `None` when no request can have the query.
pub(crate) fn uri(query: &str) -> Option<Uri> {
    format!("/?{query}").parse().ok()
}

/// Generates query strings: these names with any encoded values, or arbitrary text.
pub(crate) fn query(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let value = prop_oneof![
        text(),
        date_or_time_text(),
        uuid().prop_map(|id| id.to_string())
    ];
    let pairs = vec((select(names), value), 0..5).prop_map(|pairs| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs);
        query.finish()
    });
    prop_oneof![4 => pairs, 1 => "[!-~]{0,60}"]
}

pub(crate) fn uuid() -> impl Strategy<Value = uuid::Uuid> {
    any::<u128>().prop_map(uuid::Uuid::from_u128)
}

/// Returns the parsed value, or `None` if the input was rejected. Panics unless the
/// rejection is a client error with short messages.
pub(crate) fn parsed_or_client_error<T>(outcome: Result<T, Error>) -> Option<T> {
    let error = match outcome {
        Ok(value) => return Some(value),
        Err(error) => error,
    };
    assert!(error.status().is_client_error(), "{error:?}");
    for (field, problems) in error.details().into_iter().flatten() {
        assert!(field.chars().count() <= 200, "{field}");
        for problem in problems {
            assert!(problem.chars().count() <= 300, "{field}: {problem}");
        }
    }
    None
}

/// Returns whether Postgres accepts the text as `varchar(max)`.
pub(crate) fn fits_column(text: &str, max: usize) -> bool {
    text.chars().count() <= max && !text.contains('\0')
}

/// Creates an app without connections.
pub(crate) fn app(variables: &[(&str, &str)]) -> App {
    App::new(config(variables)).unwrap()
}

/// Reads a configuration from the required variables and `variables`.
pub(crate) fn config(variables: &[(&str, &str)]) -> Config {
    let required = [
        ("POSTGRES_URL", "postgres://ana@localhost/sabor"),
        ("SESSION_SECRET", "0123456789abcdef0123456789abcdef"),
        (
            "ENCRYPTION_KEY",
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        ),
        ("SITE_URL", "https://sabor.example"),
    ];
    let all = required.iter().chain(variables);
    let owned = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::read(&owned.collect()).unwrap()
}
