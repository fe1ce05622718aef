//! Payments for single classes of a course, which members make while the payment of the course is
//! disputed.

use chrono::{DateTime, Utc};
use serde_json::json;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::Result;
use crate::models::member_event::{MemberEventKind, NewMemberEvent};
use crate::store::client::Client;
use crate::store::statement::Statement;

static CANCEL_PENDING: Statement = Statement::new(
    "course.cancel_single_payments",
    "update payments set status = 'cancelled', next_attempt_at = now()
    where booking_id = any($1) and status = 'pending'",
);

static REFUND_PAID: Statement = Statement::new(
    "course.refund_single_payments",
    "with refunded as (
        insert into refunds (id, payment_id, amount, source, next_attempt_at)
        select gen_random_uuid(), id, amount - refunded, 'rule', $2
        from payments
        where booking_id = any($1) and status in ('paid', 'refund_due') and refunded < amount
        order by id
        returning payment_id, state
    )
    select p.id, p.booking_id, p.user_id from refunded r join payments p on p.id = r.payment_id
    where r.state = 'due'",
);

/// Cancels the pending payments of bookings of a course, and refunds what was paid. The classes must
/// be locked. Returns an event for each refund that is due.
pub(super) async fn refund(
    client: &Client,
    booking_ids: &Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<NewMemberEvent>> {
    if booking_ids.is_empty() {
        return Ok(Vec::new());
    }
    CANCEL_PENDING.execute(client, &[booking_ids]).await?;
    let rows = REFUND_PAID.all(client, &[booking_ids, &now]).await?;
    let event = |row: &Row| {
        let (id, booking_id): (Uuid, Uuid) = (row.try_get("id")?, row.try_get("booking_id")?);
        Ok(NewMemberEvent {
            user_id: row.try_get("user_id")?,
            kind: MemberEventKind::PaymentRefundDue,
            data: json!({ "bookingId": booking_id, "paymentId": id }),
        })
    };
    rows.iter().map(event).collect()
}
