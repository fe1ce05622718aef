//! The lines of an order, as the API returns them.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::models::order::{Order, OrderLine};
use crate::values::money::Amount;

/// A product that was ordered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderLine)]
pub(super) struct OrderLineView {
    id: Uuid,
    product_id: Uuid,
    /// The name of the product at the time of the order.
    description: String,
    /// The price at the time of the order.
    unit_price: Amount,
    /// What the promo code has taken off.
    discount: Amount,
    /// What is paid: the price without the discount.
    amount: Amount,
    /// The id of the pass that was issued. Null if the order is not paid.
    pass_id: Option<Uuid>,
}

/// Creates the views of the lines of an order.
pub(super) fn order_lines(order: &Order) -> Vec<OrderLineView> {
    let view = |line: &OrderLine| OrderLineView {
        id: line.id,
        product_id: line.product_id,
        description: line.description.clone(),
        unit_price: line.unit_price.in_currency(&order.currency),
        discount: line.discount.in_currency(&order.currency),
        amount: line.amount.in_currency(&order.currency),
        pass_id: line.pass_id,
    };
    order.lines.iter().map(view).collect()
}
