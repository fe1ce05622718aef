//! Giving up the spots of a course.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use uuid::Uuid;

use super::booking::booking_event;
use super::refund::refund_cancelled_bookings;
use super::single_payments;
use crate::error::Result;
use crate::models::booking::promote;
use crate::models::ids;
use crate::models::member_event::{MemberEventKind, NewMemberEvent};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// Spots that were given up.
#[derive(Default)]
pub(in crate::models) struct ReleasedSpots {
    class_ids: Vec<Uuid>,
    events: Vec<NewMemberEvent>,
}

impl ReleasedSpots {
    fn from_rows(rows: &[Row]) -> Result<Self> {
        let mut released = Self {
            class_ids: Vec::with_capacity(rows.len()),
            events: Vec::with_capacity(rows.len()),
        };
        for row in rows {
            let cancelled = MemberEventKind::BookingCancelled;
            released.class_ids.push(row.try_get("scheduled_class_id")?);
            let event = booking_event(row, row.try_get("user_id")?, cancelled)?;
            released.events.push(event);
        }
        Ok(released)
    }

    /// Returns whether no spot was given up.
    pub(in crate::models) fn is_empty(&self) -> bool {
        self.class_ids.is_empty()
    }

    /// Returns the ids of the classes.
    pub(in crate::models) fn class_ids(&self) -> &[Uuid] {
        &self.class_ids
    }

    /// Gives the spots to the members on the waitlists. Returns the members' events, which the
    /// caller records at the end of the transaction.
    pub(in crate::models) async fn promote(
        mut self,
        client: &Client,
        now: DateTime<Utc>,
        studio: &StudioConfig,
    ) -> Result<Vec<NewMemberEvent>> {
        self.class_ids.sort_unstable();
        for class_id in self.class_ids {
            self.events
                .extend(promote(client, class_id, now, studio).await?);
        }
        Ok(self.events)
    }
}

static RELEASE_UNPAID: Statement = Statement::new(
    "course.release_unpaid",
    "update bookings b set status = 'cancelled', waitlist_position = null, cancelled_at = $2,
        cancellation_reason = $3, late_cancellation = false
    from order_lines l join orders o on o.id = l.order_id
    where o.id = any($1) and o.state = 'open' and b.course_line_id = l.id
      and b.status in ('booked', 'waitlisted')
    returning b.id, b.user_id, b.scheduled_class_id",
);

// The member was there, so the class is to be paid like any other.
static LEAVE_ATTENDED: Statement = Statement::new(
    "course.leave_attended",
    "update bookings b set price = b.course_share, course_line_id = null, course_share = null,
        course_share_state = null
    from order_lines l join orders o on o.id = l.order_id
    where o.id = any($1) and o.state = 'open' and b.course_line_id = l.id
      and b.status in ('attended', 'no_show')",
);

/// Gives up the spots of locked orders that are open and about to be cancelled, also in classes that
/// have begun. The classes must be locked. `reason` is for the member. A member who was already
/// checked in keeps the booking, and pays for it by itself.
pub(in crate::models) async fn release_unpaid(
    client: &Client,
    order_ids: &Vec<Uuid>,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<ReleasedSpots> {
    let reason = reason.map(str::to_owned);
    let rows = RELEASE_UNPAID
        .all(client, &[order_ids, &now, &reason])
        .await?;
    LEAVE_ATTENDED.execute(client, &[order_ids]).await?;
    ReleasedSpots::from_rows(&rows)
}

// Staff decide what is refunded for the classes, so their shares are closed. The member cannot take a
// spot again that was given up before, and nothing is refunded for it. A share that the studio owes is
// not closed.
static RELEASE_LINES: Statement = Statement::new(
    "course.release_lines",
    "with given_up as (
        update bookings b set course_share_state = 'closed', course_share_refunded = 0
        from scheduled_classes c
        where b.course_line_id = any($1) and b.status = 'cancelled'
          and b.course_share_state in ('kept', 'refundable') and c.id = b.scheduled_class_id
          and not c.is_cancelled and c.start_time > $2
    )
    update bookings b set status = 'cancelled', waitlist_position = null, cancelled_at = $2,
        late_cancellation = false, course_share_state = 'closed'
    from scheduled_classes c
    where b.course_line_id = any($1) and b.status in ('booked', 'waitlisted')
      and c.id = b.scheduled_class_id and c.start_time > $2
    returning b.id, b.user_id, b.scheduled_class_id",
);

static FIND_DUE: Statement = Statement::new(
    "course.find_due",
    "select id from bookings where course_line_id = any($1) and course_share_state = 'due'",
);

/// Gives up the spots of order lines in upcoming classes. The classes and the order must be locked.
/// Shares that are due are refunded at once, because the member could take these spots again. What the
/// member has paid for single classes, while the course was disputed, is refunded.
pub(in crate::models) async fn release_lines(
    client: &Client,
    line_ids: &Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<ReleasedSpots> {
    let due = ids(&FIND_DUE.all(client, &[line_ids]).await?)?;
    let shares = refund_cancelled_bookings(client, &due, now).await?;
    let rows = RELEASE_LINES.all(client, &[line_ids, &now]).await?;
    let mut released = ReleasedSpots::from_rows(&rows)?;
    released.events.extend(shares);
    let refunds = single_payments::refund(client, &ids(&rows)?, now).await?;
    released.events.extend(refunds);
    Ok(released)
}
