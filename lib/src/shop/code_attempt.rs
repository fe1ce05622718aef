//! The limit of attempts to guess a code.

use crate::App;
use crate::error::{Error, ErrorCode, Result};
use crate::identity::rate_limit::{self, Attempt, PROMO_CODE, PROMO_CODE_ADDRESS, Subject};
use crate::values::caller::Caller;
use uuid::Uuid;

/// A use of a code, which counts as an attempt to guess it if there is no such code.
pub(super) struct CodeAttempt(Option<Attempt>);

impl CodeAttempt {
    /// Reserves an attempt of a member. Without a code, there is none.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyRequests`].
    pub(super) async fn begin(
        app: &App,
        caller: &Caller,
        user_id: Uuid,
        code: Option<&str>,
    ) -> Result<Self> {
        if code.is_none() {
            return Ok(Self(None));
        }
        let mut subjects = Subject::address(PROMO_CODE_ADDRESS, caller.address);
        subjects.push(Subject::member(PROMO_CODE, user_id));
        rate_limit::begin(app, subjects).await.map(Some).map(Self)
    }

    /// Counts the attempt if the code is unknown.
    pub(super) fn settle<T>(self, outcome: &Result<T>) {
        let Some(attempt) = self.0 else { return };
        match outcome {
            Err(Error::Conflict {
                code: ErrorCode::PromoCodeUnknown,
                ..
            }) => drop(attempt),
            _ => attempt.give_back(),
        }
    }
}
