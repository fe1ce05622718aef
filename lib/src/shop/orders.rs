//! Orders for staff: the list of all orders, sales at the desk, refunds, and cancellations.

use std::sync::Mutex;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::OWN_PURCHASE;
use super::order_lines::{OrderLineView, order_lines};
use crate::admin::staff_action::StaffAction;
use crate::bookings::changes::reason;
use crate::error::{Error, ErrorCode, Result};
use crate::http::{IdempotencyKey, List, Member, StoredResponse, query};
use crate::models::member_event::{self, NewMemberEvent};
use crate::models::order::{self, DeskGiftCard, DeskTender, NewSale, Order, OrderState, Tender};
use crate::models::pass::{self, NewPassChange, PassChange};
use crate::models::payment::{self, NewOrderRefund, RefundMethod};
use crate::models::payment_status::PaymentStatus;
use crate::models::security_event::SecurityEventKind;
use crate::models::wallet;
use crate::notify::mail;
use crate::payments::reconcile::settle_in_background;
use crate::runtime::config::StudioConfig;
use crate::session::Tx;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::Form;
use crate::values::money::{Amount, Money};
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The maximum number of products of one sale.
const PRODUCTS_MAX: usize = 20;

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Order)]
pub struct OrderView {
    id: Uuid,
    user_id: Uuid,
    /// The member's first and last name.
    member_name: String,
    lines: Vec<OrderLineView>,
    total: Amount,
    /// ISO 4217 code.
    currency: String,
    state: OrderState,
    /// The promo code that the order has used.
    promo_code: Option<String>,
    /// How the order is paid. Null if the order costs nothing. If wallets have paid a part, it is how the
    /// rest was paid.
    tender: Option<Tender>,
    /// The status of the payment. Null if the order costs nothing.
    payment_status: Option<PaymentStatus>,
    /// What the member's credit has paid, or pays when the order is paid.
    credit_amount: Amount,
    /// What a gift card has paid, or pays when the order is paid.
    gift_card_amount: Amount,
    /// The balance of the gift card that was sold. Null if none was.
    sold_gift_card_balance: Option<Amount>,
    /// The code of the gift card that was sold. It is only in the first response to the sale.
    /// Otherwise it is null, because it is not stored.
    gift_card_code: Option<String>,
    /// The amount that was refunded or will be refunded.
    refunded: Amount,
    /// Whether Stripe has reported a payment of another amount, so that the order is not paid. Staff
    /// check the payment at Stripe, refund it there, and cancel the order.
    needs_review: bool,
    /// The part of `refunded` that is still to be paid out at the desk. Staff record the payment with
    /// `payOut`.
    due_at_desk: Amount,
    /// Whether the member placed the order online. Otherwise, staff sold it at the desk.
    is_by_member: bool,
    /// The name of the member of staff who sold it. Null if the member placed the order, or if
    /// the name is unknown.
    sold_by: Option<String>,
    created_at: DateTime<Utc>,
}

impl OrderView {
    fn new(order: Order, now: DateTime<Utc>) -> Self {
        let payment = order.payment.as_ref();
        Self {
            id: order.id,
            user_id: order.user_id,
            lines: order_lines(&order, now),
            total: order.total.in_currency(&order.currency),
            state: order.state,
            promo_code: order.promo_code.clone(),
            tender: payment.map(|payment| payment.tender),
            payment_status: payment.map(|payment| payment.status),
            credit_amount: order.credit_amount.in_currency(&order.currency),
            gift_card_amount: order.gift_card_amount.in_currency(&order.currency),
            sold_gift_card_balance: order
                .sold_gift_card_balance
                .map(|balance| balance.in_currency(&order.currency)),
            gift_card_code: None,
            refunded: order.refunded.in_currency(&order.currency),
            needs_review: order.needs_review,
            due_at_desk: order.due_at_desk.in_currency(&order.currency),
            is_by_member: order.is_by_member,
            member_name: order.member_name,
            sold_by: order.sold_by,
            created_at: order.created_at,
            currency: order.currency,
        }
    }
}

