//! Sign-in by password, and by a code if a second factor is set up.

mod response;
mod session;

use serde::Deserialize;
use utoipa::ToSchema;

pub use self::response::{SignInBody, SignInResponse};
use self::session::CHALLENGE_ENDED;
pub(crate) use self::session::{AuthenticatedMember, PendingSession, SecondFactor, create_session};
use crate::error::{Error, ErrorCode, Result};
use crate::http::SignInContext;
use crate::identity::reauthenticate::{PasswordSource, verify_password};
use crate::identity::two_factor::{CodeSource, VerifiedCode};
use crate::identity::{email_change, two_factor};
use crate::models::remembered_device::Device;
use crate::models::sign_in_challenge::{self, Challenge};
use crate::models::user::AuthenticationProof;
use crate::models::user::{self, Credentials, User};
use crate::session::{Credential, Token};
use crate::values::caller::Caller;
use crate::values::form::Form;
use crate::{App, BoxFuture};

const EMAIL_NOT_VERIFIED: Error = Error::Forbidden {
    code: ErrorCode::EmailNotVerified,
    message: "Please confirm your e-mail address first: we have e-mailed you a link",
};

/// How the client holds the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionMode {
    /// In a cookie, for browsers.
    #[default]
    Cookie,
    /// In an access token and a refresh token, for other programs.
    Token,
}

/// The credentials of a sign-in: e-mail address and password, and a code if one is
/// required. The code can be sent in the same request, or in a second one together with
/// the challenge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SignIn)]
pub struct Login {
    /// The e-mail address. Required unless there is a `challenge`.
    #[schema(examples("ana@example.com"))]
    email: Option<String>,
    /// The password. Required unless there is a `challenge`.
    #[schema(format = "password", examples("mi casa azul 42"))]
    password: Option<String>,
    /// A code from the authenticator app, or a recovery code.
    code: Option<String>,
    /// The challenge from the response that required a code. After a sign-in through a
    /// provider, the browser has the challenge in a cookie.
    challenge: Option<String>,
    /// Keeps the session in the browser for at most thirty days, or seven days without use.
    /// Otherwise, it lasts at most seven days, or 24 hours without use, and the browser forgets
    /// the cookie when it is closed.
    #[serde(default)]
    remember: bool,
    /// Trusts this device for thirty days: sign-in on it requires no code. Takes effect only
    /// if this sign-in requires a code.
    #[serde(default)]
    remember_device: bool,
    /// How the client holds the session.
    #[serde(default)]
    mode: SessionMode,
}

/// Signs a member in.
///
/// # Errors
///
/// [`Error::Invalid`] if a field is missing; [`Error::InvalidCredentials`] if the e-mail
/// address or the password is wrong (both take the same time); [`Error::TwoFactorRequired`]
/// if a code is required; 401 `invalid_code` or `challenge_ended`; 403
/// `email_not_verified`; [`Error::TooManyRequests`]; [`Error::Unavailable`].
pub fn sign_in<'a>(
    app: &'a App,
    context: &'a SignInContext,
    login: &'a Login,
) -> BoxFuture<'a, Result<SignInResponse>> {
    Box::pin(async move {
        let first_factor = login.read(context)?;
        // A code can be used only once, so an attempt with a code is not repeated.
        let max_attempts = if login.code.is_some() { 1 } else { 2 };
        for _ in 0..max_attempts {
            let member = match &first_factor {
                FirstFactor::Password(email, password) => {
                    authenticate_by_password(app, context, login, email, password).await?
                }
                FirstFactor::Challenge(token, code) => {
                    authenticate_by_challenge(app, context, login, token, code).await?
                }
            };
            if let Some(response) = create_session(app, context, member).await? {
                return Ok(response);
            }
            // The password, the role or the sessions were changed between the check and
            // the insert, so the credentials must be checked again.
        }
        Err(Error::InvalidCredentials)
    })
}

/// The first factor of a sign-in.
enum FirstFactor<'a> {
    /// An e-mail address and a password.
    Password(&'a str, &'a str),
    /// The challenge from an earlier response, and a code.
    Challenge(Token, &'a str),
}

impl Login {
    /// Returns whether this login has the given e-mail address and password.
    pub(crate) fn matches(&self, email: &str, password: &str) -> bool {
        let submitted_email = self.email.as_deref().unwrap_or_default().trim();
        submitted_email.eq_ignore_ascii_case(email) && self.password.as_deref() == Some(password)
    }

