//! Starting a payment.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::errors::{ALREADY_PAID, check_payable};
use super::row::{Payment, cancel, lock_booking, lock_open, payment_columns};
use super::settlement::{LockedSubject, lock_payment};
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::models::member_event;
use crate::models::order::{self, OpenOrder};
use crate::models::payment_method::{CARD_NOT_AVAILABLE, PaymentMethod};
use crate::models::payment_status::PaymentStatus;
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// How long an unpaid card payment holds its spot. The minute beyond [`CHECKOUT_TIME`] allows for a
/// slow request and for clock differences.
const HOLD_TIME: TimeDelta = TimeDelta::minutes(31);

/// Stripe rejects a checkout that expires earlier.
const CHECKOUT_TIME: TimeDelta = TimeDelta::minutes(30);

/// A payment that was started by this call or by an earlier one.
#[derive(Clone, Debug)]
pub enum StartedPayment {
    /// To be paid at the desk.
    Desk(Payment),
    /// To be paid by card.
    Card(CardPayment),
}

/// A pending card payment.
#[derive(Clone, Debug)]
pub enum CardPayment {
    /// It can be paid at a checkout.
    Payable(Checkout),
    /// It has expired. Nothing was changed, because its state at the provider must be checked
    /// first.
    Overdue(Payment),
}

/// A pending card payment, and the data for its checkout page.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// The payment, which may have a checkout already.
    pub payment: Payment,
    /// The title of the class, or the name of the product.
    pub title: String,
    /// When a new checkout expires at the provider. The payment may expire earlier.
    pub checkout_expires_at: DateTime<Utc>,
}

// The last payment of a booking counts, so `created_at` must increase with each insert. `now()`
// is the start of this transaction. While this transaction waited for the lock on the booking,
// another one may have inserted a payment with a later time.
static INSERT: Statement = Statement::new(
    "payment.insert",
    concat!(
        "insert into payments as p (id, booking_id, user_id, amount, currency, method, expires_at,
            created_at)
        values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp()) returning ",
        payment_columns!()
    ),
);

/// Starts the payment of a booking, or returns the payment that was started before.
/// Cancels a pending payment with the other method or of another amount. Must be called in a
/// transaction.
///
/// # Errors
///
/// [`Error::NotFound`] when the booking does not exist or belongs to another member; 409
/// `not_payable` when the booking has no spot and no fee is owed; 409 `nothing_to_pay`; 409
/// `already_paid`; 409 `card_not_available` when card payments are not configured.
pub async fn start(
    client: &Client,
    booking_id: Uuid,
    owner: Uuid,
    method: PaymentMethod,
    accepts_cards: bool,
    now: DateTime<Utc>,
) -> Result<StartedPayment> {
    let booking = lock_booking(client, booking_id, Some(owner)).await?;
    let pending = match lock_open(client, booking_id).await? {
        Some(payment) if payment.status == PaymentStatus::Paid => return Err(ALREADY_PAID),
        pending => pending,
    };
    check_payable(&booking)?;
    if method == PaymentMethod::Card && !accepts_cards {
        return Err(CARD_NOT_AVAILABLE);
    }
    let payment = match pending {
        Some(payment) if payment.is_overdue(now) => {
            return Ok(StartedPayment::Card(CardPayment::Overdue(payment)));
        }
        Some(payment) if payment.method == method && payment.amount == booking.amount_due => {
            payment
        }
        other_payment => {
            if let Some(payment) = other_payment {
                cancel(client, payment.id).await?;
            }
            let row = INSERT
                .one(
                    client,
                    &[
                        &random::id(),
                        &booking_id,
                        &owner,
                        &booking.amount_due.as_column(),
                        &booking.currency,
                        &method.as_str(),
                        &(method == PaymentMethod::Card).then(|| now + HOLD_TIME),
                    ],
                )
                .await?;
            Payment::from_row(&row)?
        }
    };
    Ok(match method {
        PaymentMethod::Desk => StartedPayment::Desk(payment),
        PaymentMethod::Card => StartedPayment::Card(CardPayment::Payable(Checkout {
            checkout_expires_at: payment.expires_at.unwrap_or_default(),
            payment,
            title: booking.title,
        })),
    })
}

static LOCK_PENDING_OF_ORDER: Statement = Statement::new(
    "payment.lock_pending_of_order",
    concat!(
        "select ",
        payment_columns!(),
        " from payments p where order_id = $1 and status = 'pending' and tender = 'card'
        for no key update"
    ),
);

