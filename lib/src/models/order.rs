//! Orders: what was sold to whom, and the money for it.
//!
//! Staff sell at the desk, and take the money before they record the sale. A member pays by
//! card: the order is open until the payment has arrived, and is cancelled if it does not arrive.

mod cancellation;
mod insertion;
mod invoice;
mod lock;
mod purchase;
mod sale;
mod settlement;
mod wallet_payment;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::cancellation::{cancel, cancel_open_of, discard, refund_shares, release};
pub(super) use self::insertion::{NOT_SOLD, lock_member};
pub(super) use self::invoice::{NewInvoiceOrder, has_invoice, insert_for_invoice};
pub use self::lock::{LockedOrder, lock, lock_with_passes};
pub use self::purchase::{NewPurchase, OpenOrder, ProductPrice, find_own, price, purchase};
pub use self::sale::{DeskGiftCard, DeskTender, NewSale, sell};
pub use self::settlement::{SettledOrder, settle};
use super::payment_status::{PaymentStatus, shown_payment_status};
use super::user::{full_name, optional_full_name};
use crate::error::{Error, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// How an order is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tender {
    /// A card, online at Stripe Checkout.
    Card,
    /// Cash.
    Cash,
    /// A card at the studio's own card reader.
    Terminal,
    /// A bank transfer.
    Transfer,
    /// A gift card.
    Gift,
    /// The member's credit.
    Credit,
}

impl Tender {
    fn from_column(text: &str) -> Result<Self> {
        match text {
            "card" => Ok(Self::Card),
            "cash" => Ok(Self::Cash),
            "terminal" => Ok(Self::Terminal),
            "transfer" => Ok(Self::Transfer),
            "gift" => Ok(Self::Gift),
            "credit" => Ok(Self::Credit),
            _ => Err(Error::internal("unknown tender")),
        }
    }
}

/// The state of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderState {
    /// Not paid yet.
    Open,
    /// Paid, or it costs nothing. The passes were issued.
    Paid,
    /// Cancelled before it was paid.
    Cancelled,
}

impl OrderState {
    pub(super) fn from_column(text: &str) -> Result<Self> {
        match text {
            "open" => Ok(Self::Open),
            "paid" => Ok(Self::Paid),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err(Error::internal("unknown state of an order")),
        }
    }
}

/// A product that was ordered.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderLine {
    /// The line's id.
    pub id: Uuid,
    /// The product's id.
    pub product_id: Uuid,
    /// The product's name at the time of the order.
    pub description: String,
    /// The price at the time of the order.
    pub unit_price: Money,
    /// What the promo code has taken off.
    pub discount: Money,
    /// What is paid.
    pub amount: Money,
    /// The id of the pass that was issued. `None` if the order is not paid.
    pub pass_id: Option<Uuid>,
    /// What the member has of a course. `None` for other products.
    pub course: Option<OrderedCourse>,
}

/// What a member has of a course that was ordered.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderedCourse {
    /// The classes in which the member has a spot, also those that are over.
    pub classes: Vec<OrderedClass>,
    /// The starts of the classes whose spot the member has given up, and can take again.
    pub given_up: Vec<DateTime<Utc>>,
    /// The sum of the shares that a rule has refunded.
    pub refunded_shares: Money,
    /// The sum of the shares of spots that staff have released.
    pub released_shares: Money,
}

/// A class of a course that was ordered.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderedClass {
    /// When the class starts.
    pub start_time: DateTime<Utc>,
    /// Its share in what the course has cost.
    pub share: Money,
}

impl OrderedCourse {
    /// Returns the number of upcoming classes at `now`, and the sum of their shares.
    pub fn left(&self, now: DateTime<Utc>) -> (usize, Money) {
        let left = self.classes.iter().filter(|class| class.start_time > now);
        let shares = left.clone().map(|class| class.share.as_column());
        (left.count(), Money::from_column(shares.sum::<Decimal>()))
    }

    /// Returns the number of upcoming classes at `now` whose spot the member has given up.
    pub fn given_up_left(&self, now: DateTime<Utc>) -> usize {
        self.given_up.iter().filter(|start| **start > now).count()
    }
}

