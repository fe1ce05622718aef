//! What stands in a path: an id, or another dynamic segment.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use uuid::Uuid;

use crate::App;
use crate::error::{Error, Result};

/// The UUID that stands for `{id}` in the function's path; anything else is 400.
#[derive(Clone, Copy, Debug)]
pub struct Id(pub Uuid);

impl FromRequestParts<App> for Id {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        segment(parts, app, "id")
            .await?
            .and_then(|value| value.parse().ok())
            .map(Self)
            .ok_or_else(|| Error::field("id", "must be a UUID"))
    }
}

/// What stands for `{name}` in the function's path.
pub(super) async fn segment(parts: &mut Parts, app: &App, name: &str) -> Result<Option<String>> {
    let params = RawPathParams::from_request_parts(parts, app)
        .await
        .map_err(|_| Error::malformed("The address cannot be read"))?;
    let mut params = params.iter();
    Ok(params
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned()))
}
