//! The second factor: setup, removal, and verification of codes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::admin::security_events;
use crate::crypto::secret::sha256_hex;
use crate::crypto::{random, totp};
use crate::error::{Error, ErrorCode, Result, chain};
use crate::http::{Member, SetCookie};
use crate::identity::rate_limit;
use crate::identity::rate_limit::{RECOVERY_ADDRESS, SECOND_FACTOR, SECOND_FACTOR_DAY, Subject};
use crate::identity::reauthenticate::reauthenticate;
use crate::identity::renewal::NewCredential;
use crate::identity::token_pair::{OptionalTokenPair, TokenPair};
use crate::models::remembered_device;
use crate::models::security_event::{self, SecurityEventKind};
use crate::models::user::second_factor::{self, SecondFactor};
use crate::models::user::{self, Credentials, User};
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::session::Renewal;
use crate::store::client::Client as Postgres;
use crate::values::caller::Caller;
use crate::values::email;
use crate::{App, BoxFuture, session};

/// The number of digits of a code from the app. A recovery code has another length.
const TOTP_DIGITS: usize = 6;

/// The number of recovery codes that a member gets.
const RECOVERY_CODE_COUNT: usize = 10;

const WRONG_CODE: Error = Error::Unauthorized {
    code: ErrorCode::InvalidCode,
    message: "This code is wrong or has been used",
};

const ALREADY_ENABLED: Error = Error::Conflict {
    code: ErrorCode::TwoFactorEnabled,
    message: "A second factor is already set up; please remove it first",
};

const NO_SECOND_FACTOR: Error = Error::Conflict {
    code: ErrorCode::TwoFactorNotBegun,
    message: "There is no second factor to confirm or remove",
};

const UNREADABLE_SECRET: Error = Error::Conflict {
    code: ErrorCode::TwoFactorUnreadable,
    message: "Codes from the app cannot be checked at the moment; please use a recovery code",
};

/// The state of the member's second factor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TwoFactorStatus {
    /// Whether sign-in requires a code.
    enabled: bool,
    /// The number of unused recovery codes.
    recovery_codes_left: i64,
    /// The number of devices on which sign-in requires no code.
    trusted_devices: i64,
}

/// The secret for an authenticator app, in three forms.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TwoFactorEnrollment {
    /// The secret in base32, for manual entry.
    secret: String,
    /// The `otpauth://totp/…` URI, for a link on a phone.
    otpauth_uri: String,
    /// A QR code of the URI, as an SVG image.
    qr_code: String,
    /// New tokens, if the caller uses tokens. The previous ones are no longer valid.
    #[serde(flatten)]
    #[schema(value_type = OptionalTokenPair)]
    tokens: Option<TokenPair>,
}

/// The response to the confirmation of a second factor. The recovery codes are shown only
/// once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TwoFactorConfirmation {
    success: bool,
    /// The codes. Each can be used once in place of a code from the app.
    recovery_codes: Vec<String>,
    /// New tokens, if the caller uses tokens. The previous ones are no longer valid.
    #[serde(flatten)]
    #[schema(value_type = OptionalTokenPair)]
    tokens: Option<TokenPair>,
}

/// The request to start setting up a second factor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartTwoFactor {
    /// The current password. A member without a password leaves it out, and must have
    /// signed in through a provider within the last ten minutes.
    #[schema(format = "password")]
    current_password: Option<String>,
}

/// The request to confirm a second factor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfirmTwoFactor {
    /// A code of six digits from the app that has the new secret.
    #[schema(examples("123456"))]
    code: String,
}

/// The request to remove the second factor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DisableTwoFactor {
    /// The current password. A member without a password leaves it out, and must have
    /// signed in through a provider within the last ten minutes.
    #[schema(format = "password")]
    current_password: Option<String>,
    /// A code from the authenticator app, or a recovery code.
    #[schema(examples("123456"))]
    code: String,
}

/// Returns the state of the member's second factor.
pub fn status<'a>(app: &'a App, member: &'a Member) -> BoxFuture<'a, Result<TwoFactorStatus>> {
    Box::pin(async move {
        // The demo account is rejected, because it is not stored.
        member.key()?;
        let id = member.user.id;
        app.db()
            .read(async move |client| {
                let factor = second_factor::find(client, id).await?;
                let factor = factor.ok_or(Error::SessionGone)?;
                Ok(TwoFactorStatus {
                    enabled: factor.is_confirmed,
                    recovery_codes_left: factor.codes_left,
                    trusted_devices: remembered_device::count_trusted(client, id).await?,
                })
            })
            .await
    })
}

