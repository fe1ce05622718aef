//! Payments and refunds that staff record.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::errors::{ALREADY_PAID, NOT_PAYABLE, NOTHING_TO_PAY};
use super::row::{
    Payment, PaymentMethod, PaymentStatus, cancel, lock_booking, lock_open, payment_columns,
    record_event,
};
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::models::booking::BookingStatus;
use crate::store::client::Client;
use crate::store::statement::Statement;

static MARK_PAID: Statement = Statement::new(
    "payment.mark_paid",
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

/// Records that a booking was paid at the desk. Cancels a pending card payment, whose
/// checkout must be closed after the transaction. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `not_payable` when the booking has no spot; 409
/// `nothing_to_pay`, `already_paid`.
pub async fn mark_paid_at_desk(
    client: &Client,
    booking_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Payment> {
    let booking = lock_booking(client, booking_id, None).await?;
    let row = match lock_open(client, booking_id).await? {
        Some(payment) if payment.status == PaymentStatus::Paid => return Err(ALREADY_PAID),
        _ if !has_spot(booking.status) => return Err(NOT_PAYABLE),
        _ if booking.price.is_zero() => return Err(NOTHING_TO_PAY),
        Some(payment) if payment.method == PaymentMethod::Desk => {
            MARK_PAID.one(client, &[&payment.id, &now]).await?
        }
        card_payment => {
            if let Some(payment) = card_payment {
                cancel(client, payment.id).await?;
            }
            INSERT_PAID
                .one(
                    client,
                    &[
                        &random::id(),
                        &booking_id,
                        &booking.user_id,
                        &booking.price.as_column(),
                        &booking.currency,
                        &now,
                    ],
                )
                .await?
        }
    };
    let payment = Payment::from_row(&row)?;
    record_event(client, &payment, "payment_paid").await?;
    Ok(payment)
}

fn has_spot(status: BookingStatus) -> bool {
    use BookingStatus::{Attended, Booked, NoShow};
    matches!(status, Booked | Attended | NoShow)
}

static LOCK_REFUNDABLE: Statement = Statement::new(
    "payment.lock_refundable",
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

/// Refunds a booking. A payment at the desk becomes `refunded`. A card payment becomes
/// `refund_due`, and the provider must refund it after the transaction. Must be called in a
/// transaction.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `nothing_to_refund`.
pub async fn refund(client: &Client, booking_id: Uuid, now: DateTime<Utc>) -> Result<Payment> {
    lock_booking(client, booking_id, None).await?;
    let row = LOCK_REFUNDABLE.opt(client, &[&booking_id]).await?;
    let refundable = Payment::from_row(&row.ok_or(NOTHING_TO_REFUND)?)?;
    let payment = Payment::from_row(&REFUND.one(client, &[&refundable.id, &now]).await?)?;
    let kind = match payment.status {
        PaymentStatus::Refunded => "payment_refunded",
        _ => "payment_refund_due",
    };
    record_event(client, &payment, kind).await?;
    Ok(payment)
}

const NOTHING_TO_REFUND: Error = Error::Conflict {
    code: "nothing_to_refund",
    message: "There is nothing to refund for this booking",
};
