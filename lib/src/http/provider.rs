//! What comes back from a sign-in provider, and the browser that brings it.

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use http::Method;
use http::request::Parts;

use super::cookie::{self, Purpose};
use super::json;
use crate::App;
use crate::config::ProviderConfig;
use crate::error::{Error, Result};
use crate::session::Token;

/// The configured provider that `{provider}` in the function's path names; any
/// other is 404.
#[derive(Clone, Debug)]
pub struct Provider(pub ProviderConfig);

impl FromRequestParts<App> for Provider {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let params = RawPathParams::from_request_parts(parts, app)
            .await
            .map_err(|_| Error::malformed("The address cannot be read"))?;
        params
            .iter()
            .find(|(name, _)| *name == "provider")
            .and_then(|(_, value)| app.config().providers.get(value))
            .map(|provider| Self(provider.clone()))
            .ok_or(Error::NotFound)
    }
}

/// The browser that a sign-in through a provider is bound to.
#[derive(Clone, Debug)]
pub struct OAuthBrowser {
    /// What its cookie holds; `None`: nothing that is well-formed.
    pub token: Option<Token>,
    /// Whether a page of another site has sent it here.
    pub from_elsewhere: bool,
}

impl FromRequestParts<App> for OAuthBrowser {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let token = cookie::presented(app, &parts.headers, Purpose::OAuth);
        // A neighbour on the same domain is another site here, as it is for
        // the origin check. `none`: its owner typed the address.
        let site = parts.headers.get("sec-fetch-site");
        Ok(Self {
            token: token.and_then(Token::parse),
            from_elsewhere: site.is_some_and(|site| site != "same-origin" && site != "none"),
        })
    }
}

/// A provider's answer (RFC 6749 § 4.1.2, RFC 9207).
#[derive(Clone, Debug, Default)]
pub struct ProviderAnswer {
    /// Good for the exchange, once.
    pub code: Option<String>,
    /// What went out with the browser.
    pub state: Option<String>,
    /// Who answers.
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
}

impl ProviderAnswer {
    fn parse(text: &[u8]) -> Result<Self> {
        let mut answer = Self::default();
        for (name, value) in form_urlencoded::parse(text) {
            let place = match &*name {
                "code" => &mut answer.code,
                "state" => &mut answer.state,
                "iss" => &mut answer.iss,
                "error" => &mut answer.error,
                _ => continue,
            };
            // Of two, one may be checked and the other used (RFC 6749 § 3.1).
            if place.replace(value.into_owned()).is_some() {
                return Err(Error::malformed("A parameter is given twice"));
            }
        }
        Ok(answer)
    }

    /// The answer as a query. What else came with it stays behind.
    pub fn to_query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("code", &self.code),
            ("state", &self.state),
            ("iss", &self.iss),
            ("error", &self.error),
        ] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }
}

impl FromRequest<App> for ProviderAnswer {
    type Rejection = Error;

    async fn from_request(request: Request, _: &App) -> Result<Self> {
        if request.method() != Method::POST {
            return Self::parse(request.uri().query().unwrap_or_default().as_bytes());
        }
        Self::parse(&json::form_bytes(request).await?)
    }
}
