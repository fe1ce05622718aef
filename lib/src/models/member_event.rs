//! Events that members receive in lists and streams.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::Result;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;

/// The kind of an event that a member receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberEventKind {
    /// The member signed in or registered.
    SessionStarted,
    /// A session of the member ended.
    SessionEnded,
    /// Several sessions of the member ended at once.
    SessionsEnded,
    /// The member got a spot.
    BookingConfirmed,
    /// The member joined a waitlist.
    BookingWaitlisted,
    /// The member got a spot from the waitlist.
    BookingPromoted,
    /// A booking was cancelled.
    BookingCancelled,
    /// Staff moved a booking to another class.
    BookingMoved,
    /// The studio cancelled the class of a booking.
    ClassCancelled,
    /// The class of a booking has another time or room.
    ClassMoved,
    /// The class of a booking has another instructor.
    InstructorChanged,
    /// A payment was received.
    PaymentPaid,
    /// A payment is to be refunded.
    PaymentRefundDue,
    /// A payment was refunded.
    PaymentRefunded,
    /// The payment of an order was received, and its passes were issued.
    OrderPaid,
    /// The payment of an order is to be refunded, in whole or in part.
    OrderRefundDue,
    /// The payment of an order was refunded, in whole or in part.
    OrderRefunded,
}

impl MemberEventKind {
    /// Returns the value of the column, which is also the name of a server-sent event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SessionStarted => "session_started",
            Self::SessionEnded => "session_ended",
            Self::SessionsEnded => "sessions_ended",
            Self::BookingConfirmed => "booking_confirmed",
            Self::BookingWaitlisted => "booking_waitlisted",
            Self::BookingPromoted => "booking_promoted",
            Self::BookingCancelled => "booking_cancelled",
            Self::BookingMoved => "booking_moved",
            Self::ClassCancelled => "class_cancelled",
            Self::ClassMoved => "class_moved",
            Self::InstructorChanged => "instructor_changed",
            Self::PaymentPaid => "payment_paid",
            Self::PaymentRefundDue => "payment_refund_due",
            Self::PaymentRefunded => "payment_refunded",
            Self::OrderPaid => "order_paid",
            Self::OrderRefundDue => "order_refund_due",
            Self::OrderRefunded => "order_refunded",
        }
    }
}

/// A stored event.
#[derive(Clone, Debug)]
pub struct MemberEvent {
    /// The id.
    pub id: Uuid,
    /// The position among the member's events. Events become visible in this order, so a
    /// client that has seen an event has missed none with a smaller number.
    pub seq: i64,
    /// The text of the [`MemberEventKind`].
    pub kind: String,
    /// The details.
    pub data: Value,
    /// The start of the transaction that recorded the event.
    pub created_at: DateTime<Utc>,
}

impl MemberEvent {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            seq: row.try_get("seq")?,
            kind: row.try_get("kind")?,
            data: row.try_get("data")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// Returns the paging cursor of the event. [`list`] uses only the id.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

/// An event to record.
#[derive(Clone, Debug)]
pub struct NewMemberEvent {
    /// The member.
    pub user_id: Uuid,
    /// The kind.
    pub kind: MemberEventKind,
    /// The details that clients need to show the event.
    pub data: Value,
}

// The rows are sorted by member, because each one locks its member's stream. Without the
// order, two transactions for the same members could deadlock.
static RECORD: Statement = Statement::new(
    "member_event.record",
    "insert into member_events (id, user_id, kind, data)
    select gen_random_uuid(), user_id, kind, data
    from unnest($1::uuid[], $2::text[], $3::jsonb[]) with ordinality
        as event (user_id, kind, data, position)
    order by user_id, position",
);

/// Records events. This must be the last statement of its transaction, because it locks the
/// streams of the members.
pub async fn record(client: &Client, events: &[NewMemberEvent]) -> Result<()> {
    let users: Vec<Uuid> = events.iter().map(|event| event.user_id).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    let data: Vec<Value> = events.iter().map(|event| event.data.clone()).collect();
    RECORD.execute(client, &[&users, &kinds, &data]).await
}

static LATEST_SEQ: Statement = Statement::new(
    "member_event.latest_seq",
    "select coalesce(max(seq), 0) as seq from member_events where user_id = $1",
);

/// Returns the sequence number of a member's latest event, or 0 if there is none.
pub async fn latest_seq(client: &Client, user_id: Uuid) -> Result<i64> {
    Ok(LATEST_SEQ.one(client, &[&user_id]).await?.try_get("seq")?)
}

static LIST_AFTER: Statement = Statement::new(
    "member_event.list_after",
    "select id, seq, kind, data, created_at from member_events
    where user_id = $1 and seq > $2 order by seq limit $3",
);

/// Lists up to `limit` events of a member after a sequence number, oldest first.
pub async fn list_after(
    client: &Client,
    user_id: Uuid,
    seq: i64,
    limit: i64,
) -> Result<Vec<MemberEvent>> {
    let rows = LIST_AFTER.all(client, &[&user_id, &seq, &limit]).await?;
    rows.iter().map(MemberEvent::from_row).collect()
}

// The rows are sorted by sequence number and not by time, because `created_at` is the
// start of a transaction. If the event of the cursor was deleted, all older ones were
// deleted too, and the page is empty.
static LIST: Statement = Statement::new(
    "member_event.list",
    "select id, seq, kind, data, created_at from member_events
    where user_id = $1 and ($2 is null or seq < (
        select seq from member_events where id = $2 and user_id = $1
    ))
    order by seq desc limit $3",
);

/// Lists a page of a member's events, newest first.
pub async fn list(client: &Client, user_id: Uuid, page: &Page) -> Result<Vec<MemberEvent>> {
    let (_, id) = page.after();
    let rows = LIST
        .all(client, &[&user_id, &id, &page.row_limit()])
        .await?;
    rows.iter().map(MemberEvent::from_row).collect()
}
