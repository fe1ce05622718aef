//! Applying the provider's reports about payments.
//!
//! The provider repeats its reports and sends them in any order. These functions
//! therefore depend on the status of the payment, never on earlier reports. Each must be
//! called in a transaction.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::refund::{NewRefund, RefundSource, RefundState, insert_rest};
use super::row::{Payment, PaymentChange, PaymentSubject, event, lock_booking, payment_columns};
use crate::crypto::encryption::Keyring;
use crate::error::Result;
use crate::models::booking::{self, Booking, BookingStatus, Cancellation, CancelledBy};
use crate::models::member_event;
use crate::models::order::{self, LockedOrder};
use crate::models::payment_method::PaymentMethod;
use crate::models::payment_status::PaymentStatus;
use crate::models::receipt::{self, ReceiptSubject};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::minor_units::minor_units;
use crate::values::time_zone::TimeZone;

/// The effect of a report about a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing changed.
    Unchanged,
    /// The payment changed, which an e-mail may report: a receipt, or a refund.
    Changed,
    /// The payment changed and the booking was cancelled, so its spot is free.
    Released,
    /// The payment changed and its order is paid, which an e-mail reports.
    OrderPaid,
    /// A membership was brought up to date, which e-mails may report.
    MembershipUpdated,
    /// A membership was brought up to date, and its subscription must be ended at the provider.
    MembershipMustEnd,
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

/// The locked booking or order that a payment is for.
#[derive(Clone, Debug)]
pub(super) enum LockedSubject {
    Booking(Box<Booking>),
    Order(LockedOrder),
}

impl LockedSubject {
    async fn lock(client: &Client, subject: PaymentSubject) -> Result<Self> {
        Ok(match subject {
            PaymentSubject::Booking(id) => {
                Self::Booking(Box::new(lock_booking(client, id, None).await?))
            }
            PaymentSubject::Order(id) => Self::Order(order::lock(client, id).await?),
        })
    }

    fn subject(&self) -> PaymentSubject {
        match self {
            Self::Booking(booking) => PaymentSubject::Booking(booking.id),
            Self::Order(order) => PaymentSubject::Order(order.id),
        }
    }

    /// Returns whether a payment can pay for the booking or the order. Otherwise, the money is
    /// refunded.
    fn is_payable(&self) -> bool {
        match self {
            Self::Booking(booking) => !booking.amount_due.is_zero(),
            Self::Order(order) => order.is_payable,
        }
    }

    /// Returns whether the booking or the order was cancelled.
    pub(super) fn is_cancelled(&self) -> bool {
        match self {
            Self::Booking(booking) => booking.status == BookingStatus::Cancelled,
            Self::Order(order) => order.is_cancelled,
        }
    }

    /// Returns whether it is an order that is paid.
    pub(super) fn is_paid_order(&self) -> bool {
        matches!(self, Self::Order(order) if order.is_paid)
    }
}

static FIND_SUBJECT: Statement = Statement::new(
    "payment.find_subject",
    "select booking_id, order_id from payments where id = $1",
);

/// Finds what a payment is for. Returns `None` if there is no such payment.
pub(super) async fn find_subject(client: &Client, id: Uuid) -> Result<Option<PaymentSubject>> {
    let row = FIND_SUBJECT.opt(client, &[&id]).await?;
    row.as_ref().map(PaymentSubject::from_row).transpose()
}

static LOCK: Statement = Statement::new(
    "payment.lock",
    concat!(
        "select ",
        payment_columns!(),
        " from payments p where id = $1 for no key update"
    ),
);

/// Locks a payment and its booking or order. Returns `None` if there is no such payment.
pub(super) async fn lock_payment(
    client: &Client,
    id: Uuid,
) -> Result<Option<(Payment, LockedSubject)>> {
    loop {
        let Some(subject) = find_subject(client, id).await? else {
            return Ok(None);
        };
        let locked = LockedSubject::lock(client, subject).await?;
        let payment = Payment::from_row(&LOCK.one(client, &[&id]).await?)?;
        // A move can give the payment to another booking before the lock is acquired.
        if locked.subject() == payment.subject {
            return Ok(Some((payment, locked)));
        }
    }
}

