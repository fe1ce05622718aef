//! Orders that members make and pay by card.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::code_attempt::CodeAttempt;
use super::order_lines::{OrderLineView, order_lines};
use crate::error::{Error, Result};
use crate::http::{IdempotencyKey, Member, StoredResponse, query};
use crate::models::member_event;
use crate::models::order::{self, NewPurchase, Order, OrderState, ProductPrice};
use crate::models::payment::{self, PaymentSubject};
use crate::models::payment_status::PaymentStatus;
use crate::notify::mail;
use crate::payments::checkout::{CheckoutRequest, StartOutcome};
use crate::values::caller::Caller;
use crate::values::form::Form;
use crate::values::money::Amount;
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// An order, as the member sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MemberOrder)]
pub struct MemberOrderView {
    id: Uuid,
    lines: Vec<OrderLineView>,
    total: Amount,
    /// ISO 4217 code.
    currency: String,
    state: OrderState,
    /// The promo code that the order has used.
    promo_code: Option<String>,
    /// The status of the payment. Null if the order costs nothing.
    payment_status: Option<PaymentStatus>,
    /// What the member's credit has paid, or pays when the order is paid.
    credit_amount: Amount,
    /// What a gift card has paid, or pays when the order is paid.
    gift_card_amount: Amount,
    /// The amount that was refunded or will be refunded.
    refunded: Amount,
    /// The URL of the page on which the member pays by card. Null if the order is not open or is
    /// overdue.
    checkout_url: Option<String>,
    /// The order is cancelled if it is not paid by then. Null if the order is not open.
    expires_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl MemberOrderView {
    /// Creates the view of an order at the time `now`. The view of an overdue order has no
    /// checkout URL.
    fn new(order: Order, now: DateTime<Utc>) -> Self {
        let payment = order.payment.as_ref();
        let open = payment.filter(|_| order.state == OrderState::Open);
        let expires_at = open.and_then(|payment| payment.expires_at);
        let is_payable = expires_at.is_some_and(|expires_at| expires_at > now);
        let checkout_url = open.and_then(|payment| payment.checkout_url.clone());
        Self {
            id: order.id,
            lines: order_lines(&order, now),
            total: order.total.in_currency(&order.currency),
            state: order.state,
            promo_code: order.promo_code.clone(),
            payment_status: payment.map(|payment| payment.status),
            credit_amount: order.credit_amount.in_currency(&order.currency),
            gift_card_amount: order.gift_card_amount.in_currency(&order.currency),
            refunded: order.refunded.in_currency(&order.currency),
            checkout_url: checkout_url.filter(|_| is_payable),
            expires_at,
            created_at: order.created_at,
            currency: order.currency,
        }
    }
}

/// The query of an order.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct OrderQuery {
    /// The id of one of the member's orders.
    #[param(required, value_type = Uuid)]
    order_id: Option<String>,
}

/// Returns one of the member's orders.
///
/// # Errors
///
/// [`Error::Invalid`] when the id is not a UUID; those of [`order::find_own`].
pub fn find<'a>(
    app: &'a App,
    member: &'a Member,
    query: OrderQuery,
) -> BoxFuture<'a, Result<MemberOrderView>> {
    let user_id = member.user.id;
    Box::pin(async move {
        let mut form = Form::default();
        let id = query.order_id.unwrap_or_default();
        let id = form.check("orderId", query::id(&id));
        form.finish()?;
        let id = id.unwrap_or_default();
        let order = app
            .db()
            .read(async move |client| order::find_own(client, id, user_id).await)
            .await?;
        Ok(MemberOrderView::new(order, app.clock().now()))
    })
}

/// A product to buy.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BuyProduct {
    product_id: Uuid,
    /// A promo code of the studio. The case of letters does not matter.
    #[schema(max_length = 30, examples("SUMMER10"))]
    promo_code: Option<String>,
    /// The code of a gift card, which pays after the member's credit. The rest is paid by card.
    /// Hyphens, spaces, and the case of letters do not matter.
    #[schema(max_length = 50, examples("7XK2-9MQD-04TB-HW3E"))]
    gift_card: Option<String>,
    /// Whether the member's credit pays first. It pays less, or nothing, if the rest would otherwise be
    /// too small for a card. It never pays for a gift card.
    #[serde(default = "use_credit")]
    use_credit: bool,
}

/// The default of `useCredit`.
fn use_credit() -> bool {
    true
}

impl BuyProduct {
    /// Returns the code of the gift card, if one is given.
    fn gift_card(&self) -> Option<&str> {
        let code = self.gift_card.as_deref();
        code.filter(|code| !code.trim().is_empty())
    }

    /// Reserves an attempt, if a code is given.
    async fn begin_attempt(
        &self,
        app: &App,
        caller: &Caller,
        user_id: Uuid,
    ) -> Result<Option<CodeAttempt>> {
        if self.promo_code().or(self.gift_card()).is_none() {
            return Ok(None);
        }
        CodeAttempt::begin(app, caller, Some(user_id))
            .await
            .map(Some)
    }

