//! Applying the provider's reports about payments.
//!
//! The provider repeats its reports and sends them in any order. These functions
//! therefore depend on the status of the payment, never on earlier reports. Each must be
//! called in a transaction.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::refund::{NewRefund, RefundSource, RefundState, insert_rest};
use super::row::{Payment, lock_booking, payment_columns, record_event};
use crate::error::Result;
use crate::models::booking::{self, Booking, BookingStatus, Cancellation, CancelledBy};
use crate::models::member_event::MemberEventKind;
use crate::models::payment_method::PaymentMethod;
use crate::models::payment_status::PaymentStatus;
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::minor_units::minor_units;

/// The effect of a report about a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing changed.
    Unchanged,
    /// The payment changed. No further action is required.
    Changed,
    /// The payment changed and the booking was cancelled, so its spot is free.
    Released,
    /// The payment changed and must be refunded.
    RefundDue,
    /// The report is not about one of Sabor's payments.
    Foreign,
    /// Money moved in a way that staff must review.
    Mismatch {
        /// The payment's id.
        payment_id: Uuid,
        /// The member's id.
        user_id: Uuid,
        /// The mismatch, for the log.
        problem: &'static str,
    },
}

/// A provider's report about a checkout.
#[derive(Clone, Copy, Debug)]
pub struct CheckoutReport<'a> {
    /// Our id of the payment.
    pub payment_id: Uuid,
    /// The provider's id of the checkout. `None` if the payment never had one.
    pub reference: Option<&'a str>,
    /// The provider's id of the completed payment.
    pub provider_payment: Option<&'a str>,
    /// The amount in the smallest unit of the currency.
    pub amount: Option<i64>,
    /// The ISO 4217 code of the currency, in upper or lower case.
    pub currency: Option<&'a str>,
}

static FIND_BOOKING: Statement = Statement::new(
    "payment.find_booking",
    "select booking_id from payments where id = $1",
);

static LOCK: Statement = Statement::new(
    "payment.lock",
    concat!(
        "select ",
        payment_columns!(),
        " from payments p where id = $1 for no key update"
    ),
);

/// Locks a payment and its booking. Returns `None` if there is no such payment.
pub(super) async fn lock_payment(client: &Client, id: Uuid) -> Result<Option<(Payment, Booking)>> {
    loop {
        let Some(row) = FIND_BOOKING.opt(client, &[&id]).await? else {
            return Ok(None);
        };
        let booking = lock_booking(client, row.try_get("booking_id")?, None).await?;
        let payment = Payment::from_row(&LOCK.one(client, &[&id]).await?)?;
        // A move can give the payment to another booking before the lock is acquired.
        if payment.booking_id == booking.id {
            return Ok(Some((payment, booking)));
        }
    }
}

/// Locks a reported payment and its booking, if the reported checkout belongs to the
/// payment. Otherwise returns only the payment, or `None` if it does not exist.
async fn lock_reported(
    client: &Client,
    report: &CheckoutReport<'_>,
) -> Result<Result<(Payment, Booking), Option<Payment>>> {
    let Some((payment, booking)) = lock_payment(client, report.payment_id).await? else {
        return Ok(Err(None));
    };
    let reference = payment.provider_reference.as_deref();
    // A report can arrive before the reference is stored.
    Ok(match reference.is_none() || reference == report.reference {
        true => Ok((payment, booking)),
        false => Err(Some(payment)),
    })
}

// Each status that this statement sets means that the checkout has ended, so its URL is
// removed.
static END_CHECKOUT: Statement = Statement::new(
    "payment.end_checkout",
    "update payments set status = $2, checkout_url = null, next_attempt_at = now(), attempts = 0,
        paid_at = coalesce(paid_at, $3),
        provider = case when $4 is null then provider else 'stripe' end,
        provider_reference = coalesce(provider_reference, $4),
        provider_payment = coalesce(provider_payment, $5)
    where id = $1",
);

async fn end_checkout(
    client: &Client,
    report: &CheckoutReport<'_>,
    status: PaymentStatus,
    paid_at: Option<DateTime<Utc>>,
) -> Result<()> {
    let owned = |id: Option<&str>| id.map(str::to_owned);
    END_CHECKOUT
        .execute(
            client,
            &[
                &report.payment_id,
                &status.as_str(),
                &paid_at,
                &owned(report.reference),
                &owned(report.provider_payment),
            ],
        )
        .await
}

pub(super) fn mismatch(payment: &Payment, problem: &'static str) -> Outcome {
    Outcome::Mismatch {
        payment_id: payment.id,
        user_id: payment.user_id,
        problem,
    }
}

