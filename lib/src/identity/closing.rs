//! The end of an account.

use uuid::Uuid;

use crate::error::Result;
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
/// sessions and the profile, nor a role or a link that was mailed.
pub(crate) async fn release_address(app: &App, tx: &Tx, email: &str) -> Result<()> {
    // Of concurrent registrations each replaces the one before.
    user::lock_address(tx, email).await?;
    let Some(id) = user::lock_unconfirmed(tx, email).await? else {
        return Ok(());
    };
    tx.invalidate_sessions(session::lock_owner(tx, id).await?);
    // Staff can book for a member who has not confirmed their address.
    if !user::delete_without_bookings(tx, id).await? {
        close(app, tx, id).await?;
    }
    Ok(())
}
