//! The first proof that an account and its mailbox belong to the same person.
//!
//! Anyone can register with an address that is not theirs. The first proof of the mailbox,
//! by a mailed link or by a provider that has verified the address, therefore removes what
//! was set up before, unless the proof comes from the browser that registered. Later proofs
//! remove nothing.

use uuid::Uuid;

use crate::error::{Error, Result};
use crate::http::SignInContext;
use crate::models::user;
use crate::session;
use crate::session::Tx;

/// Returns whether the request comes from the browser that registered the account: it has
/// the registration's cookie, or an active session of the account.
pub(crate) async fn is_registrant(tx: &Tx, context: &SignInContext, id: Uuid) -> Result<bool> {
    if context.registration == Some(id) {
        return Ok(true);
    }
    has_session(tx, context, id).await
}

/// Returns whether the request has an active session of the account. If it has, locks the
/// rows of the account and the session.
pub(crate) async fn has_session(tx: &Tx, context: &SignInContext, id: Uuid) -> Result<bool> {
    let Some(key) = &context.previous_session else {
        return Ok(false);
    };
    match session::lock_member(tx, key, id).await {
        Ok(_) => Ok(true),
        Err(Error::SessionGone) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Ends the sessions of an account, and removes the ways to sign in and the personal details
/// that its registrant has set up.
pub(crate) async fn forget_registrant(tx: &Tx, id: Uuid) -> Result<()> {
    user::forget_registrant(tx, id).await?;
    tx.invalidate_sessions(session::end_all_of(tx, id, None).await?);
    Ok(())
}
