//! What is left on a gift card.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::code_attempt::CodeAttempt;
use crate::error::Result;
use crate::models::wallet::{self, Wallet};
use crate::values::caller::Caller;
use crate::values::money::Amount;
use crate::{App, BoxFuture};

/// The code of a gift card.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindGiftCard {
    /// Hyphens, spaces, and the case of letters do not matter.
    #[schema(max_length = 50, examples("7XK2-9MQD-04TB-HW3E"))]
    code: String,
}

/// A gift card.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = GiftCard)]
pub struct GiftCardView {
    /// The money that is left.
    balance: Amount,
    /// ISO 4217 code.
    currency: String,
}

impl From<Wallet> for GiftCardView {
    fn from(card: Wallet) -> Self {
        Self {
            balance: card.balance.in_currency(&card.currency),
            currency: card.currency,
        }
    }
}

/// Returns what is left on a gift card.
///
/// # Errors
///
/// [`Error::TooManyRequests`](crate::Error::TooManyRequests) after too many unknown codes; those of
/// [`wallet::find_gift_card`].
pub fn find<'a>(
    app: &'a App,
    caller: &'a Caller,
    form: &'a FindGiftCard,
) -> BoxFuture<'a, Result<GiftCardView>> {
    Box::pin(async move {
        let attempt = CodeAttempt::begin(app, caller, None).await?;
        let found = app
            .db()
            .read(async move |client| wallet::find_gift_card(client, &form.code).await)
            .await;
        attempt.settle(&found);
        found.map(GiftCardView::from)
    })
}
