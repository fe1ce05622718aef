//! Applying the provider's reports about payments.
//!
//! The provider repeats its reports and sends them in any order. These functions
//! therefore depend on the status of the payment, never on earlier reports. Each must be
//! called in a transaction.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::row::{
    Payment, PaymentMethod, PaymentStatus, lock_booking, payment_columns, record_event,
};
use crate::error::Result;
use crate::models::booking::{self, Booking, BookingStatus, Cancellation};
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
    /// Nothing changed, although money moved. A person must investigate.
    Mismatch {
        /// The payment's id.
        payment_id: Uuid,
        /// The member's id.
        user_id: Uuid,
        /// The mismatch, for the log.
        problem: &'static str,
    },
}

/// A provider's report about a payment.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProviderReport<'a> {
    /// Our id of the payment, if the report contains it.
    pub payment_id: Option<Uuid>,
    /// The provider's id of the checkout.
    pub reference: Option<&'a str>,
    /// The provider's id of the completed payment.
    pub provider_payment: Option<&'a str>,
    /// The provider's id of the refund.
    pub provider_refund: Option<&'a str>,
    /// The amount in the smallest unit of the currency.
    pub amount: Option<i64>,
    /// The ISO 4217 code of the currency, in upper or lower case.
    pub currency: Option<&'a str>,
}

// Our own id takes precedence, because the provider may report on a checkout before its
// reference has been stored.
static FIND: Statement = Statement::new(
    "payment.find_reported",
    "select booking_id, id from payments
    where id = $1 or provider_reference = $2 or provider_payment = $3
    order by id is not distinct from $1 desc, provider_reference is not distinct from $2 desc limit 1",
);

static LOCK: Statement = Statement::new(
    "payment.lock",
    concat!(
        "select ",
        payment_columns!(),
        " from payments p where id = $1 for no key update"
    ),
);

/// Finds the reported payment, and locks it and its booking.
async fn lock_reported(
    client: &Client,
    report: &ProviderReport<'_>,
) -> Result<Option<(Payment, Booking)>> {
    let owned = |id: Option<&str>| id.map(str::to_owned);
    let row = FIND
        .opt(
            client,
            &[
                &report.payment_id,
                &owned(report.reference),
                &owned(report.provider_payment),
            ],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let booking = lock_booking(client, row.try_get("booking_id")?, None).await?;
    let id: Uuid = row.try_get("id")?;
    let payment = Payment::from_row(&LOCK.one(client, &[&id]).await?)?;
    Ok(Some((payment, booking)))
}

// Each status that this statement sets means that the checkout has ended.
static SET_STATUS: Statement = Statement::new(
    "payment.set_status",
    "update payments set status = $2, checkout_url = null, next_attempt_at = now(), attempts = 0,
        paid_at = coalesce(paid_at, $3), refunded_at = $4,
        provider_payment = coalesce(provider_payment, $5),
        provider_refund = coalesce($6, provider_refund)
    where id = $1",
);

/// A change of a payment's status after a report.
struct Transition<'a> {
    payment: &'a Payment,
    report: &'a ProviderReport<'a>,
    now: DateTime<Utc>,
}

impl Transition<'_> {
    /// Sets each status in turn, because the table allows only single steps.
    async fn apply(&self, client: &Client, steps: &[PaymentStatus]) -> Result<()> {
        let owned = |id: Option<&str>| id.map(str::to_owned);
        for status in steps {
            let is_paid = !matches!(status, PaymentStatus::Failed | PaymentStatus::Cancelled);
            SET_STATUS
                .execute(
                    client,
                    &[
                        &self.payment.id,
                        &status.as_str(),
                        &is_paid.then_some(self.now),
                        &(*status == PaymentStatus::Refunded).then_some(self.now),
                        &owned(self.report.provider_payment),
                        &owned(self.report.provider_refund),
                    ],
                )
                .await?;
        }
        Ok(())
    }
}

fn mismatch(payment: &Payment, problem: &'static str) -> Outcome {
    Outcome::Mismatch {
        payment_id: payment.id,
        user_id: payment.user_id,
        problem,
    }
}

fn amount_matches(payment: &Payment, report: &ProviderReport<'_>) -> bool {
    let is_same_currency = report
        .currency
        .is_some_and(|currency| currency.eq_ignore_ascii_case(&payment.currency));
    let expected_amount = minor_units(payment.amount, &payment.currency);
    is_same_currency && expected_amount.is_some() && expected_amount == report.amount
}

/// Returns whether the report is about another payment at the provider.
fn is_other_provider_payment(payment: &Payment, report: &ProviderReport<'_>) -> bool {
    let known_id = payment.provider_payment.as_deref();
    let ids = known_id.zip(report.provider_payment);
    ids.is_some_and(|(known, reported)| known != reported)
}

