//! Sign-in through GitHub, which supports OAuth 2.0 but not OpenID Connect. The claims come
//! from its REST API.
//!
//! Sources: <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>
//! and <https://docs.github.com/en/rest/users/emails>.

use serde::Deserialize;

use super::claims::Claims;
use super::metadata::Metadata;
use super::request::ProviderClient;
use crate::error::Result;

#[derive(Deserialize)]
struct User {
    id: u64,
    login: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct EmailAddress {
    email: String,
    primary: bool,
    verified: bool,
}

/// Returns the endpoints of GitHub or of a GitHub Enterprise server.
pub(super) fn metadata(site: &str) -> Metadata {
    Metadata {
        issuer: site.to_owned(),
        authorization_endpoint: format!("{site}/login/oauth/authorize"),
        token_endpoint: format!("{site}/login/oauth/access_token"),
        jwks_uri: String::new(),
        // The base URL of the REST API. `claims` adds the paths.
        userinfo_endpoint: Some(match site {
            "https://github.com" => "https://api.github.com".to_owned(),
            enterprise => format!("{enterprise}/api/v3"),
        }),
        token_endpoint_auth_methods_supported: vec!["client_secret_post".to_owned()],
        authorization_response_iss_parameter_supported: false,
    }
}

/// Fetches the claims about the user whom the access token belongs to.
///
/// # Errors
///
/// Those of [`ProviderClient::get`].
pub(super) async fn claims(
    client: &ProviderClient<'_>,
    metadata: &Metadata,
    access_token: &str,
) -> Result<Claims> {
    let api = metadata.userinfo_endpoint.as_deref().unwrap_or_default();
    let user: User = client
        .get(&format!("{api}/user"), Some(access_token))
        .await?;
    let addresses: Vec<EmailAddress> = client
        .get(&format!("{api}/user/emails"), Some(access_token))
        .await?;
    let primary = addresses.into_iter().find(|address| address.primary);
    Ok(Claims {
        // Another user can take over a login name, but not an id.
        sub: user.id.to_string(),
        email_verified: primary.as_ref().map(|address| address.verified),
        email: primary.map(|address| address.email),
        given_name: None,
        family_name: None,
        name: user.name.or(Some(user.login)),
    })
}
