//! Finding payments without a lock.

use uuid::Uuid;

use super::row::{Payment, payment_columns};
use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;

static FIND: Statement = Statement::new(
    "payment.find",
    concat!(
        "select ",
        payment_columns!(),
        " from payments p where id = $1"
    ),
);

/// Finds a payment. Returns `None` if it does not exist.
pub async fn find(client: &Client, id: Uuid) -> Result<Option<Payment>> {
    let row = FIND.opt(client, &[&id]).await?;
    row.as_ref().map(Payment::from_row).transpose()
}

static FIND_BY_PROVIDER_PAYMENT: Statement = Statement::new(
    "payment.find_by_provider_payment",
    concat!(
        "select ",
        payment_columns!(),
        " from payments p where provider_payment = $1"
    ),
);

/// Finds the payment that has this id at the provider. Returns `None` if there is none.
pub async fn find_by_provider_payment(
    client: &Client,
    provider_payment: &str,
) -> Result<Option<Payment>> {
    let row = FIND_BY_PROVIDER_PAYMENT
        .opt(client, &[&provider_payment])
        .await?;
    row.as_ref().map(Payment::from_row).transpose()
}

static FIND_LAST: Statement = Statement::new(
    "payment.find_last",
    concat!(
        "select p.id is not null as has_payment, ",
        payment_columns!(),
        " from bookings b
        left join lateral (
            select * from payments where booking_id = b.id order by created_at desc, id desc limit 1
        ) p on true
        where b.id = $1 and b.user_id = $2"
    ),
);

/// Finds the last payment for a member's booking. Returns `None` if there is no payment.
///
/// # Errors
///
/// [`Error::NotFound`] when the booking does not exist or belongs to another
/// member.
pub async fn find_last(
    client: &Client,
    booking_id: Uuid,
    user_id: Uuid,
) -> Result<Option<Payment>> {
    let row = FIND_LAST.opt(client, &[&booking_id, &user_id]).await?;
    let row = row.ok_or(Error::NotFound)?;
    let has_payment: bool = row.try_get("has_payment")?;
    has_payment.then(|| Payment::from_row(&row)).transpose()
}
