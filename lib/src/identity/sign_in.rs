//! From a password, and where one is set up a code, to a session.

mod response;

use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) use self::response::{Entry, Second, Wish, admit};
pub use self::response::{SignedIn, TokenPair, Welcome};
use crate::crypto::password::{Password, PasswordCheck};
use crate::error::{Error, Result, chain};
use crate::http::SignInContext;
use crate::identity::rate_limit;
use crate::identity::rate_limit::{SIGN_IN_ACCOUNT, SIGN_IN_ADDRESS, SIGN_IN_DEVICE, Subject};
use crate::identity::two_factor::Evidence;
use crate::identity::{email_change, two_factor};
use crate::models::remembered_device::Device;
use crate::models::security_event::{self, Kind};
use crate::models::sign_in_challenge::{self, Challenge};
use crate::models::user::Proof;
use crate::models::user::{self, Credentials, Email, User};
use crate::runtime::background;
use crate::session::{Credential, Token};
use crate::values::caller::Caller;
use crate::values::form::Form;
use crate::{App, BoxFuture};

const CHALLENGE_ENDED: Error = Error::Unauthorized {
    code: "challenge_ended",
    message: "This sign-in has taken too long, or too many codes; please start again",
};

const NOT_VERIFIED: Error = Error::Forbidden {
    code: "email_not_verified",
    message: "Please confirm your e-mail address first: we have mailed you a link",
};

/// How a session is carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SessionMode)]
pub enum Mode {
    /// By a cookie, which a browser sends along by itself.
    #[default]
    Cookie,
    /// By an access token, renewed by a refresh token: for programs.
    Token,
}

/// What somebody shows to sign in: address and password, and then, or at once,
/// a code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SignIn)]
pub struct Login {
    /// Required, but with a `challenge`.
    #[schema(examples("ana@example.com"))]
    email: Option<String>,
    /// So too.
    #[schema(format = "password", examples("mi casa azul 42"))]
    password: Option<String>,
    /// Of the authenticator app, or a recovery code.
    code: Option<String>,
    /// From the answer that asked for the code. A browser that signs in through
    /// a provider has it in a cookie.
    challenge: Option<String>,
    /// Thirty days instead of seven.
    #[serde(default)]
    remember: bool,
    /// With a code: none is asked for on this device for thirty days.
    #[serde(default)]
    remember_device: bool,
    /// How the session is carried.
    #[serde(default)]
    mode: Mode,
}

/// Signs in, or asks for a code.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::InvalidCredentials`] for any wrong pair, after
/// the same work; [`Error::TwoFactorRequired`]; 401 `invalid_code` or
/// `challenge_ended`; 403 `email_not_verified`; [`Error::TooManyRequests`];
/// [`Error::Unavailable`].
pub fn sign_in<'a>(
    app: &'a App,
    context: &'a SignInContext,
    login: &'a Login,
) -> BoxFuture<'a, Result<Welcome>> {
    Box::pin(async move {
        let shown = login.read(context)?;
        let mut tries = 1;
        loop {
            let wish = match &shown {
                Shown::Password(email, password) => {
                    by_password(app, context, login, email, password).await?
                }
                Shown::Challenge(token, code) => {
                    by_challenge(app, context, login, token, code).await?
                }
            };
            if let Some(welcome) = admit(app, context, wish).await? {
                return Ok(welcome);
            }
            // The password, the role or the sessions were changed between the
            // look and the insert: what was proved is to be proved again. A
            // code that was taken is not taken again.
            if tries == 2 || login.code.is_some() {
                return Err(Error::InvalidCredentials);
            }
            tries += 1;
        }
    })
}

/// What a login has in it.
enum Shown<'a> {
    Password(&'a str, &'a str),
    Challenge(Token, &'a str),
}

impl Login {
    /// Whether it is by this address and password.
    pub(crate) fn is_of(&self, email: &str, password: &str) -> bool {
        let typed = self.email.as_deref().unwrap_or_default().trim();
        typed.eq_ignore_ascii_case(email) && self.password.as_deref() == Some(password)
    }

