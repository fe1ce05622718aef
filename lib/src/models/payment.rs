//! What bookings cost, and what became of it.
//!
//! Whatever changes a payment takes the lock of its occurrence first, then that
//! of the payment, as cancelling does: so that neither money nor a place is
//! given twice.

mod begin;
mod desk;
mod due;
mod settle;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::begin::{Begun, Checkout, abandon, begin, renew, store};
pub use self::desk::{mark_paid_at_desk, refund};
pub use self::due::{claim_refund, claim_unclosed, claim_unpaid, note_refund};
pub use self::settle::{Outcome, Received, ended, paid, refund_failed, refunded};
use crate::error::{Error, Result};
use crate::models::booking::{self, Booking};
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// How it is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = PaymentMethod)]
pub enum Method {
    /// At Stripe's Checkout.
    Card,
    /// At the studio.
    Desk,
}

impl Method {
    fn from_column(text: &str) -> Result<Self> {
        Ok(match text {
            "card" => Self::Card,
            "desk" => Self::Desk,
            _ => return Err(Error::internal("a payment's method that is not known")),
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Desk => "desk",
        }
    }
}

/// How far it has come. It moves forward only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PaymentStatus)]
pub enum Status {
    /// Waits for the money.
    Pending,
    /// The money is there.
    Paid,
    /// The money was tried to be taken, and did not come.
    Failed,
    /// Given up before there was any money.
    Cancelled,
    /// The money is there, and has to go back.
    RefundDue,
    /// The money went back.
    Refunded,
}

impl Status {
    fn from_column(text: &str) -> Result<Self> {
        Ok(match text {
            "pending" => Self::Pending,
            "paid" => Self::Paid,
            "failed" => Self::Failed,
            "cancelled" => Self::Cancelled,
            "refund_due" => Self::RefundDue,
            "refunded" => Self::Refunded,
            _ => return Err(Error::internal("a payment's status that is not known")),
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::RefundDue => "refund_due",
            Self::Refunded => "refunded",
        }
    }
}

/// A payment.
#[derive(Clone, Debug)]
pub struct Payment {
    /// `payments.id`
    pub id: Uuid,
    /// What for.
    pub booking_id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// How much.
    pub amount: Money,
    /// In ISO 4217.
    pub currency: String,
    /// How.
    pub method: Method,
    /// How far it has come.
    pub status: Status,
    /// The provider's name for the checkout; `None`: none was begun.
    pub provider_reference: Option<String>,
    /// The provider's name for the money; `None`: there is none yet.
    pub provider_payment: Option<String>,
    /// The provider's name for the last refund; `None`: none was begun.
    pub provider_refund: Option<String>,
    /// Where to pay; `None`: nowhere.
    pub checkout_url: Option<String>,
    /// Until when it holds the place; `None`: it is no card payment.
    pub expires_at: Option<DateTime<Utc>>,
    /// `None`: has not happened; so below.
    pub paid_at: Option<DateTime<Utc>>,
    /// When the money went back.
    pub refunded_at: Option<DateTime<Utc>>,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
}

/// The columns that [`Payment::from_row`] reads, of a payment `p`.
macro_rules! payment_columns {
    () => {
        "p.id, p.booking_id, p.user_id, p.amount, p.currency, p.method, p.status,
        p.provider_reference, p.provider_payment, p.provider_refund, p.checkout_url,
        p.expires_at, p.paid_at, p.refunded_at, p.created_at"
    };
}

use payment_columns;

impl Payment {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            booking_id: row.try_get("booking_id")?,
            user_id: row.try_get("user_id")?,
            amount: Money::from_column(row.try_get::<_, Decimal>("amount")?),
            currency: row.try_get("currency")?,
            method: Method::from_column(row.try_get("method")?)?,
            status: Status::from_column(row.try_get("status")?)?,
            provider_reference: row.try_get("provider_reference")?,
            provider_payment: row.try_get("provider_payment")?,
            provider_refund: row.try_get("provider_refund")?,
            checkout_url: row.try_get("checkout_url")?,
            expires_at: row.try_get("expires_at")?,
            paid_at: row.try_get("paid_at")?,
            refunded_at: row.try_get("refunded_at")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// Whether it is a card payment that was not made in time.
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.status == Status::Pending && self.expires_at.is_some_and(|end| end <= now)
    }

