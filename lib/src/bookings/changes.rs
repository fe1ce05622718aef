//! Code that all changes to bookings share.

use crate::App;
use crate::notify::mail;
use crate::payments::reconcile;
use crate::values::form;

/// The maximum length of the reason for a change, in characters.
pub(crate) const REASON_MAX: usize = 500;

/// Parses the reason for a change, such as a cancellation.
pub(crate) fn reason(text: &str) -> Result<String, form::Problem> {
    form::paragraphs(text, REASON_MAX)
}

/// Sends e-mails and settles payments in the background, after the commit of a
/// change to bookings.
pub(crate) fn after_commit(app: &App) {
    mail::send_due_in_background(app);
    reconcile::settle_in_background(app);
}
