//! Payments that members start.
//!
//! No transaction is open while Stripe is called. A card payment is started in
//! three steps: insert the payment, create the checkout at Stripe, store the
//! checkout with the payment. A repeated request continues after the last completed
//! step: it finds the payment, and Stripe returns the same checkout again.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::App;
use crate::error::{Error, ErrorCode, Result};
use crate::http::{IdempotencyKey, Member, StoredResponse};
use crate::models::idempotency_key;
use crate::models::payment::{self, CardPayment, Checkout, Payment, PaymentSubject};
use crate::models::payment_status::PaymentStatus;
use crate::payments::reconcile::{self, settle_in_background};
use crate::payments::stripe::{NewSession, Refusal, StripeError};
use crate::session::Tx;
use crate::store::client::Client;
use crate::values::minor_units::minor_units;

/// The maximum number of Stripe idempotency keys that a request uses for a checkout.
pub(super) const MAX_STRIPE_KEYS: u32 = 3;

/// A member's request to pay, which may need a checkout.
pub struct CheckoutRequest<'a> {
    app: &'a App,
    user_id: Uuid,
    email: &'a str,
    key: Option<IdempotencyKey>,
}

/// The outcome of step one, in which the payment is inserted or found.
pub enum StartOutcome {
    /// The final response, which may be a stored one.
    Responded(StoredResponse),
    /// A card payment.
    Card(Box<CardPayment>),
}

impl<'a> CheckoutRequest<'a> {
    /// Creates the request of a member.
    pub fn new(app: &'a App, member: &'a Member, key: Option<IdempotencyKey>) -> Self {
        Self {
            app,
            user_id: member.user.id,
            email: &member.user.email,
            key,
        }
    }

    /// Runs the three steps. `start` inserts the payment or finds it, and `respond` creates the
    /// response for a payment with a checkout. A refusal of `start` is stored under the
    /// idempotency key, so `start` must not refuse after it has changed something.
    ///
    /// # Errors
    ///
    /// Fails as `start` and `respond` do, and with:
    ///
    /// - 409 `idempotency_key_reused`
    /// - 409 `card_not_possible` when Stripe does not accept the amount
    /// - 409 `payment_under_way` when the payment was made but was not reported yet
    /// - 409 `payment_replaced` when the payment was cancelled meanwhile
    /// - [`Error::Unavailable`] when Stripe does not answer. A repeated request continues
    ///   where this one stopped.
    pub async fn run(
        &self,
        start: impl AsyncFnOnce(&Tx) -> Result<StartOutcome> + Clone,
        respond: impl AsyncFnOnce(&Tx, Payment) -> Result<StoredResponse> + Clone,
    ) -> Result<StoredResponse> {
        let mut started = self.insert_payment(start.clone()).await?;
        if let StartOutcome::Card(card) = &started
            && let CardPayment::Overdue(payment) = &**card
        {
            reconcile::settle_overdue(self.app, payment).await?;
            started = match self.find_paid_order(payment.id, respond.clone()).await? {
                Some(response) => StartOutcome::Responded(response),
                None => self.insert_payment(start).await?,
            };
        }
        let response = match started {
            StartOutcome::Responded(response) => Ok(response),
            StartOutcome::Card(card) => match *card {
                CardPayment::Payable(checkout) => self.check_out(checkout, respond).await,
                CardPayment::Overdue(_) => Err(PAYMENT_UNDER_WAY),
            },
        };
        // This payment may have replaced a card payment, whose checkout must be closed.
        settle_in_background(self.app);
        response
    }

    /// Claims the idempotency key and inserts the payment in one transaction (step one). A
    /// refusal is also stored under the key. The transaction can be committed for this,
    /// because a refusal changes nothing else.
    async fn insert_payment(
        &self,
        start: impl AsyncFnOnce(&Tx) -> Result<StartOutcome> + Clone,
    ) -> Result<StartOutcome> {
        let inserted = self.app.transaction().run(async |tx| {
            if let Some(stored) = self.claim_key(tx).await? {
                return Ok(Ok(StartOutcome::Responded(stored)));
            }
            match start(tx).await {
                Ok(StartOutcome::Responded(response)) => {
                    let response = Ok(response);
                    self.store_response(tx, &response).await?;
                    Ok(response.map(StartOutcome::Responded))
                }
                Err(refused) if refused.refusal().is_some() => {
                    let refused = Err(refused);
                    self.store_response(tx, &refused).await?;
                    Ok(refused.map(StartOutcome::Responded))
                }
                started => started.map(Ok),
            }
        });
        inserted.await?
    }

