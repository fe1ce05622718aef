//! The row of a payment, and the queries that read it.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::json;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::models::booking::{self, Booking};
use crate::models::member_event::{self, MemberEventKind, NewMemberEvent};
use crate::models::payment_method::PaymentMethod;
use crate::models::payment_status::PaymentStatus;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// What a payment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentSubject {
    /// The booking with this id.
    Booking(Uuid),
    /// The order with this id.
    Order(Uuid),
}

impl PaymentSubject {
    pub(super) fn from_row(row: &Row) -> Result<Self> {
        match (row.try_get("booking_id")?, row.try_get("order_id")?) {
            (Some(id), None) => Ok(Self::Booking(id)),
            (None, Some(id)) => Ok(Self::Order(id)),
            _ => Err(Error::internal("a payment is for one booking or one order")),
        }
    }
}

/// A row of `payments`.
#[derive(Clone, Debug)]
pub struct Payment {
    /// The payment's id.
    pub id: Uuid,
    /// What the payment is for.
    pub subject: PaymentSubject,
    /// The member's id.
    pub user_id: Uuid,
    /// The amount to pay.
    pub amount: Money,
    /// The ISO 4217 code of the amount's currency.
    pub currency: String,
    /// How the payment is made.
    pub method: PaymentMethod,
    /// The stored status, on which changes depend.
    pub status: PaymentStatus,
    /// The status to show, which also depends on refunds and disputes.
    pub shown_status: PaymentStatus,
    /// The amount that was refunded or will be refunded.
    pub refunded: Money,
    /// The provider's id of the checkout. `None` if there is no checkout.
    pub provider_reference: Option<String>,
    /// The provider's id of the completed payment. `None` if nothing was paid.
    pub provider_payment: Option<String>,
    /// The URL of the checkout page. `None` if no checkout is open.
    pub checkout_url: Option<String>,
    /// When an unpaid card payment expires. `None` for other payments.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the payment was made.
    pub paid_at: Option<DateTime<Utc>>,
    /// When the whole amount was refunded.
    pub refunded_at: Option<DateTime<Utc>>,
    /// When the payment was started.
    pub created_at: DateTime<Utc>,
}

/// The columns that [`Payment::from_row`] reads from a payment `p`.
macro_rules! payment_columns {
    () => {
        concat!(
            "p.id, p.booking_id, p.order_id, p.user_id, p.amount, p.currency,
            coalesce(p.method, case p.tender when 'card' then 'card' else 'desk' end) as method,
            p.status, p.refunded, p.provider_reference, p.provider_payment, p.checkout_url,
            p.expires_at, p.paid_at, p.refunded_at, p.created_at, ",
            $crate::models::payment_status::shown_payment_status!(),
            " as shown_status"
        )
    };
}
pub(super) use payment_columns;

impl Payment {
    pub(super) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            subject: PaymentSubject::from_row(row)?,
            user_id: row.try_get("user_id")?,
            amount: Money::from_column(row.try_get::<_, Decimal>("amount")?),
            currency: row.try_get("currency")?,
            method: PaymentMethod::from_column(row.try_get("method")?)?,
            status: PaymentStatus::from_column(row.try_get("status")?)?,
            shown_status: PaymentStatus::from_column(row.try_get("shown_status")?)?,
            refunded: Money::from_column(row.try_get::<_, Decimal>("refunded")?),
            provider_reference: row.try_get("provider_reference")?,
            provider_payment: row.try_get("provider_payment")?,
            checkout_url: row.try_get("checkout_url")?,
            expires_at: row.try_get("expires_at")?,
            paid_at: row.try_get("paid_at")?,
            refunded_at: row.try_get("refunded_at")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// Returns whether this is a pending card payment that has expired.
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.status == PaymentStatus::Pending
            && self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

/// Locks the occurrence of a booking and reads the booking. When `owner` is
/// given, the booking must belong to that member.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(super) async fn lock_booking(
    client: &Client,
    booking_id: Uuid,
    owner: Option<Uuid>,
) -> Result<Booking> {
    booking::lock_occurrence(client, booking_id, owner).await?;
    // This is a separate statement, because the first one does not see changes that were
    // committed while it waited for the lock.
    booking::find(client, booking_id).await
}

static LOCK_OPEN: Statement = Statement::new(
    "payment.lock_open",
    concat!(
        "select ",
        payment_columns!(),
        " from payments p where booking_id = $1 and status in ('pending', 'paid')
        for no key update"
    ),
);

/// Locks the pending or paid payment of a locked booking. There is at most one.
pub(super) async fn lock_open(client: &Client, booking_id: Uuid) -> Result<Option<Payment>> {
    let row = LOCK_OPEN.opt(client, &[&booking_id]).await?;
    row.as_ref().map(Payment::from_row).transpose()
}

static CANCEL: Statement = Statement::new(
    "payment.cancel",
    "update payments set status = 'cancelled', next_attempt_at = now() where id = $1",
);

/// Cancels a pending payment. The payment keeps the reference of its checkout, so that the
/// checkout can be closed afterwards.
pub(super) async fn cancel(client: &Client, id: Uuid) -> Result<()> {
    CANCEL.execute(client, &[&id]).await
}

/// What happened to a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PaymentChange {
    Paid,
    RefundDue,
    Refunded,
}

/// Records an event for the payment's member. Call this at the end of the transaction, because
/// it locks the member's event stream.
pub(super) async fn record_event(
    client: &Client,
    payment: &Payment,
    change: PaymentChange,
) -> Result<()> {
    member_event::record(client, &[event(payment, change)]).await
}

/// Returns the event of a change for the payment's member.
pub(super) fn event(payment: &Payment, change: PaymentChange) -> NewMemberEvent {
    let (kind, data) = match payment.subject {
        PaymentSubject::Booking(id) => (
            match change {
                PaymentChange::Paid => MemberEventKind::PaymentPaid,
                PaymentChange::RefundDue => MemberEventKind::PaymentRefundDue,
                PaymentChange::Refunded => MemberEventKind::PaymentRefunded,
            },
            json!({ "bookingId": id, "paymentId": payment.id }),
        ),
        PaymentSubject::Order(id) => (
            match change {
                PaymentChange::Paid => MemberEventKind::OrderPaid,
                PaymentChange::RefundDue => MemberEventKind::OrderRefundDue,
                PaymentChange::Refunded => MemberEventKind::OrderRefunded,
            },
            json!({ "orderId": id, "paymentId": payment.id }),
        ),
    };
    NewMemberEvent {
        user_id: payment.user_id,
        kind,
        data,
    }
}
