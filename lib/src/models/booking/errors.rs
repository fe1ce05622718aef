//! Errors about a booking and its class.

use crate::error::{Error, ErrorCode};

pub(in crate::models) const CLASS_CANCELLED: Error = Error::Conflict {
    code: ErrorCode::ClassCancelled,
    message: "This class has been cancelled",
};

pub(in crate::models) const NO_SPOT: Error = Error::Conflict {
    code: ErrorCode::NoPlace,
    message: "This booking has no spot in the class",
};

pub(in crate::models) const CLASS_STARTED: Error = Error::Conflict {
    code: ErrorCode::ClassStarted,
    message: "This class has already begun",
};

pub(in crate::models) const PASS_NOT_USABLE: Error = Error::Conflict {
    code: ErrorCode::PassNotUsable,
    message: "This pass cannot pay for the class",
};

pub(in crate::models) const CLASS_OVER: Error = Error::Conflict {
    code: ErrorCode::ClassOver,
    message: "This class is over",
};

pub(in crate::models) const NOT_MOVABLE: Error = Error::Conflict {
    code: ErrorCode::NotMovable,
    message: "This booking cannot be moved: it has no spot, or attendance was recorded",
};
