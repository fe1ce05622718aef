//! Payments that members start.
//!
//! No transaction is open while Stripe is called. A card payment is started in
//! three steps: insert the payment, create the checkout at Stripe, store the
//! checkout with the payment. A repeated request continues after the last completed
//! step: it finds the payment, and Stripe returns the same checkout again.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::{Error, ErrorCode, Result};
use crate::http::{IdempotencyKey, Member, StoredResponse, query};
use crate::models::idempotency_key;
use crate::models::payment::{self, Checkout, Payment, PaymentMethod, StartedPayment};
use crate::models::payment_status::PaymentStatus;
use crate::payments::reconcile::{self, settle_in_background};
use crate::payments::stripe::{NewSession, Refusal, StripeError};
use crate::payments::view::PaymentView;
use crate::store::client::Client;
use crate::values::form::Form;
use crate::values::minor_units::minor_units;
use crate::{App, BoxFuture};

/// The maximum number of Stripe idempotency keys that a request uses for a checkout.
const MAX_STRIPE_KEYS: u32 = 3;

/// A request to start the payment of a booking.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartPayment {
    booking_id: Uuid,
    method: PaymentMethod,
}

/// The payment of a booking.
#[derive(Debug, Serialize, ToSchema)]
pub struct BookingPayment {
    /// The last payment. Null when no payment was started.
    payment: Option<PaymentView>,
}

/// The query for the payment of a booking.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct PaymentQuery {
    /// The id of one of the member's bookings.
    #[param(required, value_type = Uuid)]
    booking_id: Option<String>,
}

/// Returns the last payment of a member's booking.
///
/// # Errors
///
/// Fails with [`Error::Invalid`] when the id is not a UUID, or as [`payment::find_last`]
/// does.
pub fn find<'a>(
    app: &'a App,
    member: &'a Member,
    query: PaymentQuery,
) -> BoxFuture<'a, Result<BookingPayment>> {
    let user_id = member.user.id;
    Box::pin(async move {
        let mut form = Form::default();
        let id = query.booking_id.unwrap_or_default();
        let booking_id = form.check("bookingId", query::id(&id));
        form.finish()?;
        let booking_id = booking_id.unwrap_or_default();
        let payment = app
            .db()
            .read(async move |client| payment::find_last(client, booking_id, user_id).await)
            .await?;
        let now = app.clock().now();
        Ok(BookingPayment {
            payment: payment.map(|payment| PaymentView::new(payment, now)),
        })
    })
}

/// Starts a payment, or finds the one that was started before. Responds with 201
/// and the payment.
///
/// # Errors
///
/// Fails as [`payment::start`] does, and with:
///
/// - 409 `idempotency_key_reused`
/// - 409 `card_not_possible` when Stripe does not accept the amount
/// - 409 `payment_under_way` when the payment was made but was not reported yet
/// - 409 `payment_replaced` when the payment was cancelled meanwhile
/// - [`Error::Unavailable`] when Stripe does not answer. A repeated request continues
///   where this one stopped.
pub fn start<'a>(
    app: &'a App,
    member: &'a Member,
    key: Option<IdempotencyKey>,
    form: &StartPayment,
) -> BoxFuture<'a, Result<StoredResponse>> {
    let StartPayment { booking_id, method } = *form;
    Box::pin(async move {
        // The demo account is rejected, because it is not stored.
        member.key()?;
        let request = PaymentRequest {
            app,
            user_id: member.user.id,
            email: &member.user.email,
            key,
        };
        let mut started = request.insert_payment(booking_id, method).await?;
        if let FirstStep::Overdue(payment) = started {
            reconcile::settle_overdue(app, &payment).await?;
            started = request.insert_payment(booking_id, method).await?;
        }
        let response = match started {
            FirstStep::Responded(response) => Ok(response),
            FirstStep::Card(checkout) => request.check_out(*checkout).await,
            FirstStep::Overdue(_) => Err(PAYMENT_UNDER_WAY),
        };
        // This payment may have replaced a card payment, whose checkout must be closed.
        settle_in_background(app);
        response
    })
}

/// A request to start a payment.
struct PaymentRequest<'a> {
    app: &'a App,
    user_id: Uuid,
    email: &'a str,
    key: Option<IdempotencyKey>,
}

/// The outcome of step one.
enum FirstStep {
    /// The final response, which may be a stored one.
    Responded(StoredResponse),
    /// A card payment that needs a checkout.
    Card(Box<Checkout>),
    /// A card payment that was not paid in time.
    Overdue(Box<Payment>),
}

