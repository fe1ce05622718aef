//! The redirects of a sign-in through a provider, and their query parameters.

use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::error::{Error, Result};
use crate::http::{CallbackResponse, CookiePurpose, SetCookie, accepts, query};
use crate::models::sign_in_challenge;
use crate::runtime::config::ProviderConfig;

/// The maximum length of a return path, in bytes.
const MAX_RETURN_PATH: usize = 2_000;

/// The query parameters of a request that starts a sign-in.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct AuthorizationQuery {
    /// The path of this site to which the browser returns. The default is `/`.
    #[param(max_length = 2_000, example = "/account")]
    return_to: Option<String>,
    /// Keeps the session in the browser for at most thirty days, or seven days without use.
    /// Otherwise, it lasts at most seven days, or 24 hours without use, and the browser forgets
    /// the cookie when it is closed.
    #[param(value_type = Option<bool>)]
    remember: Option<String>,
}

impl AuthorizationQuery {
    /// Validates the parameters. Returns the return path, and whether to remember the
    /// session.
    pub(super) fn read(&self) -> Result<(&str, bool)> {
        let return_path = self.return_to.as_deref().unwrap_or("/");
        if !is_local_path(return_path) {
            return Err(Error::field("returnTo", "must be a path of this site"));
        }
        let remember = self.remember.as_deref().map(query::boolean).transpose();
        let remember = remember.map_err(|problem| Error::field("remember", problem))?;
        Ok((return_path, remember.unwrap_or_default()))
    }
}

/// Returns whether a browser that follows `path` stays on this site. `//host` leads to
/// another site. `\`, tabs and line breaks are rejected, because browsers read `\` as `/`
/// and remove tabs and line breaks (WHATWG URL § 4.4).
fn is_local_path(path: &str) -> bool {
    let after_slash = path.strip_prefix('/');
    path.len() <= MAX_RETURN_PATH
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && after_slash.is_some_and(|rest| !rest.starts_with('/'))
}

/// A redirect with status 303 and cookies. The browser follows it with GET.
#[derive(Debug)]
pub struct SeeOther {
    location: String,
    cookies: Vec<SetCookie>,
}

impl SeeOther {
    pub(super) fn to(location: impl Into<String>, cookies: Vec<SetCookie>) -> Self {
        Self {
            location: location.into(),
            cookies,
        }
    }
}

impl IntoResponse for SeeOther {
    fn into_response(self) -> Response {
        let Ok(location) = HeaderValue::from_str(&self.location) else {
            return Error::internal("redirect location is not a valid header value")
                .into_response();
        };
        let mut response = StatusCode::SEE_OTHER.into_response();
        response.headers_mut().insert(LOCATION, location);
        SetCookie::append(self.cookies, &mut response);
        response
    }
}

/// The query parameters of a provider's authorization response, for the API description.
/// [`CallbackResponse`] parses them and rejects duplicates.
#[derive(Debug, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[schema(as = ProviderCallback)]
#[expect(dead_code, reason = "only for the API description")]
pub struct CallbackParams {
    /// The authorization code.
    code: Option<String>,
    /// The `state` of the authorization request.
    state: Option<String>,
    /// The issuer (RFC 9207).
    iss: Option<String>,
    /// The error, if there is no code.
    error: Option<String>,
}

/// Redirects a POST that contains an authorization response to the callback URL, which the
/// browser then requests with GET. The browser sends cookies only with the GET, because the
/// POST comes from a page of another site.
pub fn redirect_to_callback(config: &ProviderConfig, response: &CallbackResponse) -> SeeOther {
    let (name, query) = (&config.name, response.to_query());
    let path = format!("/api/auth/oauth/callback/{name}?{query}");
    SeeOther::to(path, Vec::new())
}

/// An error in a step of a sign-in, with the path to return to.
#[derive(Debug)]
pub struct FailedStep {
    error: Error,
    return_path: String,
}

impl FailedStep {
    /// Creates the error of a sign-in that returns to `return_path`.
    pub(super) fn new(error: Error, return_path: String) -> Self {
        Self { error, return_path }
    }
}

impl From<Error> for FailedStep {
    fn from(error: Error) -> Self {
        Self::new(error, "/".to_owned())
    }
}