/// The query of the orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct OrdersQuery {
    /// Only the orders of the member with this id.
    #[param(value_type = Option<Uuid>)]
    member_id: Option<String>,
}

/// Lists a page of orders, newest first.
///
/// # Errors
///
/// [`Error::Invalid`] for a query that cannot be parsed.
pub fn list(app: &App, query: OrdersQuery, page: Page) -> BoxFuture<'_, Result<List<OrderView>>> {
    Box::pin(async move {
        let mut form = Form::default();
        let member_id = form.check_filled("memberId", query.member_id.as_deref(), query::id);
        form.finish()?;
        let rows = app
            .db()
            .read(async move |client| order::list(client, member_id, &page).await)
            .await?;
        let now = app.clock().now();
        Ok(List::new(rows, page, Order::position, |order| {
            OrderView::new(order, now)
        }))
    })
}

/// An order to sell at the desk.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateOrder {
    /// The member's id.
    user_id: Uuid,
    /// The ids of the products. A product that is sold twice is there twice.
    #[schema(min_items = 1, max_items = 20)]
    product_ids: Vec<Uuid>,
    /// A promo code of the studio. The case of letters does not matter.
    #[schema(max_length = 30, examples("SUMMER10"))]
    promo_code: Option<String>,
    /// The gift card that pays, in whole or in part.
    gift_card: Option<GiftCardTender>,
    /// How much the member's credit pays. More than 0. The gift card and `tender` pay the rest.
    credit: Option<Money>,
    /// How the money, or the rest of it, was taken.
    tender: DeskTender,
}

/// A gift card that pays at the desk.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GiftCardTender {
    /// Hyphens, spaces, and the case of letters do not matter.
    #[schema(max_length = 50, examples("7XK2-9MQD-04TB-HW3E"))]
    code: String,
    /// How much it pays. The rest is paid with `tender`.
    amount: Money,
}

impl GiftCardTender {
    fn parse(self, currency: &str) -> Result<DeskGiftCard> {
        let mut form = Form::part("giftCard");
        let amount = form.check("amount", self.amount.check_currency(currency));
        if self.amount.is_zero() {
            form.add_problem("amount", "must be more than 0");
        }
        form.finish()?;
        Ok(DeskGiftCard {
            code: self.code,
            amount: amount.unwrap_or_default(),
        })
    }
}

/// Checks how much the member's credit pays.
fn parse_credit(credit: Option<Money>, currency: &str) -> Result<Option<Money>> {
    let mut form = Form::default();
    let amount = form.check_given("credit", credit, |amount| amount.check_currency(currency));
    if credit.is_some_and(|credit| credit.is_zero()) {
        form.add_problem("credit", "must be more than 0");
    }
    form.finish()?;
    Ok(amount)
}

