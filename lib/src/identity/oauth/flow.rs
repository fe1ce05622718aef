//! The two steps of a sign-in through a provider.

use serde_json::json;

use super::account::{self, Resolved};
use super::claims::Identity;
use super::errors::{CANCELLED, STATE_UNKNOWN};
use super::provider::Provider;
use super::redirect::{AuthorizationQuery, FailedStep, SeeOther};
use crate::admin::security_events;
use crate::error::{Error, Result};
use crate::http::{CallbackResponse, CookiePurpose, OAuthBrowser, SetCookie, SignInContext};
use crate::identity::rate_limit;
use crate::identity::rate_limit::{OAUTH_ADDRESS, Subject};
use crate::identity::sign_in::{
    AuthenticatedMember, create_session, require_code, require_verified,
};
use crate::models::oauth_state::{self, NewState, State};
use crate::models::security_event::SecurityEventKind;
use crate::notify::mail;
use crate::runtime::config::ProviderConfig;
use crate::session::Token;
use crate::{App, BoxFuture};

/// The maximum length of a subject (the claim `sub`), in bytes.
const MAX_SUBJECT_BYTES: usize = 255;

/// How often the creation of a session is tried. A try fails if the member's sessions are
/// ended in the meantime.
const MAX_SESSION_TRIES: u32 = 2;

/// Starts a sign-in and redirects the browser to the provider. If a member is signed in
/// already, this links the provider to their account instead, unless the request comes from
/// another site.
///
/// # Errors
///
/// [`Error::Invalid`] for an invalid return path; [`Error::TooManyRequests`];
/// [`Error::Unavailable`], also if the provider does not respond.
pub fn begin<'a>(
    app: &'a App,
    context: &'a SignInContext,
    browser: &'a OAuthBrowser,
    config: &'a ProviderConfig,
    query: &'a AuthorizationQuery,
) -> BoxFuture<'a, Result<SeeOther, FailedStep>> {
    Box::pin(async move {
        let (return_path, remember) = query.read()?;
        let subjects = Subject::address(OAUTH_ADDRESS, context.caller.address);
        rate_limit::count_attempt(app, &subjects).await?;
        let provider = Provider::load(app, config).await?;
        let token = browser.token.clone().unwrap_or_else(Token::generate);
        let new_state = NewState {
            provider: &config.name,
            browser_token: &token,
            return_path,
            remember,
            // A request from another site is always a sign-in. Otherwise the site could
            // link its own account at the provider to the member.
            linking: context
                .previous_session
                .as_ref()
                .filter(|_| !browser.is_cross_site),
        };
        let postgres = app.db().client().await?;
        let keys = &app.config().encryption_keys;
        let request = oauth_state::insert(&postgres, keys, &new_state).await?;
        let cookie = SetCookie::new(
            app,
            CookiePurpose::OAuth,
            token.expose(),
            Some(oauth_state::LIFETIME),
        );
        let url = provider.authorization_url(&request)?;
        Ok(SeeOther::to(url, vec![cookie]))
    })
}

/// Finishes a sign-in with the provider's authorization response.
///
/// # Errors
///
/// 400 `oauth_state` or `oauth_refused`; 403 `access_denied`, `email_unverified`,
/// `email_not_verified`, `account_closed` or `sign_in_again`; 409 `account_exists`,
/// `identity_taken` or `identity_overtaken`;
/// [`Error::TwoFactorRequired`]; [`Error::SessionGone`] if the session of a member who
/// links a provider has ended; [`Error::TooManyRequests`]; [`Error::Unavailable`].
pub fn finish<'a>(
    app: &'a App,
    context: &'a SignInContext,
    browser: &'a OAuthBrowser,
    config: &'a ProviderConfig,
    callback: &'a CallbackResponse,
) -> BoxFuture<'a, Result<SeeOther, FailedStep>> {
    Box::pin(async move {
        let Some(state) = consume(app, browser, config, callback).await? else {
            // Anyone can send such a request, and each one costs a query, so it counts as an
            // attempt.
            let subjects = Subject::address(OAUTH_ADDRESS, context.caller.address);
            rate_limit::count_attempt(app, &subjects).await?;
            // Some providers leave out the state when the member cancels.
            let is_cancelled = callback.error.as_deref().is_some_and(is_cancellation);
            let error = if is_cancelled {
                CANCELLED
            } else {
                STATE_UNKNOWN
            };
            record_failure(app, context, config, &error);
            return Err(error.into());
        };
        let result = sign_in(app, context, config, callback, &state).await;
        match &result {
            Err(error) if error.challenge().is_none() => {
                record_failure(app, context, config, error);
            }
            // The provider has authenticated a member, so the start of this sign-in no longer
            // counts as an attempt.
            _ => {
                let subjects = Subject::address(OAUTH_ADDRESS, context.caller.address);
                rate_limit::forgive(app, subjects);
            }
        }
        result.map_err(|error| FailedStep::new(error, state.return_path))
    })
}

