//! The second factor of an account: the secret that it shares with an authenticator app,
//! and the recovery codes.

use uuid::Uuid;

use crate::crypto::encryption::Keyring;
use crate::crypto::random;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The second factor of an account.
#[derive(Clone, Debug)]
pub struct SecondFactor {
    /// The encrypted secret that the account shares with the authenticator app. `None` if no
    /// app is set up.
    pub sealed_secret: Option<Vec<u8>>,
    /// Whether the member has confirmed the secret with a code. Sign-in requires a
    /// code only then.
    pub is_confirmed: bool,
    /// The time step of the last used code. Only later steps are accepted.
    pub last_step: Option<i64>,
    /// The number of unused recovery codes.
    pub codes_left: i64,
}

impl SecondFactor {
    /// Decrypts the secret of the account `id`. Returns `None` if no app is set up.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Internal`] if `ENCRYPTION_KEY` no longer lists the key that encrypted
    /// the secret, or if the value was altered.
    pub fn open_secret(&self, keys: &Keyring, id: Uuid) -> Result<Option<Vec<u8>>> {
        let sealed = self.sealed_secret.as_deref();
        let secret_hex = sealed
            .map(|sealed| keys.open(&aad(id), sealed))
            .transpose()?;
        Ok(secret_hex.map(|hex| hex::decode(hex).unwrap_or_default()))
    }
}

/// Returns the additional authenticated data of a member's secret.
fn aad(id: Uuid) -> String {
    format!("users.totp_secret:{id}")
}

static FIND: Statement = Statement::new(
    "user.second_factor.find",
    "select totp_secret, totp_confirmed_at is not null as is_confirmed, totp_last_step,
        (select count(*) from recovery_codes c where c.user_id = u.id and used_at is null)
            as codes_left
    from users u where id = $1",
);

/// Returns the second factor of an account, confirmed or not. Returns `None` if the
/// account does not exist.
pub async fn find(client: &Client, id: Uuid) -> Result<Option<SecondFactor>> {
    let row = FIND.opt(client, &[&id]).await?;
    row.map(|row| {
        Ok(SecondFactor {
            sealed_secret: row.try_get("totp_secret")?,
            is_confirmed: row.try_get("is_confirmed")?,
            last_step: row.try_get("totp_last_step")?,
            codes_left: row.try_get("codes_left")?,
        })
    })
    .transpose()
}

static START_SETUP: Statement = Statement::new(
    "user.second_factor.begin",
    "update users set totp_secret = $2, totp_last_step = null
    where id = $1 and totp_confirmed_at is null returning id",
);

/// Stores an unconfirmed secret, which replaces another unconfirmed one. Returns
/// `false` if there is a confirmed secret.
pub async fn start_setup(client: &Client, keys: &Keyring, id: Uuid, secret: &[u8]) -> Result<bool> {
    let sealed = keys.seal(&aad(id), &hex::encode(secret))?;
    Ok(START_SETUP.opt(client, &[&id, &sealed]).await?.is_some())
}

static CONFIRM: Statement = Statement::new(
    "user.second_factor.confirm",
    "with confirmed as (
        update users set totp_confirmed_at = now(), totp_last_step = $2
        where id = $1 and totp_confirmed_at is null and totp_secret = $3 returning id
    ), devices as (
        update remembered_devices d set trusted_until = null
        from confirmed where d.user_id = confirmed.id
    )
    select id from confirmed",
);

/// Confirms the secret. From then on, sign-in requires a code on every device.
/// Returns `false` if a secret is already confirmed, or if `sealed_secret` is no longer the
/// stored secret.
pub async fn confirm(client: &Client, id: Uuid, step: i64, sealed_secret: Vec<u8>) -> Result<bool> {
    Ok(CONFIRM
        .opt(client, &[&id, &step, &sealed_secret])
        .await?
        .is_some())
}

static USE_STEP: Statement = Statement::new(
    "user.second_factor.use_step",
    "update users set totp_last_step = $2
    where id = $1 and totp_confirmed_at is not null
      and (totp_last_step is null or totp_last_step < $2)
    returning id",
);

/// Uses up the code of a time step. Returns `false` if this step or a later one was
/// used. Exactly one of several concurrent calls returns `true`.
pub async fn use_step(client: &Client, id: Uuid, step: i64) -> Result<bool> {
    Ok(USE_STEP.opt(client, &[&id, &step]).await?.is_some())
}

static REMOVE: Statement = Statement::new(
    "user.second_factor.remove",
    "with codes as (
        delete from recovery_codes where user_id = $1
    ), devices as (
        update remembered_devices set trusted_until = null where user_id = $1
    )
    update users set totp_secret = null, totp_confirmed_at = null, totp_last_step = null
    where id = $1",
);

/// Removes the secret and the recovery codes. Sign-in no longer requires a code.
pub async fn remove(client: &Client, id: Uuid) -> Result<()> {
    REMOVE.execute(client, &[&id]).await
}

static REPLACE_CODES: Statement = Statement::new(
    "user.second_factor.replace_codes",
    "with previous as (delete from recovery_codes where user_id = $1)
    insert into recovery_codes (id, user_id, code_hash)
    select id, $1, hash from unnest($2::uuid[], $3::text[]) as code (id, hash)",
);

/// Replaces all recovery codes of a member with codes that have these hashes.
pub async fn replace_codes(client: &Client, id: Uuid, hashes: Vec<String>) -> Result<()> {
    let ids: Vec<Uuid> = hashes.iter().map(|_| random::id()).collect();
    REPLACE_CODES.execute(client, &[&id, &ids, &hashes]).await
}

static HAS_CODE: Statement = Statement::new(
    "user.second_factor.has_code",
    "select id from recovery_codes
    where user_id = $1 and code_hash = $2 and used_at is null",
);

/// Returns whether there is an unused recovery code with this hash.
pub async fn has_code(client: &Client, id: Uuid, hash: &str) -> Result<bool> {
    Ok(HAS_CODE.opt(client, &[&id, &hash]).await?.is_some())
}

static USE_CODE: Statement = Statement::new(
    "user.second_factor.use_code",
    "update recovery_codes set used_at = now()
    where user_id = $1 and code_hash = $2 and used_at is null returning id",
);

/// Uses up a recovery code. Returns `false` if there is no unused code with this hash.
/// Exactly one of several concurrent calls returns `true`.
pub async fn use_code(client: &Client, id: Uuid, hash: &str) -> Result<bool> {
    Ok(USE_CODE.opt(client, &[&id, &hash]).await?.is_some())
}
