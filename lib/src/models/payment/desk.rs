//! What staff do about payments.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::settle::tell;
use super::{
    ALREADY_PAID, Method, NOT_PAYABLE, NOTHING_TO_PAY, Payment, Status, give_up, lock, open,
    payment_columns,
};
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::models::booking;
use crate::store::client::Client;
use crate::store::statement::Statement;

static PAID_AT_DESK: Statement = Statement::new(
    "payment.paid_at_desk",
    concat!(
        "update payments p set status = 'paid', paid_at = $2 where id = $1 returning ",
        payment_columns!()
    ),
);

static INSERT_PAID: Statement = Statement::new(
    "payment.insert_paid",
    concat!(
        "insert into payments as p (id, booking_id, user_id, amount, currency, method, status,
            paid_at, created_at)
        values ($1, $2, $3, $4, $5, 'desk', 'paid', $6, clock_timestamp()) returning ",
        payment_columns!()
    ),
);

/// Notes that a booking was paid at the desk, whether or not that had been
/// announced. A card payment that waits is given up for it; its checkout is
/// closed by `payment::settle_soon`, after the transaction. To be called in a
/// transaction.
///
/// # Errors
///
/// 404; 409 `not_payable` for a booking without a place, `nothing_to_pay`,
/// `already_paid`; [`Error::Unavailable`].
pub async fn mark_paid_at_desk(
    client: &Client,
    booking_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Payment> {
    let booking = lock(client, booking_id, None).await?;
    let row = match open(client, booking_id).await? {
        Some(payment) if payment.status == Status::Paid => return Err(ALREADY_PAID),
        _ if !has_place(booking.status) => return Err(NOT_PAYABLE),
        _ if booking.price.is_zero() => return Err(NOTHING_TO_PAY),
        Some(payment) if payment.method == Method::Desk => {
            PAID_AT_DESK.one(client, &[&payment.id, &now]).await?
        }
        other => {
            if let Some(card) = other {
                give_up(client, card.id).await?;
            }
            let new: &[&dyn crate::store::statement::Param] = &[
                &random::id(),
                &booking_id,
                &booking.user_id,
                &booking.price.as_column(),
                &booking.currency,
                &now,
            ];
            INSERT_PAID.one(client, new).await?
        }
    };
    let payment = Payment::from_row(&row)?;
    tell(client, &payment, "payment_paid").await?;
    Ok(payment)
}

fn has_place(status: booking::Status) -> bool {
    use booking::Status::{Attended, Booked, NoShow};
    matches!(status, Booked | Attended | NoShow)
}

static TO_REFUND: Statement = Statement::new(
    "payment.to_refund",
    concat!(
        "select ",
        payment_columns!(),
        " from payments p where booking_id = $1
          and (status = 'paid' or (status = 'refund_due' and method = 'desk'))
        order by status = 'refund_due' desc, created_at limit 1
        for no key update"
    ),
);

static REFUND: Statement = Statement::new(
    "payment.refund",
    concat!(
        "update payments p
        set status = case method when 'desk' then 'refunded' else 'refund_due' end,
            refunded_at = case method when 'desk' then $2 end, next_attempt_at = now(), attempts = 0
        where id = $1 returning ",
        payment_columns!()
    ),
);

/// Pays back what was paid for a booking: at the desk it is done with this, a
/// card payment becomes `refund_due` and goes back by `payment::settle_soon`,
/// after the transaction. To be called in a transaction.
///
/// # Errors
///
/// 404; 409 `nothing_to_refund`; [`Error::Unavailable`].
pub async fn refund(client: &Client, booking_id: Uuid, now: DateTime<Utc>) -> Result<Payment> {
    lock(client, booking_id, None).await?;
    let paid = TO_REFUND.opt(client, &[&booking_id]).await?;
    let paid = Payment::from_row(&paid.ok_or(NOTHING_TO_REFUND)?)?;
    let payment = Payment::from_row(&REFUND.one(client, &[&paid.id, &now]).await?)?;
    let kind = match payment.status {
        Status::Refunded => "payment_refunded",
        _ => "payment_refund_due",
    };
    tell(client, &payment, kind).await?;
    Ok(payment)
}

const NOTHING_TO_REFUND: Error = Error::Conflict {
    code: "nothing_to_refund",
    message: "Nothing of this booking can be paid back",
};
