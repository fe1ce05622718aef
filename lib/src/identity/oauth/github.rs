//! GitHub, which speaks OAuth 2.0 alone: who somebody is, its API says.
//!
//! After <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>
//! and <https://docs.github.com/en/rest/users/emails>.

use serde::Deserialize;

use super::claims::Claims;
use super::provider::{Metadata, Provider};
use crate::error::Result;
use crate::runtime::background::BoxFuture;

#[derive(Deserialize)]
struct User {
    id: u64,
    login: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

/// Where GitHub, or a server of GitHub Enterprise, answers.
pub(super) fn metadata(site: &str) -> Metadata {
    Metadata {
        issuer: site.to_owned(),
        authorization_endpoint: format!("{site}/login/oauth/authorize"),
        token_endpoint: format!("{site}/login/oauth/access_token"),
        jwks_uri: String::new(),
        userinfo_endpoint: Some(match site {
            "https://github.com" => "https://api.github.com".to_owned(),
            enterprise => format!("{enterprise}/api/v3"),
        }),
        token_endpoint_auth_methods_supported: vec!["client_secret_post".to_owned()],
        authorization_response_iss_parameter_supported: false,
    }
}

/// Who the bearer of this access token is.
///
/// # Errors
///
/// As [`Provider::claims`].
pub(super) fn claims<'a>(
    github: &'a Provider<'_>,
    access_token: &'a str,
) -> BoxFuture<'a, Result<Claims>> {
    Box::pin(async move {
        let api = github
            .metadata
            .userinfo_endpoint
            .clone()
            .unwrap_or_default();
        let user: User = github
            .get(&format!("{api}/user"), Some(access_token))
            .await?;
        let addresses: Vec<Address> = github
            .get(&format!("{api}/user/emails"), Some(access_token))
            .await?;
        let primary = addresses.into_iter().find(|address| address.primary);
        Ok(Claims {
            // The name of an account can change hands; its number does not.
            sub: user.id.to_string(),
            email_verified: primary.as_ref().is_some_and(|address| address.verified),
            email: primary.map(|address| address.email),
            given_name: None,
            family_name: None,
            name: user.name.or(Some(user.login)),
        })
    })
}
