//! Sign-in through a provider: the authorization code flow with PKCE (RFC 6749,
//! RFC 7636, RFC 9700), and OpenID Connect on top of it.
//!
//! [`begin`] sends the browser away, [`finish`] takes it back; what holds the
//! two together is a row in `oauth_states` and a cookie. `provider` calls the
//! provider, `id_token` judges what it signs, and `account` decides whose
//! account it is.

mod account;
mod claims;
mod github;
mod id_token;
mod provider;

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::account::Settled;
use self::claims::Identity;
use self::provider::Provider;
use crate::error::{Error, Result};
use crate::http::{
    CookiePurpose, OAuthBrowser, ProviderAnswer, SetCookie, SignInContext, accepts, query,
};
use crate::identity::rate_limit;
use crate::identity::rate_limit::{OAUTH_ADDRESS, Subject};
use crate::identity::sign_in::{Wish, admit, require_code, require_verified};
use crate::models::oauth_state::{self, LIFE_SECONDS, NewState, State};
use crate::models::security_event::{self, Kind};
use crate::notify::mail;
use crate::runtime::config::ProviderConfig;
use crate::session::Token;
use crate::{App, BoxFuture};

/// The longest subject that is kept, in bytes.
const MAX_SUBJECT: usize = 255;

/// The longest return path, in bytes.
const MAX_RETURN_PATH: usize = 2_000;

/// How long a code may take to come after a sign-in that asks for one.
const CHALLENGE_LIFE: Duration = Duration::from_secs(300);

const STATE_UNKNOWN: Error = Error::Refused {
    code: "oauth_state",
    message: "This sign-in was begun elsewhere, or has taken too long; please start again",
};

const REFUSED: Error = Error::Refused {
    code: "oauth_refused",
    message: "The provider's answer cannot be accepted; please start again",
};

const DENIED: Error = Error::Forbidden {
    code: "access_denied",
    message: "The sign-in was declined at the provider",
};

/// A provider by which visitors may sign in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Provider)]
pub struct Offered {
    /// As it stands in the path.
    name: String,
    /// As people call it.
    label: String,
}

/// All that are configured.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProviderList)]
pub struct Providers {
    items: Vec<Offered>,
}

/// The providers by which visitors may sign in.
pub fn providers(app: &App) -> Providers {
    let items = app.config().providers.values().map(|provider| Offered {
        name: provider.name.clone(),
        label: provider.label(),
    });
    Providers {
        items: items.collect(),
    }
}

/// What people call a provider, whether or not it is still configured.
pub(crate) fn label(app: &App, name: &str) -> String {
    let provider = app.config().providers.get(name);
    provider.map_or_else(|| name.to_owned(), ProviderConfig::label)
}

/// How a sign-in is to be.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct Wanted {
    /// Where to go when it is done: a path of this site, `/` unless given.
    #[param(max_length = 2_000, example = "/#account")]
    return_to: Option<String>,
    /// Thirty days instead of seven.
    #[param(value_type = Option<bool>)]
    remember: Option<String>,
}

impl Wanted {
    fn read(&self) -> Result<(&str, bool)> {
        let return_path = self.return_to.as_deref().unwrap_or("/");
        if !is_own_path(return_path) {
            return Err(Error::field("returnTo", "must be a path of this site"));
        }
        let remember = self.remember.as_deref().map(query::boolean).transpose();
        let remember = remember.map_err(|problem| Error::field("remember", problem))?;
        Ok((return_path, remember.unwrap_or_default()))
    }
}

/// Whether a browser takes it for a path of the site that it is on. `//host`
/// leads away, and browsers read `\` as `/`, and leave out tabs and line breaks
/// (WHATWG URL § 4.4).
fn is_own_path(path: &str) -> bool {
    let rest = path.strip_prefix('/');
    path.len() <= MAX_RETURN_PATH
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && rest.is_some_and(|rest| !rest.starts_with('/'))
}

/// Sends the browser to another address by GET (303), with cookies.
#[derive(Debug)]
pub struct SeeOther {
    location: String,
    cookies: Vec<SetCookie>,
}

impl SeeOther {
    fn to(location: impl Into<String>, cookies: Vec<SetCookie>) -> Self {
        Self {
            location: location.into(),
            cookies,
        }
    }
}

impl IntoResponse for SeeOther {
    fn into_response(self) -> Response {
        // Each has been made of what a header may hold.
        let Ok(location) = HeaderValue::from_str(&self.location) else {
            return Error::internal("an address that is no header's value").into_response();
        };
        let mut response = StatusCode::SEE_OTHER.into_response();
        response.headers_mut().insert(LOCATION, location);
        SetCookie::append(self.cookies, &mut response);
        response
    }
}