fn amount_matches(payment: &Payment, report: &CheckoutReport<'_>) -> bool {
    let is_same_currency = report
        .currency
        .is_some_and(|currency| currency.eq_ignore_ascii_case(&payment.currency));
    let expected_amount = minor_units(payment.amount, &payment.currency);
    is_same_currency && expected_amount.is_some() && expected_amount == report.amount
}

/// Returns whether the report is about another payment at the provider.
fn is_other_provider_payment(payment: &Payment, report: &CheckoutReport<'_>) -> bool {
    let known_id = payment.provider_payment.as_deref();
    let ids = known_id.zip(report.provider_payment);
    ids.is_some_and(|(known, reported)| known != reported)
}

/// Applies a report that a checkout was paid.
///
/// A pending payment of a booking with a spot becomes `paid`. Any other unpaid payment is
/// refunded. A wrong amount or method, another checkout and a second payment are an
/// [`Outcome::Mismatch`].
pub async fn settle_paid(
    client: &Client,
    report: &CheckoutReport<'_>,
    now: DateTime<Utc>,
) -> Result<Outcome> {
    let (payment, booking) = match lock_reported(client, report).await? {
        Ok(locked) => locked,
        Err(Some(payment)) => return Ok(mismatch(&payment, "a payment at another checkout")),
        Err(None) => return Ok(Outcome::Foreign),
    };
    if payment.method != PaymentMethod::Card || !amount_matches(&payment, report) {
        return Ok(mismatch(
            &payment,
            "a payment of another amount, or for a booking to be paid at the desk",
        ));
    }
    let has_spot = booking.status.has_spot();
    let status = match payment.status {
        PaymentStatus::Pending => PaymentStatus::Paid,
        // The booking may have another open payment, so this payment is only refunded.
        PaymentStatus::Failed | PaymentStatus::Cancelled => payment.status,
        _ => {
            return Ok(match is_other_provider_payment(&payment, report) {
                true => mismatch(&payment, "a second payment"),
                false => Outcome::Unchanged,
            });
        }
    };
    end_checkout(client, report, status, Some(now)).await?;
    if payment.status == PaymentStatus::Pending && has_spot {
        record_event(client, &payment, MemberEventKind::PaymentPaid).await?;
        return Ok(Outcome::Changed);
    }
    let refund = NewRefund {
        source: RefundSource::Rule,
        staff_id: None,
        is_done: false,
    };
    let state = insert_rest(client, payment.id, &refund, now).await?;
    if state != Some(RefundState::Due) {
        return Ok(Outcome::Changed);
    }
    record_event(client, &payment, MemberEventKind::PaymentRefundDue).await?;
    Ok(Outcome::RefundDue)
}

/// How a checkout ended without a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckoutEnd {
    /// The payment was attempted and failed.
    Failed,
    /// The checkout expired before it was paid.
    Expired,
}

/// Applies a report that a checkout ended without a payment.
///
/// The booking is cancelled only if this payment was pending. The booking keeps its spot if
/// another payment has replaced this one, if the member never saw the checkout, or if the
/// class has started.
pub async fn settle_ended(
    client: &Client,
    report: &CheckoutReport<'_>,
    end: CheckoutEnd,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Outcome> {
    let (payment, booking) = match lock_reported(client, report).await? {
        Ok(locked) => locked,
        Err(Some(_)) => return Ok(Outcome::Unchanged),
        Err(None) => return Ok(Outcome::Foreign),
    };
    // The member never saw a checkout that is not stored.
    if payment.provider_reference.as_deref() != report.reference {
        return Ok(Outcome::Unchanged);
    }
    let status = match payment.status {
        PaymentStatus::Pending if end == CheckoutEnd::Failed => PaymentStatus::Failed,
        PaymentStatus::Pending => PaymentStatus::Cancelled,
        // Only stores that the checkout is closed.
        PaymentStatus::Failed | PaymentStatus::Cancelled => payment.status,
        _ => return Ok(Outcome::Unchanged),
    };
    end_checkout(client, report, status, None).await?;
    if payment.status != PaymentStatus::Pending {
        return Ok(Outcome::Unchanged);
    }
    // A booking keeps its spot after the class has started. Nobody else can use the spot,
    // the member may have attended, and staff can still take a payment.
    let keeps_spot = booking.status != BookingStatus::Booked || booking.start_time <= now;
    if payment.provider_reference.is_none() || keeps_spot {
        return Ok(Outcome::Changed);
    }
    let cancellation = Cancellation {
        booking_id: booking.id,
        by: CancelledBy::Studio { lenient: true },
        reason: Some("It was not paid in time".to_owned()),
    };
    booking::cancel(client, &cancellation, now, studio).await?;
    Ok(Outcome::Released)
}
