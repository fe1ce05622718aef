//! The credentials that a sign-in checks, and the changes that require them.

use tokio_postgres::Row;
use uuid::Uuid;

use super::member::{User, user_columns};
use crate::crypto::token::{SessionKey, Token};
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::models::remembered_device::Device;
use crate::models::user::AuthenticationProof;
use crate::models::user_session::session_is_active;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The error for a wrong password of a member who is signed in. It is not a 401, which
/// would tell the page that the session has ended.
pub const WRONG_PASSWORD: Error = Error::Forbidden {
    code: ErrorCode::WrongPassword,
    message: "The password is wrong",
};

/// The data of an account that a sign-in needs.
#[derive(Debug)]
pub struct Credentials {
    /// The member.
    pub user: User,
    /// The hash of the password. `None` if the member signs in only through a
    /// provider.
    pub password_hash: Option<String>,
    /// The current `session_epoch`. It becomes part of an [`AuthenticationProof`].
    pub epoch: i32,
    /// Whether the account is active.
    pub is_active: bool,
    /// The device of the request, if the account recognizes it.
    pub device: Option<Device>,
}

/// Selects the credentials of the account that matches a condition on `$1`, and the device
/// that the account recognizes by one of the token hashes `$2`.
macro_rules! credentials_where {
    ($condition:literal) => {
        concat!(
            "select u.password_hash, u.session_epoch, u.is_active,
                d.id as device_id, d.token_hash as device_hash, coalesce(d.trusted_until > now(), false) as is_trusted, ",
            user_columns!("u"),
            " from users u left join remembered_devices d on d.user_id = u.id
                and d.token_hash = any ($2) and d.epoch = u.session_epoch and d.expires_at > now()
            where ",
            $condition
        )
    };
}

static FIND_CREDENTIALS_BY_EMAIL: Statement =
    Statement::new("user.credentials", credentials_where!("u.email = $1"));

static FIND_CREDENTIALS_BY_ID: Statement =
    Statement::new("user.credentials_of", credentials_where!("u.id = $1"));

/// Returns the credentials of the account with this e-mail address. `device_tokens` come
/// from the browser's cookies.
pub async fn find_credentials_by_email(
    client: &Client,
    email: &str,
    device_tokens: &[Token],
) -> Result<Option<Credentials>> {
    let device_hashes: Vec<String> = device_tokens.iter().map(Token::hash).collect();
    let row = FIND_CREDENTIALS_BY_EMAIL
        .opt(client, &[&email, &device_hashes])
        .await?;
    row.map(|row| Credentials::from_row(&row)).transpose()
}

/// Returns the credentials of an account. `device_tokens` come from the browser's cookies.
pub async fn find_credentials_by_id(
    client: &Client,
    id: Uuid,
    device_tokens: &[Token],
) -> Result<Option<Credentials>> {
    let device_hashes: Vec<String> = device_tokens.iter().map(Token::hash).collect();
    let row = FIND_CREDENTIALS_BY_ID
        .opt(client, &[&id, &device_hashes])
        .await?;
    row.map(|row| Credentials::from_row(&row)).transpose()
}

impl Credentials {
    fn from_row(row: &Row) -> Result<Self> {
        let device_id: Option<Uuid> = row.try_get("device_id")?;
        let device = device_id.map(|id| {
            Ok::<_, crate::Error>(Device {
                id,
                token_hash: row.try_get("device_hash")?,
                is_trusted: row.try_get("is_trusted")?,
            })
        });
        Ok(Self {
            user: User::from_row(row)?,
            password_hash: row.try_get("password_hash")?,
            epoch: row.try_get("session_epoch")?,
            is_active: row.try_get("is_active")?,
            device: device.transpose()?,
        })
    }

    /// Returns the proof that the member has just authenticated by `method`.
    pub fn proof(&self, method: &str) -> AuthenticationProof {
        AuthenticationProof {
            user_id: self.user.id,
            epoch: self.epoch,
            method: method.to_owned(),
        }
    }
}

static REHASH: Statement = Statement::new(
    "user.rehash",
    "update users set password_hash = $3 where id = $1 and password_hash = $2",
);

/// Replaces a hash with a stronger one of the same password, unless the password has been
/// changed in the meantime.
pub async fn rehash(client: &Client, id: Uuid, old_hash: &str, new_hash: &str) -> Result<()> {
    REHASH.execute(client, &[&id, &old_hash, &new_hash]).await
}

static SET_PASSWORD: Statement = Statement::new(
    "user.set_password",
    "update users set password_hash = $3, password_changed_at = now()
    where id = $1 and session_epoch = $2 returning id",
);