/// What a provider's answer may carry, for the description: read by
/// [`ProviderAnswer`], which takes each but once.
#[derive(Debug, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[schema(as = ProviderCallback)]
#[expect(dead_code, reason = "for the description alone")]
pub struct Returned {
    /// Good for the exchange, once.
    code: Option<String>,
    /// What went out with the browser.
    state: Option<String>,
    /// Who answers (RFC 9207).
    iss: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

/// Takes a provider's answer that came by a form on to GET. A form that
/// another site's page has sent comes without the cookies of this one, and
/// with them the sign-in, the device and the session would be missing.
pub fn receive(config: &ProviderConfig, told: &ProviderAnswer) -> SeeOther {
    let (name, query) = (&config.name, told.to_query());
    let path = format!("/api/auth/oauth/callback/{name}?{query}");
    SeeOther::to(path, Vec::new())
}

/// What has come of a step: a person's browser is led back to the page also
/// when it has failed; anybody else is told in JSON.
pub fn answer(app: &App, headers: &HeaderMap, outcome: Result<SeeOther, Stopped>) -> Response {
    let stopped = match outcome {
        Ok(there) => return there.into_response(),
        Err(stopped) => stopped,
    };
    let Stopped { error, return_path } = stopped;
    let challenge = error.challenge().map(|token| {
        let value = token.expose();
        SetCookie::new(app, CookiePurpose::Challenge, value, CHALLENGE_LIFE)
    });
    let fragment = match &challenge {
        Some(_) => ("two-factor", return_path),
        None => ("oauth", error.code().to_owned()),
    };
    // The error stays with the answer: there it is logged, once.
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

/// Why a step went no further, and where it was to lead.
#[derive(Debug)]
pub struct Stopped {
    error: Error,
    return_path: String,
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self {
            error,
            return_path: "/".to_owned(),
        }
    }
}

/// Begins a sign-in. Whoever is signed in has the provider linked instead.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::TooManyRequests`]; [`Error::Unavailable`], also
/// when it is the provider that does not answer.
pub fn begin<'a>(
    app: &'a App,
    context: &'a SignInContext,
    browser: &'a OAuthBrowser,
    config: &'a ProviderConfig,
    wanted: &'a Wanted,
) -> BoxFuture<'a, Result<SeeOther, Stopped>> {
    Box::pin(async move {
        let (return_path, remember) = wanted.read()?;
        let subject = Subject::address(OAUTH_ADDRESS, context.client.address);
        rate_limit::take(app, &[subject]).await?;
        let provider = Provider::find(app, config).await?;
        let token = browser.token.clone().unwrap_or_else(Token::generate);
        let new = NewState {
            provider: &config.name,
            browser: &token,
            return_path,
            remember,
            // Another site could have an account of its own linked to a
            // member's: what it begins is an ordinary sign-in.
            linking: context
                .previous_session
                .as_ref()
                .filter(|_| !browser.is_cross_site),
        };
        let postgres = app.db().client().await?;
        let keys = &app.config().encryption_keys;
        let started = oauth_state::insert(&postgres, keys, &new).await?;
        let life = Duration::from_secs(LIFE_SECONDS.into());
        let cookie = SetCookie::new(app, CookiePurpose::OAuth, token.expose(), life);
        let there = provider.authorization_url(&started)?;
        Ok(SeeOther::to(there, vec![cookie]))
    })
}

/// Finishes a sign-in with what the provider has answered.
///
/// # Errors
///
/// 400 `oauth_state` or `oauth_refused`; 403 `access_denied`,
/// `email_unverified`, `email_not_verified` or `account_closed`; 409 `account_exists` or
/// `identity_taken`; [`Error::TwoFactorRequired`]; [`Error::SessionGone`] of a
/// member who links; [`Error::Unavailable`].
pub fn finish<'a>(
    app: &'a App,
    context: &'a SignInContext,
    browser: &'a OAuthBrowser,
    config: &'a ProviderConfig,
    told: &'a ProviderAnswer,
) -> BoxFuture<'a, Result<SeeOther, Stopped>> {
    Box::pin(async move {
        let Some(state) = consume(app, browser, config, told).await? else {
            // Costs a query, and anybody can send it.
            let subject = Subject::address(OAUTH_ADDRESS, context.client.address);
            rate_limit::take(app, &[subject]).await?;
            note_failure(app, context, config, &STATE_UNKNOWN);
            return Err(STATE_UNKNOWN.into());
        };
        let outcome = let_in(app, context, config, told, &state).await;
        if let Err(error) = &outcome
            && error.challenge().is_none()
        {
            note_failure(app, context, config, error);
        }
        outcome.map_err(|error| Stopped {
            error,
            return_path: state.return_path,
        })
    })
}

