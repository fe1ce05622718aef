//! Refresh tokens: each is good once, and hands over to the next.
//!
//! All that come of one sign-in are a family. Whoever replays one that was
//! replaced ends the family, for one of the two who held it has stolen it (RFC
//! 9700 § 4.14.2). An answer that was lost on the way is no theft: for a moment
//! the same client is given the same successor again.

use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::store::destroy;
use super::{Changed, Key, Sessions, Token};
use crate::crypto::random;
use crate::error::Result;
use crate::models::user::{User, user_columns};
use crate::models::user_session::session_alive;
use crate::runtime::background::BoxFuture;
use crate::store::postgres::Statement;

/// For how long an answer that was lost is given again.
const GRACE_SECONDS: f64 = 10.0;

/// What has become of a refresh token.
#[derive(Debug)]
pub enum Refreshed {
    /// It has handed over.
    Rotated(Box<Rotated>),
    /// It was never one of ours, or its session has ended.
    Unknown,
    /// It had been replaced before: the session of its family has ended now.
    Replayed {
        /// Whose it was.
        user_id: Option<Uuid>,
    },
}

/// A session that goes on under its next token.
#[derive(Debug)]
pub struct Rotated {
    /// What access tokens name.
    pub session_id: Uuid,
    /// Whose it is, as Postgres knows them now.
    pub user: User,
    /// The token to come with the next time.
    pub refresh: Token,
}

// The session's row stands between a rotation and whoever ends the session:
// they delete it, and its tokens with it, before or after, and win.
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
        session_alive!(),
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

// Given again to the client that asked before, and while nobody has used it.
static SEED: Statement = Statement::new(
    "refresh.seed",
    "select successor_seed from refresh_tokens
    where token_hash = $1 and replaced_by is not distinct from $2
      and replaced_at > clock_timestamp() - make_interval(secs => $3)",
);

static IS_UNUSED: Statement = Statement::new(
    "refresh.is_unused",
    "select id from refresh_tokens
    where token_hash = $1 and replaced_at is null and revoked_at is null and expires_at > now()",
);

impl Sessions {
    /// Replaces a refresh token by its successor.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Unavailable`]: the token is still good, or its successor is
    /// given again.
    pub fn refresh(
        &self,
        token: Token,
        user_agent: Option<String>,
    ) -> BoxFuture<'_, Result<Refreshed>> {
        let seed = random::bytes::<32>().to_vec();
        self.transaction(move |client| {
            let (token, user_agent, seed) = (token.clone(), user_agent.clone(), seed.clone());
            Box::pin(async move { rotate(client, &token, user_agent, seed).await })
        })
    }

    /// The session of a refresh token that has not been replaced. `None` when
    /// there is none, or it has ended.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Unavailable`].
    pub fn find_by_refresh_token(
        &self,
        token: &Token,
    ) -> BoxFuture<'_, Result<Option<super::Session>>> {
        let hash = token.hash();
        Box::pin(async move {
            let Some((key, true)) = self.key_of(hash).await? else {
                return Ok(None);
            };
            Ok(self.find(&key).await?.map(|(session, _)| session))
        })
    }

    /// The key of the session of a refresh token, replaced or not, for what ends
    /// it. `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Unavailable`].
    pub fn key_by_refresh_token(&self, token: &Token) -> BoxFuture<'_, Result<Option<Key>>> {
        let hash = token.hash();
        Box::pin(async move { Ok(self.key_of(hash).await?.map(|(key, _)| key)) })
    }

    /// The session that a token belongs to, and whether the token is the last of
    /// its family.
    fn key_of(&self, hash: String) -> BoxFuture<'_, Result<Option<(Key, bool)>>> {
        Box::pin(async move {
            let found = self
                .db
                .read(async move |client| find_key(client, &hash).await);
            found.await
        })
    }
}

static KEY: Statement = Statement::new(
    "refresh.key",
    "select s.session_key,
        r.replaced_at is null and r.revoked_at is null and r.expires_at > now() as is_live
    from refresh_tokens r join user_sessions s on s.id = r.session_id
    where r.token_hash = $1",
);

async fn find_key(client: &Client, hash: &str) -> Result<Option<(Key, bool)>> {
    let row = KEY.opt(client, &[&hash]).await?;
    row.map(|row| {
        let key = Key::from_column(row.try_get("session_key")?);
        Ok((key, row.try_get("is_live")?))
    })
    .transpose()
}

async fn rotate(
    client: &Client,
    token: &Token,
    user_agent: Option<String>,
    seed: Vec<u8>,
) -> Result<Changed<Refreshed>> {
    let hash = token.hash();
    let unknown = Changed {
        value: Refreshed::Unknown,
        keys: Vec::new(),
    };
    let Some(held) = LOCK.opt(client, &[&hash]).await? else {
        return Ok(unknown);
    };
    let session_id: Uuid = held.try_get("id")?;
    let successor = token.successor(&seed);
    let row = ROTATE
        .opt(
            client,
            &[
                &hash,
                &session_id,
                &seed,
                &user_agent,
                &random::id(),
                &successor.hash(),
            ],
        )
        .await?;
    // Expired, or under an older epoch: nobody's any more, and so no theft.
    let Some(row) = row else { return Ok(unknown) };
    let refresh = if row.try_get("is_replaced")? {
        Some(successor)
    } else {
        given_again(client, token, user_agent).await?
    };
    let Some(refresh) = refresh else {
        return end(client, &held).await;
    };
    Ok(Changed {
        value: Refreshed::Rotated(Box::new(Rotated {
            session_id,
            user: User::from_row(&row)?,
            refresh,
        })),
        keys: Vec::new(),
    })
}

/// The successor of a token that has just been replaced by the same client.
async fn given_again(
    client: &Client,
    token: &Token,
    user_agent: Option<String>,
) -> Result<Option<Token>> {
    let row = SEED
        .opt(client, &[&token.hash(), &user_agent, &GRACE_SECONDS])
        .await?;
    let Some(row) = row else { return Ok(None) };
    let seed: Vec<u8> = row.try_get("successor_seed")?;
    let successor = token.successor(&seed);
    let unused = IS_UNUSED.opt(client, &[&successor.hash()]).await?;
    Ok(unused.map(|_| successor))
}

/// The end of a family, which is committed: it is not rolled back with the
/// refusal that it leads to.
async fn end(client: &Client, held: &Row) -> Result<Changed<Refreshed>> {
    let key = Key::from_column(held.try_get("session_key")?);
    destroy(client, &key).await?;
    Ok(Changed {
        value: Refreshed::Replayed {
            user_id: held.try_get("user_id")?,
        },
        keys: vec![key],
    })
}
