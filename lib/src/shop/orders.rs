//! Orders that staff sell at the desk, and refunds of them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::OWN_PURCHASE;
use crate::admin::staff_action::StaffAction;
use crate::bookings::changes::reason;
use crate::error::{Error, Result};
use crate::http::{IdempotencyKey, List, Member, StoredResponse, query};
use crate::models::order::{
    self, NewOrder, NewOrderRefund, Order, OrderLine, RefundMethod, Tender,
};
use crate::models::pass::{self, NewPassChange, PassChange};
use crate::models::security_event::SecurityEventKind;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::Form;
use crate::values::money::{Amount, Money};
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The maximum number of products of one sale.
const PRODUCTS_MAX: usize = 20;

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Order)]
pub struct OrderView {
    id: Uuid,
    user_id: Uuid,
    /// The member's first and last name.
    member_name: String,
    lines: Vec<OrderLineView>,
    total: Amount,
    /// ISO 4217 code.
    currency: String,
    /// How it was paid. Null if it costs nothing.
    tender: Option<Tender>,
    /// The sum of the refunds.
    refunded: Amount,
    /// The name of the member of staff who sold it. Null if it is unknown.
    sold_by: Option<String>,
    created_at: DateTime<Utc>,
}

/// A product that was sold.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderLine)]
struct OrderLineView {
    id: Uuid,
    product_id: Uuid,
    /// The name of the product as it was sold.
    description: String,
    /// The price as it was sold.
    amount: Amount,
    /// The id of the pass that was issued.
    pass_id: Option<Uuid>,
}

impl OrderView {
    fn new(order: Order) -> Self {
        let currency = order.currency;
        let line = |line: OrderLine| OrderLineView {
            id: line.id,
            product_id: line.product_id,
            description: line.description,
            amount: line.amount.in_currency(&currency),
            pass_id: line.pass_id,
        };
        Self {
            id: order.id,
            user_id: order.user_id,
            member_name: order.member_name,
            lines: order.lines.into_iter().map(line).collect(),
            total: order.total.in_currency(&currency),
            tender: order.tender,
            refunded: order.refunded.in_currency(&currency),
            sold_by: order.sold_by,
            created_at: order.created_at,
            currency,
        }
    }
}

/// The query of the orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct OrdersQuery {
    /// Only the orders of the member with this id.
    #[param(value_type = Option<Uuid>)]
    member_id: Option<String>,
}

/// Lists a page of orders, newest first.
///
/// # Errors
///
/// [`Error::Invalid`] for a query that cannot be parsed.
pub fn list(app: &App, query: OrdersQuery, page: Page) -> BoxFuture<'_, Result<List<OrderView>>> {
    Box::pin(async move {
        let mut form = Form::default();
        let member_id = form.check_filled("memberId", query.member_id.as_deref(), query::id);
        form.finish()?;
        let rows = app
            .db()
            .read(async move |client| order::list(client, member_id, &page).await)
            .await?;
        Ok(List::new(rows, page, Order::position, OrderView::new))
    })
}

/// An order to sell at the desk.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateOrder {
    /// The member's id.
    user_id: Uuid,
    /// The ids of the products. A product that is sold twice is there twice.
    #[schema(min_items = 1, max_items = 20)]
    product_ids: Vec<Uuid>,
    /// How the money was taken.
    tender: Tender,
}

/// Sells products to a member at the desk. Responds with 201 and the order.
///
/// # Errors
///
/// [`Error::Invalid`] without products, or with too many; 403 `own_purchase`; those of
/// [`order::sell`].
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    key: Option<IdempotencyKey>,
    form: CreateOrder,
) -> BoxFuture<'a, Result<StoredResponse>> {
    Box::pin(async move {
        if !(1..=PRODUCTS_MAX).contains(&form.product_ids.len()) {
            let problem = format!("must have from 1 to {PRODUCTS_MAX} entries");
            return Err(Error::field("productIds", problem));
        }
        let staff_action = StaffAction::by_staff(staff, caller)?;
        let new_order = NewOrder {
            user_id: form.user_id,
            product_ids: form.product_ids,
            tender: form.tender,
            staff_id: staff_action.actor_id(),
        };
        if new_order.user_id == new_order.staff_id {
            return Err(OWN_PURCHASE);
        }
        let (now, studio) = (app.clock().now(), &app.config().studio);
        let today = TimeZone::of_studio(studio)?.date(now);
        let transaction = app.transaction().authorize(&staff_action);
        let transaction = transaction.idempotent(new_order.staff_id, key);
        transaction
            .run(async |tx| {
                let order = order::sell(tx, &new_order, &studio.currency, now, today).await?;
                let detail = json!({ "orderId": order.id, "action": "sell" });
                let kind = SecurityEventKind::OrderChanged;
                staff_action
                    .record(tx, kind, Some(order.user_id), detail)
                    .await?;
                StoredResponse::created(&OrderView::new(order))
            })
            .await
    })
}