    /// Responds with the order of a payment that was made but was not reported yet, so that the
    /// member does not pay again. Returns `None` if it was not made, or is for a booking.
    async fn find_paid_order(
        &self,
        payment_id: Uuid,
        respond: impl AsyncFnOnce(&Tx, Payment) -> Result<StoredResponse> + Clone,
    ) -> Result<Option<StoredResponse>> {
        let transaction = self.app.transaction();
        transaction
            .run(async |tx| {
                let payment = payment::find(tx, payment_id).await?;
                let is_paid_order = |payment: &Payment| {
                    payment.status == PaymentStatus::Paid
                        && matches!(payment.subject, PaymentSubject::Order(_))
                };
                let Some(payment) = payment.filter(is_paid_order) else {
                    return Ok(None);
                };
                if let Some(stored) = self.claim_key(tx).await? {
                    return Ok(Some(stored));
                }
                let response = respond(tx, payment).await;
                self.store_response(tx, &response).await?;
                response.map(Some)
            })
            .await
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
    async fn check_out(
        &self,
        checkout: Checkout,
        respond: impl AsyncFnOnce(&Tx, Payment) -> Result<StoredResponse> + Clone,
    ) -> Result<StoredResponse> {
        let id = checkout.payment.id;
        let created = match checkout.payment.provider_reference.clone() {
            Some(reference) => Some((reference, checkout.payment.checkout_url)),
            None => self.create_session(checkout).await?,
        };
        let stored = self.app.transaction().run(async |tx| {
            // The key is claimed first, because another request with the same key may
            // have stored its response meanwhile.
            if let Some(stored) = self.claim_key(tx).await? {
                return Ok(Ok(stored));
            }
            let Some((reference, url)) = &created else {
                tx.invalidate([self.app.schedule()]);
                payment::abandon(tx, id, self.app.clock().now(), &self.app.config().studio).await?;
                let refused = Err(CARD_NOT_POSSIBLE);
                self.store_response(tx, &refused).await?;
                return Ok(refused);
            };
            let payment = payment::store_checkout(tx, id, reference, url.clone()).await?;
            let response = match payment.status {
                PaymentStatus::Cancelled | PaymentStatus::Failed => Err(PAYMENT_REPLACED),
                _ => respond(tx, payment).await,
            };
            self.store_response(tx, &response).await?;
            Ok(response)
        });
        stored.await?
    }

    /// Creates the checkout at Stripe. Returns its id and the URL of its page, or `None`
    /// when Stripe does not accept the amount.
    async fn create_session(&self, checkout: Checkout) -> Result<Option<(String, Option<String>)>> {
        let stripe = self.app.stripe().ok_or(Error::NotFound)?;
        let Checkout {
            mut payment,
            title,
            mut checkout_expires_at,
        } = checkout;
        let Some(amount) = minor_units(payment.amount, &payment.currency) else {
            return Ok(None);
        };
        let mut keys_used = 1;
        loop {
            let new_session = self.new_session(&payment, amount, &title, checkout_expires_at);
            match stripe.create_session(&new_session).await {
                Ok(session) => return Ok(Some((session.id, session.url))),
                Err(error) if error.needs_new_key() && keys_used < MAX_STRIPE_KEYS => {
                    tracing::warn!(%error, "retrying a checkout with another key");
                    (payment, checkout_expires_at) =
                        self.renew(payment, checkout_expires_at).await?;
                    keys_used += 1;
                }
                Err(error) if error.refusal() == Some(Refusal::AmountNotPossible) => {
                    return Ok(None);
                }
                Err(error) => {
                    if let StripeError::Refused { .. } = error {
                        // The member did not cause the refusal, so a booking must stay. A
                        // pending payment would expire, and the booking with it. An order is
                        // cancelled, so that it does not count for the limit of its product.
                        let id = payment.id;
                        let (now, studio) = (self.app.clock().now(), &self.app.config().studio);
                        let transaction = self.app.transaction();
                        transaction
                            .run(async |tx| {
                                tx.invalidate([self.app.schedule()]);
                                payment::abandon(tx, id, now, studio).await
                            })
                            .await?;
                    }
                    return Err(error.into());
                }
            }
        }
    }

    /// Returns a payment whose checkout needs another idempotency key, and when that checkout expires.
    /// The payment of a booking is extended. An order does not hold its spots for longer.
    async fn renew(
        &self,
        payment: Payment,
        checkout_expires_at: DateTime<Utc>,
    ) -> Result<(Payment, DateTime<Utc>)> {
        let now = self.app.clock().now();
        if let PaymentSubject::Order(_) = payment.subject {
            return Ok((payment, payment::later_expiry(checkout_expires_at, now)));
        }
        let client = self.app.db().client().await?;
        let extended = payment::extend(&client, &payment, now).await?;
        if extended.status != PaymentStatus::Pending {
            return Err(PAYMENT_REPLACED);
        }
        let expires_at = extended.expires_at.unwrap_or_default();
        Ok((extended, expires_at))
    }

    fn new_session<'s>(
        &'s self,
        payment: &'s Payment,
        amount: i64,
        title: &'s str,
        expires_at: DateTime<Utc>,
    ) -> NewSession<'s> {
        let site = &self.app.config().studio.site_url;
        let page = match payment.subject {
            PaymentSubject::Booking(id) => format!("{site}/bookings?booking={id}"),
            PaymentSubject::Order(id) => format!("{site}/shop?order={id}"),
        };
        NewSession {
            payment_id: payment.id,
            amount,
            currency: &payment.currency,
            title,
            email: self.email,
            expires_at,
            success_url: format!("{page}&payment=done"),
            cancel_url: format!("{page}&payment=open"),
        }
    }
}

pub(super) const CARD_NOT_POSSIBLE: Error = Error::Conflict {
    code: ErrorCode::CardNotPossible,
    message: "This amount cannot be paid by card; please pay at the desk",
};

const PAYMENT_UNDER_WAY: Error = Error::Conflict {
    code: ErrorCode::PaymentUnderWay,
    message: "Your payment is still being processed",
};

const PAYMENT_REPLACED: Error = Error::Conflict {
    code: ErrorCode::PaymentReplaced,
    message: "This payment has been cancelled or has failed",
};