/// An order, with its lines and the money for it.
#[derive(Clone, Debug)]
pub struct Order {
    /// The order's id.
    pub id: Uuid,
    /// The member's id.
    pub user_id: Uuid,
    /// The member's first and last name.
    pub member_name: String,
    /// The state.
    pub state: OrderState,
    /// The sum of the lines.
    pub total: Money,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The lines, oldest first.
    pub lines: Vec<OrderLine>,
    /// The promo code, as it is written now.
    pub promo_code: Option<String>,
    /// What the member's credit has paid, or pays when the order is paid.
    pub credit_amount: Money,
    /// What a gift card has paid, or pays when the order is paid.
    pub gift_card_amount: Money,
    /// The amount that was refunded or will be refunded.
    pub refunded: Money,
    /// The part of it that is to be paid out at the desk.
    pub due_at_desk: Money,
    /// The balance of the gift card that was sold. `None` if none was.
    pub sold_gift_card_balance: Option<Money>,
    /// The payment, which is the one without a wallet if there are several. `None` if the order
    /// costs nothing.
    pub payment: Option<OrderPayment>,
    /// Whether the provider has reported a payment of another amount, so that the order is not paid.
    pub needs_review: bool,
    /// Whether the member placed the order online. Otherwise, staff sold it at the desk.
    pub is_by_member: bool,
    /// The name of the member of staff who sold it.
    pub sold_by: Option<String>,
    /// When the order was made.
    pub created_at: DateTime<Utc>,
}

/// The payment of an order.
#[derive(Clone, Debug)]
pub struct OrderPayment {
    /// How it is paid.
    pub tender: Tender,
    /// The status to show, which also depends on refunds and disputes.
    pub status: PaymentStatus,
    /// The URL of the checkout page. `None` if no checkout is open.
    pub checkout_url: Option<String>,
    /// When an unpaid card payment expires. `None` for other payments.
    pub expires_at: Option<DateTime<Utc>>,
}

impl OrderPayment {
    fn from_row(row: &Row) -> Result<Option<Self>> {
        let Some(tender) = row.try_get("tender")? else {
            return Ok(None);
        };
        Ok(Some(Self {
            tender: Tender::from_column(tender)?,
            status: PaymentStatus::from_column(row.try_get("payment_status")?)?,
            checkout_url: row.try_get("checkout_url")?,
            expires_at: row.try_get("expires_at")?,
        }))
    }
}

impl Order {
    fn from_row(row: &Row) -> Result<Self> {
        let sold_gift_card_balance: Option<Decimal> = row.try_get("sold_gift_card_balance")?;
        Ok(Self {
            id: row.try_get("id")?,
            user_id: row.try_get("user_id")?,
            member_name: full_name(row.try_get("first_name")?, row.try_get("last_name")?),
            state: OrderState::from_column(row.try_get("state")?)?,
            total: Money::from_column(row.try_get::<_, Decimal>("total")?),
            currency: row.try_get("currency")?,
            lines: super::from_json(row.try_get("lines")?)?,
            promo_code: row.try_get("promo_code")?,
            credit_amount: Money::from_column(row.try_get::<_, Decimal>("credit_amount")?),
            gift_card_amount: Money::from_column(row.try_get::<_, Decimal>("gift_card_amount")?),
            refunded: Money::from_column(row.try_get::<_, Decimal>("refunded")?),
            due_at_desk: Money::from_column(row.try_get::<_, Decimal>("due_at_desk")?),
            sold_gift_card_balance: sold_gift_card_balance.map(Money::from_column),
            payment: OrderPayment::from_row(row)?,
            needs_review: row.try_get("needs_review")?,
            is_by_member: row.try_get("is_by_member")?,
            sold_by: optional_full_name(
                row.try_get("staff_first_name")?,
                row.try_get("staff_last_name")?,
            ),
            created_at: row.try_get("created_at")?,
        })
    }

