//! Checks that a transaction begins with. A record in Redis is enough to read, but
//! not to change a member, or to do what only staff may do. That is checked in
//! Postgres, under a lock that lasts until the end of the transaction.

use tokio_postgres::Row;
use uuid::Uuid;

use super::store::keys_of;
use crate::crypto::token::SessionKey;
use crate::error::{Error, Result};
use crate::models::user_session::session_is_active;
use crate::store::client::Client;
use crate::store::statement::{Param, Statement};

static LOCK_MEMBER: Statement = Statement::new(
    "session.lock_member",
    "select id from users where id = $1 for no key update",
);

static LOCK_CALLER: Statement = Statement::new(
    "session.lock_caller",
    concat!(
        "select s.id from user_sessions s join users u on u.id = s.user_id
        where s.session_key = $1 and s.user_id = $2 and ",
        session_is_active!(),
        " for no key update of s"
    ),
);

/// Locks the rows of the member and of the session that acts, in this order, and
/// checks that the session is active.
///
/// # Errors
///
/// [`Error::SessionGone`] when the session has ended.
pub(crate) async fn lock_caller(client: &Client, caller: &SessionKey, user_id: Uuid) -> Result<()> {
    LOCK_MEMBER.opt(client, &[&user_id]).await?;
    // This is a separate statement, because a statement that waits for the member's row
    // still sees the session and the epoch as they were when it started.
    let row = LOCK_CALLER
        .opt(client, &[&caller.as_str(), &user_id])
        .await?;
    row.map(|_| ()).ok_or(Error::SessionGone)
}

/// Locks the row of a member, so that the transaction may change the member, and
/// checks that the session that acts is active. Returns the keys of all sessions
/// whose record shows the member.
///
/// # Errors
///
/// [`Error::SessionGone`] when the session has ended.
pub async fn lock_member(
    client: &Client,
    caller: &SessionKey,
    user_id: Uuid,
) -> Result<Vec<SessionKey>> {
    lock_caller(client, caller, user_id).await?;
    keys_of(client, user_id).await
}

/// Locks the row of a member who has proved who they are by other means than a
/// session. Returns the keys of all sessions whose record shows the member.
pub async fn lock_owner(client: &Client, user_id: Uuid) -> Result<Vec<SessionKey>> {
    LOCK_MEMBER.execute(client, &[&user_id]).await?;
    keys_of(client, user_id).await
}

// In the order of their ids: two administrators who change each other wait, and
// do not run into a deadlock.
static LOCK_MEMBERS: Statement = Statement::new(
    "session.lock_members",
    "select id from users where id = any ($1) order by id for no key update",
);

/// Locks the rows of an administrator and of the member whom they change, and
/// checks that the administrator still is one. Returns the keys of all sessions
/// whose record shows the member.
///
/// # Errors
///
/// [`Error::SessionGone`] when the administrator's session has ended;
/// [`Error::FORBIDDEN`] when its member is no longer an administrator.
pub async fn lock_for_admin(
    client: &Client,
    caller: &SessionKey,
    admin_id: Uuid,
    user_id: Uuid,
) -> Result<Vec<SessionKey>> {
    LOCK_MEMBERS
        .all(client, &[&vec![admin_id, user_id]])
        .await?;
    // After the locks: who held them may have changed just this.
    lock_caller(client, caller, admin_id).await?;
    Actor::admin(caller.clone()).authorize(client).await?;
    keys_of(client, user_id).await
}

// Only the member's row is locked: ending all sessions and changing a role lock
// it first, and the sessions afterwards.
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
        session_is_active!()
    ),
);

/// A session that acts for the studio, and the role that it requires.
#[derive(Clone, Debug)]
pub struct Actor {
    key: SessionKey,
    requires_admin: bool,
}

impl Actor {
    /// A session that must belong to staff.
    pub fn staff(key: SessionKey) -> Self {
        Self {
            key,
            requires_admin: false,
        }
    }

    /// A session that must belong to an administrator.
    pub fn admin(key: SessionKey) -> Self {
        Self {
            key,
            requires_admin: true,
        }
    }

    /// Checks that the session is active and its member has the role, which stays
    /// so until the end of the transaction. Nothing else may be locked before.
    ///
    /// # Errors
    ///
    /// [`Error::SessionGone`] when the session has ended; [`Error::FORBIDDEN`] when
    /// its member no longer has the role.
    pub(super) async fn authorize(&self, client: &Client) -> Result<()> {
        let role = role_under_lock(client, &self.key).await?;
        let column = match self.requires_admin {
            true => "is_admin",
            false => "is_staff",
        };
        match role.try_get(column)? {
            true => Ok(()),
            false => Err(Error::FORBIDDEN),
        }
    }
}

impl AsRef<Self> for Actor {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// Locks the row of the session's member, and returns the member's roles. The roles
/// are read by a second statement, after the lock: a statement that waited for the row
/// would combine the member's new state with the session's old state. Both statements
/// are sent at once.
async fn role_under_lock(client: &Client, caller: &SessionKey) -> Result<Row> {
    let key = caller.as_str();
    let params: [&dyn Param; 1] = [&key];
    let (_, role) = tokio::try_join!(
        biased;
        SHARE_MEMBER.opt(client, &params),
        ROLE.opt(client, &params),
    )?;
    role.ok_or(Error::SessionGone)
}
