//! Sign-ins that have passed the first factor and wait for the second factor.

use std::time::Duration;

use crate::crypto::random;
use crate::crypto::token::Token;
use crate::error::Result;
use crate::models::user::AuthenticationProof;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// How long a challenge is valid.
pub const LIFETIME: Duration = Duration::from_secs(300);

/// The maximum number of codes that a client can try.
const MAX_ATTEMPTS: i32 = 5;

/// A sign-in that waits for the second factor.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// The proof of the first factor.
    pub proof: AuthenticationProof,
    /// Whether to keep the session for thirty days instead of seven.
    pub remember: bool,
}

static INSERT: Statement = Statement::new(
    "sign_in_challenge.insert",
    "insert into sign_in_challenges
        (id, token_hash, user_id, epoch, method, remember, user_agent, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))",
);

/// Stores a challenge. Only a client with this token and this user agent can answer it.
pub async fn insert(
    client: &Client,
    token: &Token,
    challenge: &Challenge,
    user_agent: Option<&str>,
) -> Result<()> {
    let proof = &challenge.proof;
    INSERT
        .execute(
            client,
            &[
                &random::id(),
                &token.hash(),
                &proof.user_id,
                &proof.epoch,
                &proof.method,
                &challenge.remember,
                &user_agent,
                &LIFETIME.as_secs_f64(),
            ],
        )
        .await
}

// The attempt is counted before the code is verified, so that concurrent attempts cannot
// exceed the limit.
static COUNT_ATTEMPT: Statement = Statement::new(
    "sign_in_challenge.count_attempt",
    "update sign_in_challenges set tries = tries + 1
    where token_hash = $1 and tries < $2 and expires_at > now()
      and user_agent is not distinct from $3
    returning user_id, epoch, method, remember",
);

/// Counts one attempt. Returns `None` if no attempt is left, or if this client has no such
/// challenge.
pub async fn count_attempt(
    client: &Client,
    token: &Token,
    user_agent: Option<&str>,
) -> Result<Option<Challenge>> {
    let row = COUNT_ATTEMPT
        .opt(client, &[&token.hash(), &MAX_ATTEMPTS, &user_agent])
        .await?;
    row.map(|row| {
        Ok(Challenge {
            proof: AuthenticationProof {
                user_id: row.try_get("user_id")?,
                epoch: row.try_get("epoch")?,
                method: row.try_get("method")?,
            },
            remember: row.try_get("remember")?,
        })
    })
    .transpose()
}

static DELETE: Statement = Statement::new(
    "sign_in_challenge.delete",
    "delete from sign_in_challenges where token_hash = $1 returning id",
);

/// Deletes a challenge that was answered. Returns `false` if another request has
/// deleted it.
pub async fn delete(client: &Client, token: &Token) -> Result<bool> {
    Ok(DELETE.opt(client, &[&token.hash()]).await?.is_some())
}