/// Sells products to a member at the desk. Responds with 201 and the order.
///
/// # Errors
///
/// [`Error::Invalid`] without products, or with too many; 403 `own_purchase`; those of
/// [`order::sell`].
pub fn create<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    key: Option<IdempotencyKey>,
    form: CreateOrder,
) -> BoxFuture<'a, Result<StoredResponse>> {
    Box::pin(async move {
        if !(1..=PRODUCTS_MAX).contains(&form.product_ids.len()) {
            let problem = format!("must have from 1 to {PRODUCTS_MAX} entries");
            return Err(Error::field("productIds", problem));
        }
        let staff_action = StaffAction::by_staff(staff, caller)?;
        let credit = parse_credit(form.credit, &app.config().studio.currency)?;
        let sale = NewSale {
            credit,
            user_id: form.user_id,
            product_ids: form.product_ids,
            gift_card: form
                .gift_card
                .map(|card| card.parse(&app.config().studio.currency))
                .transpose()?,
            promo_code: form.promo_code.filter(|code| !code.trim().is_empty()),
            tender: form.tender,
            staff_id: staff_action.actor_id(),
        };
        if sale.user_id == sale.staff_id {
            return Err(OWN_PURCHASE);
        }
        let (now, studio) = (app.clock().now(), &app.config().studio);
        let today = TimeZone::of_studio(studio)?.date(now);
        let transaction = app.transaction().authorize(&staff_action);
        let transaction = transaction.idempotent(sale.staff_id, key);
        // The stored response has no code, so the code leaves the transaction beside it.
        let issued = Mutex::new(None);
        let keys = &app.config().encryption_keys;
        let mut response = transaction
            .run(async |tx| {
                // An earlier attempt of this transaction was rolled back.
                *issued.lock().expect("no holder panics") = None;
                let sold = order::sell(tx, &sale, studio, now, today, keys).await?;
                let (order, code) = sold;
                if order.lines.iter().any(|line| line.course.is_some()) {
                    tx.invalidate([app.schedule()]);
                }
                *issued.lock().expect("no holder panics") = code;
                let detail = json!({ "orderId": order.id, "action": "sell" });
                let kind = SecurityEventKind::OrderChanged;
                staff_action
                    .record(tx, kind, Some(order.user_id), detail)
                    .await?;
                StoredResponse::created(&OrderView::new(order, now))
            })
            .await?;
        if let Some(code) = *issued.lock().expect("no holder panics") {
            response.body["giftCardCode"] = json!(code.expose());
        }
        // The sale may have replaced an order whose checkout is open.
        settle_in_background(app);
        mail::send_due_in_background(app);
        Ok(response)
    })
}

/// A change of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateOrder {
    order_id: Uuid,
    /// The default is `refund`.
    #[serde(default)]
    action: OrderAction,
    /// For `refund`: the amount to give back. Can be left out with `releaseLineIds`.
    amount: Option<Money>,
    /// How the money is given back. For `refund`, the default is `original`. For `payOut`, `credit` adds
    /// it to the member's credit; without a method, it was paid out at the desk.
    method: Option<RefundMethod>,
    /// For `refund`: the ids of passes of this order to revoke.
    #[serde(default)]
    #[schema(max_items = 20)]
    revoke_pass_ids: Vec<Uuid>,
    /// For `refund`: the ids of lines with a course. The member's spots in the upcoming classes are
    /// released.
    #[serde(default)]
    #[schema(max_items = 20)]
    release_line_ids: Vec<Uuid>,
    /// For `refund`: why, for the list of refunds.
    #[schema(max_length = 500, examples("Moves to another city"))]
    reason: Option<String>,
    /// The reason for the security log, which only administrators see.
    #[schema(max_length = 500, examples("Pays at the desk instead"))]
    internal_reason: Option<String>,
}

/// An action of staff on an order.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum OrderAction {
    /// Gives money back, in whole or in part.
    #[default]
    Refund,
    /// Records that the refund due at the desk was paid out. A refund is due there if the course was
    /// paid at the desk.
    PayOut,
    /// Cancels an open order that nobody will pay.
    Cancel,
}

impl OrderAction {
    fn as_str(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::PayOut => "payOut",
            Self::Cancel => "cancel",
        }
    }
}

/// A parsed change of an order.
enum OrderChange {
    Refund(Box<OrderRefund>),
    PayOut { to_credit: bool },
    Cancel,
}

impl OrderChange {
    /// Returns whether money goes to the member's credit.
    fn adds_credit(&self) -> bool {
        match self {
            Self::Refund(refund) => {
                let method = refund.money.as_ref().map(|money| money.method);
                method == Some(RefundMethod::Credit)
            }
            Self::PayOut { to_credit } => *to_credit,
            Self::Cancel => false,
        }
    }

    /// Returns whether members may give up spots.
    fn frees_spots(&self) -> bool {
        match self {
            Self::Refund(refund) => !refund.line_ids.is_empty(),
            Self::PayOut { .. } => false,
            Self::Cancel => true,
        }
    }
}

/// What is given back of an order.
struct OrderRefund {
    /// The money. `None` if none is given back.
    money: Option<NewOrderRefund>,
    /// The ids of the passes to revoke.
    pass_ids: Vec<Uuid>,
    revocation: NewPassChange,
    /// The ids of the lines with courses whose spots are given up.
    line_ids: Vec<Uuid>,
}

