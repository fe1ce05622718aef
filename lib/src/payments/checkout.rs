//! Payments that members start.
//!
//! No transaction is held while Stripe is called. A card payment is begun in
//! three steps – a row, a checkout at Stripe, the checkout in the row – and can
//! be begun again after each: the row is found, and Stripe gives the same
//! checkout for it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::http::{IdempotencyKey, Member, StoredResponse, query};
use crate::models::idempotency_key;
use crate::models::payment::{self, Begun, Checkout, Method, Payment, Shown};
use crate::payments::reconcile::{self, settle_soon};
use crate::payments::stripe::{Failure, NewSession};
use crate::store::client::Client;
use crate::values::form::Form;
use crate::values::minor_units::minor_units;
use crate::{App, BoxFuture};

/// How often a checkout is asked for, under another key each time.
const KEYS: u32 = 3;

/// How somebody wants to pay.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = StartPayment)]
pub struct Order {
    booking_id: Uuid,
    method: Method,
}

/// The payment of a booking.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BookingPayment)]
pub struct OfBooking {
    /// The last one; null when none was begun.
    payment: Option<Shown>,
}

/// Whose payment is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct Payable {
    /// One of the member's bookings.
    #[param(required, value_type = Uuid)]
    booking_id: Option<String>,
}

/// The last payment of a booking of the member's.
///
/// # Errors
///
/// [`Error::Invalid`]; as [`payment::last`].
pub fn of_booking<'a>(
    app: &'a App,
    member: &'a Member,
    payable: Payable,
) -> BoxFuture<'a, Result<OfBooking>> {
    let user_id = member.user.id;
    Box::pin(async move {
        let mut check = Form::default();
        let booking = payable.booking_id.unwrap_or_default();
        let booking = check.check("bookingId", query::id(&booking));
        check.finish()?;
        let booking_id = booking.unwrap_or_default();
        let read = app
            .db()
            .read(async move |client| payment::last(client, booking_id, user_id).await);
        let payment = read.await?;
        let now = app.clock().now();
        Ok(OfBooking {
            payment: payment.map(|payment| payment.shown(now)),
        })
    })
}

/// Begins a payment, or finds the one that was begun. 201 and the payment.
///
/// # Errors
///
/// As [`payment::begin`]; 409 `idempotency_key_reused`; 409
/// `card_not_possible` for an amount that Stripe does not take,
/// `payment_under_way` when its money is, and `payment_replaced` when it was
/// given up meanwhile; [`Error::Unavailable`]
/// when Stripe does not answer: sent again, it goes on where it was.
pub fn start<'a>(
    app: &'a App,
    member: &'a Member,
    key: Option<IdempotencyKey>,
    order: &Order,
) -> BoxFuture<'a, Result<StoredResponse>> {
    let Order { booking_id, method } = *order;
    Box::pin(async move {
        member.key()?;
        let start = Start {
            app,
            owner: member.user.id,
            email: &member.user.email,
            key,
        };
        let mut begun = start.begin(booking_id, method).await?;
        if let Step::Overdue(payment) = begun {
            reconcile::conclude_overdue(app, &payment).await?;
            begun = start.begin(booking_id, method).await?;
        }
        let answered = match begun {
            Step::Done(answered) => Ok(answered),
            Step::Card(checkout) => start.check_out(*checkout).await,
            Step::Overdue(_) => Err(PAYMENT_UNDER_WAY),
        };
        // Another payment may have been given up for this one.
        settle_soon(app);
        answered
    })
}

struct Start<'a> {
    app: &'a App,
    owner: Uuid,
    email: &'a str,
    key: Option<IdempotencyKey>,
}

enum Step {
    Done(StoredResponse),
    Card(Box<Checkout>),
    Overdue(Box<Payment>),
}