    /// Returns the order's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

/// Selects the orders `o` for which `$condition` is true.
macro_rules! orders_where {
    ($name:literal, $condition:literal) => {
        Statement::new(
            $name,
            concat!(
                "select o.id, o.user_id, u.first_name, u.last_name, o.state, o.total, o.currency,
                    p.tender, p.checkout_url, p.expires_at, ",
                shown_payment_status!(),
                " as payment_status, o.created_at, o.sold_by is null as is_by_member,
                    o.state <> 'paid' and exists (select from security_events e
                        where e.user_id = o.user_id and e.created_at >= o.created_at
                          and e.kind = 'payment_mismatch'
                          and e.detail ->> 'paymentId' in (
                              select id::text from payments
                              where order_id = o.id and paid_at is null))
                        as needs_review,
                    (select code from promo_codes where id = o.promo_code_id) as promo_code,
                    s.first_name as staff_first_name, s.last_name as staff_last_name,
                    (select jsonb_agg(jsonb_build_object('id', l.id, 'productId', l.product_id,
                        'description', l.description, 'unitPrice', l.unit_price::text,
                        'discount', l.discount::text, 'amount', l.amount::text, 'passId', w.id,
                        'course', case l.kind when 'course' then (
                            select jsonb_build_object(
                                'classes', coalesce(jsonb_agg(jsonb_build_object(
                                    'startTime', c.start_time, 'share', b.course_share::text)
                                ) filter (where b.status in ('booked', 'attended')), '[]'),
                                'givenUp', coalesce(jsonb_agg(c.start_time) filter (
                                    where b.status in ('cancelled', 'waitlisted')
                                      and b.course_share_state <> 'closed'
                                      and not c.is_cancelled), '[]'),
                                'refundedShares', coalesce(sum(b.course_share_refunded), 0)::text,
                                'releasedShares', coalesce(sum(b.course_share) filter (
                                    where b.course_share_state = 'closed'
                                      and b.course_share_refunded is null), 0)::text)
                            from bookings b join scheduled_classes c on c.id = b.scheduled_class_id
                            where b.course_line_id = l.id
                        ) end) order by l.created_at, l.id)
                        from order_lines l left join passes w on w.order_line_id = l.id
                        where l.order_id = o.id) as lines,
                    sums.refunded, sums.credit_amount, sums.gift_card_amount, (
                        select coalesce(sum(r.amount), 0)
                        from refunds r join payments paid on paid.id = r.payment_id
                        where paid.order_id = o.id and r.state = 'due'
                          and paid.tender in ('cash', 'terminal', 'transfer')
                    ) as due_at_desk,
                    (select w.balance from order_lines l join wallets w on w.order_line_id = l.id
                        where l.order_id = o.id) as sold_gift_card_balance
                from orders o
                join users u on u.id = o.user_id
                left join users s on s.id = o.sold_by
                left join lateral (
                    select * from payments where order_id = o.id
                    order by wallet_id is not null, created_at desc, id desc limit 1
                ) p on true
                cross join lateral (
                    select coalesce(sum(refunded), 0) as refunded,
                        coalesce(sum(amount) filter (where tender = 'credit'
                            and status not in ('cancelled', 'failed')), 0) as credit_amount,
                        coalesce(sum(amount) filter (where tender = 'gift'
                            and status not in ('cancelled', 'failed')), 0) as gift_card_amount
                    from payments where order_id = o.id
                ) sums
                where ",
                $condition
            ),
        )
    };
}

static LIST: Statement = orders_where!(
    "order.list",
    "($1::uuid is null or o.user_id = $1)
      and ($2::timestamptz is null or (o.created_at, o.id) < ($2, $3))
    order by o.created_at desc, o.id desc limit $4"
);

/// Lists a page of orders, newest first. `None` selects all members.
pub async fn list(client: &Client, member_id: Option<Uuid>, page: &Page) -> Result<Vec<Order>> {
    let (time, id) = page.after();
    let rows = LIST
        .all(client, &[&member_id, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(Order::from_row).collect()
}

static FIND: Statement = orders_where!("order.find", "o.id = $1");

/// Finds an order.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn find(client: &Client, id: Uuid) -> Result<Order> {
    let row = FIND.opt(client, &[&id]).await?;
    Order::from_row(&row.ok_or(Error::NotFound)?)
}