/// Sets a new password for a member who authenticated when `epoch` was the current
/// `session_epoch`.
///
/// # Errors
///
/// [`WRONG_PASSWORD`] if the epoch has changed since, because the old password may no
/// longer be valid.
pub async fn set_password(client: &Client, id: Uuid, epoch: i32, hash: &str) -> Result<()> {
    let row = SET_PASSWORD.opt(client, &[&id, &epoch, &hash]).await?;
    row.map(|_| ()).ok_or(WRONG_PASSWORD)
}

static RESET_PASSWORD: Statement = Statement::new(
    "user.reset_password",
    "update users u set password_hash = $3, password_changed_at = now(),
        email_verified_at = coalesce(u.email_verified_at, now())
    where u.id = $1 and u.email = $2 and u.is_active
    returning u.id",
);

/// Sets a new password for a member who has received a link at the account's e-mail
/// address. This also confirms the address. Returns `false` if the account now has another
/// address, or is deactivated.
pub async fn reset_password(client: &Client, id: Uuid, email: &str, hash: &str) -> Result<bool> {
    let row = RESET_PASSWORD.opt(client, &[&id, &email, &hash]).await?;
    Ok(row.is_some())
}

static CONFIRM_EMAIL: Statement = Statement::new(
    "user.confirm_email",
    "update users set email_verified_at = now()
    where id = $1 and email_verified_at is null",
);

/// Confirms the address of an account, if it is not confirmed yet. The transaction must have
/// locked the member's row.
pub async fn confirm_email(client: &Client, id: Uuid) -> Result<()> {
    CONFIRM_EMAIL.execute(client, &[&id]).await
}

static CHANGE_EMAIL: Statement = Statement::new(
    "user.change_email",
    "update users u set email = $2, email_verified_at = now()
    from (select id, email from users where id = $1 for no key update) previous
    where u.id = previous.id and u.is_active and u.session_epoch = $3
    returning previous.email as previous_email",
);

/// Gives an account a new address, which its member has confirmed. Returns the previous
/// address. Returns `None` if the account is deactivated, or if the member's `session_epoch`
/// is no longer `epoch`, the value at the time of the request.
///
/// # Errors
///
/// 409 `email_taken` if another account has the address.
pub async fn change_email(
    client: &Client,
    id: Uuid,
    email: &str,
    epoch: i32,
) -> Result<Option<String>> {
    let row = CHANGE_EMAIL
        .opt(client, &[&id, &email, &epoch])
        .await
        .on_constraint("users_email_key", Error::EmailTaken)?;
    Ok(row.map(|row| row.try_get("previous_email")).transpose()?)
}

static HAS_EPOCH: Statement = Statement::new(
    "user.has_epoch",
    "select id from users where id = $1 and session_epoch = $2 and is_active",
);

/// Checks that a proof is still valid, in a transaction that has locked the member's
/// row.
///
/// # Errors
///
/// [`WRONG_PASSWORD`] if the account is deactivated, or if the epoch has changed since,
/// because the password may no longer be valid.
pub async fn require_epoch(client: &Client, proof: &AuthenticationProof) -> Result<()> {
    let row = HAS_EPOCH
        .opt(client, &[&proof.user_id, &proof.epoch])
        .await?;
    row.map(|_| ()).ok_or(WRONG_PASSWORD)
}

static FIND_REAUTHENTICATION: Statement = Statement::new(
    "user.reauthentication",
    concat!(
        "select u.password_hash is not null as has_password, u.session_epoch, s.login_method,
            s.login_method <> 'password'
                and s.created_at > now() - interval '10 minutes' as is_recent_by_provider,
            s.created_at > now() - interval '10 minutes' as is_recent
        from user_sessions s join users u on u.id = s.user_id
        where s.session_key = $1 and ",
        session_is_active!()
    ),
);

/// What a session proves about its member without a password check.
#[derive(Debug)]
pub struct Reauthentication {
    /// Whether the account has a password.
    pub has_password: bool,
    /// The proof of a sign-in through a provider within the last ten minutes.
    pub provider_proof: Option<AuthenticationProof>,
    /// Whether the member signed in within the last ten minutes, by any method.
    pub has_signed_in_recently: bool,
}

/// Returns what a session proves. Returns `None` if the session has ended.
pub async fn find_reauthentication(
    client: &Client,
    session: &SessionKey,
    id: Uuid,
) -> Result<Option<Reauthentication>> {
    let row = FIND_REAUTHENTICATION
        .opt(client, &[&session.as_str()])
        .await?;
    row.map(|row| {
        let is_recent_by_provider: bool = row.try_get("is_recent_by_provider")?;
        let proof = AuthenticationProof {
            user_id: id,
            epoch: row.try_get("session_epoch")?,
            method: row.try_get("login_method")?,
        };
        Ok(Reauthentication {
            has_password: row.try_get("has_password")?,
            provider_proof: is_recent_by_provider.then_some(proof),
            has_signed_in_recently: row.try_get("is_recent")?,
        })
    })
    .transpose()
}