static INSERT_FOR_ORDER: Statement = Statement::new(
    "payment.insert_for_order",
    concat!(
        "insert into payments as p (id, order_id, user_id, amount, currency, tender, expires_at,
            created_at)
        values ($1, $2, $3, $4, $5, 'card', $6, clock_timestamp()) returning ",
        payment_columns!()
    ),
);

/// Starts the card payment of an open order, or returns the payment that was started before.
/// Must be called in the transaction that has locked or inserted the order.
pub async fn start_for_order(
    client: &Client,
    order: &OpenOrder,
    user_id: Uuid,
    now: DateTime<Utc>,
) -> Result<CardPayment> {
    let (payment, checkout_expires_at) =
        match LOCK_PENDING_OF_ORDER.opt(client, &[&order.id]).await? {
            Some(row) => {
                let payment = Payment::from_row(&row)?;
                let expires_at = payment.expires_at.unwrap_or_default();
                // The checkout was not created. The payment still expires at the same time, because it
                // holds what was ordered.
                let checkout_expires_at = match expires_at < now + CHECKOUT_TIME {
                    true => now + HOLD_TIME,
                    false => expires_at,
                };
                (payment, checkout_expires_at)
            }
            None => {
                let checkout_expires_at = now + HOLD_TIME;
                let expires_at = order
                    .held_until
                    .map_or(checkout_expires_at, |until| until.min(checkout_expires_at));
                let row = INSERT_FOR_ORDER
                    .one(
                        client,
                        &[
                            &random::id(),
                            &order.id,
                            &user_id,
                            &order.due.as_column(),
                            &order.currency,
                            &Some(expires_at),
                        ],
                    )
                    .await?;
                (Payment::from_row(&row)?, checkout_expires_at)
            }
        };
    Ok(match payment.is_overdue(now) {
        true => CardPayment::Overdue(payment),
        false => CardPayment::Payable(Checkout {
            checkout_expires_at,
            payment,
            title: order.title.clone(),
        }),
    })
}

/// Returns when a checkout expires that is created with another idempotency key. The key contains the
/// expiry in whole seconds, so it is later than that of the checkout before.
pub fn later_expiry(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    (expires_at + TimeDelta::seconds(1)).max(now + HOLD_TIME)
}

static EXTEND: Statement = Statement::new(
    "payment.extend",
    concat!(
        "with extended as (
            update payments set expires_at = $3
            where id = $1 and expires_at = $2 and status = 'pending' and provider_reference is null
            returning *
        )
        select ",
        payment_columns!(),
        " from extended p
        union all
        select ",
        payment_columns!(),
        " from payments p where id = $1 and not exists (select from extended)"
    ),
);

/// Extends the card payment of a booking that has no checkout yet. If a concurrent call has extended it
/// first, nothing changes, and the returned payment may still have its old expiry.
pub async fn extend(client: &Client, payment: &Payment, now: DateTime<Utc>) -> Result<Payment> {
    let expires_at = later_expiry(payment.expires_at.unwrap_or_default(), now);
    let row = EXTEND
        .one(client, &[&payment.id, &payment.expires_at, &expires_at])
        .await?;
    Payment::from_row(&row)
}

// The first checkout is kept. The reference is stored even if the payment was cancelled in
// the meantime, so that the checkout can be closed.
static STORE_CHECKOUT: Statement = Statement::new(
    "payment.store_checkout",
    concat!(
        "update payments p set provider = 'stripe', provider_reference = coalesce(provider_reference, $2),
            checkout_url = case
                when provider_reference is not null or paid_at is not null then checkout_url
                else $3 end
        where id = $1 returning ",
        payment_columns!()
    ),
);

/// Stores the checkout that the provider created for a payment. Returns the
/// payment, which may no longer be pending.
pub async fn store_checkout(
    client: &Client,
    id: Uuid,
    reference: &str,
    url: Option<String>,
) -> Result<Payment> {
    let row = STORE_CHECKOUT.opt(client, &[&id, &reference, &url]).await?;
    Payment::from_row(&row.ok_or(Error::NotFound)?)
}

/// Cancels a card payment that has no checkout, and its order. A booking keeps
/// its spot. Must be called in a transaction.
pub async fn abandon(
    client: &Client,
    id: Uuid,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<()> {
    let Some((payment, subject)) = lock_payment(client, id).await? else {
        return Ok(());
    };
    if payment.status != PaymentStatus::Pending || payment.provider_reference.is_some() {
        return Ok(());
    }
    match subject {
        LockedSubject::Booking(_) => cancel(client, id).await,
        LockedSubject::Order(order) => {
            let events = order::discard(client, order.id, now, studio).await?;
            member_event::record(client, &events).await
        }
    }
}
