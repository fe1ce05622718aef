//! The locks of courses. They are taken before those of promo codes and orders.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::error::Result;
use crate::models::booking::lock_passes;
use crate::models::ids;
use crate::store::client::Client;
use crate::store::statement::{Param, Statement};

// While a course is being bought, its classes do not change.
static LOCK_PRODUCTS: Statement = Statement::new(
    "course.lock_products",
    "select id from products where id = any($1) order by id for share",
);

// The member's open orders of the course are replaced, so the classes that they hold are locked
// too. They differ if staff have moved a booking.
static LOCK_CLASSES: Statement = Statement::new(
    "course.lock_classes",
    "select id from scheduled_classes
    where id in (
        select id from scheduled_classes where course_id = any($1)
        union all
        select b.scheduled_class_id
        from order_lines l join orders o on o.id = l.order_id
        join bookings b on b.course_line_id = l.id
        where l.product_id = any($1) and o.user_id = $2 and o.state = 'open'
    )
    order by id for no key update",
);

static HELD_BY_MEMBER: Statement = Statement::new(
    "course.held_by_member",
    "select b.id from order_lines l join orders o on o.id = l.order_id
    join bookings b on b.course_line_id = l.id
    where l.product_id = any($1) and o.user_id = $2 and o.state = 'open'",
);

/// Locks the classes of courses that a locked member is about to buy, and the passes of the members
/// on their waitlists. Does nothing without courses.
pub(in crate::models) async fn lock_for_purchase(
    client: &Client,
    course_ids: &Vec<Uuid>,
    user_id: Uuid,
) -> Result<()> {
    if course_ids.is_empty() {
        return Ok(());
    }
    LOCK_PRODUCTS.all(client, &[course_ids]).await?;
    LOCK_CLASSES.all(client, &[course_ids, &user_id]).await?;
    let held = HELD_BY_MEMBER.all(client, &[course_ids, &user_id]).await?;
    lock_passes(client, ids(&held)?, Vec::new()).await
}

static LOCK_CLASSES_OF_ORDERS: Statement = Statement::new(
    "course.lock_classes_of_orders",
    "select id from scheduled_classes
    where id in (
        select b.scheduled_class_id
        from order_lines l join bookings b on b.course_line_id = l.id where l.order_id = any($1)
        union all
        select b.scheduled_class_id from bookings b
        join scheduled_classes c on c.id = b.scheduled_class_id
        where b.pass_id = any($2) and (b.uses_credit or b.status <> 'cancelled')
          and c.start_time > $3
    )
    order by id for no key update",
);

static BOOKINGS_OF_ORDERS: Statement = Statement::new(
    "course.bookings_of_orders",
    "select b.id, b.scheduled_class_id
    from order_lines l join bookings b on b.course_line_id = l.id where l.order_id = any($1)",
);

/// Locks the classes that were booked with the courses of orders, and those upcoming at `now` that
/// were booked with passes that are to be changed together with the orders. Then locks these passes,
/// and those of the members on the waitlists. The orders must be locked after that.
pub(in crate::models) async fn lock_of_orders(
    client: &Client,
    order_ids: &Vec<Uuid>,
    pass_ids: &Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<()> {
    let lock_params: [&dyn Param; 3] = [order_ids, pass_ids, &now];
    let find_params: [&dyn Param; 1] = [order_ids];
    loop {
        // The statements are sent at once and run in this order. The second one sees whether a
        // booking has moved to another class while the first one waited.
        let (locked, bookings) = tokio::try_join!(
            biased;
            LOCK_CLASSES_OF_ORDERS.all(client, &lock_params),
            BOOKINGS_OF_ORDERS.all(client, &find_params),
        )?;
        let locked = ids(&locked)?;
        let classes = bookings.iter().map(|row| row.try_get("scheduled_class_id"));
        let classes: Vec<Uuid> = classes.collect::<Result<_, _>>()?;
        if !classes.iter().all(|class_id| locked.contains(class_id)) {
            continue;
        }
        if classes.is_empty() && pass_ids.is_empty() {
            return Ok(());
        }
        return lock_passes(client, ids(&bookings)?, pass_ids.clone()).await;
    }
}
