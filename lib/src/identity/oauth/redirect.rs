//! Redirects of the browser, and the parameters that it brings.

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

/// The options of a sign-in.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct AuthorizationQuery {
    /// The path of this site to return to afterwards. The default is `/`.
    #[param(max_length = 2_000, example = "/#account")]
    return_to: Option<String>,
    /// Keeps the session for thirty days instead of seven.
    #[param(value_type = Option<bool>)]
    remember: Option<String>,
}

impl AuthorizationQuery {
    /// Returns the return path, and whether to remember the session.
    pub(super) fn read(&self) -> Result<(&str, bool)> {
        let return_path = self.return_to.as_deref().unwrap_or("/");
        if !is_own_path(return_path) {
            return Err(Error::field("returnTo", "must be a path of this site"));
        }
        let remember = self.remember.as_deref().map(query::boolean).transpose();
        let remember = remember.map_err(|problem| Error::field("remember", problem))?;
        Ok((return_path, remember.unwrap_or_default()))
    }
}

/// Returns whether a browser resolves the text to a path of the current site. `//host`
/// does not. Browsers also read `\` as `/`, and remove tabs and line breaks (WHATWG URL
/// § 4.4).
fn is_own_path(path: &str) -> bool {
    let rest = path.strip_prefix('/');
    path.len() <= MAX_RETURN_PATH
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && rest.is_some_and(|rest| !rest.starts_with('/'))
}

/// A redirect with status 303, which the browser follows with GET, and cookies.
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

/// The parameters of the provider's authorization response, for the description.
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

/// Redirects an authorization response that was sent by POST to the same address with
/// GET. The POST comes from another site's page, so the browser sends none of our
/// cookies with it, and the sign-in, the device and the session would be missing.
pub fn redirect_to_callback(config: &ProviderConfig, answer: &CallbackResponse) -> SeeOther {
    let (name, query) = (&config.name, answer.to_query());
    let path = format!("/api/auth/oauth/callback/{name}?{query}");
    SeeOther::to(path, Vec::new())
}

/// An error in a step of the sign-in.
#[derive(Debug)]
pub struct FailedStep {
    error: Error,
    return_path: String,
}

impl FailedStep {
    /// An error of a sign-in that returns to this path.
    pub(super) fn new(error: Error, return_path: String) -> Self {
        Self { error, return_path }
    }
}

impl From<Error> for FailedStep {
    fn from(error: Error) -> Self {
        Self::new(error, "/".to_owned())
    }
}

/// Responds with the result of a step. A browser that navigates here returns to the
/// page even after an error. Other clients get the error as JSON.
pub fn respond(app: &App, headers: &HeaderMap, result: Result<SeeOther, FailedStep>) -> Response {
    let FailedStep { error, return_path } = match result {
        Ok(redirect) => return redirect.into_response(),
        Err(failed) => failed,
    };
    let challenge = error.challenge().map(|token| {
        let value = token.expose();
        SetCookie::new(
            app,
            CookiePurpose::Challenge,
            value,
            sign_in_challenge::LIFETIME,
        )
    });
    let fragment = match &challenge {
        Some(_) => ("two-factor", return_path),
        None => ("oauth", error.code().to_owned()),
    };
    // The error stays attached to the response, so that it is logged.
    let mut response = error.into_response();
    if accepts(headers, "text/html") {
        let mut location = form_urlencoded::Serializer::new(String::new());
        location.append_pair(fragment.0, &fragment.1);
        if let Ok(location) = HeaderValue::from_str(&format!("/#{}", location.finish())) {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(LOCATION, location);
        }
    }
    SetCookie::append(challenge.into_iter().collect(), &mut response);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_has_the_same_bound_as_the_parser() {
        let params = AuthorizationQuery::into_params(|| None);
        let params = serde_json::to_value(params).unwrap();
        assert_eq!(params[0]["name"], "returnTo");
        assert_eq!(params[0]["schema"]["maxLength"], MAX_RETURN_PATH);
    }

    #[test]
    fn a_return_path_stays_on_the_site() {
        for own in ["/", "/classes", "/#bookings", "/a?b=c&d=%2F%2Fe", "/a//b"] {
            assert!(is_own_path(own), "{own}");
        }
        for foreign in [
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
            assert!(!is_own_path(foreign), "{foreign:?}");
        }
        assert!(!is_own_path(&"/a".repeat(MAX_RETURN_PATH)));
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::testing::arbitrary::{parsed_or_client_error, text};

    /// Paths that try to lead a browser to another site.
    fn path() -> impl Strategy<Value = String> {
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
        let tried = proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat());
        prop_oneof![
            3 => tried.clone(),
            3 => tried.prop_map(|tried| format!("/{tried}")),
            3 => r"/[\\/\t]{1,2}evil\.example[!-~]{0,12}",
            1 => text(),
            1 => "/[!-~]{0,40}",
        ]
    }

    proptest! {
        #[test]
        fn an_accepted_return_path_stays_on_the_site(path in path()) {
            let query = AuthorizationQuery { return_to: Some(path.clone()), remember: None };
            let Some((accepted, _)) = parsed_or_client_error(query.read()) else { return Ok(()) };
            assert_eq!(accepted, path);
            // Resolved as a browser resolves it, from different pages of the site.
            for page in ["https://sabor.example/", "https://sabor.example/a/b?c#d"] {
                let page = Url::parse(page).unwrap();
                let there = page.join(accepted).unwrap();
                assert_eq!(there.origin(), page.origin(), "{there}");
                assert!(there.username().is_empty() && there.password().is_none());
            }
            let response = SeeOther::to(accepted, Vec::new()).into_response();
            assert_eq!(response.headers()[LOCATION].as_bytes(), accepted.as_bytes());
        }

        #[test]
        fn an_ordinary_path_is_accepted(path in "(/[a-z0-9-]{1,9}){1,4}(\\?[a-z]{1,5}=[a-z0-9%@/:]{0,9})?(#[a-z]{0,5})?") {
            assert!(is_own_path(&path));
        }
    }
}