/// A refund of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefundOrder {
    order_id: Uuid,
    /// The amount to give back.
    amount: Money,
    /// How the money is given back. The default is `original`.
    method: Option<RefundMethod>,
    /// The ids of passes of this order to revoke.
    #[serde(default)]
    #[schema(max_items = 20)]
    revoke_pass_ids: Vec<Uuid>,
    /// Why, for the list of refunds.
    #[schema(max_length = 500, examples("Moves to another city"))]
    reason: Option<String>,
}

/// Records that money of an order was given back at the desk. Responds with 200 and the order.
///
/// # Errors
///
/// [`Error::Invalid`]; 403 `own_purchase`; [`Error::NotFound`], also for a pass of another order;
/// those of [`order::refund`] and [`pass::change`].
pub fn refund<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    key: Option<IdempotencyKey>,
    form: RefundOrder,
) -> BoxFuture<'a, Result<StoredResponse>> {
    Box::pin(async move {
        let staff_action = StaffAction::by_staff(staff, caller)?;
        let refund = form.parse(app, staff_action.actor_id())?;
        let (now, staff_id) = (app.clock().now(), refund.staff_id);
        let today = TimeZone::of_studio(&app.config().studio)?.date(now);
        let reason = refund.reason.clone();
        let revocation = NewPassChange {
            change: PassChange::Revoke,
            reason: reason.unwrap_or_else(|| "Refunded".to_owned()),
            staff_id,
        };
        let transaction = app.transaction().authorize(&staff_action);
        let transaction = transaction.idempotent(staff_id, key);
        transaction
            .run(async |tx| {
                let order = order::find(tx, refund.order_id).await?;
                if order.user_id == staff_id {
                    return Err(OWN_PURCHASE);
                }
                let is_of_order =
                    |id: &Uuid| order.lines.iter().any(|line| line.pass_id == Some(*id));
                if !form.revoke_pass_ids.iter().all(is_of_order) {
                    return Err(Error::NotFound);
                }
                pass::change(tx, &form.revoke_pass_ids, &revocation, now, today).await?;
                let order = order::refund(tx, &refund, now).await?;
                let detail = json!({ "orderId": order.id, "action": "refund" });
                let kind = SecurityEventKind::OrderChanged;
                staff_action
                    .record(tx, kind, Some(order.user_id), detail)
                    .await?;
                StoredResponse::ok(&OrderView::new(order))
            })
            .await
    })
}

impl RefundOrder {
    fn parse(&self, app: &App, staff_id: Uuid) -> Result<NewOrderRefund> {
        let mut form = Form::default();
        let currency = &app.config().studio.currency;
        let amount = form.check("amount", self.amount.check_currency(currency));
        if self.amount.is_zero() {
            form.add_problem("amount", "must be more than 0");
        }
        if self.revoke_pass_ids.len() > PRODUCTS_MAX {
            let problem = format!("must not have more than {PRODUCTS_MAX} entries");
            form.add_problem("revokePassIds", &problem);
        }
        let reason = form.check_filled("reason", self.reason.as_deref(), reason);
        form.finish()?;
        Ok(NewOrderRefund {
            order_id: self.order_id,
            amount: amount.unwrap_or_default(),
            method: self.method.unwrap_or(RefundMethod::Original),
            reason,
            staff_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bookings::changes::REASON_MAX;
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        assert_eq!(
            bound::<CreateOrder>("productIds", "maxItems"),
            PRODUCTS_MAX as i64
        );
        assert_eq!(
            bound::<RefundOrder>("revokePassIds", "maxItems"),
            PRODUCTS_MAX as i64
        );
        assert_eq!(
            bound::<RefundOrder>("reason", "maxLength"),
            REASON_MAX as i64
        );
    }
}
