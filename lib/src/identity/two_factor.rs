//! The second factor: how it is set up and taken away, and how a code is judged.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::crypto::secret::sha256_hex;
use crate::crypto::{random, totp};
use crate::error::{Error, Result};
use crate::http::Member;
use crate::identity::profile;
use crate::identity::rate_limit;
use crate::identity::rate_limit::{SECOND_FACTOR, SECOND_FACTOR_DAY, Subject};
use crate::models::remembered_device;
use crate::models::security_event::{self, Kind};
use crate::models::user::{self, Credentials, User, second_factor};
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::store::client::Client as Postgres;
use crate::values::caller::Caller;
use crate::{App, BoxFuture, session};

/// How many recovery codes there are at first.
const RECOVERY_CODES: usize = 10;

const WRONG_CODE: Error = Error::Unauthorized {
    code: "invalid_code",
    message: "This code is not right, or has been used",
};

const ENABLED: Error = Error::Conflict {
    code: "two_factor_enabled",
    message: "A second factor is set up already: take it away first",
};

const NOT_BEGUN: Error = Error::Conflict {
    code: "two_factor_not_begun",
    message: "There is no second factor to confirm or to take away",
};

/// How a member's second factor stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TwoFactorStatus)]
pub struct Status {
    /// Whether a code is asked for at sign-in.
    enabled: bool,
    /// Recovery codes that have not been used.
    recovery_codes_left: i64,
    /// On how many devices no code is asked for.
    trusted_devices: i64,
}

/// What an authenticator app has to know, in three forms of the same.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TwoFactorEnrollment)]
pub struct Enrollment {
    /// In base32, for whoever types it.
    secret: String,
    /// `otpauth://totp/…`, for a link on a telephone.
    otpauth_uri: String,
    /// An SVG image, to be photographed.
    qr_code: String,
}

/// Codes for the day the telephone is lost; shown once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryCodes {
    success: bool,
    /// Each is good once, in the place of a code of the app.
    recovery_codes: Vec<String>,
}

/// What it takes to begin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = StartTwoFactor)]
pub struct Beginning {
    /// Left out by an account that has none: it shows a sign-in through its
    /// provider in the last ten minutes instead.
    #[schema(format = "password")]
    current_password: Option<String>,
}

/// What confirms that the app knows the secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ConfirmTwoFactor)]
pub struct Confirmation {
    /// Six digits, of the app that has just been told the secret.
    #[schema(examples("123456"))]
    code: String,
}

/// What it takes to take it away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = DisableTwoFactor)]
pub struct Removal {
    /// As where it begins.
    #[schema(format = "password")]
    current_password: Option<String>,
    /// Of the app, or a recovery code.
    #[schema(examples("123456"))]
    code: String,
}

/// How the member's second factor stands.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub fn status<'a>(app: &'a App, member: &'a Member) -> BoxFuture<'a, Result<Status>> {
    Box::pin(async move {
        member.key()?;
        let (keys, id) = (app.config().encryption_keys.clone(), member.user.id);
        app.db()
            .read(async move |client| {
                let factor = second_factor::find(client, &keys, id).await?;
                let factor = factor.ok_or(Error::SessionGone)?;
                Ok(Status {
                    enabled: factor.is_confirmed,
                    recovery_codes_left: factor.codes_left,
                    trusted_devices: remembered_device::count_trusted(client, id).await?,
                })
            })
            .await
    })
}

/// Begins: makes a secret, which asks for nothing before it is confirmed.
///
/// # Errors
///
/// As [`profile::prove_again`]; 409 `two_factor_enabled`.
pub fn begin<'a>(
    app: &'a App,
    client: &'a Caller,
    member: &'a Member,
    form: &'a Beginning,
) -> BoxFuture<'a, Result<Enrollment>> {
    Box::pin(async move {
        let (key, current) = (member.key()?, form.current_password.as_deref());
        let proof = profile::prove_again(app, client, member, current).await?;
        let secret = totp::generate_secret();
        let told = totp::enroll(&secret, &app.config().studio.name, &member.user.email)?;
        let keyring = &app.config().encryption_keys;
        let begun = app.transaction().run(async |tx| {
            session::lock_member(tx, key, proof.user_id).await?;
            user::require_epoch(tx, &proof).await?;
            if !second_factor::begin(tx, keyring, proof.user_id, &secret).await? {
                return Err(ENABLED);
            }
            Ok(())
        });
        begun.await?;
        Ok(Enrollment {
            secret: told.secret,
            otpauth_uri: told.uri,
            qr_code: told.qr_code,
        })
    })
}