/// Creates the secret of a second factor. Sign-in does not require a code until the secret
/// is confirmed. The session of the caller gets a new credential.
///
/// # Errors
///
/// 409 `two_factor_enabled`; the errors of [`reauthenticate`].
pub fn start_setup<'a>(
    app: &'a App,
    caller: &'a Caller,
    member: &'a Member,
    form: &'a StartTwoFactor,
) -> BoxFuture<'a, Result<(Option<SetCookie>, TwoFactorEnrollment)>> {
    Box::pin(async move {
        let (key, password) = (member.key()?, form.current_password.as_deref());
        let proof = reauthenticate(app, caller, member, password).await?;
        let secret = totp::generate_secret();
        let enrollment = totp::enroll(
            &secret,
            &app.config().studio.name,
            &email::readable(&member.user.email),
        )?;
        let keyring = &app.config().encryption_keys;
        let renewal = Renewal::new(key);
        let transaction = app.transaction().run(async |tx| {
            session::lock_member(tx, key, proof.user_id).await?;
            user::require_epoch(tx, &proof).await?;
            if !second_factor::start_setup(tx, keyring, proof.user_id, &secret).await? {
                return Err(ALREADY_ENABLED);
            }
            renewal.run(tx).await
        });
        let renewed = transaction.await?;
        let NewCredential { cookie, tokens } = NewCredential::issue(app, &member.user, &renewed);
        let enrollment = TwoFactorEnrollment {
            secret: enrollment.secret,
            otpauth_uri: enrollment.uri,
            qr_code: enrollment.qr_code,
            tokens,
        };
        Ok((cookie, enrollment))
    })
}

/// Confirms the second factor with a code from the app. Ends all other sessions of the
/// member, because they were created without a code. The session of the caller gets a new
/// credential.
///
/// # Errors
///
/// 401 `invalid_code`; 409 `two_factor_enabled` or `two_factor_not_begun`;
/// [`Error::TooManyRequests`]; [`Error::SessionGone`]; [`Error::Unavailable`].
pub fn confirm<'a>(
    app: &'a App,
    caller: &'a Caller,
    member: &'a Member,
    form: &'a ConfirmTwoFactor,
) -> BoxFuture<'a, Result<(Option<SetCookie>, TwoFactorConfirmation)>> {
    Box::pin(async move {
        let (key, id) = (member.key()?, member.user.id);
        let now = app.clock().now();
        let subject = Subject::sessions_of(SECOND_FACTOR, id);
        let attempt = rate_limit::begin(app, vec![subject]).await?;
        let verified = async {
            let factor = {
                let postgres = app.db().client().await?;
                second_factor::find(&postgres, id).await?
            };
            let factor = factor.ok_or(Error::SessionGone)?;
            if factor.is_confirmed {
                return Err(ALREADY_ENABLED);
            }
            // If the secret cannot be decrypted, the member must start the setup again, which
            // replaces it.
            let secret = open_secret(app, id, &factor).map_err(|_| NO_SECOND_FACTOR)?;
            let (secret, sealed_secret) =
                secret.zip(factor.sealed_secret).ok_or(NO_SECOND_FACTOR)?;
            let step = totp::find_step(&secret, &normalize_code(&form.code), now)?;
            Ok((step.ok_or(WRONG_CODE)?, sealed_secret))
        };
        let verified = verified.await;
        attempt.settle(&verified);
        let (step, sealed_secret) = verified?;
        let codes: Vec<String> = (0..RECOVERY_CODE_COUNT)
            .map(|_| generate_recovery_code())
            .collect();
        let hashes: Vec<String> = codes
            .iter()
            .map(|code| hash_recovery_code(id, code))
            .collect();
        let notice = Notice::from_caller(caller, now);
        let renewal = Renewal::new(key);
        let transaction = app.transaction().run(async |tx| {
            session::lock_member(tx, key, id).await?;
            if !second_factor::confirm(tx, id, step, sealed_secret.clone()).await? {
                return Err(ALREADY_ENABLED);
            }
            second_factor::replace_codes(tx, id, hashes.clone()).await?;
            tx.invalidate_sessions(session::end_all_of(tx, id, Some(key)).await?);
            let (kind, user) = (NoticeKind::TwoFactorEnabled, &member.user);
            mail::notify(tx, kind, user, notice.clone()).await?;
            security_event::insert(tx, SecurityEventKind::TwoFactorEnabled, Some(id), caller)
                .await?;
            renewal.run(tx).await
        });
        let renewed = transaction.await?;
        mail::send_due_in_background(app);
        let NewCredential { cookie, tokens } = NewCredential::issue(app, &member.user, &renewed);
        let codes = TwoFactorConfirmation {
            success: true,
            recovery_codes: codes,
            tokens,
        };
        Ok((cookie, codes))
    })
}