    fn read<'a>(&'a self, context: &SignInContext) -> Result<FirstFactor<'a>> {
        // An empty address or password is rejected as wrong, not as missing.
        if let (Some(email), Some(password)) = (&self.email, &self.password) {
            return Ok(FirstFactor::Password(email, password));
        }
        let token = match &self.challenge {
            Some(challenge) => Some(Token::parse(challenge).ok_or(CHALLENGE_ENDED)?),
            None => context.challenge.clone(),
        };
        let missing_fields = match (&self.email, &self.password, token) {
            (None, None, Some(token)) => match &self.code {
                Some(code) => return Ok(FirstFactor::Challenge(token, code)),
                None => vec!["code"],
            },
            (None, None, None) if self.code.is_some() => return Err(CHALLENGE_ENDED),
            (None, None, None) => vec!["email", "password"],
            (None, ..) => vec!["email"],
            (Some(_), ..) => vec!["password"],
        };
        let mut form = Form::default();
        for name in missing_fields {
            form.add_problem(name, "is required");
        }
        form.finish()?;
        Err(Error::internal("login was neither accepted nor rejected"))
    }

    fn credential(&self, remember: bool) -> Credential {
        match self.mode {
            SessionMode::Cookie => Credential::cookie(self.remember || remember),
            SessionMode::Token => Credential::tokens(),
        }
    }
}

async fn authenticate_by_password(
    app: &App,
    context: &SignInContext,
    login: &Login,
    email: &str,
    password: &str,
) -> Result<AuthenticatedMember> {
    let credentials = verify_password(
        app,
        &context.caller,
        email,
        password,
        PasswordSource::SignIn(&context.device_tokens),
    )
    .await?;
    let proof = credentials.proof("password");
    require_verified(app, &context.caller, &credentials.user).await?;
    let code = login.code.as_deref().filter(|code| !code.is_empty());
    let code = require_code(app, context, &credentials, &proof, code, login.remember).await?;
    Ok(AuthenticatedMember {
        // Only a code that was required and checked makes the device trusted.
        trust_device: login.remember_device && code.is_some(),
        credential: login.credential(false),
        second_factor: code.map(|code| SecondFactor {
            code,
            challenge: None,
        }),
        device: credentials.device,
        user: credentials.user,
        proof,
    })
}

async fn authenticate_by_challenge(
    app: &App,
    context: &SignInContext,
    login: &Login,
    token: &Token,
    code: &str,
) -> Result<AuthenticatedMember> {
    let (caller, user_agent) = (&context.caller, context.caller.user_agent.as_deref());
    let (challenge, credentials) = {
        let postgres = app.db().client().await?;
        let challenge = sign_in_challenge::count_attempt(&postgres, token, user_agent).await?;
        let challenge = challenge.ok_or(CHALLENGE_ENDED)?;
        let id = challenge.proof.user_id;
        let credentials =
            user::find_credentials_by_id(&postgres, id, &context.device_tokens).await?;
        (challenge, credentials)
    };
    let Challenge { proof, remember } = challenge;
    let credentials =
        credentials.filter(|credentials| credentials.is_active && credentials.epoch == proof.epoch);
    let credentials = credentials.ok_or(CHALLENGE_ENDED)?;
    let code = two_factor::verify_code(app, caller, &credentials, CodeSource::SignIn, code).await?;
    Ok(AuthenticatedMember {
        trust_device: login.remember_device,
        credential: login.credential(remember),
        second_factor: Some(SecondFactor {
            code,
            challenge: Some(token.clone()),
        }),
        device: credentials.device,
        user: credentials.user,
        proof,
    })
}

/// Checks that the e-mail address is confirmed, if the configuration requires it. If it is
/// not confirmed, sends the link again, because only a member who is signed in can request
/// the link.
///
/// # Errors
///
/// 403 `email_not_verified`; [`Error::Unavailable`].
pub(crate) async fn require_verified(app: &App, caller: &Caller, user: &User) -> Result<()> {
    if !app.config().require_email_verification || user.email_verified {
        return Ok(());
    }
    match email_change::send_verification(app, caller, user, None).await {
        Ok(()) | Err(Error::TooManyRequests { .. }) => Err(EMAIL_NOT_VERIFIED),
        Err(error) => Err(error),
    }
}

/// Verifies a code if the account has a second factor and the device is not trusted. Returns
/// the verified code, or `None` if no code is required.
///
/// # Errors
///
/// [`Error::TwoFactorRequired`] with a new challenge if a code is required and missing; the
/// errors of [`two_factor::verify_code`].
pub(crate) async fn require_code(
    app: &App,
    context: &SignInContext,
    credentials: &Credentials,
    proof: &AuthenticationProof,
    code: Option<&str>,
    remember: bool,
) -> Result<Option<VerifiedCode>> {
    let is_trusted = |device: &Device| device.is_trusted;
    if !credentials.user.has_second_factor || credentials.device.as_ref().is_some_and(is_trusted) {
        return Ok(None);
    }
    if let Some(code) = code {
        let source = CodeSource::SignIn;
        let verified = two_factor::verify_code(app, &context.caller, credentials, source, code);
        return verified.await.map(Some);
    }
    let (token, proof) = (Token::generate(), proof.clone());
    let challenge = Challenge { proof, remember };
    let user_agent = context.caller.user_agent.as_deref();
    let postgres = app.db().client().await?;
    sign_in_challenge::insert(&postgres, &token, &challenge, user_agent).await?;
    Err(Error::TwoFactorRequired(token))
}