/// Confirms by a code that the app knows the secret. All other sessions end:
/// they have shown none.
///
/// # Errors
///
/// 401 `invalid_code`; 409 `two_factor_enabled` or `two_factor_not_begun`;
/// [`Error::TooManyRequests`]; [`Error::SessionGone`]; [`Error::Unavailable`].
pub fn confirm<'a>(
    app: &'a App,
    client: &'a Caller,
    member: &'a Member,
    form: &'a Confirmation,
) -> BoxFuture<'a, Result<RecoveryCodes>> {
    Box::pin(async move {
        let (key, id) = (member.key()?, member.user.id);
        rate_limit::take(app, &[Subject::email(SECOND_FACTOR, &member.user.email)]).await?;
        let factor = {
            let postgres = app.db().client().await?;
            second_factor::find(&postgres, &app.config().encryption_keys, id).await?
        };
        let factor = factor.ok_or(Error::SessionGone)?;
        if factor.is_confirmed {
            return Err(ENABLED);
        }
        let (secret, sealed) = factor.secret.zip(factor.sealed).ok_or(NOT_BEGUN)?;
        let now = app.clock().now();
        let step = totp::find_step(&secret, &digits(&form.code), now)?.ok_or(WRONG_CODE)?;
        let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code()).collect();
        let hashes: Vec<String> = codes.iter().map(|code| hash(id, code)).collect();
        let notice = Notice::from_caller(client, now);
        let confirmed = app.transaction().run(async |tx| {
            session::lock_member(tx, key, id).await?;
            if !second_factor::confirm(tx, id, step, sealed.clone()).await? {
                return Err(ENABLED);
            }
            second_factor::replace_codes(tx, id, hashes.clone()).await?;
            tx.invalidate_sessions(session::end_all_of(tx, id, Some(key)).await?);
            let (kind, user) = (NoticeKind::TwoFactorEnabled, &member.user);
            mail::notify(tx, kind, user, notice.clone()).await?;
            security_event::insert(tx, Kind::TwoFactorEnabled, Some(id), client).await
        });
        confirmed.await?;
        rate_limit::forgive(app, &[Subject::email(SECOND_FACTOR, &member.user.email)]);
        mail::send_due_soon(app);
        Ok(RecoveryCodes {
            success: true,
            recovery_codes: codes,
        })
    })
}

/// Takes it away, for one who knows the password and has a code.
///
/// # Errors
///
/// As [`profile::prove_again`]; 401 `invalid_code`; 409 `two_factor_not_begun`.
pub fn disable<'a>(
    app: &'a App,
    client: &'a Caller,
    member: &'a Member,
    form: &'a Removal,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let (key, current) = (member.key()?, form.current_password.as_deref());
        let proof = profile::prove_again(app, client, member, current).await?;
        let known = {
            let postgres = app.db().client().await?;
            user::credentials_of(&postgres, member.user.id, &[]).await?
        };
        let known = known.ok_or(Error::SessionGone)?;
        if !known.has_second_factor {
            return Err(NOT_BEGUN);
        }
        let evidence = judge(app, client, &known, &form.code).await?;
        let notice = Notice::from_caller(client, app.clock().now());
        let removed = app.transaction().run(async |tx| {
            let id = proof.user_id;
            session::lock_member(tx, key, id).await?;
            user::require_epoch(tx, &proof).await?;
            evidence.take(tx, id).await?;
            second_factor::remove(tx, id).await?;
            tx.invalidate_sessions(session::end_all_of(tx, id, Some(key)).await?);
            let (kind, user) = (NoticeKind::TwoFactorDisabled, &member.user);
            mail::notify(tx, kind, user, notice.clone()).await?;
            security_event::insert(tx, Kind::TwoFactorDisabled, Some(id), client).await
        });
        removed.await?;
        mail::send_due_soon(app);
        Ok(())
    })
}

