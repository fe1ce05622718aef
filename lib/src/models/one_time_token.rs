//! What stands behind the links in mails.

use serde_json::Value;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::Result;
use crate::session::Token;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::caller::Caller;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Confirms an address: the account's, or the one that it is to have.
    VerifyEmail,
    /// Sets a new password.
    ResetPassword,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
        }
    }

    /// For how long, in seconds.
    fn life(self) -> f64 {
        match self {
            Self::VerifyEmail => 24.0 * 3_600.0,
            Self::ResetPassword => 3_600.0,
        }
    }
}

/// A token that was redeemed.
#[derive(Clone, Debug)]
pub struct Redeemed {
    /// Whose it was.
    pub user_id: Uuid,
    /// Where it had been mailed.
    pub email: String,
    /// The member's `session_epoch` when it was asked for.
    pub epoch: i32,
}

// One row a member and purpose: a new token takes the place of the one before.
static ISSUE: Statement = Statement::new(
    "one_time_token.issue",
    "insert into one_time_tokens (id, purpose, user_id, token_hash, email, epoch, expires_at)
    select $1, $2, id, $4, $5, session_epoch, now() + make_interval(secs => $6)
    from users where id = $3
    on conflict (user_id, purpose) do update set
        id = excluded.id, token_hash = excluded.token_hash, email = excluded.email,
        epoch = excluded.epoch, created_at = now(), expires_at = excluded.expires_at, used_at = null",
);

/// Keeps a token under the id of its row, and ends the one before it.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn issue(
    client: &Client,
    purpose: Purpose,
    (id, token): (Uuid, &Token),
    user_id: Uuid,
    email: &str,
) -> Result<()> {
    let (hash, life) = (token.hash(), purpose.life());
    let purpose = purpose.as_str();
    ISSUE
        .execute(client, &[&id, &purpose, &user_id, &hash, &email, &life])
        .await
}

static FIND: Statement = Statement::new(
    "one_time_token.find",
    "select user_id, email, epoch from one_time_tokens
    where token_hash = $1 and purpose = $2 and used_at is null and expires_at > now()",
);

/// Whose token this is, without using it up. `None` when it is good no more.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn find(client: &Client, purpose: Purpose, token: &Token) -> Result<Option<Redeemed>> {
    let row = FIND
        .opt(client, &[&token.hash(), &purpose.as_str()])
        .await?;
    row.map(|row| {
        Ok(Redeemed {
            user_id: row.try_get("user_id")?,
            email: row.try_get("email")?,
            epoch: row.try_get("epoch")?,
        })
    })
    .transpose()
}

static REDEEM: Statement = Statement::new(
    "one_time_token.redeem",
    "update one_time_tokens set used_at = now()
    where token_hash = $1 and purpose = $2 and used_at is null and expires_at > now()
    returning id",
);

/// Uses a token up. `false` when it is good no more: of any number at once, one
/// is told `true`. The member's row is to be locked before.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn redeem(client: &Client, purpose: Purpose, token: &Token) -> Result<bool> {
    let row = REDEEM
        .opt(client, &[&token.hash(), &purpose.as_str()])
        .await?;
    Ok(row.is_some())
}

static END: Statement = Statement::new(
    "one_time_token.end",
    "delete from one_time_tokens where user_id = $1 and purpose = $2",
);

/// Ends what is under way of a member's: what led to an account before its
/// password or address was changed must not lead to it afterwards.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn end(client: &Client, purpose: Purpose, user_id: Uuid) -> Result<()> {
    END.execute(client, &[&user_id, &purpose.as_str()]).await
}

static IS_LIVE: Statement = Statement::new(
    "one_time_token.is_live",
    "select id from one_time_tokens where id = $1 and used_at is null and expires_at > now()",
);

/// Whether the token of this row is still good for something.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn is_live(client: &Client, id: Uuid) -> Result<bool> {
    Ok(IS_LIVE.opt(client, &[&id]).await?.is_some())
}

/// A link to a new password, for whoever reads the mail of an address.
pub struct ResetMail<'a> {
    /// In lower case; of an account or not.
    pub email: &'a str,
    /// The token's row.
    pub id: Uuid,
    /// What the link carries.
    pub token: &'a Token,
    /// What the mail tells, the sealed token in it.
    pub notice: Value,
    /// Who asks.
    pub client: &'a Caller,
}

// All in one, so that an address without an account costs the same round trip.
static RESET_MAIL: Statement = Statement::new(
    "one_time_token.reset_mail",
    "with member as (
        select id, email, session_epoch from users where email = $1 and is_active
    ), issued as (
        insert into one_time_tokens
            (id, purpose, user_id, token_hash, email, epoch, expires_at)
        select $2, 'reset_password', id, $3, email, session_epoch,
            now() + make_interval(secs => $4)
        from member
        on conflict (user_id, purpose) do update set
            id = excluded.id, token_hash = excluded.token_hash, email = excluded.email,
            epoch = excluded.epoch, created_at = now(), expires_at = excluded.expires_at, used_at = null
    ), mailed as (
        insert into mail_outbox (id, recipient, kind, payload)
        select $5, email, 'reset_password', jsonb_build_object('userId', id, 'notice', $6)
        from member
    )
    insert into security_events (id, user_id, kind, ip, user_agent)
    select $7, (select id from member), 'password_forgotten', $8, $9",
);

impl ResetMail<'_> {
    /// Writes it, if there is such an account; the link before it ends.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Unavailable`].
    pub async fn write(&self, client: &Client) -> Result<()> {
        RESET_MAIL
            .execute(
                client,
                &[
                    &self.email,
                    &self.id,
                    &self.token.hash(),
                    &Purpose::ResetPassword.life(),
                    &random::id(),
                    &self.notice,
                    &random::id(),
                    &Some(self.client.address),
                    &self.client.user_agent,
                ],
            )
            .await
    }
}