/// Locks a reported payment and its booking or order, if the reported checkout belongs to the
/// payment. Otherwise returns only the payment, or `None` if it does not exist.
async fn lock_reported(
    client: &Client,
    report: &CheckoutReport<'_>,
) -> Result<Result<(Payment, LockedSubject), Option<Payment>>> {
    let Some((payment, subject)) = lock_payment(client, report.payment_id).await? else {
        return Ok(Err(None));
    };
    let reference = payment.provider_reference.as_deref();
    // A report can arrive before the reference is stored.
    Ok(match reference.is_none() || reference == report.reference {
        true => Ok((payment, subject)),
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
/// A pending payment becomes paid if its booking is to be paid or its order is open. The order is
/// then paid too, and its passes or its gift card are issued. Any other unpaid payment is
/// refunded. A wrong amount or method, another checkout and a second payment are an
/// [`Outcome::Mismatch`].
pub async fn settle_paid(
    client: &Client,
    report: &CheckoutReport<'_>,
    now: DateTime<Utc>,
    studio: &StudioConfig,
    keys: &Keyring,
) -> Result<Outcome> {
    let (payment, subject) = match lock_reported(client, report).await? {
        Ok(locked) => locked,
        Err(Some(payment)) => return Ok(mismatch(&payment, "a payment at another checkout")),
        Err(None) => return Ok(Outcome::Foreign),
    };
    if payment.method != PaymentMethod::Card || !amount_matches(&payment, report) {
        // Stores only that the checkout has ended. The clean-up then does not ask about it again. The
        // provider's id of the payment is not stored: its refunds would count, although it did not.
        if matches!(
            payment.status,
            PaymentStatus::Failed | PaymentStatus::Cancelled
        ) {
            let ended = CheckoutReport {
                provider_payment: None,
                ..*report
            };
            end_checkout(client, &ended, payment.status, None).await?;
        }
        return Ok(mismatch(
            &payment,
            "a payment of another amount, or a card payment of something to be paid at the desk",
        ));
    }
    let status = match payment.status {
        PaymentStatus::Pending => PaymentStatus::Paid,
        // The booking may have another open payment. The order is cancelled. So this payment is
        // only refunded.
        PaymentStatus::Failed | PaymentStatus::Cancelled => payment.status,
        _ => {
            return Ok(match is_other_provider_payment(&payment, report) {
                true => mismatch(&payment, "a second payment"),
                false => Outcome::Unchanged,
            });
        }
    };
    end_checkout(client, report, status, Some(now)).await?;
    if payment.status == PaymentStatus::Pending && subject.is_payable() {
        let today = TimeZone::of_studio(studio)?.date(now);
        let mut events = Vec::new();
        let outcome = match subject {
            LockedSubject::Booking(_) => {
                let subject = ReceiptSubject::Payment(payment.id);
                receipt::issue(client, subject, now, today).await?;
                Outcome::Changed
            }
            LockedSubject::Order(order) => {
                let settled = order::settle(client, order.id, now, today, keys).await?;
                events = settled.events;
                Outcome::OrderPaid
            }
        };
        events.push(event(&payment, PaymentChange::Paid));
        member_event::record(client, &events).await?;
        return Ok(outcome);
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
    let mut events = Vec::new();
    if let LockedSubject::Order(order) = subject {
        // The order of an account that was deactivated is still open.
        events = order::cancel(client, order.id, None, now, studio).await?;
    }
    events.push(event(&payment, PaymentChange::RefundDue));
    member_event::record(client, &events).await?;
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

/// What members read about a spot that was not paid.
const NOT_PAID_IN_TIME: &str = "It was not paid in time";

/// Applies a report that a checkout ended without a payment.
///
/// The booking or the order is cancelled only if this payment was pending. The booking keeps its
/// spot if another payment has replaced this one, if the member never saw the checkout, or if the
/// class has started.
pub async fn settle_ended(
    client: &Client,
    report: &CheckoutReport<'_>,
    end: CheckoutEnd,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Outcome> {
    let (payment, subject) = match lock_reported(client, report).await? {
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
    let booking = match subject {
        LockedSubject::Booking(booking) => booking,
        LockedSubject::Order(order) => {
            let reason = Some(NOT_PAID_IN_TIME);
            let events = order::cancel(client, order.id, reason, now, studio).await?;
            member_event::record(client, &events).await?;
            return Ok(match events.is_empty() {
                true => Outcome::Changed,
                false => Outcome::Released,
            });
        }
    };
    // A booking keeps its spot after the class has started. Nobody else can use the spot,
    // the member may have attended, and staff can still take a payment.
    let keeps_spot = booking.status != BookingStatus::Booked || booking.start_time <= now;
    if payment.provider_reference.is_none() || keeps_spot {
        return Ok(Outcome::Changed);
    }
    let cancellation = Cancellation {
        booking_id: booking.id,
        by: CancelledBy::Studio { lenient: true },
        reason: Some(NOT_PAID_IN_TIME.to_owned()),
    };
    booking::cancel(client, &cancellation, now, studio).await?;
    Ok(Outcome::Released)
}