    /// Returns the promo code, if one is given.
    fn promo_code(&self) -> Option<&str> {
        let code = self.promo_code.as_deref();
        code.filter(|code| !code.trim().is_empty())
    }
}

/// What a product costs the member.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProductPrice)]
pub struct ProductPriceView {
    /// The price without the promo code.
    price: Amount,
    /// What the promo code takes off.
    discount: Amount,
    /// What is to pay.
    total: Amount,
    /// What the member's credit pays of it.
    credit_amount: Amount,
    /// What the gift card pays of it.
    gift_card_amount: Amount,
    /// What is paid by card.
    due: Amount,
    /// ISO 4217 code.
    currency: String,
}

impl ProductPriceView {
    fn new(quote: ProductPrice, currency: &str) -> Self {
        Self {
            price: quote.price.in_currency(currency),
            discount: quote.discount.in_currency(currency),
            total: quote.total.in_currency(currency),
            credit_amount: quote.credit_amount.in_currency(currency),
            gift_card_amount: quote.gift_card_amount.in_currency(currency),
            due: quote.due.in_currency(currency),
            currency: currency.to_owned(),
        }
    }
}

/// Returns what a product costs the member, before it is ordered.
///
/// # Errors
///
/// [`Error::TooManyRequests`] after too many unknown codes; those of [`order::price`].
pub fn price<'a>(
    app: &'a App,
    caller: &'a Caller,
    member: &'a Member,
    form: &'a BuyProduct,
) -> BoxFuture<'a, Result<ProductPriceView>> {
    Box::pin(async move {
        // The demo account is rejected, because it is not stored.
        member.key()?;
        let user_id = member.user.id;
        let studio = &app.config().studio;
        let now = app.clock().now();
        let today = TimeZone::of_studio(studio)?.date(now);
        let attempt = form.begin_attempt(app, caller, user_id).await?;
        let quote = app
            .db()
            .read(async move |client| {
                let new = NewPurchase {
                    user_id,
                    product_id: form.product_id,
                    promo_code: form.promo_code(),
                    gift_card: form.gift_card(),
                    use_credit: form.use_credit,
                    currency: &studio.currency,
                    now,
                    today,
                };
                order::price(client, &new).await
            })
            .await;
        if let Some(attempt) = attempt {
            attempt.settle(&quote);
        }
        Ok(ProductPriceView::new(quote?, &studio.currency))
    })
}

/// Orders a product, or finds the open order of the same product. Responds with 201 and the
/// order. A product that costs nothing is paid at once.
///
/// # Errors
///
/// [`Error::TooManyRequests`] after too many unknown codes; those of [`order::purchase`] and
/// [`CheckoutRequest::run`].
pub fn buy<'a>(
    app: &'a App,
    caller: &'a Caller,
    member: &'a Member,
    key: Option<IdempotencyKey>,
    form: &'a BuyProduct,
) -> BoxFuture<'a, Result<StoredResponse>> {
    Box::pin(async move {
        // The demo account is rejected, because it is not stored.
        member.key()?;
        let (user_id, accepts_cards) = (member.user.id, app.stripe().is_some());
        let (now, studio) = (app.clock().now(), &app.config().studio);
        let today = TimeZone::of_studio(studio)?.date(now);
        let new = NewPurchase {
            user_id,
            product_id: form.product_id,
            promo_code: form.promo_code(),
            gift_card: form.gift_card(),
            use_credit: form.use_credit,
            currency: &studio.currency,
            now,
            today,
        };
        let attempt = form.begin_attempt(app, caller, user_id).await?;
        let request = CheckoutRequest::new(app, member, key);
        let response = request
            .run(
                async |tx| {
                    let order = order::purchase(tx, &new, accepts_cards, studio);
                    // A refusal is stored, so what was done before it is undone.
                    let mut order = tx.run_part(false, order).await?;
                    if !order.events.is_empty() {
                        tx.invalidate([app.schedule()]);
                    }
                    if order.due.is_zero() {
                        let keys = &app.config().encryption_keys;
                        let settled = order::settle(tx, order.id, now, today, keys).await?;
                        order.events.extend(settled.events);
                        member_event::record(tx, &order.events).await?;
                        let order = order::find(tx, order.id).await?;
                        let response = StoredResponse::created(&MemberOrderView::new(order, now));
                        return Ok(StartOutcome::Responded(response?));
                    }
                    let card = payment::start_for_order(tx, &order, user_id, now).await?;
                    member_event::record(tx, &order.events).await?;
                    Ok(StartOutcome::Card(Box::new(card)))
                },
                async |tx, payment| {
                    let PaymentSubject::Order(id) = payment.subject else {
                        return Err(Error::internal("the payment of a purchase has no order"));
                    };
                    let order = order::find(tx, id).await?;
                    StoredResponse::created(&MemberOrderView::new(order, app.clock().now()))
                },
            )
            .await;
        if let Some(attempt) = attempt {
            attempt.settle(&response);
        }
        mail::send_due_in_background(app);
        response
    })
}