fn note_failure(app: &App, context: &SignInContext, config: &ProviderConfig, error: &Error) {
    let detail = serde_json::json!({ "provider": config.name, "code": error.code() });
    let kind = Kind::ProviderSignInFailed;
    security_event::note_with(app, kind, None, &context.client, detail);
}

/// What this browser has begun with this provider, once.
async fn consume(
    app: &App,
    browser: &OAuthBrowser,
    config: &ProviderConfig,
    told: &ProviderAnswer,
) -> Result<Option<State>> {
    let state = told.state.as_deref().and_then(Token::parse);
    let (Some(state), Some(token)) = (state, &browser.token) else {
        return Ok(None);
    };
    let postgres = app.db().client().await?;
    let keys = &app.config().encryption_keys;
    oauth_state::consume(&postgres, keys, &state, token, &config.name).await
}

async fn let_in(
    app: &App,
    context: &SignInContext,
    config: &ProviderConfig,
    told: &ProviderAnswer,
    state: &State,
) -> Result<SeeOther> {
    let identity = identify(app, config, told, state).await?;
    let mut tries = 1;
    loop {
        let settled = account::settle(app, context, &identity, state).await?;
        mail::send_due_soon(app);
        let cookies = match settled {
            Settled::Linked => Some(Vec::new()),
            Settled::Made(cookies) => Some(cookies),
            Settled::Known(known) => {
                let proof = known.proof(&identity.provider);
                require_verified(app, &context.client, &known.user).await?;
                require_code(app, context, &known, &proof, None, state.remember).await?;
                let wish = Wish {
                    second: None,
                    device: known.device,
                    trust: false,
                    credential: account::credential(state),
                    user: known.user,
                    proof,
                };
                let welcome = admit(app, context, wish).await?;
                welcome.map(|welcome| welcome.into_cookies())
            }
        };
        match cookies {
            Some(cookies) => return Ok(SeeOther::to(state.return_path.clone(), cookies)),
            // All sessions were ended between the look and the insert.
            None if tries == 2 => return Err(STATE_UNKNOWN),
            None => tries += 1,
        }
    }
}

/// Who it is, as the provider says.
async fn identify(
    app: &App,
    config: &ProviderConfig,
    told: &ProviderAnswer,
    state: &State,
) -> Result<Identity> {
    let provider = Provider::find(app, config).await?;
    let metadata = &provider.metadata;
    // Of several providers, one could pass another's code off as its own.
    let named = match &told.iss {
        Some(iss) => *iss == metadata.issuer,
        None => !metadata.authorization_response_iss_parameter_supported,
    };
    if !named {
        return Err(provider.refused("it is another provider's"));
    }
    match told.error.as_deref() {
        None => {}
        Some("access_denied") => return Err(DENIED),
        Some("server_error" | "temporarily_unavailable") => {
            return Err(Error::unavailable(
                "a provider says that it is out of order",
            ));
        }
        Some(_) => return Err(provider.refused("it refuses the sign-in")),
    }
    let code = told.code.as_deref();
    let code = code.ok_or_else(|| provider.refused("no code came"))?;
    let claims = provider.claims(code, state).await?;
    if claims.sub.is_empty() || claims.sub.len() > MAX_SUBJECT {
        return Err(provider.refused("it names nobody, or at too great a length"));
    }
    Ok(Identity::new(&config.name, claims))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_path_leads_nowhere_else() {
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
    use crate::testing::arbitrary::{fair, text};

    /// What somebody would try who wants to lead a browser away.
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
        fn wherever_a_sign_in_leads_it_stays_on_the_site(path in path()) {
            let wanted = Wanted { return_to: Some(path.clone()), remember: None };
            let Some((accepted, _)) = fair(wanted.read()) else { return Ok(()) };
            assert_eq!(accepted, path);
            // By the rules that browsers read an address with, from any page of it.
            for page in ["https://sabor.example/", "https://sabor.example/a/b?c#d"] {
                let page = Url::parse(page).unwrap();
                let there = page.join(accepted).unwrap();
                assert_eq!(there.origin(), page.origin(), "{there}");
                assert!(there.username().is_empty() && there.password().is_none());
            }
            let answer = SeeOther::to(accepted, Vec::new()).into_response();
            assert_eq!(answer.headers()[LOCATION].as_bytes(), accepted.as_bytes());
        }

        #[test]
        fn an_ordinary_path_is_taken(path in "(/[a-z0-9-]{1,9}){1,4}(\\?[a-z]{1,5}=[a-z0-9%@/:]{0,9})?(#[a-z]{0,5})?") {
            assert!(is_own_path(&path));
        }
    }
}
