//! The query of an address.

use axum::extract::FromRequestParts;
use http::Uri;
use http::request::Parts;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::App;
use crate::error::{Error, Result};
use crate::values::form::Problem;

/// What stands behind the question mark, as texts: what each of them means is
/// for the function to find out, which can then name the one that is wrong. A
/// parameter that is empty, as forms send those that nobody filled in, counts
/// as left out.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        read(&parts.uri).map(Self)
    }
}

/// Reads the query of an address.
///
/// # Errors
///
/// [`Error::Malformed`], or as `T` has it.
pub(crate) fn read<T: DeserializeOwned>(uri: &Uri) -> Result<T> {
    let unreadable = || Error::malformed("The query cannot be read");
    let pairs = uri.query().unwrap_or_default().split('&');
    let filled_in = pairs.filter(|pair| {
        pair.split_once('=')
            .is_some_and(|(_, value)| !value.is_empty())
    });
    let query = format!("/?{}", filled_in.collect::<Vec<_>>().join("&"));
    let uri = query.parse().map_err(|_| unreadable())?;
    let axum::extract::Query(params) =
        axum::extract::Query::try_from_uri(&uri).map_err(|_| unreadable())?;
    Ok(params)
}

/// Reads an id.
///
/// # Errors
///
/// A sentence for the person who typed it; so below.
pub fn id(typed: &str) -> Result<Uuid, Problem> {
    // Of the ways to write one, only that in which ids are answered.
    let parsed = Uuid::try_parse(typed).ok().filter(|_| typed.len() == 36);
    parsed.ok_or_else(|| "must be a UUID".to_owned())
}

/// Reads `true` or `false`.
///
/// # Errors
///
/// As [`id`].
pub fn truth(typed: &str) -> Result<bool, Problem> {
    let parsed = typed.parse();
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
        fn an_id_is_read_in_the_form_in_which_it_is_answered_and_in_no_other(
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
        fn an_empty_parameter_counts_as_left_out(query in query(&["from", "to", "x"])) {
            if let Some(params) = uri(&query).and_then(|uri| read::<Params>(&uri).ok()) {
                assert!(params.values().all(|value| !value.is_empty()), "{params:?}");
                for around in [format!("{query}&y="), format!("y&{query}"), format!("y=&{query}&&")] {
                    let around: Params = read(&uri(&around).unwrap()).unwrap();
                    assert_eq!(around, params);
                }
            }
        }

        #[test]
        fn what_is_filled_in_comes_back(value in "[ -~]{1,40}") {
            let written: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let params: Params = read(&uri(&format!("a={written}&b=&c")).unwrap()).unwrap();
            assert_eq!(params, Params::from([("a".to_owned(), value)]));
        }
    }
}
