//! The list of owed fees, for staff.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::Result;
use crate::http::List;
use crate::models::booking::BookingStatus;
use crate::models::payment::{self, OwedFee};
use crate::store::page::Page;
use crate::values::money::Amount;
use crate::{App, BoxFuture};

/// Why a member owes a fee.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeeReason {
    /// The member cancelled too late.
    LateCancellation,
    /// The member did not come.
    NoShow,
}

/// A fee that a member owes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OwedFee)]
pub struct OwedFeeView {
    /// The id of the booking, with which staff record the payment of the fee or waive it.
    booking_id: Uuid,
    reason: FeeReason,
    amount: Amount,
    /// ISO 4217 code.
    currency: String,
    member_id: Uuid,
    /// The member's first and last name.
    member_name: String,
    /// The id of the class.
    scheduled_class_id: Uuid,
    /// The title of the class.
    title: String,
    /// When the class starts.
    start_time: DateTime<Utc>,
}

impl From<OwedFee> for OwedFeeView {
    fn from(fee: OwedFee) -> Self {
        Self {
            booking_id: fee.booking_id,
            reason: match fee.status {
                BookingStatus::NoShow => FeeReason::NoShow,
                _ => FeeReason::LateCancellation,
            },
            amount: fee.amount.in_currency(&fee.currency),
            currency: fee.currency,
            member_id: fee.user_id,
            member_name: fee.member_name,
            scheduled_class_id: fee.scheduled_class_id,
            title: fee.title,
            start_time: fee.start_time,
        }
    }
}

/// Lists a page of the fees that members owe, latest class first.
pub fn list(app: &App, page: Page) -> BoxFuture<'_, Result<List<OwedFeeView>>> {
    Box::pin(async move {
        let rows = app
            .db()
            .read(async move |client| payment::list_owed_fees(client, &page).await)
            .await?;
        Ok(List::new(rows, page, OwedFee::position, OwedFeeView::from))
    })
}