impl OrderRefund {
    /// Checks that the passes and the lines with courses are those of the order.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    fn check_lines(&self, order: &Order) -> Result<()> {
        let is_pass = |id: &Uuid| order.lines.iter().any(|line| line.pass_id == Some(*id));
        let is_course = |id: &Uuid| {
            let mut lines = order.lines.iter();
            lines.any(|line| line.id == *id && line.course.is_some())
        };
        match self.pass_ids.iter().all(is_pass) && self.line_ids.iter().all(is_course) {
            true => Ok(()),
            false => Err(Error::NotFound),
        }
    }
}

impl UpdateOrder {
    /// Parses the fields of the action. Returns the internal reason beside the change.
    fn parse(self, currency: &str, staff_id: Uuid) -> Result<(OrderChange, Option<String>)> {
        let mut form = Form::default();
        let internal = self.internal_reason.as_deref();
        let internal_reason = form.check_filled("internalReason", internal, reason);
        let change = match self.action {
            OrderAction::Refund => self.parse_refund(&mut form, currency, staff_id),
            OrderAction::PayOut => self.parse_pay_out(&mut form),
            OrderAction::Cancel => {
                self.check_no_refund(&mut form);
                OrderChange::Cancel
            }
        };
        form.finish()?;
        Ok((change, internal_reason))
    }

    fn parse_refund(self, form: &mut Form, currency: &str, staff_id: Uuid) -> OrderChange {
        match self.amount {
            None if self.release_line_ids.is_empty() => form.add_problem("amount", "is required"),
            Some(zero) if zero.is_zero() => form.add_problem("amount", "must be more than 0"),
            _ => {}
        }
        let amount = form.check_given("amount", self.amount, |amount| {
            amount.check_currency(currency)
        });
        for (field, ids) in [
            ("revokePassIds", &self.revoke_pass_ids),
            ("releaseLineIds", &self.release_line_ids),
        ] {
            if ids.len() > PRODUCTS_MAX {
                let problem = format!("must not have more than {PRODUCTS_MAX} entries");
                form.add_problem(field, &problem);
            }
        }
        let reason = form.check_filled("reason", self.reason.as_deref(), reason);
        let revocation = NewPassChange {
            change: PassChange::Revoke,
            reason: reason.clone().unwrap_or_else(|| "Refunded".to_owned()),
            staff_id: Some(staff_id),
        };
        let money = amount.map(|amount| NewOrderRefund {
            order_id: self.order_id,
            amount,
            method: self.method.unwrap_or(RefundMethod::Original),
            reason,
            staff_id,
        });
        OrderChange::Refund(Box::new(OrderRefund {
            money,
            pass_ids: self.revoke_pass_ids,
            revocation,
            line_ids: self.release_line_ids,
        }))
    }

    fn parse_pay_out(mut self, form: &mut Form) -> OrderChange {
        let method = self.method.take();
        if method.is_some_and(|method| method != RefundMethod::Credit) {
            form.add_problem("method", "must be credit, or left out");
        }
        self.check_no_refund(form);
        OrderChange::PayOut {
            to_credit: method.is_some(),
        }
    }

    /// Checks that the fields of a refund are left out.
    fn check_no_refund(&self, form: &mut Form) {
        for (name, is_set) in [
            ("amount", self.amount.is_some()),
            ("method", self.method.is_some()),
            ("revokePassIds", !self.revoke_pass_ids.is_empty()),
            ("releaseLineIds", !self.release_line_ids.is_empty()),
            ("reason", self.reason.is_some()),
        ] {
            if is_set {
                form.add_problem(name, "can only be set to refund an order");
            }
        }
    }
}

