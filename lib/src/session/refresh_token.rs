//! Refresh tokens. Each can be used once, and is replaced by a successor.
//!
//! All tokens of one sign-in are a family. If a replaced token is used again, it may have
//! been stolen, so the family ends (RFC 9700 § 4.14.2). However, the client may only have
//! lost the response, and may notice this hours later. The same client therefore receives
//! the same successor again, until the successor is used.

use tokio_postgres::Row;
use uuid::Uuid;

use super::record::Session;
use super::sessions::Sessions;
use super::store::destroy;
use super::transaction::Tx;
use crate::crypto::random;
use crate::crypto::token::{SessionKey, Token};
use crate::error::Result;
use crate::models::user::{User, user_columns};
use crate::models::user_session::session_is_active;
use crate::runtime::background::BoxFuture;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The outcome of using a refresh token.
#[derive(Debug)]
pub enum Refreshed {
    /// The token was replaced by its successor.
    Rotated(Box<Rotated>),
    /// The token does not exist, or its session has ended.
    Unknown,
    /// The token had been replaced before, and its successor cannot be returned again. The
    /// session of the family was therefore ended.
    Replayed {
        /// The member whose session it was.
        user_id: Option<Uuid>,
    },
}

/// A session that continues with its next refresh token.
#[derive(Debug)]
pub struct Rotated {
    /// The id of the session, for access tokens.
    pub session_id: Uuid,
    /// The member, as read from Postgres.
    pub user: User,
    /// The next refresh token.
    pub refresh: Token,
}

// Ending a session deletes its row and its tokens. Because of the lock, this happens
// before or after a rotation, and the session ends in either case.
static LOCK: Statement = Statement::new(
    "refresh.lock",
    "select s.id, s.session_key, s.user_id
    from refresh_tokens r join user_sessions s on s.id = r.session_id
    where r.token_hash = $1
    for no key update of s",
);

static ROTATE: Statement = Statement::new(
    "refresh.rotate",
    concat!(
        "with live as (
            select s.id as session_id, ",
        user_columns!("u"),
        " from user_sessions s join users u on u.id = s.user_id
            where s.id = $2 and ",
        session_is_active!(),
        "), replaced as (
            update refresh_tokens r
            set replaced_at = clock_timestamp(), successor_seed = $3, replaced_by = $4
            from live
            where r.token_hash = $1 and r.session_id = live.session_id
              and r.replaced_at is null and r.revoked_at is null and r.expires_at > now()
            returning r.session_id, r.family_id, r.expires_at
        ), successor as (
            insert into refresh_tokens (id, session_id, family_id, token_hash, expires_at)
            select $5, session_id, family_id, $6, expires_at from replaced
        ), touched as (
            update user_sessions s set last_activity = now()
            from replaced where s.id = replaced.session_id
        )
        select live.*, exists (select from replaced) as is_replaced from live"
    ),
);

// Finds the seed only for the client that replaced the token.
static FIND_SEED: Statement = Statement::new(
    "refresh.seed",
    "select successor_seed from refresh_tokens
    where token_hash = $1 and replaced_by is not distinct from $2",
);

static IS_UNUSED: Statement = Statement::new(
    "refresh.is_unused",
    "select id from refresh_tokens
    where token_hash = $1 and replaced_at is null and revoked_at is null and expires_at > now()",
);

impl Sessions {
    /// Replaces a refresh token with its successor.
    ///
    /// # Errors
    ///
    /// Fails with [`crate::Error::Unavailable`] when Postgres does not answer. The client
    /// can retry with the same token: it is still valid, or its successor is returned
    /// again.
    pub async fn refresh(&self, token: Token, user_agent: Option<String>) -> Result<Refreshed> {
        let seed = random::bytes::<32>().to_vec();
        self.transaction()
            .run(async |tx| rotate(tx, &token, user_agent.as_deref(), &seed).await)
            .await
    }

