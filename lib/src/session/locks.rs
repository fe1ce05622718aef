//! Checks at the start of a transaction. A session record in Redis is enough to read data. A
//! transaction that changes a member or acts for staff checks the session in Postgres, under a
//! lock that is held until the end of the transaction.

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

/// Locks the member's row, then the row of the caller's session, and checks that the
/// session is active.
///
/// # Errors
///
/// Fails with [`Error::SessionGone`] when the session has ended.
pub(crate) async fn lock_caller(client: &Client, caller: &SessionKey, user_id: Uuid) -> Result<()> {
    LOCK_MEMBER.opt(client, &[&user_id]).await?;
    // This is a separate statement, because a statement that waits for the member's row
    // still sees the session and the epoch as they were when it started.
    let row = LOCK_CALLER
        .opt(client, &[&caller.as_str(), &user_id])
        .await?;
    row.map(|_| ()).ok_or(Error::SessionGone)
}

/// Locks the rows of a member who is to be changed and of the caller's session, and
/// checks that the session is active. Returns the keys of all sessions of the member,
/// because their records contain the member's data.
///
/// # Errors
///
/// Fails with [`Error::SessionGone`] when the session has ended.
pub async fn lock_member(
    client: &Client,
    caller: &SessionKey,
    user_id: Uuid,
) -> Result<Vec<SessionKey>> {
    lock_caller(client, caller, user_id).await?;
    keys_of(client, user_id).await
}

/// Locks the row of a member who was authenticated by other means than a session.
/// Returns the keys of all sessions of the member.
pub async fn lock_owner(client: &Client, user_id: Uuid) -> Result<Vec<SessionKey>> {
    LOCK_MEMBER.execute(client, &[&user_id]).await?;
    keys_of(client, user_id).await
}

// The rows are locked in the order of their ids, so that two administrators who change
// each other do not run into a deadlock.
static LOCK_MEMBERS: Statement = Statement::new(
    "session.lock_members",
    "select id from users where id = any ($1) order by id for no key update",
);

/// Locks the rows of an administrator and of the member to be changed, and checks that
/// the administrator still has this role. Returns the keys of all sessions of the member.
///
/// # Errors
///
/// Fails with [`Error::SessionGone`] when the administrator's session has ended, and
/// with [`Error::FORBIDDEN`] when its member is no longer an administrator. Fails with
/// [`Error::TWO_FACTOR_SETUP_REQUIRED`] when the administrator lacks a required second
/// factor.
pub async fn lock_for_admin(
    client: &Client,
    caller: &SessionKey,
    admin_id: Uuid,
    user_id: Uuid,
    requires_second_factor: bool,
) -> Result<Vec<SessionKey>> {
    LOCK_MEMBERS
        .all(client, &[&vec![admin_id, user_id]])
        .await?;
    // These checks follow the locks, because the previous holder of a lock may have
    // changed the session or the role.
    lock_caller(client, caller, admin_id).await?;
    let actor = Actor::admin(caller.clone());
    actor.authorize(client, requires_second_factor).await?;
    keys_of(client, user_id).await
}

// Locking the member's row is enough, because ending all sessions and changing a role
// lock this row first.
static LOCK_MEMBER_FOR_SHARE: Statement = Statement::new(
    "session.share_member",
    "select u.id from user_sessions s join users u on u.id = s.user_id
    where s.session_key = $1 for share of u",
);

static FIND_ROLE: Statement = Statement::new(
    "session.role",
    concat!(
        "select u.is_admin, u.is_staff or u.is_admin as is_staff,
            u.totp_confirmed_at is not null as has_second_factor
        from user_sessions s join users u on u.id = s.user_id
        where s.session_key = $1 and ",
        session_is_active!()
    ),
);

/// The session of a member who acts for the studio, and the role that the member must have.
#[derive(Clone, Debug)]
pub struct Actor {
    key: SessionKey,
    role: RequiredRole,
}

/// The role that an actor must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequiredRole {
    Admin,
    Staff,
    /// No role. The transaction itself checks that the member teaches the class.
    Instructor,
}

impl Actor {
    /// Requires that the session belongs to staff.
    pub fn staff(key: SessionKey) -> Self {
        Self {
            key,
            role: RequiredRole::Staff,
        }
    }

    /// Requires that the session belongs to an administrator.
    pub fn admin(key: SessionKey) -> Self {
        Self {
            key,
            role: RequiredRole::Admin,
        }
    }

    /// Requires only that the session is active. The transaction must check that the member
    /// is the instructor of the class that it changes.
    pub fn instructor(key: SessionKey) -> Self {
        Self {
            key,
            role: RequiredRole::Instructor,
        }
    }

    /// Checks that the session is active and that its member has the role. The role cannot
    /// change until the end of the transaction. Must be called before rows other than
    /// members and sessions are locked.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::SessionGone`] when the session has ended, with
    /// [`Error::FORBIDDEN`] when its member no longer has the role, and with
    /// [`Error::TWO_FACTOR_SETUP_REQUIRED`] when the member lacks a required second factor.
    pub(super) async fn authorize(
        &self,
        client: &Client,
        requires_second_factor: bool,
    ) -> Result<()> {
        let role = lock_and_find_role(client, &self.key).await?;
        let column = match self.role {
            RequiredRole::Admin => "is_admin",
            RequiredRole::Staff => "is_staff",
            RequiredRole::Instructor => return Ok(()),
        };
        if !role.try_get::<_, bool>(column)? {
            return Err(Error::FORBIDDEN);
        }
        if requires_second_factor && !role.try_get::<_, bool>("has_second_factor")? {
            return Err(Error::TWO_FACTOR_SETUP_REQUIRED);
        }
        Ok(())
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
async fn lock_and_find_role(client: &Client, caller: &SessionKey) -> Result<Row> {
    let key = caller.as_str();
    let params: [&dyn Param; 1] = [&key];
    let (_, role) = tokio::try_join!(
        biased;
        LOCK_MEMBER_FOR_SHARE.opt(client, &params),
        FIND_ROLE.opt(client, &params),
    )?;
    role.ok_or(Error::SessionGone)
}
