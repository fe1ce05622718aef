//! The end of an account.

use uuid::Uuid;

use crate::error::{Error, Result};
use crate::models::{booking, user};
use crate::session::Tx;
use crate::{App, session};

/// Closes an account: ends its sessions, cancels its bookings of classes that have not
/// started, and erases what is personal. The address can register again. The transaction
/// must have locked the member's row.
pub(crate) async fn close(app: &App, tx: &Tx, id: Uuid) -> Result<()> {
    tx.invalidate_sessions(session::end_all_of(tx, id, None).await?);
    // Before the address is erased, because the mails about the bookings go there.
    booking::cancel_all_of(tx, id, app.clock().now(), &app.config().studio).await?;
    tx.invalidate([app.schedule()]);
    user::erase(tx, id).await
}

/// Ends the registration that has an address without having confirmed it, so that another
/// account can have the address. Nothing of it is passed on: neither the password, the
/// sessions and the profile, nor a role or a link that was mailed. The caller must have
/// proven that the mailbox is theirs.
pub(crate) async fn release_address(app: &App, tx: &Tx, email: &str) -> Result<()> {
    let Some(id) = lock_unconfirmed(tx, email).await? else {
        return Ok(());
    };
    // An account from before bookings and roles needed a confirmed address may be in use.
    if !user::delete_if_unused(tx, id).await? {
        close(app, tx, id).await?;
    }
    Ok(())
}

/// Ends the registration that has an address without having confirmed it, as
/// [`release_address`] does, in favor of a newer registration. That proves nothing about the
/// mailbox, so an account that is in use stays.
///
/// # Errors
///
/// [`Error::EmailTaken`] if the account has bookings or a role.
pub(crate) async fn replace_registration(tx: &Tx, email: &str) -> Result<()> {
    match lock_unconfirmed(tx, email).await? {
        Some(id) if !user::delete_if_unused(tx, id).await? => Err(Error::EmailTaken),
        _ => Ok(()),
    }
}

async fn lock_unconfirmed(tx: &Tx, email: &str) -> Result<Option<Uuid>> {
    // Of concurrent registrations each replaces the one before.
    user::lock_address(tx, email).await?;
    let id = user::lock_unconfirmed(tx, email).await?;
    if let Some(id) = id {
        tx.invalidate_sessions(session::lock_owner(tx, id).await?);
    }
    Ok(id)
}
