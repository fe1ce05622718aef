//! The second factor of an account: its secret, and the codes for the day the
//! telephone is lost.

use uuid::Uuid;

use crate::crypto::encryption::Keyring;
use crate::crypto::random;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// How it stands.
#[derive(Clone, Debug)]
pub struct SecondFactor {
    /// Shared with the authenticator app; `None`: there is none.
    pub secret: Option<Vec<u8>>,
    /// The same as it stands in the table.
    pub sealed: Option<Vec<u8>>,
    /// Whether its owner has shown a code of it; until then none is asked for.
    pub is_confirmed: bool,
    /// The last step whose code was taken: none is taken twice.
    pub last_step: Option<i64>,
    /// Recovery codes that are left.
    pub codes_left: i64,
}

/// Where the encrypted secret of a row belongs, and nowhere else.
fn place(id: Uuid) -> String {
    format!("users.totp_secret:{id}")
}

static FIND: Statement = Statement::new(
    "user.second_factor.find",
    "select totp_secret, totp_confirmed_at is not null as is_confirmed, totp_last_step,
        (select count(*) from recovery_codes c where c.user_id = u.id and used_at is null)
            as codes_left
    from users u where id = $1",
);

/// The second factor of an account, confirmed or not.
///
/// # Errors
///
/// [`crate::Error::Unavailable`]; [`crate::Error::Internal`] when the secret
/// does not open.
pub async fn find(client: &Client, keys: &Keyring, id: Uuid) -> Result<Option<SecondFactor>> {
    let row = FIND.opt(client, &[&id]).await?;
    row.map(|row| {
        let sealed: Option<Vec<u8>> = row.try_get("totp_secret")?;
        let opened = sealed.as_ref().map(|sealed| keys.open(&place(id), sealed));
        Ok(SecondFactor {
            sealed: sealed.clone(),
            secret: opened
                .transpose()?
                .map(|hex| hex::decode(hex).unwrap_or_default()),
            is_confirmed: row.try_get("is_confirmed")?,
            last_step: row.try_get("totp_last_step")?,
            codes_left: row.try_get("codes_left")?,
        })
    })
    .transpose()
}

static BEGIN: Statement = Statement::new(
    "user.second_factor.begin",
    "update users set totp_secret = $2, totp_last_step = null
    where id = $1 and totp_confirmed_at is null returning id",
);

/// Keeps a secret that is still to be confirmed, in the place of one that never
/// was. `false` when there is a confirmed one.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn begin(client: &Client, keys: &Keyring, id: Uuid, secret: &[u8]) -> Result<bool> {
    let sealed = keys.seal(&place(id), &hex::encode(secret))?;
    Ok(BEGIN.opt(client, &[&id, &sealed]).await?.is_some())
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

/// From now on a code is asked for, on every device. `false` when it was so
/// already, or when it has begun anew with another secret than `sealed`, of which
/// the code was.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn confirm(client: &Client, id: Uuid, step: i64, sealed: Vec<u8>) -> Result<bool> {
    Ok(CONFIRM.opt(client, &[&id, &step, &sealed]).await?.is_some())
}

static TAKE_STEP: Statement = Statement::new(
    "user.second_factor.take_step",
    "update users set totp_last_step = $2
    where id = $1 and totp_confirmed_at is not null
      and (totp_last_step is null or totp_last_step < $2)
    returning id",
);

/// Takes the code of a step. `false` when it, or one after it, was taken: of any
/// number at once, one is told `true`.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn take_step(client: &Client, id: Uuid, step: i64) -> Result<bool> {
    Ok(TAKE_STEP.opt(client, &[&id, &step]).await?.is_some())
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

/// From now on no code is asked for.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn remove(client: &Client, id: Uuid) -> Result<()> {
    REMOVE.execute(client, &[&id]).await
}

static REPLACE_CODES: Statement = Statement::new(
    "user.second_factor.replace_codes",
    "with before as (delete from recovery_codes where user_id = $1)
    insert into recovery_codes (id, user_id, code_hash)
    select id, $1, hash from unnest($2::uuid[], $3::text[]) as code (id, hash)",
);

/// Keeps the hashes of new recovery codes, in the place of all there were.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn replace_codes(client: &Client, id: Uuid, hashes: Vec<String>) -> Result<()> {
    let ids: Vec<Uuid> = hashes.iter().map(|_| random::id()).collect();
    REPLACE_CODES.execute(client, &[&id, &ids, &hashes]).await
}

static HAS_CODE: Statement = Statement::new(
    "user.second_factor.has_code",
    "select id from recovery_codes
    where user_id = $1 and code_hash = $2 and used_at is null",
);

/// Whether there is such a recovery code, that has not been used.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn has_code(client: &Client, id: Uuid, hash: &str) -> Result<bool> {
    Ok(HAS_CODE.opt(client, &[&id, &hash]).await?.is_some())
}

static TAKE_CODE: Statement = Statement::new(
    "user.second_factor.take_code",
    "update recovery_codes set used_at = now()
    where user_id = $1 and code_hash = $2 and used_at is null returning id",
);

/// Takes a recovery code. `false` when there is none like it, or no more: of any
/// number at once, one is told `true`.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn take_code(client: &Client, id: Uuid, hash: &str) -> Result<bool> {
    Ok(TAKE_CODE.opt(client, &[&id, &hash]).await?.is_some())
}