/// Removes the second factor. Requires the password and a code. The session of the caller
/// gets a new credential.
///
/// # Errors
///
/// 409 `two_factor_not_begun`; the errors of [`reauthenticate`] and `verify_code`.
pub fn disable<'a>(
    app: &'a App,
    caller: &'a Caller,
    member: &'a Member,
    form: &'a DisableTwoFactor,
) -> BoxFuture<'a, Result<NewCredential>> {
    Box::pin(async move {
        let (key, password) = (member.key()?, form.current_password.as_deref());
        let proof = reauthenticate(app, caller, member, password).await?;
        let credentials = {
            let postgres = app.db().client().await?;
            user::find_credentials_by_id(&postgres, member.user.id, &[]).await?
        };
        let credentials = credentials.ok_or(Error::SessionGone)?;
        if !credentials.user.has_second_factor {
            return Err(NO_SECOND_FACTOR);
        }
        let source = CodeSource::Session;
        let code = verify_code(app, caller, &credentials, source, &form.code).await?;
        let notice = Notice::from_caller(caller, app.clock().now());
        let renewal = Renewal::new(key);
        let transaction = app.transaction().run(async |tx| {
            let id = proof.user_id;
            session::lock_member(tx, key, id).await?;
            user::require_epoch(tx, &proof).await?;
            code.use_up(tx, id).await?;
            second_factor::remove(tx, id).await?;
            tx.invalidate_sessions(session::end_all_of(tx, id, Some(key)).await?);
            let (kind, user) = (NoticeKind::TwoFactorDisabled, &member.user);
            mail::notify(tx, kind, user, notice.clone()).await?;
            security_event::insert(tx, SecurityEventKind::TwoFactorDisabled, Some(id), caller)
                .await?;
            renewal.run(tx).await
        });
        let renewed = transaction.await?;
        mail::send_due_in_background(app);
        Ok(NewCredential::issue(app, &member.user, &renewed))
    })
}

/// A code that was correct when it was verified. The transaction that required the code
/// uses it up.
#[derive(Clone, Debug)]
pub(crate) enum VerifiedCode {
    /// A code from the app, by its time step.
    Totp(i64),
    /// A recovery code, by its hash.
    Recovery(String),
}

impl VerifiedCode {
    /// Uses up the code.
    ///
    /// # Errors
    ///
    /// 401 `invalid_code` if another request has used it.
    pub(crate) async fn use_up(&self, postgres: &Postgres, user_id: Uuid) -> Result<()> {
        let was_unused = match self {
            Self::Totp(step) => second_factor::use_step(postgres, user_id, *step).await?,
            Self::Recovery(hash) => second_factor::use_code(postgres, user_id, hash).await?,
        };
        was_unused.then_some(()).ok_or(WRONG_CODE)
    }
}

/// Where a code comes from. This decides for which limits a wrong code counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CodeSource {
    /// A sign-in.
    SignIn,
    /// A session of a member who is signed in.
    Session,
}

/// Verifies a code from the app or a recovery code.
///
/// Each known device of the member has its own limits. All sessions of the member together
/// share another set of limits, because each re-authentication changes the id of a session.
/// Nobody else can exhaust the limits of the devices and the sessions. The keys contain the
/// member's id instead of the e-mail address, because the e-mail address can change.
///
/// All unknown devices share the limits of the member, which bound how often a code of six
/// digits can be guessed. A recovery code cannot be guessed, so on an unknown device only the
/// IP address is limited. The code works even when the limits of the member are exhausted. An
/// attacker who knows the password therefore cannot lock the owner out.
///
/// # Errors
///
/// 401 `invalid_code`; 409 `two_factor_unreadable` if the secret of the app cannot be
/// decrypted; [`Error::TooManyRequests`]; [`Error::Unavailable`].
pub(crate) async fn verify_code(
    app: &App,
    caller: &Caller,
    credentials: &Credentials,
    source: CodeSource,
    code: &str,
) -> Result<VerifiedCode> {
    let user = &credentials.user;
    let limits = [SECOND_FACTOR, SECOND_FACTOR_DAY];
    let subjects = match (source, &credentials.device) {
        (CodeSource::Session, _) => limits
            .map(|limit| Subject::sessions_of(limit, user.id))
            .to_vec(),
        (CodeSource::SignIn, Some(device)) => limits
            .map(|limit| Subject::device_of(limit, user.id, device.id))
            .to_vec(),
        (CodeSource::SignIn, None) if is_recovery_code(&normalize_code(code)) => {
            Subject::address(RECOVERY_ADDRESS, caller.address)
        }
        (CodeSource::SignIn, None) => limits.map(|limit| Subject::member(limit, user.id)).to_vec(),
    };
    let attempt = rate_limit::begin(app, subjects).await?;
    let is_last = limits
        .iter()
        .any(|limit| attempt.reached().contains(&limit.name));
    let verified = async {
        let postgres = app.db().client().await?;
        let code = match_code(app, &postgres, credentials, code).await?;
        if code.is_none() {
            let kind = SecurityEventKind::TwoFactorFailed;
            security_events::record(app, kind, Some(user.id), caller);
        }
        code.ok_or(WRONG_CODE)
    };
    let verified = verified.await;
    match &verified {
        // The code was not checked.
        Err(Error::Conflict { .. }) => attempt.give_back(),
        _ => attempt.settle(&verified),
    }
    if is_last && matches!(verified, Err(Error::Unauthorized { .. })) {
        notify_of_guesses(app, caller, user).await?;
    }
    verified
}

