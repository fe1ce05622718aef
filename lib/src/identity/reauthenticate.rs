//! Password checks: at sign-in, and again before sensitive changes.

use uuid::Uuid;

use crate::App;
use crate::admin::security_events;
use crate::crypto::password::{Password, PasswordCheck};
use crate::error::{Error, ErrorCode, Result, chain};
use crate::http::Member;
use crate::identity::rate_limit;
use crate::identity::rate_limit::{
    Attempt, SIGN_IN_ACCOUNT, SIGN_IN_ADDRESS, SIGN_IN_DEVICE, SIGN_IN_UNKNOWN, Subject,
};
use crate::models::security_event::SecurityEventKind;
use crate::models::user::{self, AuthenticationProof, Credentials, Email};
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::runtime::background;
use crate::session::Token;
use crate::values::caller::Caller;

/// The error for a member without a password whose sign-in is too old.
pub(crate) const SIGN_IN_AGAIN: Error = Error::Forbidden {
    code: ErrorCode::SignInAgain,
    message: "Please sign in again, and retry within ten minutes",
};

/// Checks the password of a member who is signed in. A session alone is not enough for
/// changes that could take the account away from its owner. A member without a password
/// must have signed in through a provider within the last ten minutes.
///
/// # Errors
///
/// 403 `wrong_password`; [`Error::Invalid`] if the password is missing; 403 `sign_in_again`
/// if the account has no password and the sign-in is too old; [`Error::TooManyRequests`];
/// [`Error::SessionGone`]; [`Error::Unavailable`].
pub async fn reauthenticate(
    app: &App,
    caller: &Caller,
    member: &Member,
    password: Option<&str>,
) -> Result<AuthenticationProof> {
    let Some(password) = password else {
        let (key, id) = (member.key()?.clone(), member.user.id);
        let reauthentication = app
            .db()
            .read(async move |postgres| user::find_reauthentication(postgres, &key, id).await);
        let reauthentication = reauthentication.await?.ok_or(Error::SessionGone)?;
        if reauthentication.has_password {
            return Err(Error::field("currentPassword", "is required"));
        }
        return reauthentication.provider_proof.ok_or(SIGN_IN_AGAIN);
    };
    // Wrong passwords from other clients must not block this check, so the session has its
    // own limit.
    let source = PasswordSource::Session(member.active_session.session.id);
    match verify_password(app, caller, &member.user.email, password, source).await {
        Ok(credentials) if credentials.user.id == member.user.id => {
            Ok(credentials.proof("password"))
        }
        Ok(_) => Err(Error::SessionGone),
        Err(Error::InvalidCredentials) => Err(user::WRONG_PASSWORD),
        Err(error) => Err(error),
    }
}

/// The kind of client that sends a password, which decides for which limit a wrong password
/// counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PasswordSource<'a> {
    /// A sign-in, with the device tokens of its browser.
    SignIn(&'a [Token]),
    /// The session of a member who is signed in, by its id.
    Session(Uuid),
}

