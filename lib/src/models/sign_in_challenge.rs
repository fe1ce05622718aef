//! Sign-ins whose first factor has been proved, and whose second is due.

use crate::crypto::random;
use crate::error::Result;
use crate::models::user::Proof;
use crate::session::Token;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// How long a code may take to come, in seconds.
const LIFE_SECONDS: f64 = 300.0;

/// How many codes may be tried.
const TRIES: i32 = 5;

/// What was proved before, and how the session is to be.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// The first factor.
    pub proof: Proof,
    /// Whether the session is to last.
    pub remember: bool,
}

static INSERT: Statement = Statement::new(
    "sign_in_challenge.insert",
    "insert into sign_in_challenges
        (id, token_hash, user_id, epoch, method, remember, user_agent, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))",
);

/// Keeps a challenge, for the client that is given its token.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
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
                &LIFE_SECONDS,
            ],
        )
        .await
}

// Counted before the code is looked at, so that any number of tries at once
// are not more than are allowed.
static TAKE_TRY: Statement = Statement::new(
    "sign_in_challenge.take_try",
    "update sign_in_challenges set tries = tries + 1
    where token_hash = $1 and tries < $2 and expires_at > now()
      and user_agent is not distinct from $3
    returning user_id, epoch, method, remember",
);

/// Counts one try. `None` when there is none left, or no such challenge of this
/// client.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn take_try(
    client: &Client,
    token: &Token,
    user_agent: Option<&str>,
) -> Result<Option<Challenge>> {
    let row = TAKE_TRY
        .opt(client, &[&token.hash(), &TRIES, &user_agent])
        .await?;
    row.map(|row| {
        Ok(Challenge {
            proof: Proof {
                user_id: row.try_get("user_id")?,
                epoch: row.try_get("epoch")?,
                method: row.try_get("method")?,
            },
            remember: row.try_get("remember")?,
        })
    })
    .transpose()
}

static END: Statement = Statement::new(
    "sign_in_challenge.end",
    "delete from sign_in_challenges where token_hash = $1 returning id",
);

/// Ends a challenge that has been answered. `false` when somebody else has just
/// answered it.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn end(client: &Client, token: &Token) -> Result<bool> {
    Ok(END.opt(client, &[&token.hash()]).await?.is_some())
}