/// Notifies the member that someone who knows the password has tried so many wrong codes that
/// no more are accepted for now. The notice is sent when the limit is reached and not when it
/// is exceeded, because an attacker may stop at the limit.
async fn notify_of_guesses(app: &App, caller: &Caller, user: &User) -> Result<()> {
    let postgres = app.db().client().await?;
    let notice = Notice::from_caller(caller, app.clock().now());
    mail::notify(&postgres, NoticeKind::WrongCodesEntered, user, notice).await?;
    let (kind, id) = (SecurityEventKind::TwoFactorThrottled, Some(user.id));
    security_event::insert(&postgres, kind, id, caller).await?;
    mail::send_due_in_background(app);
    Ok(())
}

/// Returns the code if it is correct and unused.
async fn match_code(
    app: &App,
    postgres: &Postgres,
    credentials: &Credentials,
    code: &str,
) -> Result<Option<VerifiedCode>> {
    let (id, now) = (credentials.user.id, app.clock().now());
    let code = normalize_code(code);
    if is_recovery_code(&code) {
        let hash = hash_recovery_code(id, &code);
        let code_exists = second_factor::has_code(postgres, id, &hash).await?;
        return Ok(code_exists.then_some(VerifiedCode::Recovery(hash)));
    }
    let Some(factor) = second_factor::find(postgres, id).await? else {
        return Ok(None);
    };
    let Some(secret) = open_secret(app, id, &factor)? else {
        return Ok(None);
    };
    let step = totp::find_step(&secret, &code, now)?;
    let last_step = factor.last_step;
    let is_new = |step: &i64| last_step.is_none_or(|last_step| last_step < *step);
    Ok(step.filter(is_new).map(VerifiedCode::Totp))
}

/// Decrypts the secret of a second factor. Returns `None` if no app is set up.
///
/// # Errors
///
/// 409 `two_factor_unreadable` if the secret cannot be decrypted. The failure is logged.
fn open_secret(app: &App, id: Uuid, factor: &SecondFactor) -> Result<Option<Vec<u8>>> {
    let opened = factor.open_secret(&app.config().encryption_keys, id);
    opened.map_err(|error| {
        tracing::error!(user = %id, error = %chain(&error), "failed to decrypt a second factor");
        UNREADABLE_SECRET
    })
}

/// Returns whether a normalized code is checked as a recovery code.
fn is_recovery_code(code: &str) -> bool {
    code.len() != TOTP_DIGITS
}

/// Converts a code to lower case, removes spaces and punctuation, and truncates it.
/// Corrects the letters that recovery codes do not contain because they look like digits.
fn normalize_code(code: &str) -> String {
    let characters = code
        .chars()
        .filter(|character| character.is_alphanumeric())
        .map(|character| match character.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        });
    characters.take(64).collect()
}

/// Generates a recovery code: eighty random bits in four groups of Crockford's base 32, which
/// excludes letters that look like digits.
fn generate_recovery_code() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let letters = random::bytes::<16>().map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
    let groups: Vec<String> = letters
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect();
    groups.join("-")
}

/// Hashes a recovery code. A code of eighty bits needs no slow hash. The hash includes the
/// member's id, so that equal codes of two members have different hashes.
fn hash_recovery_code(user_id: Uuid, code: &str) -> String {
    sha256_hex(format!("{user_id}:{}", normalize_code(code)).as_bytes())
}
