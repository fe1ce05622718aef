//! Whether who acts may do so, said under locks: a record in Redis is enough to
//! read, and not for what changes members or what staff alone may change.

use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::Key;
use super::store::keys_of;
use crate::error::{Error, Result};
use crate::models::user_session::session_alive;
use crate::store::postgres::{Param, Statement};

static LOCK_MEMBER: Statement = Statement::new(
    "session.lock_member",
    "select id from users where id = $1 for no key update",
);

static LOCK_CALLER: Statement = Statement::new(
    "session.lock_caller",
    concat!(
        "select s.id from user_sessions s join users u on u.id = s.user_id
        where s.session_key = $1 and s.user_id = $2 and ",
        session_alive!(),
        " for no key update of s"
    ),
);

/// Locks the member's row and that of the session which acts, in this order,
/// and says that the session is alive.
///
/// # Errors
///
/// [`Error::SessionGone`] when it is not.
pub(crate) async fn lock_caller(client: &Client, caller: &Key, user_id: Uuid) -> Result<()> {
    LOCK_MEMBER.opt(client, &[&user_id]).await?;
    // In a statement of its own: one that has waited for the member's row
    // still sees the session as it was before, under the epoch of then.
    let row = LOCK_CALLER
        .opt(client, &[&caller.as_str(), &user_id])
        .await?;
    row.map(|_| ()).ok_or(Error::SessionGone)
}

/// Says that the session which acts is alive, and locks its member's row, so
/// that a transaction of [`Sessions::transaction`](super::Sessions::transaction)
/// may change the member. Returns the keys of all sessions whose record shows
/// the member.
///
/// # Errors
///
/// [`Error::SessionGone`] when the session that acts has ended.
pub async fn lock_member(client: &Client, caller: &Key, user_id: Uuid) -> Result<Vec<Key>> {
    lock_caller(client, caller, user_id).await?;
    keys_of(client, user_id).await
}

/// Locks a member's row for one who has shown to be its owner by other means
/// than a session. Returns the keys of all sessions whose record shows the
/// member.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn lock_owner(client: &Client, user_id: Uuid) -> Result<Vec<Key>> {
    LOCK_MEMBER.execute(client, &[&user_id]).await?;
    keys_of(client, user_id).await
}

// In the order of their ids, so that two who change each other wait, and do
// not lock each other out.
static LOCK_MEMBERS: Statement = Statement::new(
    "session.lock_members",
    "select id from users where id = any ($1) order by id for no key update",
);

/// As [`lock_member`], for an administrator who changes another member: both
/// rows are locked, and the one who acts is still an administrator. Returns the
/// keys of all sessions whose record shows the other.
///
/// # Errors
///
/// [`Error::SessionGone`] when the session that acts has ended;
/// [`Error::FORBIDDEN`] when its member is no administrator any more.
pub async fn lock_for_admin(
    client: &Client,
    caller: &Key,
    admin_id: Uuid,
    user_id: Uuid,
) -> Result<Vec<Key>> {
    LOCK_MEMBERS
        .all(client, &[&vec![admin_id, user_id]])
        .await?;
    // After the locks: whoever held them may have been about to change just this.
    lock_caller(client, caller, admin_id).await?;
    require_admin(client, caller).await?;
    keys_of(client, user_id).await
}

// The member's row alone is locked: whoever ends all sessions, or changes a
// role, has it first, and the sessions after it.
static SHARE_MEMBER: Statement = Statement::new(
    "session.share_member",
    "select u.id from user_sessions s join users u on u.id = s.user_id
    where s.session_key = $1 for share of u",
);

static ROLE: Statement = Statement::new(
    "session.role",
    concat!(
        "select u.is_admin, u.is_staff or u.is_admin as is_staff
        from user_sessions s join users u on u.id = s.user_id
        where s.session_key = $1 and ",
        session_alive!()
    ),
);

/// What the member of a session is, whose row is locked until the end of the
/// transaction. Asked after the lock, in a statement of its own: one that had
/// waited for the member's row would compare what it is now with the session as
/// it was before. Both are on their way at once.
async fn role_under_lock(client: &Client, caller: &Key) -> Result<Row> {
    let key = caller.as_str();
    let params: [&dyn Param; 1] = [&key];
    let (_, role) = tokio::try_join!(
        biased;
        SHARE_MEMBER.opt(client, &params),
        ROLE.opt(client, &params),
    )?;
    role.ok_or(Error::SessionGone)
}

/// Says that the session which acts is alive and of the staff; its member is
/// until the end of the transaction. To be called before the transaction locks
/// anything else.
///
/// # Errors
///
/// [`Error::SessionGone`] when it has ended; [`Error::FORBIDDEN`] when its
/// member is not of the staff any more.
pub async fn require_staff(client: &Client, caller: &Key) -> Result<()> {
    match role_under_lock(client, caller).await?.try_get("is_staff")? {
        true => Ok(()),
        false => Err(Error::FORBIDDEN),
    }
}

/// As [`require_staff`], of an administrator.
///
/// # Errors
///
/// [`Error::SessionGone`] when it has ended; [`Error::FORBIDDEN`] when its
/// member is no administrator any more.
pub async fn require_admin(client: &Client, caller: &Key) -> Result<()> {
    match role_under_lock(client, caller).await?.try_get("is_admin")? {
        true => Ok(()),
        false => Err(Error::FORBIDDEN),
    }
}
