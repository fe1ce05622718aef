//! Renewing the credential of a session.

use std::time::Duration;

use super::create::Credential;
use super::transaction::Tx;
use crate::crypto::random;
use crate::crypto::token::SessionKey;
use crate::error::{Error, Result};
use crate::store::statement::Statement;

// The row is replaced, and not only its key, because access tokens contain the id of the
// row. Everything that was issued under the old credential ends with the old row: refresh
// tokens, pending sign-ins through a provider, and tokens for partner applications.
static RENEW: Statement = Statement::new(
    "session.renew",
    "with ended as (
        delete from user_sessions where session_key = $1 returning *
    ), renewed as (
        insert into user_sessions (id, user_id, session_key, epoch, session_data, ip_address,
            user_agent, login_method, remembered, created_at, last_activity, expires_at,
            absolute_expires_at, device_id)
        select $2, user_id, $3, epoch, session_data, ip_address, user_agent, login_method,
            remembered, created_at, last_activity, expires_at, absolute_expires_at, device_id
        from ended
        returning id, remembered, absolute_expires_at
    ), refresh as (
        insert into refresh_tokens (id, session_id, family_id, token_hash, expires_at)
        select $4, id, id, $5, absolute_expires_at from renewed where $5 is not null
    )
    select remembered, extract(epoch from absolute_expires_at - now())::float8 as seconds_left
    from renewed",
);

/// A new credential for the session of a member who has authenticated again. Copies of the old
/// credential are no longer valid (OWASP ASVS 5.0, 7.2.4).
#[derive(Clone, Debug)]
pub struct Renewal {
    key: SessionKey,
    credential: Credential,
}

/// A session that has a new credential.
#[derive(Clone, Debug)]
pub struct RenewedSession {
    /// The new credential.
    pub credential: Credential,
    /// How long the browser keeps the cookie. `None` if the cookie is deleted when the browser
    /// is closed.
    pub max_age: Option<Duration>,
}

impl Renewal {
    /// Creates a new credential, of the same kind, for the session with this key.
    pub fn new(key: &SessionKey) -> Self {
        let credential = match key.has_refresh_token() {
            true => Credential::tokens(),
            false => Credential::cookie(false),
        };
        Self {
            key: key.clone(),
            credential,
        }
    }

    /// Ends the session, and continues it under the new credential. The data and the expiry of
    /// the session do not change. The transaction must have locked the member's row. A
    /// transaction that also ends other sessions must end them first, because the key of this
    /// session changes.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::SessionGone`] when the session has ended.
    pub async fn run(&self, tx: &Tx) -> Result<RenewedSession> {
        let (id, refresh_hash) = match &self.credential {
            Credential::Cookie { .. } => (random::id(), None),
            Credential::Tokens {
                session_id,
                refresh,
            } => (*session_id, Some(refresh.hash())),
        };
        let row = RENEW
            .opt(
                tx,
                &[
                    &self.key.as_str(),
                    &id,
                    &self.credential.key().as_str(),
                    &random::id(),
                    &refresh_hash,
                ],
            )
            .await?
            .ok_or(Error::SessionGone)?;
        tx.invalidate_sessions([self.key.clone()]);
        let is_remembered: bool = row.try_get("remembered")?;
        let seconds_left: f64 = row.try_get("seconds_left")?;
        let time_left = Duration::from_secs_f64(seconds_left.max(0.0));
        Ok(RenewedSession {
            credential: self.credential.clone(),
            max_age: is_remembered.then_some(time_left),
        })
    }
}
