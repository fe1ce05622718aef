//! Payments and refunds that staff record.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::errors::{ALREADY_PAID, check_payable};
use super::fee::clear_refunded_fee;
use super::refund::{NewRefund, RefundSource, insert_rest};
use super::row::{
    Payment, PaymentChange, cancel, lock_booking, lock_open, payment_columns, record_event,
};
use super::settlement::lock_payment;
use crate::crypto::random;
use crate::error::{Error, ErrorCode, Result};
use crate::models::payment_method::PaymentMethod;
use crate::models::payment_status::PaymentStatus;
use crate::models::receipt::{self, ReceiptSubject};
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

/// Records that a booking was paid at the desk, and issues the receipt. `today` is the studio's
/// date. Cancels a pending card payment, whose checkout must be closed after the transaction. Must
/// be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `not_payable` when the booking has no spot and no fee is owed; 409
/// `nothing_to_pay`, `already_paid`.
pub async fn mark_paid_at_desk(
    client: &Client,
    booking_id: Uuid,
    now: DateTime<Utc>,
    today: NaiveDate,
) -> Result<Payment> {
    let booking = lock_booking(client, booking_id, None).await?;
    let open = match lock_open(client, booking_id).await? {
        Some(payment) if payment.status == PaymentStatus::Paid => return Err(ALREADY_PAID),
        pending => pending,
    };
    check_payable(&booking)?;
    let row = match open {
        Some(payment)
            if payment.method == PaymentMethod::Desk && payment.amount == booking.amount_due =>
        {
            MARK_PAID.one(client, &[&payment.id, &now]).await?
        }
        other_payment => {
            if let Some(payment) = other_payment {
                cancel(client, payment.id).await?;
            }
            INSERT_PAID
                .one(
                    client,
                    &[
                        &random::id(),
                        &booking_id,
                        &booking.user_id,
                        &booking.amount_due.as_column(),
                        &booking.currency,
                        &now,
                    ],
                )
                .await?
        }
    };
    let payment = Payment::from_row(&row)?;
    let subject = ReceiptSubject::Payment(payment.id);
    receipt::issue(client, subject, now, today).await?;
    record_event(client, &payment, PaymentChange::Paid).await?;
    Ok(payment)
}

// If the refund of a payment through an abandoned checkout fails, the payment stays
// `refund_due`. Such a payment is refunded before the one that has replaced it.
static LOCK_REFUNDABLE: Statement = Statement::new(
    "payment.lock_refundable",
    concat!(
        "select ",
        payment_columns!(),
        " from payments p where booking_id = $1
          and (status = 'paid' or (status = 'refund_due' and (method = 'desk'
              or (refunded < amount and not exists (select from disputes d
                  where d.payment_id = p.id and d.withdrawn)))))
        order by status = 'refund_due' desc, created_at limit 1
        for no key update"
    ),
);

static PAY_OUT: Statement = Statement::new(
    "refund.pay_out",
    "update refunds set state = 'done', done_at = $2, by = coalesce(by, $3)
    where payment_id = $1 and state = 'due'",
);

/// Refunds the remaining amount of a booking's payment. `staff_id` is the member of staff
/// who requests this. A refund at the desk is done at once. A refund of a card payment
/// becomes due, and must be sent to the provider after the transaction. Must be called in a
/// transaction.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `nothing_to_refund`; 409 `payment_disputed` when the member's
/// bank has taken the money back.
pub async fn refund(
    client: &Client,
    booking_id: Uuid,
    staff_id: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Payment> {
    lock_booking(client, booking_id, None).await?;
    let row = LOCK_REFUNDABLE.opt(client, &[&booking_id]).await?;
    let refundable = Payment::from_row(&row.ok_or(NOTHING_TO_REFUND)?)?;
    if refundable.shown_status == PaymentStatus::Disputed {
        return Err(PAYMENT_DISPUTED);
    }
    let is_desk = refundable.method == PaymentMethod::Desk;
    // A part of it can be due as well.
    if is_desk && refundable.shown_status == PaymentStatus::RefundDue {
        PAY_OUT
            .execute(client, &[&refundable.id, &now, &staff_id])
            .await?;
    } else {
        let new = NewRefund {
            source: RefundSource::Staff,
            staff_id,
            is_done: is_desk,
        };
        if insert_rest(client, refundable.id, &new, now)
            .await?
            .is_none()
        {
            return Err(NOTHING_TO_REFUND);
        }
        clear_refunded_fee(client, refundable.id).await?;
    }
    let change = match is_desk {
        true => PaymentChange::Refunded,
        false => PaymentChange::RefundDue,
    };
    record_event(client, &refundable, change).await?;
    let (payment, _) = lock_payment(client, refundable.id)
        .await?
        .ok_or(Error::NotFound)?;
    Ok(payment)
}

const NOTHING_TO_REFUND: Error = Error::Conflict {
    code: ErrorCode::NothingToRefund,
    message: "There is nothing to refund for this booking",
};

pub(super) const PAYMENT_DISPUTED: Error = Error::Conflict {
    code: ErrorCode::PaymentDisputed,
    message: "The member has disputed this payment at their bank, so it cannot be refunded",
};
