//! The errors of a sign-in through a provider.

use crate::error::{Error, ErrorCode};

/// This browser has not started the sign-in, or the sign-in has expired or was already
/// completed.
pub(super) const STATE_UNKNOWN: Error = Error::Refused {
    code: ErrorCode::OauthState,
    message: "This sign-in was started in another browser or has expired; please start again",
};

/// The response of the provider is invalid, or the provider refuses the sign-in.
pub(super) const REFUSED: Error = Error::Refused {
    code: ErrorCode::OauthRefused,
    message: "The provider's response cannot be accepted; please start again",
};

/// The member has cancelled the sign-in at the provider.
pub(super) const CANCELLED: Error = Error::Forbidden {
    code: ErrorCode::AccessDenied,
    message: "The sign-in was cancelled at the provider",
};
