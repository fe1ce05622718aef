//! The errors that payments by members and by staff share.

use crate::error::Error;

pub(super) const NOT_PAYABLE: Error = Error::Conflict {
    code: "not_payable",
    message: "Only a booking that has a spot can be paid",
};

pub(super) const NOTHING_TO_PAY: Error = Error::Conflict {
    code: "nothing_to_pay",
    message: "There is nothing to pay for this booking",
};

pub(super) const ALREADY_PAID: Error = Error::Conflict {
    code: "already_paid",
    message: "This booking has already been paid",
};
