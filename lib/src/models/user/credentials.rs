//! What proves that an account is somebody's, and what only they change of it.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{EMAIL_TAKEN, User, WRONG_PASSWORD, user_columns};
use crate::error::{OnConstraint, Result};
use crate::models::remembered_device::Device;
use crate::models::user::Proof;
use crate::models::user_session::session_alive;
use crate::session::{Key, Token};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// What a sign-in needs to know of an account.
#[derive(Debug)]
pub struct Credentials {
    /// Whose they are.
    pub user: User,
    /// `None`: signs in through a provider only.
    pub password_hash: Option<String>,
    /// What a proof made now stands under.
    pub epoch: i32,
    /// Whether the account may be used.
    pub is_active: bool,
    /// Whether a code is asked for as well.
    pub has_second_factor: bool,
    /// The device that asks, if the account knows it.
    pub device: Option<Device>,
}

/// The credentials of the accounts for which `$1` is so, on a device of `$2`.
macro_rules! credentials_where {
    ($condition:literal) => {
        concat!(
            "select u.password_hash, u.session_epoch, u.is_active,
                u.totp_confirmed_at is not null as has_second_factor,
                d.id as device_id, d.token_hash as device_hash, coalesce(d.trusted_until > now(), false) as is_trusted, ",
            user_columns!("u"),
            " from users u left join remembered_devices d on d.user_id = u.id
                and d.token_hash = any ($2) and d.epoch = u.session_epoch and d.expires_at > now()
            where ",
            $condition
        )
    };
}

static CREDENTIALS: Statement =
    Statement::new("user.credentials", credentials_where!("u.email = $1"));

static CREDENTIALS_OF: Statement =
    Statement::new("user.credentials_of", credentials_where!("u.id = $1"));

/// The credentials of the account with this address, on one of these devices.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn credentials(
    client: &Client,
    email: &str,
    devices: &[Token],
) -> Result<Option<Credentials>> {
    let devices: Vec<String> = devices.iter().map(Token::hash).collect();
    let row = CREDENTIALS.opt(client, &[&email, &devices]).await?;
    row.map(|row| Credentials::from_row(&row)).transpose()
}

/// The credentials of an account, on one of these devices.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn credentials_of(
    client: &Client,
    id: Uuid,
    devices: &[Token],
) -> Result<Option<Credentials>> {
    let devices: Vec<String> = devices.iter().map(Token::hash).collect();
    let row = CREDENTIALS_OF.opt(client, &[&id, &devices]).await?;
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
            has_second_factor: row.try_get("has_second_factor")?,
            device: device.transpose()?,
        })
    }

    /// What was proved of the account just now, by `method`.
    pub fn proof(&self, method: &str) -> Proof {
        Proof {
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

/// Replaces a hash by a stronger one of the same password, unless the password
/// has been changed meanwhile.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn rehash(client: &Client, id: Uuid, before: &str, after: &str) -> Result<()> {
    REHASH.execute(client, &[&id, &before, &after]).await
}

static SET_PASSWORD: Statement = Statement::new(
    "user.set_password",
    "update users set password_hash = $3, password_changed_at = now()
    where id = $1 and session_epoch = $2 returning id",
);

/// Sets a new password, for one who proved under `epoch` that they know the
/// old one.
///
/// # Errors
///
/// [`WRONG_PASSWORD`] when that proof has been overtaken: the one that was
/// typed is no longer the password.
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

/// Sets a new password, for one who has shown that they read the mail of the
/// account's address. `false` when it has another by now, or is closed.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn reset_password(client: &Client, id: Uuid, email: &str, hash: &str) -> Result<bool> {
    let row = RESET_PASSWORD.opt(client, &[&id, &email, &hash]).await?;
    Ok(row.is_some())
}

static FORGET_STRANGER: Statement = Statement::new(
    "user.forget_stranger",
    "delete from user_identities i using users u
    where u.id = $1 and i.user_id = u.id and i.linked_at < u.email_verified_at",
);