    fn read<'a>(&'a self, context: &SignInContext) -> Result<Shown<'a>> {
        // What is empty is a wrong pair like another.
        if let (Some(email), Some(password)) = (&self.email, &self.password) {
            return Ok(Shown::Password(email, password));
        }
        let token = match &self.challenge {
            Some(text) => Some(Token::parse(text).ok_or(CHALLENGE_ENDED)?),
            None => context.challenge.clone(),
        };
        let missing = match (&self.email, &self.password, token) {
            (None, None, Some(token)) => match &self.code {
                Some(code) => return Ok(Shown::Challenge(token, code)),
                None => vec!["code"],
            },
            (None, None, None) if self.code.is_some() => return Err(CHALLENGE_ENDED),
            (None, None, None) => vec!["email", "password"],
            (None, ..) => vec!["email"],
            (Some(_), ..) => vec!["password"],
        };
        let mut check = Form::default();
        for name in missing {
            check.refuse(name, "is required");
        }
        check.finish()?;
        Err(Error::internal("a login neither read nor refused"))
    }

    fn credential(&self, remember: bool) -> Credential {
        match self.mode {
            Mode::Cookie => Credential::cookie(self.remember || remember),
            Mode::Token => Credential::tokens(),
        }
    }
}

async fn by_password(
    app: &App,
    context: &SignInContext,
    login: &Login,
    email: &str,
    password: &str,
) -> Result<Wish> {
    let known = verify(
        app,
        &context.client,
        email,
        password,
        &context.device_tokens,
    )
    .await?;
    let proof = known.proof("password");
    require_verified(app, &context.client, &known.user).await?;
    let code = login.code.as_deref().filter(|code| !code.is_empty());
    let evidence = require_code(app, context, &known, &proof, code, login.remember).await?;
    Ok(Wish {
        // Given and not asked for, a code says nothing of the device.
        trust: login.remember_device && evidence.is_some(),
        credential: login.credential(false),
        second: evidence.map(|evidence| Second {
            evidence,
            challenge: None,
        }),
        device: known.device,
        user: known.user,
        proof,
    })
}

async fn by_challenge(
    app: &App,
    context: &SignInContext,
    login: &Login,
    token: &Token,
    code: &str,
) -> Result<Wish> {
    let (client, user_agent) = (&context.client, context.client.user_agent.as_deref());
    let (challenge, known) = {
        let postgres = app.db().client().await?;
        let challenge = sign_in_challenge::take_try(&postgres, token, user_agent).await?;
        let challenge = challenge.ok_or(CHALLENGE_ENDED)?;
        let id = challenge.proof.user_id;
        let known = user::credentials_of(&postgres, id, &context.device_tokens).await?;
        (challenge, known)
    };
    let Challenge { proof, remember } = challenge;
    let known = known.filter(|known| known.is_active && known.epoch == proof.epoch);
    let known = known.ok_or(CHALLENGE_ENDED)?;
    let evidence = two_factor::judge(app, client, &known, code).await?;
    Ok(Wish {
        trust: login.remember_device,
        credential: login.credential(remember),
        second: Some(Second {
            evidence,
            challenge: Some(token.clone()),
        }),
        device: known.device,
        user: known.user,
        proof,
    })
}

/// Where an address has to be confirmed first, one that is not is mailed its
/// link again: nobody who is not signed in could ask for it.
///
/// # Errors
///
/// 403 `email_not_verified`; [`Error::Unavailable`].
pub(crate) async fn require_verified(app: &App, client: &Caller, user: &User) -> Result<()> {
    if !app.config().require_email_verification || user.email_verified {
        return Ok(());
    }
    match email_change::send_verification(app, client, user, None).await {
        Ok(()) | Err(Error::TooManyRequests { .. }) => Err(NOT_VERIFIED),
        Err(error) => Err(error),
    }
}

