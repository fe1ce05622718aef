//! Orders: what was sold to whom, and the money for it.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::pass;
use super::product::{self, Product};
use super::user::full_name;
use crate::crypto::random;
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// How money is taken at the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tender {
    /// Cash.
    Cash,
    /// A card at the studio's own card reader.
    Terminal,
    /// A bank transfer.
    Transfer,
}

impl Tender {
    fn from_column(text: &str) -> Result<Self> {
        match text {
            "cash" => Ok(Self::Cash),
            "terminal" => Ok(Self::Terminal),
            "transfer" => Ok(Self::Transfer),
            _ => Err(Error::internal("unknown tender")),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Terminal => "terminal",
            Self::Transfer => "transfer",
        }
    }
}

/// A product that was sold.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderLine {
    /// The line's id.
    pub id: Uuid,
    /// The product's id.
    pub product_id: Uuid,
    /// The product's name as it was sold.
    pub description: String,
    /// The price as it was sold.
    pub amount: Money,
    /// The id of the pass that was issued.
    pub pass_id: Option<Uuid>,
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
    /// The sum of the lines.
    pub total: Money,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The lines, in the order in which they were sold.
    pub lines: Vec<OrderLine>,
    /// How the order was paid. `None` if it costs nothing.
    pub tender: Option<Tender>,
    /// The sum of the refunds.
    pub refunded: Money,
    /// The name of the member of staff who sold it.
    pub sold_by: Option<String>,
    /// When the order was made.
    pub created_at: DateTime<Utc>,
}