/// Changes an order. A refund to the card is sent to Stripe. Any other refund was made by hand, and
/// is only recorded. Responds with 200 and the order.
///
/// # Errors
///
/// [`Error::Invalid`]; 403 `own_purchase`; [`Error::NotFound`], also for a pass or a line of another
/// order; 409 `not_cancellable` to cancel an order that is not open; those of
/// [`payment::refund_order`], [`payment::pay_out_order`], [`order::release`], and [`pass::change`].
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    key: Option<IdempotencyKey>,
    form: UpdateOrder,
) -> BoxFuture<'a, Result<StoredResponse>> {
    Box::pin(async move {
        let staff_action = StaffAction::by_staff(staff, caller)?;
        let (id, action, staff_id) = (form.order_id, form.action, staff_action.actor_id());
        let studio = &app.config().studio;
        let (change, internal_reason) = form.parse(&studio.currency, staff_id)?;
        let now = app.clock().now();
        let transaction = app.transaction().authorize(&staff_action);
        let transaction = transaction.idempotent(staff_id, key);
        let response = transaction
            .run(async |tx| {
                let order = order::find(tx, id).await?;
                if order.user_id == staff_id {
                    return Err(OWN_PURCHASE);
                }
                if change.adds_credit() {
                    wallet::ensure_credit(tx, order.user_id, &order.currency).await?;
                }
                let events = match &change {
                    OrderChange::Refund(new) => refund(tx, &order, new, now, studio).await?,
                    OrderChange::PayOut { to_credit } => {
                        payment::pay_out_order(tx, id, *to_credit, staff_id, now).await?
                    }
                    OrderChange::Cancel => cancel(tx, id, now, studio).await?,
                };
                if change.frees_spots() {
                    tx.invalidate([app.schedule()]);
                }
                member_event::record(tx, &events).await?;
                let order = order::find(tx, id).await?;
                let detail = json!({
                    "orderId": id, "action": action.as_str(), "internalReason": internal_reason,
                });
                let kind = SecurityEventKind::OrderChanged;
                staff_action
                    .record(tx, kind, Some(order.user_id), detail)
                    .await?;
                StoredResponse::ok(&OrderView::new(order, now))
            })
            .await?;
        // A refund to the card must be sent. The page on which a member would pay for a cancelled
        // order must be closed.
        settle_in_background(app);
        mail::send_due_in_background(app);
        Ok(response)
    })
}

/// Refunds an order, revokes passes, and gives up the spots of courses. Returns the members' events.
async fn refund(
    tx: &Tx,
    order: &Order,
    new: &OrderRefund,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    new.check_lines(order)?;
    let today = TimeZone::of_studio(studio)?.date(now);
    // The classes and the passes are locked before the order, all at once.
    order::lock_with_passes(tx, order.id, &new.pass_ids, now).await?;
    pass::change(tx, &new.pass_ids, &new.revocation, now, today).await?;
    let mut events = match &new.money {
        Some(money) => payment::refund_order(tx, money, now).await?,
        None => Vec::new(),
    };
    // Of the shares that are due, no more is refunded than is left then.
    events.extend(order::release(tx, order.id, &new.line_ids, now, studio).await?);
    Ok(events)
}

/// Cancels an open order. Its gift card gets its money back, its promo code can be used again, and the
/// spots of a course are free. Returns the members' events.
async fn cancel(
    tx: &Tx,
    id: Uuid,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    order::lock(tx, id).await?;
    if order::find(tx, id).await?.state != OrderState::Open {
        return Err(NOT_OPEN);
    }
    order::cancel(tx, id, None, now, studio).await
}

const NOT_OPEN: Error = Error::Conflict {
    code: ErrorCode::NotCancellable,
    message: "Only an order that is not paid yet can be cancelled",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bookings::changes::REASON_MAX;
    use crate::testing::described::bound;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        assert_eq!(
            bound::<CreateOrder>("productIds", "maxItems"),
            PRODUCTS_MAX as i64
        );
        for field in ["revokePassIds", "releaseLineIds"] {
            let max_items = bound::<UpdateOrder>(field, "maxItems");
            assert_eq!(max_items, PRODUCTS_MAX as i64);
        }
        for field in ["reason", "internalReason"] {
            let max_length = bound::<UpdateOrder>(field, "maxLength");
            assert_eq!(max_length, REASON_MAX as i64);
        }
    }
}
