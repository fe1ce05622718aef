//! The codes of a second factor: those from the app, and recovery codes.

use uuid::Uuid;

use crate::App;
use crate::admin::security_events;
use crate::crypto::secret::sha256_hex;
use crate::crypto::{random, totp};
use crate::error::{Error, ErrorCode, Result, chain};
use crate::identity::rate_limit;
use crate::identity::rate_limit::{RECOVERY_ADDRESS, SECOND_FACTOR, SECOND_FACTOR_DAY, Subject};
use crate::models::security_event::{self, SecurityEventKind};
use crate::models::user::second_factor::{self, SecondFactor};
use crate::models::user::{Credentials, User};
use crate::notify::mail;
use crate::notify::mail::{Notice, NoticeKind};
use crate::store::client::Client as Postgres;
use crate::values::caller::Caller;

/// The number of digits of a code from the app. A recovery code has another length.
const TOTP_DIGITS: usize = 6;

pub(super) const WRONG_CODE: Error = Error::Unauthorized {
    code: ErrorCode::InvalidCode,
    message: "This code is wrong or has been used",
};

const UNREADABLE_SECRET: Error = Error::Conflict {
    code: ErrorCode::TwoFactorUnreadable,
    message: "Codes from the app cannot be checked at the moment; please use a recovery code",
};

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
pub(super) fn open_secret(app: &App, id: Uuid, factor: &SecondFactor) -> Result<Option<Vec<u8>>> {
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
pub(super) fn normalize_code(code: &str) -> String {
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
pub(super) fn generate_recovery_code() -> String {
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
pub(super) fn hash_recovery_code(user_id: Uuid, code: &str) -> String {
    sha256_hex(format!("{user_id}:{}", normalize_code(code)).as_bytes())
}
