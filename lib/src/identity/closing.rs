//! Closing accounts, and releasing e-mail addresses.

use uuid::Uuid;

use crate::error::{Error, Result};
use crate::models::{booking, course, member_event, membership, order, pass, user, wallet};
use crate::session::Tx;
use crate::{App, session};

/// Closes an account: ends its sessions, cancels its bookings of classes that have not started
/// and its open orders, revokes its passes, and erases the personal details. Its membership ends
/// at Stripe after the transaction. The address can be registered again. The transaction must have
/// locked the member's row.
pub(crate) async fn close(app: &App, tx: &Tx, id: Uuid) -> Result<()> {
    tx.invalidate_sessions(session::end_all_of(tx, id, None).await?);
    // This comes before the erasure, because the e-mails about the bookings need the address.
    let (now, studio) = (app.clock().now(), &app.config().studio);
    let mut events = booking::cancel_all_of(tx, id, now, studio).await?;
    membership::request_end(tx, id).await?;
    // A payment may settle an order at the same time. The cancellation waits for it, so its passes
    // are revoked too. Other transactions lock passes before orders. A deadlock with them is rare,
    // and is retried.
    events.extend(order::cancel_open_of(tx, id, now, studio).await?);
    pass::revoke_all(tx, id).await?;
    member_event::record(tx, &events).await?;
    tx.invalidate([app.schedule()]);
    user::erase(tx, id).await
}

/// Deletes or closes the account that has this address but has not confirmed it, so that
/// another account can get the address. The other account does not inherit anything, such as
/// the password, sessions, the profile, a role or mailed links. The caller must have proven
/// that the mailbox is theirs.
///
/// # Errors
///
/// [`Error::EmailTaken`] if the account has credit, a pass that is not revoked, or a course with
/// upcoming classes.
pub(crate) async fn release_address(app: &App, tx: &Tx, email: &str) -> Result<()> {
    let Some(id) = lock_unconfirmed(tx, email).await? else {
        return Ok(());
    };
    // The account may have bookings or a role from a time when these did not require a
    // confirmed address.
    if user::delete_if_unused(tx, id).await? {
        return Ok(());
    }
    // Staff sold a pass or a course to this member, or gave credit, and the member opens the account
    // through its invitation. Closing it would revoke the pass, free the spots, and lose the credit.
    let has_course = course::has_upcoming(tx, id, app.clock().now()).await?;
    let has_credit = !wallet::find_credit(tx, id).await?.balance.is_zero();
    if has_course || has_credit || pass::has_live(tx, id).await? {
        return Err(Error::EmailTaken);
    }
    close(app, tx, id).await
}

/// Deletes the account that has this address but has not confirmed it, for a newer
/// registration, or for an account that staff create. A registration does not prove that the
/// mailbox belongs to the caller, so an account that is in use, or that staff created for a
/// member, is not closed.
///
/// # Errors
///
/// [`Error::EmailTaken`] if the account has bookings or a role, or no way to sign in yet.
pub(crate) async fn replace_registration(tx: &Tx, email: &str) -> Result<()> {
    let Some(id) = lock_unconfirmed(tx, email).await? else {
        return Ok(());
    };
    if user::has_credentials(tx, id).await? && user::delete_if_unused(tx, id).await? {
        Ok(())
    } else {
        Err(Error::EmailTaken)
    }
}

async fn lock_unconfirmed(tx: &Tx, email: &str) -> Result<Option<Uuid>> {
    // With this lock, concurrent registrations run one after another, and each replaces the
    // previous one.
    user::lock_address(tx, email).await?;
    let id = user::lock_unconfirmed(tx, email).await?;
    if let Some(id) = id {
        tx.invalidate_sessions(session::lock_owner(tx, id).await?);
    }
    Ok(id)
}
