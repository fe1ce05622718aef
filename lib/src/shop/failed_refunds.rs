//! Refunds that have failed for good: their list, and what staff do about them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::OWN_PURCHASE;
use crate::admin::staff_action::StaffAction;
use crate::error::Result;
use crate::http::{IdempotencyKey, List, Member, StoredResponse};
use crate::models::payment::{self, FailedRefund, FailedRefundResolution};
use crate::models::security_event::SecurityEventKind;
use crate::notify::mail;
use crate::payments::reconcile::settle_in_background;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::money::Amount;
use crate::{App, BoxFuture};

/// A refund to a card that has failed. The bank has returned the money, and nobody has given it back
/// since.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FailedRefund)]
pub struct FailedRefundView {
    id: Uuid,
    /// What is still to be given back.
    amount: Amount,
    /// ISO 4217 code.
    currency: String,
    failed_at: DateTime<Utc>,
    /// Stripe's reason, such as `expired_or_canceled_card`. Null if Stripe has given none.
    #[schema(examples("expired_or_canceled_card"))]
    reason: Option<String>,
    member_id: Uuid,
    /// The member's first and last name.
    member_name: String,
    /// The order that was paid. Null if it was a booking.
    order_id: Option<Uuid>,
    /// The booking that was paid. Null if it was an order.
    booking_id: Option<Uuid>,
    /// The id of the class of the booking. Null for an order.
    scheduled_class_id: Option<Uuid>,
    /// When the class starts. Null for an order.
    start_time: Option<DateTime<Utc>>,
    /// The title of the class, or the names of the products.
    title: String,
}

impl From<FailedRefund> for FailedRefundView {
    fn from(refund: FailedRefund) -> Self {
        Self {
            id: refund.id,
            amount: refund.amount.in_currency(&refund.currency),
            currency: refund.currency,
            failed_at: refund.failed_at,
            reason: refund.provider_reason,
            member_id: refund.user_id,
            member_name: refund.member_name,
            order_id: refund.order_id,
            booking_id: refund.booking_id,
            scheduled_class_id: refund.scheduled_class_id,
            start_time: refund.start_time,
            title: refund.title,
        }
    }
}

/// Lists a page of the refunds that have failed for good, latest first.
pub fn list(app: &App, page: Page) -> BoxFuture<'_, Result<List<FailedRefundView>>> {
    Box::pin(async move {
        let rows = app
            .db()
            .read(async move |client| payment::list_failed_refunds(client, &page).await)
            .await?;
        Ok(List::new(
            rows,
            page,
            FailedRefund::position,
            FailedRefundView::from,
        ))
    })
}

/// What staff do about a refund that has failed for good.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResolveFailedRefund {
    /// The id of the refund that has failed.
    refund_id: Uuid,
    resolution: FailedRefundResolution,
}

/// Resolves a refund that has failed for good. A refund to the card is sent to Stripe again. Cash
/// and transfers are only recorded. Responds with 200 and the refund as it was listed.
///
/// # Errors
///
/// 403 `own_purchase`; those of [`payment::resolve_failed_refund`].
pub fn resolve<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    key: Option<IdempotencyKey>,
    form: ResolveFailedRefund,
) -> BoxFuture<'a, Result<StoredResponse>> {
    Box::pin(async move {
        let staff_action = StaffAction::by_staff(staff, caller)?;
        let (staff_id, now) = (staff_action.actor_id(), app.clock().now());
        let transaction = app.transaction().authorize(&staff_action);
        let response = transaction
            .idempotent(staff_id, key)
            .run(async |tx| {
                let (id, resolution) = (form.refund_id, form.resolution);
                let refund =
                    payment::resolve_failed_refund(tx, id, resolution, staff_id, now).await?;
                if refund.user_id == staff_id {
                    return Err(OWN_PURCHASE);
                }
                let kind = match refund.order_id {
                    Some(_) => SecurityEventKind::OrderChanged,
                    None => SecurityEventKind::BookingChanged,
                };
                let detail = json!({
                    "action": "resolve_failed_refund",
                    "orderId": refund.order_id,
                    "bookingId": refund.booking_id,
                    "refundId": id,
                    "amount": refund.amount.in_currency(&refund.currency),
                    "resolution": resolution,
                });
                staff_action
                    .record(tx, kind, Some(refund.user_id), detail)
                    .await?;
                StoredResponse::ok(&FailedRefundView::from(refund))
            })
            .await?;
        settle_in_background(app);
        mail::send_due_in_background(app);
        Ok(response)
    })
}
