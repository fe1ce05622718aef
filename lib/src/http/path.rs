//! Parameters in the path.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use uuid::Uuid;

use crate::App;
use crate::error::{Error, Result};

/// The UUID at `{id}` in the path. The response to any other value is 400.
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

/// Returns the path parameter `{name}`.
pub(super) async fn segment(parts: &mut Parts, app: &App, name: &str) -> Result<Option<String>> {
    let params = RawPathParams::from_request_parts(parts, app)
        .await
        .map_err(|_| Error::malformed("The path is not valid"))?;
    let mut params = params.iter();
    Ok(params
        .find(|(param, _)| *param == name)
        .map(|(_, value)| value.to_owned()))
}
