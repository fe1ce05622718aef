//! The bookings of a course whose payment is disputed.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::single_payments;
use crate::error::Result;
use crate::models::ids;
use crate::models::member_event::NewMemberEvent;
use crate::store::client::Client;
use crate::store::statement::Statement;

static MAKE_UNPAID: Statement = Statement::new(
    "course.make_unpaid",
    "update bookings b set price = b.course_share, course_disputed = true
    from order_lines l, scheduled_classes c
    where l.order_id = $1 and b.course_line_id = l.id and c.id = b.scheduled_class_id
      and c.start_time > $2 and b.status in ('booked', 'waitlisted', 'attended')
      and b.price = 0 and b.pass_id is null and b.given_at is null
      and b.course_share_state in ('kept', 'refundable')
    returning b.id",
);

/// Makes the upcoming bookings of a locked order unpaid, because its payment is disputed. The member
/// keeps the spots. One that the studio has given stays free of charge. The classes must be locked.
/// Returns whether there was one.
pub(in crate::models) async fn make_unpaid(
    client: &Client,
    order_id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool> {
    let unpaid = MAKE_UNPAID.all(client, &[&order_id, &now]).await?;
    Ok(!unpaid.is_empty())
}

// A trigger gives the credit of a pass back. A fee was charged as for a booking outside of a course, so
// it becomes 0. A spot that the studio has given for free is paid too.
static MAKE_PAID: Statement = Statement::new(
    "course.make_paid",
    "update bookings b set price = 0, fee = case when b.fee is not null then 0 end,
        pass_id = null, uses_credit = null, pass_day = null, price_without_pass = null,
        given_reason = null, given_at = null, given_price = null, course_disputed = false
    from order_lines l
    where l.order_id = $1 and b.course_line_id = l.id and b.course_disputed
    returning b.id",
);

/// Undoes [`make_unpaid`], because the payment is no longer disputed, also for bookings that were
/// cancelled or missed meanwhile. What the members have paid for single classes meanwhile is
/// refunded, and credits of passes are given back. The classes, the passes, and the order must be
/// locked. Returns an event for each refund that is due.
pub(in crate::models) async fn make_paid(
    client: &Client,
    order_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<NewMemberEvent>> {
    let rows = MAKE_PAID.all(client, &[&order_id]).await?;
    single_payments::refund(client, &ids(&rows)?, now).await
}
