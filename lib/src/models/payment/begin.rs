//! Beginning to pay.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    ALREADY_PAID, Method, NOT_PAYABLE, NOTHING_TO_PAY, Payment, Status, give_up, lock, open,
    payment_columns,
};
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::models::booking;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// How long a card payment holds its place: the thirty minutes that a checkout
/// lasts, and one more. Stripe refuses an end that is less than thirty minutes
/// from now by its own clock, when the request has arrived.
const HOLD: TimeDelta = TimeDelta::minutes(31);

/// What has come of a wish to pay.
#[derive(Clone, Debug)]
pub enum Begun {
    /// It is to be paid at the desk.
    Desk(Payment),
    /// It is to be paid by card.
    Card(Checkout),
    /// A card payment whose time is up, and of which it has to be found out
    /// first what became of it. Nothing was changed.
    Overdue(Payment),
}

/// A card payment, and what its checkout shows.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// It waits, and may have a checkout already.
    pub payment: Payment,
    /// What is paid for.
    pub title: String,
}

// The last payment is the one that counts. The transaction may have begun before
// another that was made first; the moment under the lock tells their order.
static INSERT: Statement = Statement::new(
    "payment.insert",
    concat!(
        "insert into payments as p (id, booking_id, user_id, amount, currency, method, expires_at,
            created_at)
        values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp()) returning ",
        payment_columns!()
    ),
);

/// Finds the payment of a booking that waits to be made in this way, or begins
/// one, in place of one in another way. To be called in a transaction; what it
/// refuses, it refuses before it changes anything.
///
/// # Errors
///
/// 404 for a booking that there is not, or that is somebody else's; 409
/// `not_payable`, `nothing_to_pay`, `already_paid`; `card_not_available` where
/// there are no card payments; [`Error::Unavailable`].
pub async fn begin(
    client: &Client,
    booking_id: Uuid,
    owner: Uuid,
    method: Method,
    takes_cards: bool,
    now: DateTime<Utc>,
) -> Result<Begun> {
    let booking = lock(client, booking_id, Some(owner)).await?;
    let waiting = match open(client, booking_id).await? {
        Some(payment) if payment.status == Status::Paid => return Err(ALREADY_PAID),
        waiting => waiting,
    };
    if booking.status != booking::Status::Booked {
        return Err(NOT_PAYABLE);
    }
    if booking.price.is_zero() {
        return Err(NOTHING_TO_PAY);
    }
    if method == Method::Card && !takes_cards {
        return Err(CARD_NOT_AVAILABLE);
    }
    let payment = match waiting {
        Some(payment) if payment.is_overdue(now) => return Ok(Begun::Overdue(payment)),
        Some(payment) if payment.method == method => payment,
        other => {
            if let Some(other) = other {
                give_up(client, other.id).await?;
            }
            let row = INSERT
                .one(
                    client,
                    &[
                        &random::id(),
                        &booking_id,
                        &owner,
                        &booking.price.as_column(),
                        &booking.currency,
                        &method.as_str(),
                        &(method == Method::Card).then(|| now + HOLD),
                    ],
                )
                .await?;
            Payment::from_row(&row)?
        }
    };
    Ok(match method {
        Method::Desk => Begun::Desk(payment),
        Method::Card => Begun::Card(Checkout {
            payment,
            title: booking.title,
        }),
    })
}

const CARD_NOT_AVAILABLE: Error = Error::Conflict {
    code: "card_not_available",
    message: "The studio does not take cards here; please pay at the desk",
};

static RENEW: Statement = Statement::new(
    "payment.renew",
    concat!(
        "with renewed as (
            update payments set expires_at = $3
            where id = $1 and expires_at = $2 and status = 'pending' and provider_reference is null
            returning *
        )
        select ",
        payment_columns!(),
        " from renewed p
        union all
        select ",
        payment_columns!(),
        " from payments p where id = $1 and not exists (select from renewed)"
    ),
);

/// Puts off the end of a card payment that has no checkout yet. Of two who do
/// so at once, both get what the first one wrote, or can ask once more for it.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn renew(client: &Client, payment: &Payment, now: DateTime<Utc>) -> Result<Payment> {
    // The end is part of the key, in whole seconds: another one has to be later.
    let later = payment.expires_at.map(|end| end + TimeDelta::seconds(1));
    let end = later.map_or(now + HOLD, |later| later.max(now + HOLD));
    let row = RENEW
        .one(client, &[&payment.id, &payment.expires_at, &end])
        .await?;
    Payment::from_row(&row)
}

// The first checkout stays. Also where the payment was given up meanwhile: what
// is noted can be closed.
static STORE: Statement = Statement::new(
    "payment.store",
    concat!(
        "update payments p set provider = 'stripe', provider_reference = coalesce(provider_reference, $2),
            checkout_url = case
                when provider_reference is not null or paid_at is not null then checkout_url
                else $3 end
        where id = $1 returning ",
        payment_columns!()
    ),
);

/// Keeps the checkout that the provider has made for a payment. Returns the
/// payment as it is now, which need not wait any more.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn store(
    client: &Client,
    id: Uuid,
    reference: &str,
    url: Option<String>,
) -> Result<Payment> {
    let row = STORE.opt(client, &[&id, &reference, &url]).await?;
    Payment::from_row(&row.ok_or(Error::NotFound)?)
}

static ABANDON: Statement = Statement::new(
    "payment.abandon",
    "update payments set status = 'cancelled'
    where id = $1 and status = 'pending' and provider_reference is null",
);

/// Gives up a card payment for which there is no checkout; the booking stays
/// as it was before.
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn abandon(client: &Client, id: Uuid) -> Result<()> {
    ABANDON.execute(client, &[&id]).await
}