/// Checks the password of an account. A proof from the returned credentials is valid until
/// the account's sessions are ended.
///
/// # Errors
///
/// [`Error::InvalidCredentials`] if the e-mail address or the password is wrong (both take
/// the same time); [`Error::TooManyRequests`]; [`Error::Unavailable`].
pub(crate) async fn verify_password(
    app: &App,
    caller: &Caller,
    email: &str,
    password: &str,
    source: PasswordSource<'_>,
) -> Result<Credentials> {
    // An invalid e-mail address has no account, but the check must take the same time.
    let email = Email::parse_existing(email).unwrap_or_default();
    let email = email.as_str();
    let device_tokens = match source {
        PasswordSource::SignIn(device_tokens) => device_tokens,
        PasswordSource::Session(_) => &[],
    };
    // The connection is returned to the pool before the password is hashed, because
    // hashing takes longer than all queries of a sign-in together.
    let find_credentials = async || {
        let postgres = app.db().client().await?;
        user::find_credentials_by_email(&postgres, email, device_tokens).await
    };
    let unknown_device_subjects = || {
        let mut subjects = Subject::address(SIGN_IN_ADDRESS, caller.address);
        subjects.push(Subject::account(SIGN_IN_ACCOUNT, email, caller.address));
        subjects.push(Subject::email(SIGN_IN_UNKNOWN, email));
        subjects
    };
    let known_device_subjects = |id| vec![Subject::device(SIGN_IN_DEVICE, email, id)];
    // Without a device token, the attempt is counted first, so that a blocked attempt costs
    // no query. With a device token, the device is looked up first, because a recognized
    // device has a limit of its own.
    let (credentials, attempt) = if device_tokens.is_empty() {
        let subjects = match source {
            PasswordSource::SignIn(_) => unknown_device_subjects(),
            PasswordSource::Session(id) => known_device_subjects(id),
        };
        let attempt = begin_attempt(app, caller, subjects).await?;
        (find_credentials().await, attempt)
    } else {
        let credentials = find_credentials().await?;
        let device = credentials
            .as_ref()
            .and_then(|credentials| credentials.device.as_ref());
        let subjects = device.map_or_else(unknown_device_subjects, |device| {
            known_device_subjects(device.id)
        });
        let attempt = begin_attempt(app, caller, subjects).await?;
        (Ok(credentials), attempt)
    };
    let checked = async {
        let credentials = credentials?.filter(|credentials| credentials.is_active);
        check_password(app, caller, credentials, Password::submitted(password)).await
    };
    let checked = checked.await;
    let is_last = attempt.reached().contains(&SIGN_IN_UNKNOWN.name);
    attempt.settle(&checked);
    if is_last && matches!(checked, Err(Error::InvalidCredentials)) {
        notify_of_block(app, caller, email);
    }
    let (credentials, outcome) = checked?;
    if outcome == PasswordCheck::Outdated {
        rehash(app, &credentials, Password::submitted(password));
    }
    Ok(credentials)
}

/// Reserves an attempt. If the attempt is rejected and starts a block, records a security
/// event. Attempts during a block are not recorded, because there may be any number of them.
async fn begin_attempt(app: &App, caller: &Caller, subjects: Vec<Subject>) -> Result<Attempt> {
    let begun = rate_limit::begin(app, subjects).await;
    if let Err(Error::TooManyRequests { started, .. }) = &begun
        && !started.is_empty()
    {
        security_events::record(app, SecurityEventKind::SignInThrottled, None, caller);
    }
    begun
}

/// Notifies the owner of an account that unknown devices cannot sign in for a while. The
/// notice is sent when the limit is reached and not when it is exceeded, because an attacker
/// may stop at the limit. Runs after the response, whose time must not reveal whether there
/// is an account.
fn notify_of_block(app: &App, caller: &Caller, email: &str) {
    let (app, email) = (app.clone(), email.to_owned());
    let notice = Notice::from_caller(caller, app.clock().now());
    background::spawn(async move {
        let notified = async {
            let postgres = app.db().client().await?;
            match user::find_credentials_by_email(&postgres, &email, &[]).await? {
                Some(owner) if owner.is_active => {
                    let kind = NoticeKind::SignInBlocked;
                    mail::notify(&postgres, kind, &owner.user, notice).await
                }
                _ => Ok(()),
            }
        };
        match notified.await {
            Ok(()) => mail::send_due_in_background(&app),
            Err(error) => {
                tracing::warn!(error = %chain(&error), "failed to notify the owner of a blocked account");
            }
        }
    });
}

/// Compares the password with the hash of the account. Takes the same time if there is no
/// account or no hash.
async fn check_password(
    app: &App,
    caller: &Caller,
    credentials: Option<Credentials>,
    password: Password,
) -> Result<(Credentials, PasswordCheck)> {
    let hash = credentials
        .as_ref()
        .and_then(|credentials| credentials.password_hash.as_deref());
    let outcome = app.hasher().verify(password, hash).await?;
    match credentials {
        Some(credentials) if outcome != PasswordCheck::Wrong => Ok((credentials, outcome)),
        credentials => {
            let user_id = credentials.map(|credentials| credentials.user.id);
            security_events::record(app, SecurityEventKind::SignInFailed, user_id, caller);
            Err(Error::InvalidCredentials)
        }
    }
}

/// Replaces an outdated hash after the response.
fn rehash(app: &App, credentials: &Credentials, password: Password) {
    let (app, id) = (app.clone(), credentials.user.id);
    let Some(outdated) = credentials.password_hash.clone() else {
        return;
    };
    background::spawn(async move {
        let rehashed = async {
            let hash = app.hasher().hash(password).await?;
            user::rehash(&app.db().client().await?, id, &outdated, &hash).await
        };
        if let Err(error) = rehashed.await {
            tracing::warn!(error = %chain(&error), "failed to replace an outdated password hash");
        }
    });
}