/// Asks for the second factor where there is one, but on a device whose owner
/// has said that it need not. Returns what was shown.
///
/// # Errors
///
/// [`Error::TwoFactorRequired`] without a code; as [`two_factor::judge`] with one.
pub(crate) async fn require_code(
    app: &App,
    context: &SignInContext,
    known: &Credentials,
    proof: &Proof,
    code: Option<&str>,
    remember: bool,
) -> Result<Option<Evidence>> {
    let is_trusted = |device: &Device| device.is_trusted;
    if !known.has_second_factor || known.device.as_ref().is_some_and(is_trusted) {
        return Ok(None);
    }
    if let Some(code) = code {
        let judged = two_factor::judge(app, &context.client, known, code);
        return judged.await.map(Some);
    }
    let (token, proof) = (Token::generate(), proof.clone());
    let challenge = Challenge { proof, remember };
    let user_agent = context.client.user_agent.as_deref();
    let postgres = app.db().client().await?;
    sign_in_challenge::insert(&postgres, &token, &challenge, user_agent).await?;
    Err(Error::TwoFactorRequired(token))
}

/// Says whether somebody knows the password of an account; what it proves holds
/// until the account's sessions are ended.
///
/// # Errors
///
/// [`Error::InvalidCredentials`] for any wrong pair, after the same work;
/// [`Error::TooManyRequests`]; [`Error::Unavailable`].
pub fn verify<'a>(
    app: &'a App,
    client: &'a Caller,
    email: &'a str,
    password: &'a str,
    devices: &'a [Token],
) -> BoxFuture<'a, Result<Credentials>> {
    Box::pin(async move {
        // What is no address belongs to nobody, and costs the same work.
        let email = Email::parse(email).unwrap_or_default();
        let email = email.as_str();
        // The connection goes back before the hashing, which takes longer than
        // all the queries of a sign-in together.
        let known = async || {
            let postgres = app.db().client().await?;
            user::credentials(&postgres, email, devices).await
        };
        let strangers = vec![
            Subject::account(SIGN_IN_ACCOUNT, email, client.address),
            Subject::address(SIGN_IN_ADDRESS, client.address),
        ];
        // A try that is not allowed costs no query, but for a browser that says
        // it is known: what others do at its address does not lock it out.
        let (known, subjects) = if devices.is_empty() {
            take_try(app, client, &strangers).await?;
            (known().await?, strangers)
        } else {
            let known = known().await?;
            let device = known.as_ref().and_then(|known| known.device.as_ref());
            let subjects = device.map_or(strangers, |device| {
                vec![Subject::device(SIGN_IN_DEVICE, email, device.id)]
            });
            take_try(app, client, &subjects).await?;
            (known, subjects)
        };
        let (known, outdated) = check(app, client, known, Password::typed(password)).await?;
        rate_limit::forgive(app, &subjects[..1]);
        if outdated {
            rehash(app, &known, Password::typed(password));
        }
        Ok(known)
    })
}

/// The try that leads to a wait is noted; those during it are not, for there is
/// no end of them.
async fn take_try(app: &App, client: &Caller, subjects: &[Subject]) -> Result<()> {
    let taken = rate_limit::take(app, subjects).await;
    if let Err(Error::TooManyRequests { is_new: true, .. }) = taken {
        security_event::note(app, Kind::SignInThrottled, None, client);
    }
    taken
}

/// The same work whether or not there is such an account. Says whether the
/// hash is to be replaced.
async fn check(
    app: &App,
    client: &Caller,
    known: Option<Credentials>,
    password: Password,
) -> Result<(Credentials, bool)> {
    let usable = known.filter(|known| known.is_active);
    let hash = usable
        .as_ref()
        .and_then(|known| known.password_hash.as_deref());
    let verdict = app.hasher().verify(password, hash).await?;
    match usable {
        Some(known) if verdict != PasswordCheck::Wrong => {
            Ok((known, verdict == PasswordCheck::Outdated))
        }
        other => {
            let user_id = other.map(|known| known.user.id);
            security_event::note(app, Kind::SignInFailed, user_id, client);
            Err(Error::InvalidCredentials)
        }
    }
}

fn rehash(app: &App, known: &Credentials, password: Password) {
    let (app, id) = (app.clone(), known.user.id);
    let Some(before) = known.password_hash.clone() else {
        return;
    };
    background::spawn(async move {
        let rehashed = async {
            let after = app.hasher().hash(password).await?;
            user::rehash(&app.db().client().await?, id, &before, &after).await
        };
        if let Err(error) = rehashed.await {
            tracing::warn!(error = %chain(&error), "password not rehashed");
        }
    });
}
