//! What the provider tells of a payment, and what it means.
//!
//! The provider repeats itself, in any order. So each of these judges by how
//! far the payment has come, never by what was told before; and each is to be
//! called in a transaction.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{Method, Payment, Status, lock, payment_columns};
use crate::error::Result;
use crate::models::booking::{self, Booking, Cancellation};
use crate::models::member_event::{self, NewMemberEvent};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::minor_units::minor_units;

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing.
    Unchanged,
    /// The payment, and nothing that anybody has to act on.
    Changed,
    /// The booking as well: its place is free.
    Released,
    /// The money has to go back.
    RefundDue,
    /// Nothing, although money moved: somebody has to look at it.
    Mismatch {
        /// Which payment.
        payment_id: Uuid,
        /// Whose.
        user_id: Uuid,
        /// What is strange about it, for the log.
        problem: &'static str,
    },
}

/// Money as the provider tells of it, and by what its payment is found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Received<'a> {
    /// Ours, if it came along.
    pub payment_id: Option<Uuid>,
    /// The provider's name for the checkout.
    pub reference: Option<&'a str>,
    /// The provider's name for the money.
    pub provider_payment: Option<&'a str>,
    /// The provider's name for the refund.
    pub provider_refund: Option<&'a str>,
    /// In the smallest unit of the currency.
    pub amount: Option<i64>,
    /// In ISO 4217, in any case.
    pub currency: Option<&'a str>,
}

// What we named it goes before what the provider did: the provider may tell of
// a checkout before we have noted what it is called there.
static FIND: Statement = Statement::new(
    "payment.find",
    "select booking_id, id from payments
    where id = $1 or provider_reference = $2 or provider_payment = $3
    order by id is not distinct from $1 desc, provider_reference is not distinct from $2 desc limit 1",
);

static READ: Statement = Statement::new(
    "payment.read",
    concat!(
        "select ",
        payment_columns!(),
        " from payments p where id = $1 for no key update"
    ),
);

/// The payment and its booking, as they stay until the end of the transaction.
async fn find(client: &Client, received: &Received<'_>) -> Result<Option<(Payment, Booking)>> {
    let named = |name: Option<&str>| name.map(str::to_owned);
    let found = FIND
        .opt(
            client,
            &[
                &received.payment_id,
                &named(received.reference),
                &named(received.provider_payment),
            ],
        )
        .await?;
    let Some(row) = found else {
        return Ok(None);
    };
    let booking = lock(client, row.try_get("booking_id")?, None).await?;
    let id: Uuid = row.try_get("id")?;
    let payment = Payment::from_row(&READ.one(client, &[&id]).await?)?;
    Ok(Some((payment, booking)))
}

// Where there was a checkout, it is over.
static MOVE: Statement = Statement::new(
    "payment.move",
    "update payments set status = $2, checkout_url = null, next_attempt_at = now(), attempts = 0,
        paid_at = coalesce(paid_at, $3), refunded_at = $4,
        provider_payment = coalesce(provider_payment, $5),
        provider_refund = coalesce($6, provider_refund)
    where id = $1",
);

struct Move<'a> {
    payment: &'a Payment,
    received: &'a Received<'a>,
    now: DateTime<Utc>,
}

impl Move<'_> {
    /// Step by step, as a payment has to move.
    async fn through(&self, client: &Client, steps: &[Status]) -> Result<()> {
        let text = |text: Option<&str>| text.map(str::to_owned);
        for status in steps {
            let has_money = !matches!(status, Status::Failed | Status::Cancelled);
            MOVE.execute(
                client,
                &[
                    &self.payment.id,
                    &status.as_str(),
                    &has_money.then_some(self.now),
                    &(*status == Status::Refunded).then_some(self.now),
                    &text(self.received.provider_payment),
                    &text(self.received.provider_refund),
                ],
            )
            .await?;
        }
        Ok(())
    }
}

/// Tells the member; the last thing in the transaction.
pub(super) async fn tell(client: &Client, payment: &Payment, kind: &'static str) -> Result<()> {
    let event = NewMemberEvent {
        user_id: payment.user_id,
        kind,
        data: json!({ "bookingId": payment.booking_id, "paymentId": payment.id }),
    };
    member_event::record(client, &[event]).await
}

fn mismatch(payment: &Payment, problem: &'static str) -> Outcome {
    Outcome::Mismatch {
        payment_id: payment.id,
        user_id: payment.user_id,
        problem,
    }
}

fn is_amount(payment: &Payment, received: &Received<'_>) -> bool {
    let same_currency = received
        .currency
        .is_some_and(|told| told.eq_ignore_ascii_case(&payment.currency));
    let due = minor_units(payment.amount, &payment.currency);
    same_currency && due.is_some() && due == received.amount
}

fn is_other_money(payment: &Payment, received: &Received<'_>) -> bool {
    let known = payment.provider_payment.as_deref();
    let both = known.zip(received.provider_payment);
    both.is_some_and(|(known, told)| known != told)
}

