//! The one-time tokens in the links of e-mails.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::crypto::random;
use crate::crypto::token::Token;
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::caller::Caller;

/// What the link of a token does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Confirms the account's current or new e-mail address.
    VerifyEmail,
    /// Confirms the address of an account that staff have created. The token is stored and
    /// redeemed like one for [`Purpose::VerifyEmail`], but is valid for longer.
    Invitation,
    /// Sets a new password.
    ResetPassword,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail | Self::Invitation => "verify_email",
            Self::ResetPassword => "reset_password",
        }
    }

    /// Returns how long a token is valid.
    pub fn lifetime(self) -> Duration {
        Duration::from_secs(match self {
            Self::VerifyEmail => 24 * 3_600,
            Self::Invitation => 7 * 24 * 3_600,
            Self::ResetPassword => 3_600,
        })
    }
}

/// A valid token.
#[derive(Clone, Debug)]
pub struct OneTimeToken {
    /// The id of the member who owns the token.
    pub user_id: Uuid,
    /// The e-mail address to which the token was sent.
    pub email: String,
    /// The member's `session_epoch` when the token was issued.
    pub epoch: i32,
}

// There is one row for each member and stored purpose: a new token replaces the previous one.
static ISSUE: Statement = Statement::new(
    "one_time_token.issue",
    "insert into one_time_tokens (id, purpose, user_id, token_hash, email, epoch, expires_at)
    select $1, $2, id, $4, $5, session_epoch, now() + make_interval(secs => $6)
    from users where id = $3
    on conflict (user_id, purpose) do update set
        id = excluded.id, token_hash = excluded.token_hash, email = excluded.email,
        epoch = excluded.epoch, created_at = now(), expires_at = excluded.expires_at, used_at = null",
);

/// Stores a token in the row `id`. The token replaces the member's previous one for the same
/// purpose.
pub async fn issue(
    client: &Client,
    purpose: Purpose,
    (id, token): (Uuid, &Token),
    user_id: Uuid,
    email: &str,
) -> Result<()> {
    let (hash, lifetime) = (token.hash(), purpose.lifetime().as_secs_f64());
    let purpose = purpose.as_str();
    ISSUE
        .execute(client, &[&id, &purpose, &user_id, &hash, &email, &lifetime])
        .await
}

static FIND: Statement = Statement::new(
    "one_time_token.find",
    "select user_id, email, epoch from one_time_tokens
    where token_hash = $1 and purpose = $2 and used_at is null and expires_at > now()",
);

/// Finds a token without using it up. Returns `None` if it is no longer valid.
pub async fn find(
    client: &Client,
    purpose: Purpose,
    token: &Token,
) -> Result<Option<OneTimeToken>> {
    let row = FIND
        .opt(client, &[&token.hash(), &purpose.as_str()])
        .await?;
    row.map(|row| {
        Ok(OneTimeToken {
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

/// Uses up a token. Returns `false` if it is no longer valid. Exactly one of several
/// concurrent calls returns `true`. The transaction must have locked the member's row.
pub async fn redeem(client: &Client, purpose: Purpose, token: &Token) -> Result<bool> {
    let row = REDEEM
        .opt(client, &[&token.hash(), &purpose.as_str()])
        .await?;
    Ok(row.is_some())
}

static DELETE: Statement = Statement::new(
    "one_time_token.delete",
    "delete from one_time_tokens where user_id = $1 and purpose = $2",
);

/// Deletes a member's token. A link that was issued before a change of the password or the
/// e-mail address must not work afterwards.
pub async fn delete(client: &Client, purpose: Purpose, user_id: Uuid) -> Result<()> {
    DELETE.execute(client, &[&user_id, &purpose.as_str()]).await
}

static IS_LIVE: Statement = Statement::new(
    "one_time_token.is_live",
    "select id from one_time_tokens where id = $1 and used_at is null and expires_at > now()",
);

/// Returns whether the token of this row is still valid.
pub async fn is_live(client: &Client, id: Uuid) -> Result<bool> {
    Ok(IS_LIVE.opt(client, &[&id]).await?.is_some())
}

/// An e-mail with a link to set a new password.
pub struct ResetMail<'a> {
    /// The e-mail address in lower case, whether or not there is an account.
    pub email: &'a str,
    /// The id of the token's row.
    pub id: Uuid,
    /// The token in the link.
    pub token: &'a Token,
    /// The content of the e-mail, which contains the encrypted token.
    pub notice: Value,
    /// The caller who requests the e-mail.
    pub caller: &'a Caller,
}

// This is one statement, so that the request takes the same time whether or not the address
// has an account.
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
    /// Queues the e-mail and replaces the previous token, if there is an active account
    /// with this address. Records a security event in either case.
    pub async fn queue(&self, client: &Client) -> Result<()> {
        RESET_MAIL
            .execute(
                client,
                &[
                    &self.email,
                    &self.id,
                    &self.token.hash(),
                    &Purpose::ResetPassword.lifetime().as_secs_f64(),
                    &random::id(),
                    &self.notice,
                    &random::id(),
                    &Some(self.caller.address),
                    &self.caller.user_agent,
                ],
            )
            .await
    }
}
