//! The metadata of a provider, such as its endpoints.

use serde::{Deserialize, Serialize};

use super::request::ProviderClient;
use crate::error::{Error, Result};
use crate::runtime::http_client::may_receive_secrets;

/// The metadata that a provider publishes (OpenID Connect Discovery 1.0 § 3). GitHub
/// publishes none, so the module `github` contains its metadata.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Metadata {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) jwks_uri: String,
    pub(super) userinfo_endpoint: Option<String>,
    #[serde(default = "default_auth_methods")]
    pub(super) token_endpoint_auth_methods_supported: Vec<String>,
    /// Whether authorization responses contain the issuer (RFC 9207).
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

fn default_auth_methods() -> Vec<String> {
    vec!["client_secret_basic".to_owned()]
}

/// Fetches the metadata of an OpenID Connect provider.
///
/// # Errors
///
/// [`Error::Unavailable`] if the provider does not respond, or if its metadata is invalid.
pub(super) async fn discover(client: &ProviderClient<'_>) -> Result<Metadata> {
    let issuer = &client.config.issuer;
    let url = format!("{issuer}/.well-known/openid-configuration");
    let metadata: Metadata = client.get(&url, None).await?;
    // The configured issuer has no trailing slash, but some providers publish one.
    if metadata.issuer.trim_end_matches('/') != issuer {
        return Err(Error::unavailable("provider metadata has another issuer"));
    }
    // The browser is redirected to this address.
    let endpoint = metadata.authorization_endpoint.parse();
    if !endpoint.is_ok_and(|endpoint| may_receive_secrets(&endpoint)) {
        return Err(Error::unavailable(
            "provider metadata has an invalid authorization endpoint",
        ));
    }
    Ok(metadata)
}
