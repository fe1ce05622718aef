//! Sign-in providers: `OAUTH_<PROVIDER>_CLIENT_ID` and its like.

use std::collections::BTreeMap;
use std::time::Duration;

use super::environment::{ConfigError, Environment, refuse};
use crate::crypto::secret::Secret;
use crate::runtime::http_client::may_be_called;

/// A provider by which members may sign in.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// As it stands in the path of its function: lower case, with `-` where the
    /// variable has `_`.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// `OAUTH_<PROVIDER>_CLIENT_ID`
    pub client_id: String,
    /// `OAUTH_<PROVIDER>_CLIENT_SECRET`
    pub client_secret: Secret,
    /// `OAUTH_<PROVIDER>_ISSUER`, without a slash at its end: what an ID token
    /// has to name, and where its configuration is found. For GitHub the site.
    pub issuer: String,
    /// How long one call to it may take: five seconds. Only tests have other
    /// values.
    pub deadline: Duration,
}

impl ProviderConfig {
    /// As people call it.
    pub fn label(&self) -> String {
        if self.protocol == Protocol::GitHub {
            return "GitHub".to_owned();
        }
        let mut letters = self.name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect()
    }
}

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OpenID Connect, with discovery.
    OpenId,
    /// OAuth 2.0, and an API of its own that says who somebody is.
    GitHub,
}

/// The providers that are set up, by name.
pub(super) fn providers(
    env: &Environment<'_>,
) -> Result<BTreeMap<String, ProviderConfig>, ConfigError> {
    let names = env
        .names()
        .filter_map(|name| name.strip_prefix("OAUTH_")?.strip_suffix("_CLIENT_ID"));
    let mut providers = BTreeMap::new();
    for name in names {
        if let Some(provider) = provider(env, name)? {
            providers.insert(provider.name.clone(), provider);
        }
    }
    Ok(providers)
}

fn provider(env: &Environment<'_>, name: &str) -> Result<Option<ProviderConfig>, ConfigError> {
    let id_name = format!("OAUTH_{name}_CLIENT_ID");
    let Some(client_id) = env.text(&id_name) else {
        return Ok(None);
    };
    let secret_name = format!("OAUTH_{name}_CLIENT_SECRET");
    let client_secret = env
        .text(&secret_name)
        .ok_or_else(|| refuse(&secret_name, format!("is required beside {id_name}")))?;
    let issuer_name = format!("OAUTH_{name}_ISSUER");
    let issuer = env.text(&issuer_name).or_else(|| default_issuer(name));
    let issuer = issuer.ok_or_else(|| {
        let problem = "is required for a provider other than GOOGLE and GITHUB";
        refuse(&issuer_name, problem)
    })?;
    // The secret would cross a network in the clear.
    if !issuer.parse().is_ok_and(|issuer| may_be_called(&issuer)) {
        return Err(refuse(
            &issuer_name,
            "must begin with https:// (or be http:// on this machine)",
        ));
    }
    let own_name = name.to_ascii_lowercase().replace('_', "-");
    // How a session was made is kept by this name, beside these.
    if ["password", "anonymous"].contains(&own_name.as_str()) {
        return Err(refuse(&id_name, "the provider needs another name"));
    }
    if own_name.len() > 50 {
        return Err(refuse(&id_name, "the provider's name is too long"));
    }
    Ok(Some(ProviderConfig {
        protocol: match name {
            "GITHUB" => Protocol::GitHub,
            _ => Protocol::OpenId,
        },
        name: own_name,
        client_id,
        client_secret: Secret::new(client_secret),
        issuer: issuer.trim_end_matches('/').to_owned(),
        deadline: Duration::from_secs(5),
    }))
}

fn default_issuer(name: &str) -> Option<String> {
    match name {
        "GOOGLE" => Some("https://accounts.google.com".to_owned()),
        "GITHUB" => Some("https://github.com".to_owned()),
        _ => None,
    }
}
