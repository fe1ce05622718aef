//! Query parameters.

use axum::extract::FromRequestParts;
use chrono::{Datelike, NaiveDate};
use http::Uri;
use http::request::Parts;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::App;
use crate::error::{Error, Result};
use crate::values::form::Problem;

/// The query parameters, as strings. The features parse them, so that an error
/// can name the parameter. An empty parameter counts as absent, because HTML
/// forms send empty fields.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        read(&parts.uri).map(Self)
    }
}

/// Reads the query parameters of a URI.
///
/// # Errors
///
/// [`Error::Malformed`] if the query string is not valid.
pub(crate) fn read<T: DeserializeOwned>(uri: &Uri) -> Result<T> {
    let invalid = || Error::malformed("The query string is not valid");
    let pairs = uri.query().unwrap_or_default().split('&');
    let non_empty = pairs.filter(|pair| {
        pair.split_once('=')
            .is_some_and(|(_, value)| !value.is_empty())
    });
    let query = format!("/?{}", non_empty.collect::<Vec<_>>().join("&"));
    let uri = query.parse().map_err(|_| invalid())?;
    let axum::extract::Query(params) =
        axum::extract::Query::try_from_uri(&uri).map_err(|_| invalid())?;
    Ok(params)
}

/// Parses an id.
///
/// # Errors
///
/// Fails with a message for the caller.
pub fn id(text: &str) -> Result<Uuid, Problem> {
    // Only the hyphenated form is accepted, because responses contain only that form.
    let parsed = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
    parsed.ok_or_else(|| "must be a UUID".to_owned())
}

/// Parses a day such as `2026-03-08`, in the years 2000 to 2199.
///
/// # Errors
///
/// Fails with a message for the caller.
pub fn date(text: &str) -> Result<NaiveDate, Problem> {
    // chrono also accepts signs, spaces and single digits.
    let is_canonical = |date: &NaiveDate| date.to_string() == text;
    let parsed: Option<NaiveDate> = text.parse().ok().filter(is_canonical);
    parsed
        .filter(|date| (2000..2200).contains(&date.year()))
        .ok_or_else(|| "must be a day such as 2026-03-08".to_owned())
}

/// Parses `true` or `false`.
///
/// # Errors
///
/// Fails with a message for the caller.
pub fn boolean(text: &str) -> Result<bool, Problem> {
    let parsed = text.parse();
    parsed.map_err(|_| "must be true or false".to_owned())
}

#[cfg(test)]
mod properties {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{query, text, uri, uuid};

    type Params = BTreeMap<String, String>;

    proptest! {
        #[test]
        fn only_the_hyphenated_form_of_an_id_is_accepted(
            uuid in uuid(), text in text(),
        ) {
            assert_eq!(id(&uuid.to_string()), Ok(uuid));
            assert_eq!(id(&uuid.to_string().to_uppercase()), Ok(uuid));
            for other in [
                uuid.simple().to_string(), uuid.urn().to_string(), uuid.braced().to_string(), text,
            ] {
                assert!(id(&other).is_err(), "{other}");
            }
        }

        #[test]
        fn an_empty_parameter_counts_as_absent(query in query(&["from", "to", "x"])) {
            if let Some(params) = uri(&query).and_then(|uri| read::<Params>(&uri).ok()) {
                assert!(params.values().all(|value| !value.is_empty()), "{params:?}");
                for longer in [format!("{query}&y="), format!("y&{query}"), format!("y=&{query}&&")] {
                    let read_again: Params = read(&uri(&longer).unwrap()).unwrap();
                    assert_eq!(read_again, params);
                }
            }
        }

        #[test]
        fn an_encoded_value_is_read_back(value in "[ -~]{1,40}") {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let params: Params = read(&uri(&format!("a={encoded}&b=&c")).unwrap()).unwrap();
            assert_eq!(params, Params::from([("a".to_owned(), value)]));
        }
    }
}
