//! The extractors of sign-ins through a provider.

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::Method;
use http::request::Parts;

use super::cookie::{self, CookiePurpose};
use super::json;
use crate::App;
use crate::error::{Error, Result};
use crate::http::path::segment;
use crate::runtime::config::ProviderConfig;
use crate::session::Token;

/// The configured provider that `{provider}` in the path names. The response to an
/// unknown name is 404.
#[derive(Clone, Debug)]
pub struct Provider(pub ProviderConfig);

impl FromRequestParts<App> for Provider {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        segment(parts, app, "provider")
            .await?
            .and_then(|name| app.config().providers.get(&name))
            .map(|provider| Self(provider.clone()))
            .ok_or(Error::NotFound)
    }
}

/// The browser of a sign-in through a provider.
#[derive(Clone, Debug)]
pub struct OAuthBrowser {
    /// The token in the browser's cookie, if it is well-formed.
    pub token: Option<Token>,
    /// Whether another site sent the browser here.
    pub is_cross_site: bool,
}

impl FromRequestParts<App> for OAuthBrowser {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let token = cookie::read(app, &parts.headers, CookiePurpose::OAuth)?;
        // `same-site` counts as another site, as in the origin check.
        // `none` means that the user entered the address.
        let site = parts.headers.get("sec-fetch-site");
        Ok(Self {
            token: token.and_then(Token::parse),
            is_cross_site: site.is_some_and(|site| site != "same-origin" && site != "none"),
        })
    }
}

/// The parameters of a provider's response (RFC 6749, section 4.1.2, and RFC
/// 9207).
#[derive(Clone, Debug, Default)]
pub struct CallbackResponse {
    /// The authorization code.
    pub code: Option<String>,
    /// The state that was sent to the provider.
    pub state: Option<String>,
    /// The issuer, which is the provider.
    pub iss: Option<String>,
    /// The reason why the provider sent no code.
    pub error: Option<String>,
}

impl CallbackResponse {
    fn parse(text: &[u8]) -> Result<Self> {
        let mut callback = Self::default();
        for (name, value) in form_urlencoded::parse(text) {
            let field = match &*name {
                "code" => &mut callback.code,
                "state" => &mut callback.state,
                "iss" => &mut callback.iss,
                "error" => &mut callback.error,
                _ => continue,
            };
            // Of two values, one could be checked and the other used (RFC 6749, section 3.1).
            if field.replace(value.into_owned()).is_some() {
                return Err(Error::malformed("A parameter is given twice"));
            }
        }
        Ok(callback)
    }

    /// Formats the known parameters as a query string.
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

impl FromRequest<App> for CallbackResponse {
    type Rejection = Error;

    async fn from_request(request: Request, _: &App) -> Result<Self> {
        if request.method() != Method::POST {
            return Self::parse(request.uri().query().unwrap_or_default().as_bytes());
        }
        Self::parse(&json::form_bytes(request).await?)
    }
}

#[cfg(test)]
mod properties {
    use proptest::option::of;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{bytes, parsed_or_client_error, query, text};

    proptest! {
        #[test]
        fn to_query_keeps_the_known_parameters_and_drops_others(
            code in of(text()), state in of(text()), iss in of(text()), error in of(text()), extra in text(),
        ) {
            let callback = CallbackResponse { code, state, iss, error };
            let mut query = form_urlencoded::Serializer::new(callback.to_query());
            query.append_pair("extra", &extra);
            let parsed = CallbackResponse::parse(query.finish().as_bytes()).unwrap();
            assert_eq!(parsed.to_query(), callback.to_query());
            assert_eq!((parsed.code, parsed.state), (callback.code, callback.state));
        }

        #[test]
        fn any_bytes_are_read_or_rejected_and_duplicates_are_rejected(
            form in bytes(), query in query(&["code", "state", "iss", "error"]),
        ) {
            parsed_or_client_error(CallbackResponse::parse(&form));
            if let Some(callback) = parsed_or_client_error(CallbackResponse::parse(query.as_bytes())) {
                // The query becomes part of a `Location` header.
                assert!(http::HeaderValue::from_str(&callback.to_query()).is_ok());
            }
            for name in ["code", "state", "iss", "error"] {
                let duplicate = format!("{name}=a&{query}&{name}=b");
                assert!(parsed_or_client_error(CallbackResponse::parse(duplicate.as_bytes())).is_none());
            }
        }
    }
}