impl Start<'_> {
    /// The first step, in one transaction with the key that it came under. What
    /// is refused was refused before anything was written.
    async fn begin(&self, booking_id: Uuid, method: Method) -> Result<Step> {
        let takes_cards = self.app.stripe().is_some();
        let now = self.app.clock().now();
        let first = self.app.transaction().run(async |tx| {
            if let Some(stored) = self.take(tx).await? {
                return Ok(Ok(Step::Done(stored)));
            }
            let begun = payment::begin(tx, booking_id, self.owner, method, takes_cards, now);
            match begun.await {
                Ok(Begun::Desk(payment)) => {
                    let response = StoredResponse::created(&payment.shown(now));
                    self.keep(tx, &response).await?;
                    Ok(response.map(Step::Done))
                }
                Ok(Begun::Card(checkout)) => Ok(Ok(Step::Card(Box::new(checkout)))),
                Ok(Begun::Overdue(payment)) => Ok(Ok(Step::Overdue(Box::new(payment)))),
                Err(refused) if refused.refusal().is_some() => {
                    let refused = Err(refused);
                    self.keep(tx, &refused).await?;
                    Ok(refused.map(Step::Done))
                }
                Err(error) => Err(error),
            }
        });
        first.await?
    }

    async fn take(&self, client: &Client) -> Result<Option<StoredResponse>> {
        match &self.key {
            Some(key) => idempotency_key::claim(client, self.owner, key).await,
            None => Ok(None),
        }
    }

    async fn keep(&self, client: &Client, answer: &Result<StoredResponse>) -> Result<()> {
        match &self.key {
            Some(key) => idempotency_key::store_response(client, self.owner, key, answer).await,
            None => Ok(()),
        }
    }

    /// The second step, where it was not done before, and the third.
    async fn check_out(&self, checkout: Checkout) -> Result<StoredResponse> {
        let id = checkout.payment.id;
        let made = match checkout.payment.provider_reference.clone() {
            Some(reference) => Some((reference, checkout.payment.checkout_url)),
            None => self.session(checkout).await?,
        };
        let now = self.app.clock().now();
        let last = self.app.transaction().run(async |tx| {
            // First the key, as in the first step: another request under it may run
            // at this moment, or may have finished.
            if let Some(stored) = self.take(tx).await? {
                return Ok(Ok(stored));
            }
            let Some((reference, url)) = &made else {
                payment::abandon(tx, id).await?;
                let refused = Err(CARD_NOT_POSSIBLE);
                self.keep(tx, &refused).await?;
                return Ok(refused);
            };
            let payment = payment::store(tx, id, reference, url.clone()).await?;
            let response = answer(payment, now);
            self.keep(tx, &response).await?;
            Ok(response)
        });
        last.await?
    }

    /// `None`: Stripe does not take such an amount.
    async fn session(&self, checkout: Checkout) -> Result<Option<(String, Option<String>)>> {
        let stripe = self.app.stripe().ok_or(Error::NotFound)?;
        let Checkout { mut payment, title } = checkout;
        let Some(amount) = minor_units(payment.amount, &payment.currency) else {
            return Ok(None);
        };
        let mut keys = 1;
        loop {
            let new = self.new_session(&payment, amount, &title);
            match stripe.create_session(&new).await {
                Ok(session) => return Ok(Some((session.id, session.url))),
                Err(failure) if failure.asks_for_another_key() && keys < KEYS => {
                    tracing::warn!(error = %failure, "a checkout is asked for anew");
                    let client = self.app.db().client().await?;
                    payment = payment::renew(&client, &payment, self.app.clock().now()).await?;
                    if payment.status != payment::Status::Pending {
                        return Err(PAYMENT_REPLACED);
                    }
                    keys += 1;
                }
                Err(failure) if failure.code().starts_with("amount_too_") => return Ok(None),
                Err(failure @ Failure::Refused { .. }) => {
                    // A fault of ours: the booking does not pay for it.
                    let client = self.app.db().client().await?;
                    payment::abandon(&client, payment.id).await?;
                    return Err(failure.into());
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    fn new_session<'a>(
        &'a self,
        payment: &'a Payment,
        amount: i64,
        title: &'a str,
    ) -> NewSession<'a> {
        let site = &self.app.config().studio.site_url;
        let back = |outcome| format!("{site}/?booking={}&payment={outcome}", payment.booking_id);
        NewSession {
            payment_id: payment.id,
            amount,
            currency: &payment.currency,
            title,
            email: self.email,
            expires_at: payment.expires_at.unwrap_or_default(),
            success_url: back("done"),
            cancel_url: back("open"),
        }
    }
}

fn answer(payment: Payment, now: DateTime<Utc>) -> Result<StoredResponse> {
    if matches!(
        payment.status,
        payment::Status::Cancelled | payment::Status::Failed
    ) {
        return Err(PAYMENT_REPLACED);
    }
    StoredResponse::created(&payment.shown(now))
}

const CARD_NOT_POSSIBLE: Error = Error::Conflict {
    code: "card_not_possible",
    message: "This amount cannot be paid by card; please pay at the desk",
};

const PAYMENT_UNDER_WAY: Error = Error::Conflict {
    code: "payment_under_way",
    message: "This payment has been made, and has not arrived yet",
};

const PAYMENT_REPLACED: Error = Error::Conflict {
    code: "payment_replaced",
    message: "This payment was given up meanwhile",
};