impl PaymentRequest<'_> {
    /// Claims the idempotency key and inserts the payment in one transaction (step one). A
    /// refusal is also stored under the key. The transaction can be committed for this,
    /// because a refusal changes nothing else.
    async fn insert_payment(&self, booking_id: Uuid, method: PaymentMethod) -> Result<FirstStep> {
        let accepts_cards = self.app.stripe().is_some();
        let now = self.app.clock().now();
        let inserted = self.app.transaction().run(async |tx| {
            if let Some(stored) = self.claim_key(tx).await? {
                return Ok(Ok(FirstStep::Responded(stored)));
            }
            let started = payment::start(tx, booking_id, self.user_id, method, accepts_cards, now);
            match started.await {
                Ok(StartedPayment::Desk(payment)) => {
                    let response = StoredResponse::created(&PaymentView::new(payment, now));
                    self.store_response(tx, &response).await?;
                    Ok(response.map(FirstStep::Responded))
                }
                Ok(StartedPayment::Card(checkout)) => Ok(Ok(FirstStep::Card(Box::new(checkout)))),
                Ok(StartedPayment::Overdue(payment)) => {
                    Ok(Ok(FirstStep::Overdue(Box::new(payment))))
                }
                Err(refused) if refused.refusal().is_some() => {
                    let refused = Err(refused);
                    self.store_response(tx, &refused).await?;
                    Ok(refused.map(FirstStep::Responded))
                }
                Err(error) => Err(error),
            }
        });
        inserted.await?
    }

    async fn claim_key(&self, client: &Client) -> Result<Option<StoredResponse>> {
        match &self.key {
            Some(key) => idempotency_key::claim(client, self.user_id, key).await,
            None => Ok(None),
        }
    }

    async fn store_response(
        &self,
        client: &Client,
        response: &Result<StoredResponse>,
    ) -> Result<()> {
        match &self.key {
            Some(key) => idempotency_key::store_response(client, self.user_id, key, response).await,
            None => Ok(()),
        }
    }

    /// Creates the checkout at Stripe, unless the payment already has one, and stores it
    /// (steps two and three).
    async fn check_out(&self, checkout: Checkout) -> Result<StoredResponse> {
        let id = checkout.payment.id;
        let created = match checkout.payment.provider_reference.clone() {
            Some(reference) => Some((reference, checkout.payment.checkout_url)),
            None => self.create_session(checkout).await?,
        };
        let now = self.app.clock().now();
        let stored = self.app.transaction().run(async |tx| {
            // The key is claimed first, because another request with the same key may
            // have stored its response meanwhile.
            if let Some(stored) = self.claim_key(tx).await? {
                return Ok(Ok(stored));
            }
            let Some((reference, url)) = &created else {
                payment::abandon(tx, id).await?;
                let refused = Err(CARD_NOT_POSSIBLE);
                self.store_response(tx, &refused).await?;
                return Ok(refused);
            };
            let payment = payment::store_checkout(tx, id, reference, url.clone()).await?;
            let response = respond(payment, now);
            self.store_response(tx, &response).await?;
            Ok(response)
        });
        stored.await?
    }

    /// Creates the checkout at Stripe. Returns its id and the URL of its page, or `None`
    /// when Stripe does not accept the amount.
    async fn create_session(&self, checkout: Checkout) -> Result<Option<(String, Option<String>)>> {
        let stripe = self.app.stripe().ok_or(Error::NotFound)?;
        let Checkout { mut payment, title } = checkout;
        let Some(amount) = minor_units(payment.amount, &payment.currency) else {
            return Ok(None);
        };
        let mut keys_used = 1;
        loop {
            let new_session = self.new_session(&payment, amount, &title);
            match stripe.create_session(&new_session).await {
                Ok(session) => return Ok(Some((session.id, session.url))),
                Err(error) if error.needs_new_key() && keys_used < MAX_STRIPE_KEYS => {
                    tracing::warn!(%error, "retrying a checkout with another key");
                    let client = self.app.db().client().await?;
                    payment = payment::extend(&client, &payment, self.app.clock().now()).await?;
                    if payment.status != PaymentStatus::Pending {
                        return Err(PAYMENT_REPLACED);
                    }
                    keys_used += 1;
                }
                Err(error) if error.refusal() == Some(Refusal::AmountNotPossible) => {
                    return Ok(None);
                }
                Err(error) => {
                    if let StripeError::Refused { .. } = error {
                        // The member did not cause the refusal, so the booking must stay. A
                        // pending payment would expire, and the booking with it.
                        let client = self.app.db().client().await?;
                        payment::abandon(&client, payment.id).await?;
                    }
                    return Err(error.into());
                }
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
        let return_url = |outcome| {
            format!(
                "{site}/bookings?booking={}&payment={outcome}",
                payment.booking_id
            )
        };
        NewSession {
            payment_id: payment.id,
            amount,
            currency: &payment.currency,
            title,
            email: self.email,
            expires_at: payment.expires_at.unwrap_or_default(),
            success_url: return_url("done"),
            cancel_url: return_url("open"),
        }
    }
}

/// Responds with the payment, unless it was cancelled or has failed meanwhile.
fn respond(payment: Payment, now: DateTime<Utc>) -> Result<StoredResponse> {
    match payment.status {
        PaymentStatus::Cancelled | PaymentStatus::Failed => Err(PAYMENT_REPLACED),
        _ => StoredResponse::created(&PaymentView::new(payment, now)),
    }
}

const CARD_NOT_POSSIBLE: Error = Error::Conflict {
    code: ErrorCode::CardNotPossible,
    message: "This amount cannot be paid by card; please pay at the desk",
};

const PAYMENT_UNDER_WAY: Error = Error::Conflict {
    code: ErrorCode::PaymentUnderWay,
    message: "Your payment is still being processed",
};

const PAYMENT_REPLACED: Error = Error::Conflict {
    code: ErrorCode::PaymentReplaced,
    message: "This payment has been cancelled",
};
