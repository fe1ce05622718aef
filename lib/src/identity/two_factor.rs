//! The second factor: setup, removal, and verification of codes.

mod code;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub(crate) use self::code::{CodeSource, VerifiedCode, verify_code};
use self::code::{
    WRONG_CODE, generate_recovery_code, hash_recovery_code, normalize_code, open_secret,
};
use crate::crypto::totp;
use crate::error::{Error, ErrorCode, Result};
use crate::http::{Member, SetCookie};
use crate::identity::rate_limit;
use crate::identity::rate_limit::{SECOND_FACTOR, Subject};
use crate::identity::reauthenticate::reauthenticate;
use crate::identity::renewal::NewCredential;
use crate::identity::token_pair::{OptionalTokenPair, TokenPair};
use crate::models::remembered_device;
use crate::models::security_event::{self, SecurityEventKind};
use crate::models::user::{self, second_factor};
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::session::Renewal;
use crate::values::caller::Caller;
use crate::values::email;
use crate::{App, BoxFuture, session};

/// The number of recovery codes that a member gets.
const RECOVERY_CODE_COUNT: usize = 10;

const ALREADY_ENABLED: Error = Error::Conflict {
    code: ErrorCode::TwoFactorEnabled,
    message: "A second factor is already set up; please remove it first",
};

const NO_SECOND_FACTOR: Error = Error::Conflict {
    code: ErrorCode::TwoFactorNotBegun,
    message: "There is no second factor to confirm or remove",
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
        let subject = Subject::sessions_of(SECOND_FACTOR, id);
        let attempt = rate_limit::begin(app, vec![subject]).await?;
        let verified = verify_first_code(app, id, &form.code).await;
        attempt.settle(&verified);
        let (step, sealed_secret) = verified?;
        let codes: Vec<String> = (0..RECOVERY_CODE_COUNT)
            .map(|_| generate_recovery_code())
            .collect();
        let hashes: Vec<String> = codes
            .iter()
            .map(|code| hash_recovery_code(id, code))
            .collect();
        let notice = Notice::from_caller(caller, app.clock().now());
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

/// Verifies the code that confirms a setup. Returns its time step and the sealed secret.
async fn verify_first_code(app: &App, id: Uuid, code: &str) -> Result<(i64, Vec<u8>)> {
    let factor = {
        let postgres = app.db().client().await?;
        second_factor::find(&postgres, id).await?
    };
    let factor = factor.ok_or(Error::SessionGone)?;
    if factor.is_confirmed {
        return Err(ALREADY_ENABLED);
    }
    // If the secret cannot be decrypted, the member must start the setup again, which replaces
    // it.
    let secret = open_secret(app, id, &factor).map_err(|_| NO_SECOND_FACTOR)?;
    let (secret, sealed_secret) = secret.zip(factor.sealed_secret).ok_or(NO_SECOND_FACTOR)?;
    let step = totp::find_step(&secret, &normalize_code(code), app.clock().now())?;
    Ok((step.ok_or(WRONG_CODE)?, sealed_secret))
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