/// The money is there. Whatever was told before, it counts: for the booking
/// that it is for, while that stands and waits for it; else it goes back. Money
/// of another amount, or a second time, is left for somebody to look at.
///
/// # Errors
///
/// [`crate::Error::Unavailable`]; so below.
pub async fn paid(client: &Client, received: &Received<'_>, now: DateTime<Utc>) -> Result<Outcome> {
    let Some((payment, booking)) = find(client, received).await? else {
        tracing::error!("money came for a payment that there is not");
        return Ok(Outcome::Unchanged);
    };
    if payment.method != Method::Card || !is_amount(&payment, received) {
        return Ok(mismatch(
            &payment,
            "money of another amount, or for the desk",
        ));
    }
    let stands = !matches!(
        booking.status,
        booking::Status::Waitlisted | booking::Status::Cancelled
    );
    let steps: &[Status] = match payment.status {
        Status::Pending if stands => &[Status::Paid],
        Status::Pending => &[Status::Paid, Status::RefundDue],
        Status::Failed | Status::Cancelled => &[Status::RefundDue],
        Status::Paid | Status::RefundDue | Status::Refunded => {
            return Ok(match is_other_money(&payment, received) {
                true => mismatch(&payment, "money came a second time"),
                false => Outcome::Unchanged,
            });
        }
    };
    let step = Move {
        payment: &payment,
        received,
        now,
    };
    step.through(client, steps).await?;
    if steps.last() == Some(&Status::Paid) {
        tell(client, &payment, "payment_paid").await?;
        return Ok(Outcome::Changed);
    }
    tell(client, &payment, "payment_refund_due").await?;
    Ok(Outcome::RefundDue)
}

/// The checkout is over without money: `failed`, or ended by time. That frees
/// the place of the booking only where this is the payment that it waits for:
/// not where it was given up for another, and not by a checkout that the member
/// never saw.
///
/// # Errors
///
/// As [`paid`].
pub async fn ended(
    client: &Client,
    received: &Received<'_>,
    failed: bool,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Outcome> {
    let Some((payment, booking)) = find(client, received).await? else {
        return Ok(Outcome::Unchanged);
    };
    if payment.provider_reference.as_deref() != received.reference {
        return Ok(Outcome::Unchanged);
    }
    let step = Move {
        payment: &payment,
        received,
        now,
    };
    match payment.status {
        Status::Pending if failed => step.through(client, &[Status::Failed]).await?,
        Status::Pending => step.through(client, &[Status::Cancelled]).await?,
        // Noted that it is closed.
        Status::Failed | Status::Cancelled => {
            step.through(client, &[payment.status]).await?;
            return Ok(Outcome::Unchanged);
        }
        _ => return Ok(Outcome::Unchanged),
    }
    // Once a class has begun its places are nobody else's: whoever came and did
    // not pay, came, and staff can still take the money.
    let keeps_place = booking.status != booking::Status::Booked || booking.start_time <= now;
    if payment.provider_reference.is_none() || keeps_place {
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

/// All of the money went back, by whomever.
///
/// # Errors
///
/// As [`paid`].
pub async fn refunded(
    client: &Client,
    received: &Received<'_>,
    now: DateTime<Utc>,
) -> Result<Outcome> {
    let Some((payment, _)) = find(client, received).await? else {
        return Ok(Outcome::Unchanged);
    };
    if payment.method != Method::Card || !is_amount(&payment, received) {
        return Ok(mismatch(&payment, "a refund of another amount"));
    }
    if is_other_money(&payment, received) {
        return Ok(mismatch(&payment, "a refund of other money"));
    }
    let steps: &[Status] = match payment.status {
        // The refund came before the news of the money.
        Status::Pending => &[Status::Paid, Status::Refunded],
        Status::Failed | Status::Cancelled => &[Status::RefundDue, Status::Refunded],
        Status::Paid | Status::RefundDue => &[Status::Refunded],
        Status::Refunded => return Ok(Outcome::Unchanged),
    };
    let step = Move {
        payment: &payment,
        received,
        now,
    };
    step.through(client, steps).await?;
    tell(client, &payment, "payment_refunded").await?;
    Ok(Outcome::Changed)
}

static REFUND_FAILED: Statement = Statement::new(
    "payment.refund_failed",
    "update payments set provider_refund = $2
    where id = $1 and status = 'refund_due' and coalesce(provider_refund, $2) = $2",
);

/// A refund came to nothing, as when the card is closed. Another is begun at
/// its time; somebody has to look at it all the same.
///
/// # Errors
///
/// As [`paid`].
pub async fn refund_failed(client: &Client, received: &Received<'_>) -> Result<Outcome> {
    let Some((payment, _)) = find(client, received).await? else {
        return Ok(Outcome::Unchanged);
    };
    let refund = received.provider_refund.unwrap_or_default();
    let known = payment.provider_refund.as_deref();
    match payment.status {
        Status::RefundDue => {
            REFUND_FAILED
                .execute(client, &[&payment.id, &refund])
                .await?
        }
        Status::Refunded if known.is_none_or(|known| known == refund) => {}
        _ => return Ok(Outcome::Unchanged),
    }
    Ok(mismatch(&payment, "a refund failed"))
}
