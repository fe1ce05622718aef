//! Browsers that an account knows again. They are noted where a session is made,
//! in [`crate::session`].

use uuid::Uuid;

use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A browser that an account knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its row.
    pub id: Uuid,
    /// Of the token in its cookie.
    pub token_hash: String,
    /// Whether it needs no code.
    pub is_trusted: bool,
}

static COUNT_TRUSTED: Statement = Statement::new(
    "remembered_device.count_trusted",
    "select count(*) from remembered_devices d join users u on u.id = d.user_id
    where d.user_id = $1 and d.trusted_until > now() and d.epoch = u.session_epoch",
);

/// On how many devices no code is asked for.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn count_trusted(client: &Client, user_id: Uuid) -> Result<i64> {
    Ok(COUNT_TRUSTED.one(client, &[&user_id]).await?.try_get(0)?)
}
