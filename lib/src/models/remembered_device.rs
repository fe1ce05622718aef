//! Browsers that an account recognizes. [`crate::session`] stores them when it creates
//! a session.

use uuid::Uuid;

use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A browser that an account recognizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The device's id.
    pub id: Uuid,
    /// The hash of the token in the browser's cookie.
    pub token_hash: String,
    /// Whether sign-in on this device requires no code.
    pub is_trusted: bool,
}

static COUNT_TRUSTED: Statement = Statement::new(
    "remembered_device.count_trusted",
    "select count(*) from remembered_devices d join users u on u.id = d.user_id
    where d.user_id = $1 and d.trusted_until > now() and d.epoch = u.session_epoch",
);

/// Counts the devices on which sign-in requires no code.
pub async fn count_trusted(client: &Client, user_id: Uuid) -> Result<i64> {
    Ok(COUNT_TRUSTED.one(client, &[&user_id]).await?.try_get(0)?)
}

static KEEP: Statement = Statement::new(
    "remembered_device.keep",
    "update remembered_devices d set epoch = u.session_epoch, trusted_until = null
    from users u where u.id = $1 and d.user_id = u.id and d.id = $2",
);

/// Keeps a device recognized after the member's `session_epoch` has changed, and ends its
/// trust. The transaction must have locked the member's row.
pub async fn keep(client: &Client, user_id: Uuid, id: Uuid) -> Result<()> {
    KEEP.execute(client, &[&user_id, &id]).await
}
