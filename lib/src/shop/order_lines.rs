//! The lines of an order, as the API returns them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::models::order::{Order, OrderLine, OrderedCourse};
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
    /// What is left of a course. Null for other products.
    course: Option<OrderedCourseView>,
}

/// What is left of a course that was ordered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderedCourse)]
struct OrderedCourseView {
    /// The number of upcoming classes in which the member has a spot.
    classes_left: usize,
    /// The sum of their shares in what was paid.
    value_left: Amount,
    /// The number of upcoming classes whose spot the member has given up, and can take again until
    /// staff release it.
    given_up_left: usize,
    /// The sum of the shares that were refunded, or will be, because the studio has cancelled or
    /// changed classes.
    refunded_shares: Amount,
    /// The sum of the shares of spots that staff have released. They have decided what is refunded for
    /// them.
    released_shares: Amount,
}

impl OrderedCourseView {
    fn new(course: &OrderedCourse, currency: &str, now: DateTime<Utc>) -> Self {
        let (classes_left, value_left) = course.left(now);
        Self {
            classes_left,
            value_left: value_left.in_currency(currency),
            given_up_left: course.given_up_left(now),
            refunded_shares: course.refunded_shares.in_currency(currency),
            released_shares: course.released_shares.in_currency(currency),
        }
    }
}

/// Creates the views of the lines of an order at the time `now`.
pub(super) fn order_lines(order: &Order, now: DateTime<Utc>) -> Vec<OrderLineView> {
    let course = |course: &OrderedCourse| OrderedCourseView::new(course, &order.currency, now);
    let view = |line: &OrderLine| OrderLineView {
        id: line.id,
        product_id: line.product_id,
        description: line.description.clone(),
        unit_price: line.unit_price.in_currency(&order.currency),
        discount: line.discount.in_currency(&order.currency),
        amount: line.amount.in_currency(&order.currency),
        pass_id: line.pass_id,
        course: line.course.as_ref().map(course),
    };
    order.lines.iter().map(view).collect()
}
