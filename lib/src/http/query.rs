//! The query of an address.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::App;
use crate::error::{Error, Result};
use crate::text::Problem;

/// What stands behind the question mark, as texts: what each of them means is
/// for the function to find out, which can then name the one that is wrong.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let query = axum::extract::Query::try_from_uri(&parts.uri);
        let axum::extract::Query(params) =
            query.map_err(|_| Error::malformed("The query cannot be read"))?;
        Ok(Self(params))
    }
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
