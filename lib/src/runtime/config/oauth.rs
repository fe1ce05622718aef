//! The sign-in providers, from `OAUTH_<PROVIDER>_…` variables.

use std::collections::BTreeMap;
use std::time::Duration;

use super::environment::{ConfigError, Environment, invalid};
use crate::crypto::secret::Secret;
use crate::runtime::http_client::may_receive_secrets;

/// A sign-in provider.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// The name in paths, which is in lower case and has `-` where the variable has `_`.
    pub name: String,
    /// The protocol.
    pub protocol: Protocol,
    /// `OAUTH_<PROVIDER>_CLIENT_ID`
    pub client_id: String,
    /// `OAUTH_<PROVIDER>_CLIENT_SECRET`
    pub client_secret: Secret,
    /// `OAUTH_<PROVIDER>_ISSUER`, without a trailing slash: the issuer of ID tokens, and
    /// the base of the discovery document. For GitHub, the URL of the site.
    pub issuer: String,
    /// The time limit of a call: five seconds, except in tests.
    pub time_limit: Duration,
}

impl ProviderConfig {
    /// Returns the name for people, such as `Google`.
    pub fn label(&self) -> String {
        if self.protocol == Protocol::GitHub {
            return "GitHub".to_owned();
        }
        let mut letters = self.name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect()
    }
}

/// The protocol of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OpenID Connect, with discovery.
    OpenId,
    /// OAuth 2.0, with GitHub's API for the user's identity.
    GitHub,
}

/// Returns the configured providers by name.
pub(super) fn providers(
    env: &Environment<'_>,
) -> Result<BTreeMap<String, ProviderConfig>, ConfigError> {
    let names = env
        .names()
        .filter_map(|name| name.strip_prefix("OAUTH_")?.strip_suffix("_CLIENT_ID"));
    let mut providers = BTreeMap::new();
    for name in names {
        if let Some(provider) = read_provider(env, name)? {
            providers.insert(provider.name.clone(), provider);
        }
    }
    Ok(providers)
}

fn read_provider(env: &Environment<'_>, name: &str) -> Result<Option<ProviderConfig>, ConfigError> {
    let id_name = format!("OAUTH_{name}_CLIENT_ID");
    let Some(client_id) = env.value(&id_name) else {
        return Ok(None);
    };
    let secret_name = format!("OAUTH_{name}_CLIENT_SECRET");
    let client_secret = env
        .value(&secret_name)
        .ok_or_else(|| invalid(&secret_name, format!("is required when {id_name} is set")))?;
    let issuer_name = format!("OAUTH_{name}_ISSUER");
    let issuer = env.value(&issuer_name).or_else(|| default_issuer(name));
    let issuer = issuer.ok_or_else(|| {
        let problem = "is required for providers other than GOOGLE and GITHUB";
        invalid(&issuer_name, problem)
    })?;
    // Over http:// the client secret would be sent unencrypted.
    if !issuer.parse().is_ok_and(|url| may_receive_secrets(&url)) {
        return Err(invalid(
            &issuer_name,
            "must start with https:// (or http:// on this machine)",
        ));
    }
    let provider_name = name.to_ascii_lowercase().replace('_', "-");
    // The login method of a session is a provider's name or one of these names.
    if ["password", "anonymous"].contains(&provider_name.as_str()) {
        return Err(invalid(&id_name, "has a reserved provider name"));
    }
    if provider_name.len() > 50 {
        return Err(invalid(&id_name, "has a provider name that is too long"));
    }
    Ok(Some(ProviderConfig {
        protocol: match name {
            "GITHUB" => Protocol::GitHub,
            _ => Protocol::OpenId,
        },
        name: provider_name,
        client_id,
        client_secret: Secret::new(client_secret),
        issuer: issuer.trim_end_matches('/').to_owned(),
        time_limit: Duration::from_secs(5),
    }))
}

fn default_issuer(name: &str) -> Option<String> {
    match name {
        "GOOGLE" => Some("https://accounts.google.com".to_owned()),
        "GITHUB" => Some("https://github.com".to_owned()),
        _ => None,
    }
}