/// Applies a report that a payment was made.
///
/// A pending payment of a booking with a spot becomes `paid`. Any other unpaid payment
/// becomes `refund_due`. A wrong amount or a second payment is an [`Outcome::Mismatch`].
pub async fn settle_paid(
    client: &Client,
    report: &ProviderReport<'_>,
    now: DateTime<Utc>,
) -> Result<Outcome> {
    let Some((payment, booking)) = lock_reported(client, report).await? else {
        tracing::error!("received money for an unknown payment");
        return Ok(Outcome::Unchanged);
    };
    if payment.method != PaymentMethod::Card || !amount_matches(&payment, report) {
        return Ok(mismatch(
            &payment,
            "a payment of another amount, or for a booking to be paid at the desk",
        ));
    }
    let has_spot = !matches!(
        booking.status,
        BookingStatus::Waitlisted | BookingStatus::Cancelled
    );
    let steps: &[PaymentStatus] = match payment.status {
        PaymentStatus::Pending if has_spot => &[PaymentStatus::Paid],
        PaymentStatus::Pending => &[PaymentStatus::Paid, PaymentStatus::RefundDue],
        PaymentStatus::Failed | PaymentStatus::Cancelled => &[PaymentStatus::RefundDue],
        PaymentStatus::Paid | PaymentStatus::RefundDue | PaymentStatus::Refunded => {
            return Ok(match is_other_provider_payment(&payment, report) {
                true => mismatch(&payment, "a second payment"),
                false => Outcome::Unchanged,
            });
        }
    };
    let transition = Transition {
        payment: &payment,
        report,
        now,
    };
    transition.apply(client, steps).await?;
    if steps.last() == Some(&PaymentStatus::Paid) {
        record_event(client, &payment, "payment_paid").await?;
        return Ok(Outcome::Changed);
    }
    record_event(client, &payment, "payment_refund_due").await?;
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
/// another payment has replaced this one, or if the member never saw the checkout.
pub async fn settle_ended(
    client: &Client,
    report: &ProviderReport<'_>,
    end: CheckoutEnd,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Outcome> {
    let Some((payment, booking)) = lock_reported(client, report).await? else {
        return Ok(Outcome::Unchanged);
    };
    if payment.provider_reference.as_deref() != report.reference {
        return Ok(Outcome::Unchanged);
    }
    let transition = Transition {
        payment: &payment,
        report,
        now,
    };
    match payment.status {
        PaymentStatus::Pending if end == CheckoutEnd::Failed => {
            transition.apply(client, &[PaymentStatus::Failed]).await?;
        }
        PaymentStatus::Pending => {
            transition
                .apply(client, &[PaymentStatus::Cancelled])
                .await?;
        }
        // Only stores that the checkout is closed.
        PaymentStatus::Failed | PaymentStatus::Cancelled => {
            transition.apply(client, &[payment.status]).await?;
            return Ok(Outcome::Unchanged);
        }
        _ => return Ok(Outcome::Unchanged),
    }
    // A booking keeps its spot after the class has started. Nobody else can use the spot,
    // the member may have attended, and staff can still take a payment.
    let keeps_spot = booking.status != BookingStatus::Booked || booking.start_time <= now;
    if payment.provider_reference.is_none() || keeps_spot {
        return Ok(Outcome::Changed);
    }
    let cancellation = Cancellation {
        booking_id: booking.id,
        owner: None,
        reason: Some("It was not paid in time".to_owned()),
        lenient: true,
    };
    booking::cancel(client, &cancellation, now, studio).await?;
    Ok(Outcome::Released)
}

/// Applies a report that the whole amount was refunded, by Sabor or at the provider.
pub async fn settle_refunded(
    client: &Client,
    report: &ProviderReport<'_>,
    now: DateTime<Utc>,
) -> Result<Outcome> {
    let Some((payment, _)) = lock_reported(client, report).await? else {
        return Ok(Outcome::Unchanged);
    };
    if payment.method != PaymentMethod::Card || !amount_matches(&payment, report) {
        return Ok(mismatch(&payment, "a refund of another amount"));
    }
    if is_other_provider_payment(&payment, report) {
        return Ok(mismatch(&payment, "a refund of another payment"));
    }
    let steps: &[PaymentStatus] = match payment.status {
        // The report of the refund arrived before the report of the payment.
        PaymentStatus::Pending => &[PaymentStatus::Paid, PaymentStatus::Refunded],
        PaymentStatus::Failed | PaymentStatus::Cancelled => {
            &[PaymentStatus::RefundDue, PaymentStatus::Refunded]
        }
        PaymentStatus::Paid | PaymentStatus::RefundDue => &[PaymentStatus::Refunded],
        PaymentStatus::Refunded => return Ok(Outcome::Unchanged),
    };
    let transition = Transition {
        payment: &payment,
        report,
        now,
    };
    transition.apply(client, steps).await?;
    record_event(client, &payment, "payment_refunded").await?;
    Ok(Outcome::Changed)
}

static SET_FAILED_REFUND: Statement = Statement::new(
    "payment.set_failed_refund",
    "update payments set provider_refund = $2
    where id = $1 and status = 'refund_due' and coalesce(provider_refund, $2) = $2",
);

/// Applies a report that a refund failed, for example because the card is closed. Another
/// refund is attempted later. The outcome is still a mismatch, because a person must
/// investigate.
pub async fn settle_failed_refund(client: &Client, report: &ProviderReport<'_>) -> Result<Outcome> {
    let Some((payment, _)) = lock_reported(client, report).await? else {
        return Ok(Outcome::Unchanged);
    };
    let refund_id = report.provider_refund.unwrap_or_default();
    let known_id = payment.provider_refund.as_deref();
    match payment.status {
        PaymentStatus::RefundDue => {
            SET_FAILED_REFUND
                .execute(client, &[&payment.id, &refund_id])
                .await?;
        }
        PaymentStatus::Refunded if known_id.is_none_or(|known_id| known_id == refund_id) => {}
        _ => return Ok(Outcome::Unchanged),
    }
    Ok(mismatch(&payment, "a refund failed"))
}
