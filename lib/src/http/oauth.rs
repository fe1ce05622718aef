//! What comes back from a sign-in provider, and the browser that brings it.

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::Method;
use http::request::Parts;

use super::cookie::{self, Purpose};
use super::json;
use crate::App;
use crate::error::{Error, Result};
use crate::http::path::segment;
use crate::runtime::config::ProviderConfig;
use crate::session::Token;

/// The configured provider that `{provider}` in the function's path names; any
/// other is 404.
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

#[cfg(test)]
mod properties {
    use proptest::option::of;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::{bytes, fair, query, text};

    proptest! {
        #[test]
        fn any_answer_comes_back_from_its_query_and_nothing_beside_it(
            code in of(text()), state in of(text()), iss in of(text()), error in of(text()), more in text(),
        ) {
            let answer = ProviderAnswer { code, state, iss, error };
            let mut query = form_urlencoded::Serializer::new(answer.to_query());
            query.append_pair("more", &more);
            let read = ProviderAnswer::parse(query.finish().as_bytes()).unwrap();
            assert_eq!(read.to_query(), answer.to_query());
            assert_eq!((read.code, read.state), (answer.code, answer.state));
        }

        #[test]
        fn any_bytes_are_an_answer_or_refused_and_what_is_given_twice_is_refused(
            form in bytes(), query in query(&["code", "state", "iss", "error"]),
        ) {
            fair(ProviderAnswer::parse(&form));
            if let Some(answer) = fair(ProviderAnswer::parse(query.as_bytes())) {
                // What goes on is a header's value.
                assert!(http::HeaderValue::from_str(&answer.to_query()).is_ok());
            }
            for name in ["code", "state", "iss", "error"] {
                let twice = format!("{name}=a&{query}&{name}=b");
                assert!(fair(ProviderAnswer::parse(twice.as_bytes())).is_none());
            }
        }
    }
}