/// Unlinks the providers that were linked before anybody had shown to read the
/// mail of the account's address: it may have been registered by a stranger, who
/// would come back by theirs. A second factor stays, for a reset never takes one
/// away; an administrator does.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn forget_stranger(client: &Client, id: Uuid) -> Result<()> {
    FORGET_STRANGER.execute(client, &[&id]).await
}

static VERIFY_EMAIL: Statement = Statement::new(
    "user.verify_email",
    "update users u set email = $2, email_verified_at = now()
    from (select id, email from users where id = $1 for no key update) before
    where u.id = before.id and u.is_active and (u.email = $2 or u.session_epoch = $3)
    returning before.email as email_before",
);

/// Gives an account the address whose mail its owner has shown to read. Returns
/// the one before; `None` when the account is closed, or when all its sessions
/// have been ended since another address was asked for, under `epoch`.
///
/// # Errors
///
/// 409 `email_taken`; [`crate::Error::Unavailable`].
pub async fn verify_email(
    client: &Client,
    id: Uuid,
    email: &str,
    epoch: i32,
) -> Result<Option<String>> {
    let row = VERIFY_EMAIL
        .opt(client, &[&id, &email, &epoch])
        .await
        .on_constraint("users_email_key", EMAIL_TAKEN)?;
    Ok(row.map(|row| row.try_get("email_before")).transpose()?)
}

static HAS_EPOCH: Statement = Statement::new(
    "user.has_epoch",
    "select id from users where id = $1 and session_epoch = $2 and is_active",
);

/// Says that a proof has not been overtaken, in a transaction that has locked
/// the member's row.
///
/// # Errors
///
/// [`WRONG_PASSWORD`] when it has: what was typed is no longer the password.
pub async fn require_epoch(client: &Client, proof: &Proof) -> Result<()> {
    let row = HAS_EPOCH
        .opt(client, &[&proof.user_id, &proof.epoch])
        .await?;
    row.map(|_| ()).ok_or(WRONG_PASSWORD)
}

static REAUTHENTICATION: Statement = Statement::new(
    "user.reauthentication",
    concat!(
        "select u.password_hash is not null as has_password, u.session_epoch, s.login_method,
            s.login_method <> 'password'
                and s.created_at > now() - interval '10 minutes' as is_recent,
            s.created_at > now() - interval '10 minutes' as is_fresh
        from user_sessions s join users u on u.id = s.user_id
        where s.session_key = $1 and ",
        session_alive!()
    ),
);

/// What a session proves by itself of who uses it.
#[derive(Debug)]
pub struct Reauthentication {
    /// Whether there is a password to be asked for.
    pub has_password: bool,
    /// Of a sign-in through a provider in the last ten minutes.
    pub recent: Option<Proof>,
    /// Whether it was made in the last ten minutes, in whatever way.
    pub is_fresh: bool,
}

/// What this session proves; `None` when it has ended.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn reauthentication(
    client: &Client,
    session: &Key,
    id: Uuid,
) -> Result<Option<Reauthentication>> {
    let row = REAUTHENTICATION.opt(client, &[&session.as_str()]).await?;
    row.map(|row| {
        let is_recent: bool = row.try_get("is_recent")?;
        let proof = Proof {
            user_id: id,
            epoch: row.try_get("session_epoch")?,
            method: row.try_get("login_method")?,
        };
        Ok(Reauthentication {
            has_password: row.try_get("has_password")?,
            recent: is_recent.then_some(proof),
            is_fresh: row.try_get("is_fresh")?,
        })
    })
    .transpose()
}

static DEACTIVATE: Statement = Statement::new(
    "user.deactivate",
    "update users set is_active = false where id = $1 and session_epoch = $2 returning id",
);

/// Closes an account; nothing of it is deleted.
///
/// # Errors
///
/// [`WRONG_PASSWORD`] when the proof under `epoch` has been overtaken.
pub async fn deactivate(client: &Client, id: Uuid, epoch: i32) -> Result<()> {
    let row = DEACTIVATE.opt(client, &[&id, &epoch]).await?;
    row.map(|_| ()).ok_or(WRONG_PASSWORD)
}
