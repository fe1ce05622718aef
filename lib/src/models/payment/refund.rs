//! The rows of refunds, and the refunds that Sabor decides on.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

use super::row::{Payment, payment_columns};
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// The state of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundState {
    /// It was not sent yet.
    Due,
    /// It was sent to the provider, but the money has not been returned yet.
    Sent,
    /// The money has been returned.
    Done,
    /// It has failed, and the money will not be returned. Another row can retry it.
    Failed,
    /// It was not sent, and it is not needed any more.
    Withdrawn,
}

impl RefundState {
    pub(super) fn from_column(text: &str) -> Result<Self> {
        Ok(match text {
            "due" => Self::Due,
            "sent" => Self::Sent,
            "done" => Self::Done,
            "failed" => Self::Failed,
            "withdrawn" => Self::Withdrawn,
            _ => return Err(Error::internal("unknown state of a refund")),
        })
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Sent => "sent",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Who decided on a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefundSource {
    /// A rule, such as that of a timely cancellation.
    Rule,
    /// A member of staff.
    Staff,
    /// Somebody at the provider, for example in its dashboard.
    Provider,
}

impl RefundSource {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Staff => "staff",
            Self::Provider => "provider",
        }
    }
}

/// A claimed refund, which must be sent to the provider.
#[derive(Clone, Debug)]
pub struct ClaimedRefund {
    /// The refund's id.
    pub id: Uuid,
    /// The amount.
    pub amount: Money,
    /// The provider's id of the refund. `None` if the provider has not responded yet.
    pub provider_refund: Option<String>,
    /// When the refund was first sent to the provider.
    pub first_sent_at: DateTime<Utc>,
    /// The payment to refund.
    pub payment: Payment,
}

impl ClaimedRefund {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("refund_id")?,
            amount: Money::from_column(row.try_get::<_, Decimal>("refund_amount")?),
            provider_refund: row.try_get("provider_refund")?,
            first_sent_at: row.try_get("first_sent_at")?,
            payment: Payment::from_row(row)?,
        })
    }
}

// Refunds for upcoming classes are claimed first, sorted by the start of the class. Refunds of
// orders come before them, because they have no class to sort by. The
// statement does not lock the payments, because other transactions lock a payment before
// its refunds, so the opposite order could cause a deadlock.
static CLAIM: Statement = Statement::new(
    "refund.claim",
    concat!(
        "with due as materialized (
            select r.id, coalesce(c.start_time <= $2, false) as has_begun,
                coalesce(c.start_time, r.created_at) as start_time
            from refunds r
            join payments p on p.id = r.payment_id
            left join bookings b on b.id = p.booking_id
            left join scheduled_classes c on c.id = b.scheduled_class_id
            where r.state in ('due', 'sent') and r.next_attempt_at <= $2
              and r.method = 'original' and coalesce(p.method, p.tender) = 'card'
            order by has_begun, start_time, r.next_attempt_at
            limit $1 for update of r skip locked
        ), claimed as (
            update refunds r set state = 'sent', first_sent_at = coalesce(r.first_sent_at, $2),
                attempts = r.attempts + 1, next_attempt_at = $2
                    + least(interval '6 hours', interval '1 minute' * power(2, least(r.attempts, 16)))
            from due where r.id = due.id
            returning r.*, due.has_begun, due.start_time
        )
        select claimed.id as refund_id, claimed.amount as refund_amount,
            claimed.provider_refund, claimed.first_sent_at, ",
        payment_columns!(),
        " from claimed join payments p on p.id = claimed.payment_id
        order by claimed.has_begun, claimed.start_time, claimed.id"
    ),
);

/// Claims refunds of card payments that are due at `now`, at most `limit`.
pub async fn claim_refunds(
    client: &Client,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<ClaimedRefund>> {
    let rows = CLAIM.all(client, &[&limit, &now]).await?;
    rows.iter().map(ClaimedRefund::from_row).collect()
}

static COUNT_DUE: Statement = Statement::new(
    "refund.count_due",
    "select count(*) from refunds r join payments p on p.id = r.payment_id
    where r.state in ('due', 'sent') and r.method = 'original'
      and coalesce(p.method, p.tender) = 'card'",
);

/// Counts the refunds of card payments that are due, or were sent but are not done yet.
pub async fn count_refunds_due(client: &Client) -> Result<i64> {
    Ok(COUNT_DUE.one(client, &[]).await?.try_get(0)?)
}

/// A refund that Sabor decides on.
pub(super) struct NewRefund {
    pub(super) source: RefundSource,
    pub(super) staff_id: Option<Uuid>,
    pub(super) is_done: bool,
}

static INSERT_REST: Statement = Statement::new(
    "refund.insert_rest",
    "insert into refunds (id, payment_id, amount, state, source, by, next_attempt_at, done_at)
    select $1, p.id, p.amount - p.refunded, $3, $4, $5, $6, case $3 when 'done' then $6 end
    from payments p where p.id = $2 and p.refunded < p.amount
    returning state",
);

/// Inserts a refund of the remaining amount of a locked payment. Returns the state of the
/// refund, which is `Failed` while the payment is disputed. Returns `None` if nothing
/// remains.
pub(super) async fn insert_rest(
    client: &Client,
    payment_id: Uuid,
    new: &NewRefund,
    now: DateTime<Utc>,
) -> Result<Option<RefundState>> {
    let state = if new.is_done {
        RefundState::Done
    } else {
        RefundState::Due
    };
    let row = INSERT_REST
        .opt(
            client,
            &[
                &random::id(),
                &payment_id,
                &state.as_str(),
                &new.source.as_str(),
                &new.staff_id,
                &now,
            ],
        )
        .await?;
    row.map(|row| RefundState::from_column(row.try_get("state")?))
        .transpose()
}

static FIND_STATE: Statement = Statement::new(
    "refund.find_state",
    "select state from refunds where id = $1",
);

/// Returns the state of a refund.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn refund_state(client: &Client, id: Uuid) -> Result<RefundState> {
    let row = FIND_STATE.opt(client, &[&id]).await?;
    RefundState::from_column(row.ok_or(Error::NotFound)?.try_get("state")?)
}
