//! Why a comparison with Stripe failed.

use crate::error::Error;
use crate::payments::stripe::StripeError;

/// Why a state could not be read from Stripe, or could not be applied.
pub(super) enum CheckError {
    Stripe(StripeError),
    Other(Error),
}

impl From<StripeError> for CheckError {
    fn from(error: StripeError) -> Self {
        Self::Stripe(error)
    }
}

impl From<Error> for CheckError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<CheckError> for Error {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Stripe(error) => error.into(),
            CheckError::Other(error) => error,
        }
    }
}