    /// Finds the session of a refresh token that has not been replaced. `None` when the
    /// token is not valid, or the session has ended.
    pub async fn find_by_refresh_token(&self, token: &Token) -> Result<Option<Session>> {
        let Some((key, true)) = self.key_of(token).await? else {
            return Ok(None);
        };
        Ok(self.find(&key).await?.map(|(session, _)| session))
    }

    /// Finds the key of a refresh token's session, in order to end the session. The token
    /// may have been replaced. `None` when the token does not exist.
    pub fn key_by_refresh_token(&self, token: &Token) -> BoxFuture<'_, Result<Option<SessionKey>>> {
        let token = token.clone();
        Box::pin(async move { Ok(self.key_of(&token).await?.map(|(key, _)| key)) })
    }

    /// Finds the key of a token's session, and returns whether the token can still be used.
    async fn key_of(&self, token: &Token) -> Result<Option<(SessionKey, bool)>> {
        let hash = token.hash();
        self.db
            .read(async |client| find_key(client, &hash).await)
            .await
    }
}

static FIND_KEY: Statement = Statement::new(
    "refresh.key",
    "select s.session_key,
        r.replaced_at is null and r.revoked_at is null and r.expires_at > now() as is_live
    from refresh_tokens r join user_sessions s on s.id = r.session_id
    where r.token_hash = $1",
);

async fn find_key(client: &Client, hash: &str) -> Result<Option<(SessionKey, bool)>> {
    let row = FIND_KEY.opt(client, &[&hash]).await?;
    row.map(|row| {
        let key = SessionKey::from_column(row.try_get("session_key")?);
        Ok((key, row.try_get("is_live")?))
    })
    .transpose()
}

/// Replaces a token, repeats the successor of a replaced token, or ends the family.
async fn rotate(
    tx: &Tx,
    token: &Token,
    user_agent: Option<&str>,
    seed: &[u8],
) -> Result<Refreshed> {
    let hash = token.hash();
    let Some(locked_session) = LOCK.opt(tx, &[&hash]).await? else {
        return Ok(Refreshed::Unknown);
    };
    let session_id: Uuid = locked_session.try_get("id")?;
    let successor = token.successor(seed);
    let row = ROTATE
        .opt(
            tx,
            &[
                &hash,
                &session_id,
                &seed.to_vec(),
                &user_agent,
                &random::id(),
                &successor.hash(),
            ],
        )
        .await?;
    // The session is not active, so it need not be ended.
    let Some(row) = row else {
        return Ok(Refreshed::Unknown);
    };
    let refresh = if row.try_get("is_replaced")? {
        Some(successor)
    } else {
        repeat_successor(tx, token, user_agent).await?
    };
    let Some(refresh) = refresh else {
        return end_family(tx, &locked_session).await;
    };
    Ok(Refreshed::Rotated(Box::new(Rotated {
        session_id,
        user: User::from_row(&row)?,
        refresh,
    })))
}

/// Returns the successor of a token that the same client (by its `User-Agent`) has replaced,
/// if the successor is unused.
async fn repeat_successor(
    client: &Client,
    token: &Token,
    user_agent: Option<&str>,
) -> Result<Option<Token>> {
    let row = FIND_SEED.opt(client, &[&token.hash(), &user_agent]).await?;
    let Some(row) = row else { return Ok(None) };
    let seed: Vec<u8> = row.try_get("successor_seed")?;
    let successor = token.successor(&seed);
    let unused = IS_UNUSED.opt(client, &[&successor.hash()]).await?;
    Ok(unused.map(|_| successor))
}

/// Ends the session of a family. This is committed, although the request is refused.
async fn end_family(tx: &Tx, locked_session: &Row) -> Result<Refreshed> {
    let key = SessionKey::from_column(locked_session.try_get("session_key")?);
    destroy(tx, &key).await?;
    tx.invalidate_sessions([key]);
    Ok(Refreshed::Replayed {
        user_id: locked_session.try_get("user_id")?,
    })
}
