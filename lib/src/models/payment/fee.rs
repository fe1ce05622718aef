//! Fees for late cancellations and no-shows.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

use super::row::lock_booking;
use crate::error::{Error, ErrorCode, Result};
use crate::models::booking::{BookingStatus, owes_fee};
use crate::models::user::full_name;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;

static WAIVE: Statement = Statement::new(
    "payment.waive_fee",
    concat!(
        "with waived as (
            update bookings b set fee = 0 where id = $1 and ",
        owes_fee!(),
        " returning id
        ), cancelled as (
            update payments p set status = 'cancelled', next_attempt_at = now()
            from waived where p.booking_id = waived.id and p.status = 'pending'
        )
        select 1 from waived"
    ),
);

/// Waives the fee that is owed for a booking, and cancels a payment of it that was started, whose
/// checkout must be closed after the transaction. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `nothing_to_pay` when no fee is owed.
pub async fn waive_fee(client: &Client, booking_id: Uuid) -> Result<()> {
    lock_booking(client, booking_id, None).await?;
    let waived = WAIVE.opt(client, &[&booking_id]).await?;
    waived.map(|_| ()).ok_or(NO_FEE)
}

static CLEAR_REFUNDED: Statement = Statement::new(
    "payment.clear_refunded_fee",
    "update bookings b set fee = 0 from payments p
    where p.id = $1 and b.id = p.booking_id and b.fee > 0 and p.refunded = p.amount",
);

/// Waives the fee of a booking whose paid payment was refunded in full. Otherwise, the fee would be
/// owed again.
pub(super) async fn clear_refunded_fee(client: &Client, payment_id: Uuid) -> Result<()> {
    CLEAR_REFUNDED.execute(client, &[&payment_id]).await
}

const NO_FEE: Error = Error::Conflict {
    code: ErrorCode::NothingToPay,
    message: "No fee is owed for this booking",
};

/// A fee that a member owes.
#[derive(Clone, Debug)]
pub struct OwedFee {
    /// The booking's id.
    pub booking_id: Uuid,
    /// What the fee is for: `Cancelled` for a late cancellation, or `NoShow`.
    pub status: BookingStatus,
    /// The amount.
    pub amount: Money,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The occurrence's id.
    pub scheduled_class_id: Uuid,
    /// The occurrence's title.
    pub title: String,
    /// When the occurrence starts.
    pub start_time: DateTime<Utc>,
    /// The member's id.
    pub user_id: Uuid,
    /// The member's first and last name.
    pub member_name: String,
}

impl OwedFee {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            booking_id: row.try_get("id")?,
            status: BookingStatus::from_column(row.try_get("status")?)?,
            amount: Money::from_column(row.try_get::<_, Decimal>("fee")?),
            currency: row.try_get("currency")?,
            scheduled_class_id: row.try_get("scheduled_class_id")?,
            title: row.try_get("title")?,
            start_time: row.try_get("start_time")?,
            user_id: row.try_get("user_id")?,
            member_name: full_name(row.try_get("first_name")?, row.try_get("last_name")?),
        })
    }

    /// Returns the fee's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.start_time, self.booking_id)
    }
}

static LIST: Statement = Statement::new(
    "payment.list_owed_fees",
    concat!(
        "select b.id, b.status, b.fee, b.currency, b.scheduled_class_id, b.user_id,
        coalesce(c.own_title, t.name) as title, c.start_time, u.first_name, u.last_name
    from bookings b
    join scheduled_classes c on c.id = b.scheduled_class_id
    join class_types t on t.id = c.class_type_id
    join users u on u.id = b.user_id
    where u.closed_at is null and ",
        owes_fee!(),
        " and ($1::timestamptz is null or (c.start_time, b.id) < ($1, $2))
        order by c.start_time desc, b.id desc limit $3"
    ),
);

/// Lists a page of the fees that members owe, latest class first. Closed accounts owe nothing.
pub async fn list_owed_fees(client: &Client, page: &Page) -> Result<Vec<OwedFee>> {
    let (time, id) = page.after();
    let rows = LIST.all(client, &[&time, &id, &page.row_limit()]).await?;
    rows.iter().map(OwedFee::from_row).collect()
}
