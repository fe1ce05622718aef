//! Paying for a booking with a pass, after it was made.

use uuid::Uuid;

use super::errors::{ALREADY_PAID, NOT_PAYABLE, NOTHING_TO_PAY};
use super::row::{lock_booking, lock_open};
use crate::error::{Error, ErrorCode, Result};
use crate::models::booking::PASS_NOT_USABLE;
use crate::models::payment_status::PaymentStatus;
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::time_zone::TimeZone;

static PAY_WITH_PASS: Statement = Statement::new(
    "payment.pay_with_pass",
    "select pay_with_pass($1, $2, $3) as pass_id",
);

/// Lets a pass of the member pay for an unpaid booking: the one that ends first, or `pass_id`. A
/// pending payment is cancelled. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `not_payable` when the booking has no spot; 409 `nothing_to_pay`,
/// `already_paid`; 409 `pass_not_usable` when no pass can pay, or `pass_id` cannot.
pub async fn pay_with_pass(
    client: &Client,
    booking_id: Uuid,
    pass_id: Option<Uuid>,
    studio: &StudioConfig,
) -> Result<()> {
    let booking = lock_booking(client, booking_id, None).await?;
    match lock_open(client, booking_id).await? {
        Some(payment) if payment.status == PaymentStatus::Paid => return Err(ALREADY_PAID),
        _ if !booking.status.has_spot() => return Err(NOT_PAYABLE),
        _ if booking.price.is_zero() || booking.amount_due.is_zero() => {
            return Err(NOTHING_TO_PAY);
        }
        _ => {}
    }
    let day = TimeZone::of_studio(studio)?.date(booking.start_time);
    let row = PAY_WITH_PASS
        .one(client, &[&booking_id, &day, &pass_id])
        .await?;
    match (row.try_get::<_, Option<Uuid>>("pass_id")?, pass_id) {
        (Some(_), _) => Ok(()),
        (None, Some(_)) => Err(PASS_NOT_USABLE),
        (None, None) => Err(NO_PASS_USABLE),
    }
}

const NO_PASS_USABLE: Error = Error::Conflict {
    code: ErrorCode::PassNotUsable,
    message: "No pass of the member can pay for this class",
};
