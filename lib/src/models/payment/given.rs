//! Spots that the studio gives for free.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::errors::{ALREADY_PAID, NOTHING_TO_PAY};
use super::row::{cancel, lock_booking, lock_open};
use crate::error::{Error, ErrorCode, Result};
use crate::models::booking::BookingStatus;
use crate::models::payment_status::PaymentStatus;
use crate::store::client::Client;
use crate::store::statement::Statement;

static GIVE: Statement = Statement::new(
    "payment.give_spot",
    "update bookings set given_reason = $2, given_at = $3, given_price = price, price = 0
    where id = $1",
);

// If the account is being closed, this waits, and then finds no account. If this lock comes first,
// closing waits, and erases the reason too.
static LOCK_MEMBER: Statement = Statement::new(
    "payment.lock_member_of_booking",
    "select u.id from users u
    where u.id = (select user_id from bookings where id = $1) and u.closed_at is null for share",
);

/// Gives the spot of an unpaid booking for free. A pending payment is cancelled, and its checkout
/// must be closed after the transaction. `reason` is for staff. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`], also if the member's account is closed; 409 `already_paid`; 409
/// `not_payable` when the booking has no spot, or the member did not come; 409 `nothing_to_pay` when
/// a pass pays, or the class is free.
pub async fn give_spot(
    client: &Client,
    booking_id: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let member = LOCK_MEMBER.opt(client, &[&booking_id]).await?;
    member.ok_or(Error::NotFound)?;
    let booking = lock_booking(client, booking_id, None).await?;
    let open = lock_open(client, booking_id).await?;
    match &open {
        Some(payment) if payment.status == PaymentStatus::Paid => return Err(ALREADY_PAID),
        _ if !matches!(
            booking.status,
            BookingStatus::Booked | BookingStatus::Attended
        ) =>
        {
            return Err(NOT_GIVABLE);
        }
        _ if booking.price.is_zero() => return Err(NOTHING_TO_PAY),
        _ => {}
    }
    if let Some(pending) = open {
        cancel(client, pending.id).await?;
    }
    GIVE.execute(client, &[&booking_id, &reason.to_owned(), &now])
        .await
}

const NOT_GIVABLE: Error = Error::Conflict {
    code: ErrorCode::NotPayable,
    message: "Only a spot of a member who is expected or checked in can be given for free",
};