fn record_failure(app: &App, context: &SignInContext, config: &ProviderConfig, error: &Error) {
    let detail = json!({ "provider": config.name, "code": error.code() });
    let kind = SecurityEventKind::ProviderSignInFailed;
    security_events::record_with(app, kind, None, &context.caller, detail);
}

/// Consumes the state of the sign-in that this browser has started with this provider.
async fn consume(
    app: &App,
    browser: &OAuthBrowser,
    config: &ProviderConfig,
    callback: &CallbackResponse,
) -> Result<Option<State>> {
    let state = callback.state.as_deref().and_then(Token::parse);
    let (Some(state), Some(token)) = (state, &browser.token) else {
        return Ok(None);
    };
    let postgres = app.db().client().await?;
    let keys = &app.config().encryption_keys;
    oauth_state::consume(&postgres, keys, &state, token, &config.name).await
}

async fn sign_in(
    app: &App,
    context: &SignInContext,
    config: &ProviderConfig,
    callback: &CallbackResponse,
    state: &State,
) -> Result<SeeOther> {
    let identity = identify(app, config, callback, state).await?;
    for _ in 0..MAX_SESSION_TRIES {
        if let Some(cookies) = try_sign_in(app, context, &identity, state).await? {
            return Ok(SeeOther::to(state.return_path.clone(), cookies));
        }
    }
    Err(STATE_UNKNOWN)
}

/// Signs the member in, links the provider, or creates an account. Returns the cookies to
/// set, or `None` if the member's sessions were ended in the meantime.
async fn try_sign_in(
    app: &App,
    context: &SignInContext,
    identity: &Identity,
    state: &State,
) -> Result<Option<Vec<SetCookie>>> {
    let resolved = account::resolve(app, context, identity, state).await?;
    mail::send_due_in_background(app);
    let credentials = match resolved {
        Resolved::Linked => return Ok(Some(Vec::new())),
        Resolved::Created(cookies) => return Ok(Some(cookies)),
        Resolved::Existing(credentials) => credentials,
    };
    let proof = credentials.proof(&identity.provider);
    require_verified(app, &context.caller, &credentials.user).await?;
    require_code(app, context, &credentials, &proof, None, state.remember).await?;
    let member = AuthenticatedMember {
        second_factor: None,
        device: credentials.device,
        trust_device: false,
        credential: account::session_credential(state),
        user: credentials.user,
        proof,
    };
    let response = create_session(app, context, member).await?;
    Ok(response.map(|response| response.into_cookies()))
}

/// Returns whether the provider reports that the member has cancelled the sign-in. The
/// first code is the standard's (RFC 6749, section 4.1.2.1), the others are those of Apple
/// and LinkedIn.
fn is_cancellation(error: &str) -> bool {
    matches!(
        error,
        "access_denied" | "user_cancelled_authorize" | "user_cancelled_login"
    )
}

/// Returns the user that the provider has authenticated.
async fn identify(
    app: &App,
    config: &ProviderConfig,
    callback: &CallbackResponse,
    state: &State,
) -> Result<Identity> {
    let provider = Provider::load(app, config).await?;
    let metadata = &provider.metadata;
    // The issuer is checked because a provider could pass on a code from another provider.
    let issuer_matches = match &callback.iss {
        Some(iss) => *iss == metadata.issuer,
        None => !metadata.authorization_response_iss_parameter_supported,
    };
    if !issuer_matches {
        return Err(provider.refuse("the response is from another provider"));
    }
    match callback.error.as_deref() {
        None => {}
        Some(error) if is_cancellation(error) => return Err(CANCELLED),
        Some("server_error" | "temporarily_unavailable") => {
            return Err(Error::unavailable(
                "provider reports that it is unavailable",
            ));
        }
        Some(_) => return Err(provider.refuse("the provider refuses the sign-in")),
    }
    let code = callback.code.as_deref();
    let code = code.ok_or_else(|| provider.refuse("the code is missing"))?;
    let claims = provider.claims(code, state).await?;
    // The subject is stored, and Postgres cannot store one of the control characters, NUL.
    let is_valid_subject = (1..=MAX_SUBJECT_BYTES).contains(&claims.sub.len())
        && !claims.sub.contains(char::is_control);
    if !is_valid_subject {
        return Err(provider.refuse("the subject is empty, too long or not printable"));
    }
    Ok(Identity::new(&config.name, claims))
}