    /// As it is shown at a time.
    pub fn shown(self, now: DateTime<Utc>) -> Shown {
        let open = self.status == Status::Pending && !self.is_overdue(now);
        Shown {
            id: self.id,
            booking_id: self.booking_id,
            amount: self.amount,
            currency: self.currency,
            method: self.method,
            status: self.status,
            checkout_url: self.checkout_url.filter(|_| open),
            expires_at: self.expires_at,
            paid_at: self.paid_at,
            refunded_at: self.refunded_at,
            created_at: self.created_at,
        }
    }
}

/// A payment as its member and the staff see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Payment)]
pub struct Shown {
    id: Uuid,
    booking_id: Uuid,
    amount: Money,
    /// In ISO 4217.
    currency: String,
    method: Method,
    status: Status,
    /// Where to pay by card; null when there is nothing to pay there.
    checkout_url: Option<String>,
    /// Until when a card payment holds the place; null for the desk.
    expires_at: Option<DateTime<Utc>>,
    paid_at: Option<DateTime<Utc>>,
    refunded_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

static LAST: Statement = Statement::new(
    "payment.last",
    concat!(
        "select p.id is not null as is_there, ",
        payment_columns!(),
        " from bookings b
        left join lateral (
            select * from payments where booking_id = b.id order by created_at desc, id desc limit 1
        ) p on true
        where b.id = $1 and b.user_id = $2"
    ),
);

/// The last payment of a member's booking; `None`: none was begun.
///
/// # Errors
///
/// 404 for a booking that there is not, or that is somebody else's;
/// [`Error::Unavailable`].
pub async fn last(client: &Client, booking_id: Uuid, user_id: Uuid) -> Result<Option<Payment>> {
    let row = LAST.opt(client, &[&booking_id, &user_id]).await?;
    let row = row.ok_or(Error::NotFound)?;
    let is_there: bool = row.try_get("is_there")?;
    is_there.then(|| Payment::from_row(&row)).transpose()
}

/// A booking as it stays until the end of the transaction. `owner` as in
/// [`booking::Cancellation`].
async fn lock(client: &Client, booking_id: Uuid, owner: Option<Uuid>) -> Result<Booking> {
    booking::lock_class(client, booking_id, owner).await?;
    // A statement of its own: the first does not see who changed it meanwhile.
    booking::find(client, booking_id).await
}

static OPEN: Statement = Statement::new(
    "payment.open",
    concat!(
        "select ",
        payment_columns!(),
        " from payments p where booking_id = $1 and status in ('pending', 'paid')
        for no key update"
    ),
);

/// The payment of a locked booking that waits or stands: at most one.
async fn open(client: &Client, booking_id: Uuid) -> Result<Option<Payment>> {
    let row = OPEN.opt(client, &[&booking_id]).await?;
    row.as_ref().map(Payment::from_row).transpose()
}

static GIVE_UP: Statement = Statement::new(
    "payment.give_up",
    "update payments set status = 'cancelled', next_attempt_at = now() where id = $1",
);

/// Gives up a payment that waits. Its checkout stays noted: to be closed.
async fn give_up(client: &Client, id: Uuid) -> Result<()> {
    GIVE_UP.execute(client, &[&id]).await
}

const NOT_PAYABLE: Error = Error::Conflict {
    code: "not_payable",
    message: "Only a booking that has a place can be paid",
};

const NOTHING_TO_PAY: Error = Error::Conflict {
    code: "nothing_to_pay",
    message: "There is nothing to pay for this booking",
};

const ALREADY_PAID: Error = Error::Conflict {
    code: "already_paid",
    message: "This booking is paid already",
};
