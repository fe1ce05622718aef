//! The limit of attempts to guess the code of a promotion or of a gift card.

use uuid::Uuid;

use crate::App;
use crate::error::{Error, ErrorCode, Result};
use crate::identity::rate_limit::{self, Attempt, SHOP_CODE, SHOP_CODE_ADDRESS, Subject};
use crate::values::caller::Caller;

/// A use of a code, which counts as an attempt to guess it if there is no such code.
pub(super) struct CodeAttempt(Attempt);

impl CodeAttempt {
    /// Reserves an attempt of a member, or of a visitor.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyRequests`].
    pub(super) async fn begin(app: &App, caller: &Caller, user_id: Option<Uuid>) -> Result<Self> {
        let mut subjects = Subject::address(SHOP_CODE_ADDRESS, caller.address);
        subjects.extend(user_id.map(|id| Subject::member(SHOP_CODE, id)));
        rate_limit::begin(app, subjects).await.map(Self)
    }

    /// Counts the attempt if the code is unknown.
    pub(super) fn settle<T>(self, outcome: &Result<T>) {
        match outcome {
            Err(Error::Conflict {
                code: ErrorCode::PromoCodeUnknown | ErrorCode::GiftCardUnknown,
                ..
            }) => drop(self.0),
            _ => self.0.give_back(),
        }
    }
}