/// Returns the response to a step of a sign-in. After an error, a browser is redirected to
/// the account page, and other clients get the error as JSON. If the sign-in requires a code,
/// the response also sets the cookie of the challenge.
pub fn respond(app: &App, headers: &HeaderMap, result: Result<SeeOther, FailedStep>) -> Response {
    let FailedStep { error, return_path } = match result {
        Ok(redirect) => return redirect.into_response(),
        Err(failed) => failed,
    };
    let challenge_cookie = error.challenge().map(|token| {
        let value = token.expose();
        SetCookie::new(
            app,
            CookiePurpose::Challenge,
            value,
            Some(sign_in_challenge::LIFETIME),
        )
    });
    let (name, value) = match &challenge_cookie {
        Some(_) => ("two-factor", return_path),
        None => ("oauth", error.code().to_owned()),
    };
    // `into_response` attaches the error to the response, so that it is logged.
    let mut response = error.into_response();
    if accepts(headers, "text/html") {
        let mut fragment = form_urlencoded::Serializer::new(String::new());
        fragment.append_pair(name, &value);
        if let Ok(location) = HeaderValue::from_str(&format!("/account#{}", fragment.finish())) {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(LOCATION, location);
        }
    }
    SetCookie::append(challenge_cookie.into_iter().collect(), &mut response);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_has_the_limit_of_the_parser() {
        let params = AuthorizationQuery::into_params(|| None);
        let params = serde_json::to_value(params).unwrap();
        assert_eq!(params[0]["name"], "returnTo");
        assert_eq!(params[0]["schema"]["maxLength"], MAX_RETURN_PATH);
    }

    #[test]
    fn a_return_path_stays_on_the_site() {
        for path in ["/", "/classes", "/#bookings", "/a?b=c&d=%2F%2Fe", "/a//b"] {
            assert!(is_local_path(path), "{path}");
        }
        for path in [
            "",
            "classes",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\\b",
            "/\t/evil.example",
            "/a\r\nset-cookie: b=c",
            "https://evil.example",
            "javascript:alert(1)",
            " /",
            "/é",
        ] {
            assert!(!is_local_path(path), "{path:?}");
        }
        assert!(!is_local_path(&"/a".repeat(MAX_RETURN_PATH)));
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::testing::arbitrary::{parsed_or_client_error, text};

    /// Generates paths that may lead a browser to another site.
    fn suspicious_path() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("/"),
            Just("\\"),
            Just("//"),
            Just("."),
            Just(".."),
            Just("@"),
            Just(":"),
            Just("\t"),
            Just("\n"),
            Just("\r"),
            Just("https:"),
            Just("javascript:"),
            Just("evil.example"),
            Just("%2f"),
            Just("%5c"),
            Just("?"),
            Just("#"),
            Just(" "),
            Just("\u{3000}"),
            Just("／"),
            Just("a"),
        ];
        let joined = proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat());
        prop_oneof![
            3 => joined.clone(),
            3 => joined.prop_map(|path| format!("/{path}")),
            3 => r"/[\\/\t]{1,2}evil\.example[!-~]{0,12}",
            1 => text(),
            1 => "/[!-~]{0,40}",
        ]
    }

    proptest! {
        #[test]
        fn an_accepted_return_path_stays_on_the_site(path in suspicious_path()) {
            let query = AuthorizationQuery { return_to: Some(path.clone()), remember: None };
            let Some((accepted, _)) = parsed_or_client_error(query.read()) else { return Ok(()) };
            assert_eq!(accepted, path);
            // A browser resolves the path against the URL of the current page.
            for base in ["https://sabor.example/", "https://sabor.example/a/b?c#d"] {
                let base = Url::parse(base).unwrap();
                let resolved = base.join(accepted).unwrap();
                assert_eq!(resolved.origin(), base.origin(), "{resolved}");
                assert!(resolved.username().is_empty() && resolved.password().is_none());
            }
            let response = SeeOther::to(accepted, Vec::new()).into_response();
            assert_eq!(response.headers()[LOCATION].as_bytes(), accepted.as_bytes());
        }

        #[test]
        fn an_ordinary_path_is_accepted(path in "(/[a-z0-9-]{1,9}){1,4}(\\?[a-z]{1,5}=[a-z0-9%@/:]{0,9})?(#[a-z]{0,5})?") {
            assert!(is_local_path(&path));
        }
    }
}
