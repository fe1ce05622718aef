//! Inserting an order.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::{Error, ErrorCode, Result};
use crate::models::course;
use crate::models::product::{self, PassStart, Product, ProductKind};
use crate::models::promo_code::Discount;
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

// Locks the member, so that concurrent orders cannot exceed the limit of a product.
static LOCK_MEMBER: Statement = Statement::new(
    "order.lock_member",
    "select id from users where id = $1 and is_active for no key update",
);

/// Locks the member who buys.
///
/// # Errors
///
/// [`Error::NotFound`] when the member does not exist or the account is closed.
pub(in crate::models) async fn lock_member(client: &Client, user_id: Uuid) -> Result<()> {
    let member = LOCK_MEMBER.opt(client, &[&user_id]).await?;
    member.map(|_| ()).ok_or(Error::NotFound)
}

static COUNT_BOUGHT: Statement = Statement::new(
    "order.count_bought",
    "select count(*) from order_lines l join orders o on o.id = l.order_id
    left join passes w on w.order_line_id = l.id
    where o.user_id = $1 and l.product_id = $2 and o.state <> 'cancelled'
      and w.status is distinct from 'revoked'
      and (l.kind <> 'course' or (
          exists (
              select from bookings b where b.course_line_id = l.id and b.status <> 'cancelled')
          and not exists (
              select from payments p where p.order_id = o.id
              having sum(p.refunded) >= o.total and o.total > 0)))",
);

/// Checks that a locked member can buy products, which can be the same. The open orders that the new
/// one replaces must be cancelled already.
///
/// # Errors
///
/// 409 `product_limit_reached`.
pub(super) async fn check_limits(
    client: &Client,
    user_id: Uuid,
    products: &[Product],
) -> Result<()> {
    for (index, product) in products.iter().enumerate() {
        let same = products[..index]
            .iter()
            .filter(|other| other.id == product.id);
        check_limit(client, user_id, product, same.count()).await?;
    }
    Ok(())
}

/// Checks that a locked member can buy a product that is `in_order` times in the same order
/// already. A pass that was revoked does not count, and neither does a course in which the member
/// has no spot any more, or whose order was refunded in full.
///
/// # Errors
///
/// 409 `product_limit_reached`.
pub(super) async fn check_limit(
    client: &Client,
    user_id: Uuid,
    product: &Product,
    in_order: usize,
) -> Result<()> {
    let Some(limit) = product.per_member else {
        return Ok(());
    };
    let row = COUNT_BOUGHT.one(client, &[&user_id, &product.id]).await?;
    let bought: i64 = row.try_get(0)?;
    match bought + in_order as i64 >= i64::from(limit) {
        true => Err(LIMIT_REACHED),
        false => Ok(()),
    }
}

/// Finds the products of an order.
///
/// # Errors
///
/// 409 `product_not_sold` when a product does not exist or is retired.
pub(super) async fn find_products(client: &Client, ids: &[Uuid]) -> Result<Vec<Product>> {
    let mut products = Vec::with_capacity(ids.len());
    for id in ids {
        products.push(find_sold(client, *id).await?);
    }
    Ok(products)
}

/// Finds a product that is sold. A membership is not sold by an order: the member starts it.
pub(super) async fn find_sold(client: &Client, id: Uuid) -> Result<Product> {
    match product::find(client, id).await {
        Ok(product) if product.is_active && product.kind != ProductKind::Membership => Ok(product),
        Ok(_) | Err(Error::NotFound) => Err(NOT_SOLD),
        Err(error) => Err(error),
    }
}

/// Returns a product with what it costs now: a course costs less when classes are over.
///
/// # Errors
///
/// 409 `course_over` when no class is left.
pub(super) async fn priced_now(
    client: &Client,
    mut product: Product,
    currency: &str,
    now: DateTime<Utc>,
) -> Result<Product> {
    if product.kind == ProductKind::Course {
        let price = product.price.as_column();
        let price = course::price_now(client, product.id, price, currency, now).await?;
        product.price = Money::from_column(price);
    }
    Ok(product)
}

/// Locks the classes of the courses among products that a locked member is about to buy. Returns
/// the products as they are then, with what they cost now.
///
/// # Errors
///
/// 409 `product_not_sold` when a course was retired meanwhile; 409 `course_over`.
pub(super) async fn lock_courses(
    client: &Client,
    products: Vec<Product>,
    user_id: Uuid,
    studio: &StudioConfig,
    now: DateTime<Utc>,
) -> Result<Vec<Product>> {
    let is_course = |product: &&Product| product.kind == ProductKind::Course;
    let courses = products.iter().filter(is_course).map(|course| course.id);
    course::lock_for_purchase(client, &courses.collect(), user_id).await?;
    let mut priced = Vec::with_capacity(products.len());
    for product in products {
        priced.push(match product.kind {
            ProductKind::Course => {
                let course = find_sold(client, product.id).await?;
                priced_now(client, course, &studio.currency, now).await?
            }
            _ => product,
        });
    }
    Ok(priced)
}

/// An order that is not stored yet.
pub(super) struct NewOrder<'a> {
    pub(super) user_id: Uuid,
    pub(super) products: &'a [Product],
    pub(super) discount: &'a Discount,
    pub(super) currency: &'a str,
    /// The member of staff. `None` if the member orders.
    pub(super) sold_by: Option<Uuid>,
}

impl NewOrder<'_> {
    pub(super) fn total(&self) -> Decimal {
        let amounts = self.products.iter().enumerate();
        amounts.map(|(index, _)| self.amount(index)).sum()
    }

    /// Returns what is paid for the product with this index.
    fn amount(&self, index: usize) -> Decimal {
        self.products[index].price.as_column() - self.discount.of(index)
    }
}

static INSERT: Statement = Statement::new(
    "order.insert",
    "insert into orders (id, user_id, currency, total, state, sold_by, promo_code_id)
    values ($1, $2, $3, $4, 'open', $5, $6)",
);

static INSERT_LINE: Statement = Statement::new(
    "order.insert_line",
    "insert into order_lines (id, order_id, product_id, description, amount, credits, days, starts,
        discount, kind, tax_rate)
    select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, tax_rate from products where id = $3",
);

/// Inserts an open order. Returns its id.
pub(super) async fn insert(client: &Client, new: &NewOrder<'_>) -> Result<Uuid> {
    let (id, total, currency) = (random::id(), new.total(), new.currency.to_owned());
    INSERT
        .execute(
            client,
            &[
                &id,
                &new.user_id,
                &currency,
                &total,
                &new.sold_by,
                &new.discount.promo_code_id,
            ],
        )
        .await?;
    for (index, product) in new.products.iter().enumerate() {
        INSERT_LINE
            .execute(
                client,
                &[
                    &random::id(),
                    &id,
                    &product.id,
                    &product.name,
                    &new.amount(index),
                    &product.credits,
                    &product.days,
                    &product.starts.map(PassStart::as_str),
                    &new.discount.of(index),
                    &product.kind.as_str(),
                ],
            )
            .await?;
    }
    Ok(id)
}

pub(in crate::models) const NOT_SOLD: Error = Error::Conflict {
    code: ErrorCode::ProductNotSold,
    message: "This product is no longer sold",
};

const LIMIT_REACHED: Error = Error::Conflict {
    code: ErrorCode::ProductLimitReached,
    message: "This member cannot buy the product again",
};
