//! The errors that payments by members and by staff share.

use crate::error::{Error, ErrorCode};

pub(super) const NOT_PAYABLE: Error = Error::Conflict {
    code: ErrorCode::NotPayable,
    message: "Only a booking that has a spot can be paid",
};

pub(super) const NOTHING_TO_PAY: Error = Error::Conflict {
    code: ErrorCode::NothingToPay,
    message: "There is nothing to pay for this booking",
};

pub(super) const ALREADY_PAID: Error = Error::Conflict {
    code: ErrorCode::AlreadyPaid,
    message: "This booking has already been paid",
};