impl Order {
    fn from_row(row: &Row) -> Result<Self> {
        let tender: Option<&str> = row.try_get("tender")?;
        Ok(Self {
            id: row.try_get("id")?,
            user_id: row.try_get("user_id")?,
            member_name: full_name(row.try_get("first_name")?, row.try_get("last_name")?),
            total: Money::from_column(row.try_get::<_, Decimal>("total")?),
            currency: row.try_get("currency")?,
            lines: super::from_json(row.try_get("lines")?)?,
            tender: tender.map(Tender::from_column).transpose()?,
            refunded: Money::from_column(row.try_get::<_, Decimal>("refunded")?),
            sold_by: staff_name(row)?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// Returns the order's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

fn staff_name(row: &Row) -> Result<Option<String>> {
    let first_name: Option<&str> = row.try_get("staff_first_name")?;
    let last_name: Option<&str> = row.try_get("staff_last_name")?;
    let name = first_name.zip(last_name);
    Ok(name.map(|(first_name, last_name)| full_name(first_name, last_name)))
}

/// Selects the orders `o` for which `$condition` is true.
macro_rules! orders_where {
    ($name:literal, $condition:literal) => {
        Statement::new(
            $name,
            concat!(
                "select o.id, o.user_id, u.first_name, u.last_name, o.total, o.currency,
                    p.tender, coalesce(p.refunded, 0) as refunded, o.created_at,
                    s.first_name as staff_first_name, s.last_name as staff_last_name,
                    (select jsonb_agg(jsonb_build_object('id', l.id, 'productId', l.product_id,
                        'description', l.description, 'amount', l.amount::text, 'passId', w.id) order by l.created_at, l.id)
                        from order_lines l left join passes w on w.order_line_id = l.id
                        where l.order_id = o.id) as lines
                from orders o
                join users u on u.id = o.user_id
                left join users s on s.id = o.sold_by
                left join lateral (
                    select (array_agg(tender order by created_at, id))[1] as tender,
                        sum(refunded) as refunded
                    from payments where order_id = o.id and paid_at is not null
                ) p on true
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

/// An order that is sold at the desk.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// The member's id.
    pub user_id: Uuid,
    /// The ids of the products. A product that is sold twice is there twice.
    pub product_ids: Vec<Uuid>,
    /// How the money was taken.
    pub tender: Tender,
    /// The id of the member of staff who sells.
    pub staff_id: Uuid,
}

// Locks the member, so that concurrent sales cannot exceed the limit of a product.
static LOCK_MEMBER: Statement = Statement::new(
    "order.lock_member",
    "select id from users where id = $1 and is_active for no key update",
);

static COUNT_BOUGHT: Statement = Statement::new(
    "order.count_bought",
    "select count(*) from order_lines l join orders o on o.id = l.order_id
    left join passes w on w.order_line_id = l.id
    where o.user_id = $1 and l.product_id = $2 and o.state <> 'cancelled'
      and w.status is distinct from 'revoked'",
);

static INSERT: Statement = Statement::new(
    "order.insert",
    "insert into orders (id, user_id, currency, total, state, sold_by, settled_at)
    values ($1, $2, $3, $4, 'paid', $5, $6)",
);

static INSERT_LINE: Statement = Statement::new(
    "order.insert_line",
    "insert into order_lines (id, order_id, product_id, description, amount)
    values ($1, $2, $3, $4, $5)",
);

static INSERT_PAYMENT: Statement = Statement::new(
    "order.insert_payment",
    "insert into payments (id, order_id, user_id, amount, currency, tender, status, paid_at,
        taken_by, created_at)
    values ($1, $2, $3, $4, $5, $6, 'paid', $7, $8, clock_timestamp())",
);

/// Sells products to a member, records the money, and issues the passes. `today` is the studio's
/// date. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`] when the member does not exist or the account is closed; 409
/// `product_not_sold` when a product does not exist or is retired; 409 `product_limit_reached`.
pub async fn sell(
    client: &Client,
    new: &NewOrder,
    currency: &str,
    now: DateTime<Utc>,
    today: NaiveDate,
) -> Result<Order> {
    let member = LOCK_MEMBER.opt(client, &[&new.user_id]).await?;
    member.ok_or(Error::NotFound)?;
    let products = find_products(client, new).await?;
    let total: Decimal = products
        .iter()
        .map(|product| product.price.as_column())
        .sum();
    if total > Decimal::from(TOTAL_MAX) {
        return Err(Error::field(
            "productIds",
            "must cost less than 100 million together",
        ));
    }
    let (id, currency) = (random::id(), currency.to_owned());
    INSERT
        .execute(
            client,
            &[&id, &new.user_id, &currency, &total, &new.staff_id, &now],
        )
        .await?;
    for product in &products {
        let line_id = random::id();
        let (name, amount) = (&product.name, product.price.as_column());
        INSERT_LINE
            .execute(client, &[&line_id, &id, &product.id, name, &amount])
            .await?;
        pass::issue(client, new.user_id, product, line_id, today).await?;
    }
    if !total.is_zero() {
        INSERT_PAYMENT
            .execute(
                client,
                &[
                    &random::id(),
                    &id,
                    &new.user_id,
                    &total,
                    &currency,
                    &new.tender.as_str(),
                    &now,
                    &new.staff_id,
                ],
            )
            .await?;
    }
    find(client, id).await
}

/// Finds the products of an order, and checks that the member can buy them.
async fn find_products(client: &Client, new: &NewOrder) -> Result<Vec<Product>> {
    let mut products: Vec<Product> = Vec::with_capacity(new.product_ids.len());
    for id in &new.product_ids {
        let product = match product::find(client, *id).await {
            Err(Error::NotFound) => return Err(NOT_SOLD),
            found => found?,
        };
        if !product.is_active {
            return Err(NOT_SOLD);
        }
        if let Some(limit) = product.per_member {
            let row = COUNT_BOUGHT.one(client, &[&new.user_id, id]).await?;
            let bought: i64 = row.try_get(0)?;
            let in_sale = products.iter().filter(|other| other.id == *id).count();
            if bought + in_sale as i64 >= i64::from(limit) {
                return Err(LIMIT_REACHED);
            }
        }
        products.push(product);
    }
    Ok(products)
}

const NOT_SOLD: Error = Error::Conflict {
    code: ErrorCode::ProductNotSold,
    message: "A product of the order does not exist or is retired",
};

const LIMIT_REACHED: Error = Error::Conflict {
    code: ErrorCode::ProductLimitReached,
    message: "This member cannot buy the product again",
};

/// The highest total of an order. The columns have eight digits before the decimals.
const TOTAL_MAX: i64 = 99_999_999;

/// How money of an order is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundMethod {
    /// The way in which it was paid.
    Original,
    /// Cash.
    Cash,
    /// A bank transfer.
    Transfer,
}

impl RefundMethod {
    fn as_str(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Cash => "cash",
            Self::Transfer => "transfer",
        }
    }
}

/// A refund of an order at the desk.
#[derive(Clone, Debug)]
pub struct NewOrderRefund {
    /// The order's id.
    pub order_id: Uuid,
    /// The amount. More than 0.
    pub amount: Money,
    /// How the money is given back.
    pub method: RefundMethod,
    /// Why.
    pub reason: Option<String>,
    /// The id of the member of staff who gives it back.
    pub staff_id: Uuid,
}

static LOCK_PAYMENT: Statement = Statement::new(
    "order.lock_payment",
    "select id from payments where order_id = $1 and status in ('paid', 'refund_due', 'refunded')
    for no key update",
);

static INSERT_REFUND: Statement = Statement::new(
    "order.insert_refund",
    "insert into refunds (id, payment_id, amount, method, state, source, reason, by, done_at)
    values ($1, $2, $3, $4, 'done', 'staff', $5, $6, $7)",
);

/// Gives money of an order back at the desk. The passes stay; staff revoke them if they no
/// longer pay. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `nothing_to_refund` when the amount exceeds what is left of the
/// payment.
pub async fn refund(client: &Client, refund: &NewOrderRefund, now: DateTime<Utc>) -> Result<Order> {
    let row = LOCK_PAYMENT.opt(client, &[&refund.order_id]).await?;
    let payment_id: Uuid = row.ok_or(NOTHING_LEFT)?.try_get("id")?;
    INSERT_REFUND
        .execute(
            client,
            &[
                &random::id(),
                &payment_id,
                &refund.amount.as_column(),
                &refund.method.as_str(),
                &refund.reason,
                &refund.staff_id,
                &now,
            ],
        )
        .await
        .on_constraint("payments_refunded", NOTHING_LEFT)?;
    find(client, refund.order_id).await
}

const NOTHING_LEFT: Error = Error::Conflict {
    code: ErrorCode::NothingToRefund,
    message: "The amount is more than what is left of the payment",
};
