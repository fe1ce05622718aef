//! The errors that payments by members and by staff share.

use crate::error::{Error, ErrorCode, Result};
use crate::models::booking::Booking;

/// Checks that an unpaid booking can be paid: it has a spot and a price, or a fee is owed for it.
///
/// # Errors
///
/// 409 `not_payable`, `nothing_to_pay`.
pub(super) fn check_payable(booking: &Booking) -> Result<()> {
    let has_fee = booking.fee.is_some_and(|fee| !fee.is_zero());
    if !booking.status.has_spot() && !has_fee {
        return Err(NOT_PAYABLE);
    }
    match booking.amount_due.is_zero() {
        true => Err(NOTHING_TO_PAY),
        false => Ok(()),
    }
}

pub(super) const NOT_PAYABLE: Error = Error::Conflict {
    code: ErrorCode::NotPayable,
    message: "Only a booking that has a spot, or for which a fee is owed, can be paid",
};

pub(super) const NOTHING_TO_PAY: Error = Error::Conflict {
    code: ErrorCode::NothingToPay,
    message: "There is nothing to pay for this booking",
};

pub(super) const ALREADY_PAID: Error = Error::Conflict {
    code: ErrorCode::AlreadyPaid,
    message: "This booking has already been paid",
};