/// A code that was right when it was judged. It is used up where what it was
/// shown for happens, in the same transaction.
#[derive(Clone, Debug)]
pub(crate) enum Evidence {
    /// Of the app, at this step.
    Step(i64),
    /// A recovery code, by its hash.
    Recovery(String),
}

impl Evidence {
    /// Uses it up.
    ///
    /// # Errors
    ///
    /// 401 `invalid_code` when somebody else has just done so.
    pub(crate) async fn take(&self, postgres: &Postgres, id: Uuid) -> Result<()> {
        let taken = match self {
            Self::Step(step) => second_factor::take_step(postgres, id, *step).await?,
            Self::Recovery(hash) => second_factor::take_code(postgres, id, hash).await?,
        };
        taken.then_some(()).ok_or(WRONG_CODE)
    }
}

/// Judges a code of the app, or a recovery code.
///
/// # Errors
///
/// 401 `invalid_code`; [`Error::TooManyRequests`]; [`Error::Unavailable`].
pub(crate) async fn judge(
    app: &App,
    client: &Caller,
    known: &Credentials,
    code: &str,
) -> Result<Evidence> {
    let user = &known.user;
    // Whoever tries from elsewhere has the password; they do not use up the
    // tries of a device that the account knows.
    let subjects = match &known.device {
        Some(device) => [SECOND_FACTOR, SECOND_FACTOR_DAY]
            .map(|limit| Subject::device(limit, &user.email, device.id))
            .to_vec(),
        None => vec![
            Subject::email(SECOND_FACTOR, &user.email),
            Subject::email(SECOND_FACTOR_DAY, &user.email),
        ],
    };
    let tried = rate_limit::take(app, &subjects).await;
    if let Err(Error::TooManyRequests { is_new: true, .. }) = tried {
        tell_of_guesses(app, client, user).await?;
    }
    tried?;
    let postgres = app.db().client().await?;
    if let Some(evidence) = right(app, &postgres, known, code).await? {
        rate_limit::forgive(app, &subjects);
        return Ok(evidence);
    }
    security_event::note(app, Kind::TwoFactorFailed, Some(user.id), client);
    Err(WRONG_CODE)
}

/// Whoever has so many wrong codes had the right password: its owner should
/// know.
async fn tell_of_guesses(app: &App, client: &Caller, user: &User) -> Result<()> {
    let postgres = app.db().client().await?;
    let notice = Notice::from_caller(client, app.clock().now());
    mail::notify(&postgres, NoticeKind::CodesGuessed, user, notice).await?;
    let (kind, id) = (Kind::TwoFactorThrottled, Some(user.id));
    security_event::insert(&postgres, kind, id, client).await?;
    mail::send_due_soon(app);
    Ok(())
}

async fn right(
    app: &App,
    postgres: &Postgres,
    known: &Credentials,
    code: &str,
) -> Result<Option<Evidence>> {
    let (id, now) = (known.user.id, app.clock().now());
    let code = digits(code);
    if code.len() != 6 {
        let hash = hash(id, &code);
        let is_there = second_factor::has_code(postgres, id, &hash).await?;
        return Ok(is_there.then_some(Evidence::Recovery(hash)));
    }
    let keys = &app.config().encryption_keys;
    let factor = second_factor::find(postgres, keys, id).await?;
    let Some((secret, last)) = factor.and_then(|one| Some((one.secret?, one.last_step))) else {
        return Ok(None);
    };
    let step = totp::find_step(&secret, &code, now)?;
    let is_new = |step: &i64| last.is_none_or(|last| last < *step);
    Ok(step.filter(is_new).map(Evidence::Step))
}

/// As people type it: with blanks, hyphens and capitals.
fn digits(code: &str) -> String {
    let kept = code.chars().filter(|c| !c.is_whitespace() && *c != '-');
    kept.take(64).collect::<String>().to_ascii_lowercase()
}

/// Eighty random bits, in four groups of Crockford's base 32, which has no
/// letters that look alike.
fn recovery_code() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let letters = random::bytes::<16>().map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
    let groups: Vec<String> = letters
        .chunks(4)
        .map(|four| four.iter().collect())
        .collect();
    groups.join("-")
}

/// A code of eighty bits needs no slow hash; bound to its owner, it is found in
/// nobody else's rows.
fn hash(id: Uuid, code: &str) -> String {
    sha256_hex(format!("{id}:{}", digits(code)).as_bytes())
}
