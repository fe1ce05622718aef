//! Orders that members make themselves. Each has one product.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::gift_payment::{self, GiftPayment};
use super::insertion::{self, NewOrder};
use super::{Order, OrderState, find};
use crate::error::{Error, ErrorCode, Result};
use crate::models::payment_method::CARD_NOT_AVAILABLE;
use crate::models::product::{PassStart, Product};
use crate::models::promo_code::{self, Discount, PromoCodeUse};
use crate::models::wallet::{self, GiftCard};
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// An order that is not paid yet.
#[derive(Clone, Debug)]
pub struct OpenOrder {
    /// The order's id.
    pub id: Uuid,
    /// The amount to pay by card. Zero if the order costs nothing, or a gift card pays for it.
    pub due: Money,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The name of the product.
    pub title: String,
}

// An open order is not continued if its product or its promo code was changed, because the member
// has seen the new price and conditions. It is not continued with another gift card either.
static FIND_OPEN: Statement = Statement::new(
    "order.find_open",
    "select o.id, l.unit_price = $3 and o.currency = $4
            and (l.description, l.credits, l.days, l.starts, l.discount, o.promo_code_id, (
                select p.wallet_id from payments p
                where p.order_id = o.id and p.tender = 'gift' and p.status = 'pending'))
            is not distinct from ($5, $6, $7, $8, $9, $10, $11) as is_same
    from orders o join order_lines l on l.order_id = o.id
    where o.user_id = $1 and o.state = 'open' and o.sold_by is null and l.product_id = $2
    order by o.created_at, o.id",
);

/// A product that a member orders.
#[derive(Clone, Debug)]
pub struct NewPurchase<'a> {
    /// The member's id.
    pub user_id: Uuid,
    /// The product's id.
    pub product_id: Uuid,
    /// The promo code.
    pub promo_code: Option<&'a str>,
    /// The code of a gift card, which pays first.
    pub gift_card: Option<&'a str>,
    /// The ISO 4217 code of the currency.
    pub currency: &'a str,
    /// The studio's date.
    pub today: NaiveDate,
}

impl NewPurchase<'_> {
    fn promo_code_use(&self) -> PromoCodeUse {
        PromoCodeUse {
            user_id: self.user_id,
            product_id: Some(self.product_id),
            today: self.today,
        }
    }
}

/// What a product costs a member.
#[derive(Clone, Copy, Debug)]
pub struct ProductPrice {
    /// The price.
    pub price: Money,
    /// What the promo code takes off.
    pub discount: Money,
    /// What is to pay.
    pub total: Money,
    /// What the gift card pays of it.
    pub gift_card_amount: Money,
}

impl ProductPrice {
    /// Returns what is paid by card.
    pub fn due(&self) -> Money {
        Money::from_column(self.total.as_column() - self.gift_card_amount.as_column())
    }
}

/// Returns what a product costs a member, before it is ordered.
///
/// # Errors
///
/// 409 `product_not_sold` when the product does not exist or is retired; 409 with the reason why
/// the promo code or the gift card cannot be used.
pub async fn price(client: &Client, new: &NewPurchase<'_>) -> Result<ProductPrice> {
    let product = insertion::find_sold(client, new.product_id).await?;
    let mut discount = Discount::default();
    if let Some(code) = new.promo_code {
        let code = promo_code::find_by_code(client, code).await?;
        promo_code::check(client, &code, &new.promo_code_use()).await?;
        discount = Discount::new(&code, std::slice::from_ref(&product), new.currency)?;
    }
    let total = product.price.as_column() - discount.of(0);
    let mut covered = Decimal::ZERO;
    if let Some(code) = new.gift_card {
        gift_payment::check_products(std::slice::from_ref(&product))?;
        let product_id = Some(new.product_id);
        let card = wallet::find_available(client, code, new.user_id, product_id).await?;
        covered = card.balance.as_column().min(total);
    }
    Ok(ProductPrice {
        price: product.price,
        discount: Money::from_column(discount.of(0)),
        total: Money::from_column(total),
        gift_card_amount: Money::from_column(covered),
    })
}

/// Orders a product for a member, or finds the open order of the same product. Must be called in
/// a transaction.
///
/// # Errors
///
/// [`Error::NotFound`] when the account is closed; 409 `product_not_sold` when the product does
/// not exist, is retired, or is free without a limit for each member; 409 `card_not_available`
/// when it costs something and card payments are not configured; 409 `product_limit_reached`; 409
/// with the reason why the promo code or the gift card cannot be used.
pub async fn purchase(
    client: &Client,
    new: &NewPurchase<'_>,
    accepts_cards: bool,
) -> Result<OpenOrder> {
    insertion::lock_member(client, new.user_id).await?;
    let product = insertion::find_sold(client, new.product_id).await?;
    if product.price.is_zero() && product.per_member.is_none() {
        return Err(GIVEN_AT_DESK);
    }
    let code = promo_code::find_and_lock(client, new.promo_code, new.user_id).await?;
    let products = std::slice::from_ref(&product);
    let discount = match &code {
        Some(code) => Discount::new(code, products, new.currency)?,
        None => Discount::default(),
    };
    let new_order = NewOrder {
        user_id: new.user_id,
        products,
        discount: &discount,
        currency: new.currency,
        sold_by: None,
    };
    let total = new_order.total();
    if new.gift_card.is_some() {
        gift_payment::check_products(products)?;
    }
    lock_open(client, new).await?;
    let product_id = Some(product.id);
    let card = wallet::lock_available(client, new.gift_card, new.user_id, product_id).await?;
    let card = card.filter(|_| !total.is_zero());
    let balance = card.as_ref().map(|card| card.balance.as_column());
    let covered = balance.unwrap_or_default().min(total);
    if covered < total && !accepts_cards {
        return Err(CARD_NOT_AVAILABLE);
    }
    let open = find_open(client, new, &product, &discount, card.as_ref()).await?;
    let same = open.iter().find(|(_, is_same)| *is_same);
    let (id, covered) = match same {
        Some((id, _)) => (*id, gift_payment::sum_of(client, *id).await?),
        None => {
            // The open orders are cancelled, so they do not count.
            insertion::check_limit(client, new.user_id, &product, 0, false).await?;
            if let Some(code) = &code {
                promo_code::check(client, code, &new.promo_code_use()).await?;
            }
            for (id, _) in open {
                cancel(client, id).await?;
            }
            let id = insertion::insert(client, &new_order).await?;
            if let Some(card) = card {
                let payment = GiftPayment {
                    order_id: id,
                    user_id: new.user_id,
                    wallet_id: card.id,
                    amount: covered,
                    currency: new.currency,
                    taken: None,
                };
                gift_payment::insert(client, &payment).await?;
            }
            (id, covered)
        }
    };
    Ok(OpenOrder {
        id,
        due: Money::from_column(total - covered),
        currency: new.currency.to_owned(),
        title: product.name,
    })
}

// Orders are locked before the gift cards that pay for them.
static LOCK_OPEN: Statement = Statement::new(
    "order.lock_open_of_product",
    "select o.id from orders o
    where o.user_id = $1 and o.state = 'open' and o.sold_by is null and exists (
        select from order_lines l where l.order_id = o.id and l.product_id = $2)
    order by o.id for no key update",
);

/// Locks the open orders of a product that a member has placed.
async fn lock_open(client: &Client, new: &NewPurchase<'_>) -> Result<()> {
    let locked = LOCK_OPEN
        .all(client, &[&new.user_id, &new.product_id])
        .await;
    locked.map(|_| ())
}

const GIVEN_AT_DESK: Error = Error::Conflict {
    code: ErrorCode::ProductNotSold,
    message: "A free product without a limit for each member is given at the desk only",
};

/// Finds the locked open orders of a product that a member has placed. Each has its id, and
/// whether it is still what the member would order now.
async fn find_open(
    client: &Client,
    new: &NewPurchase<'_>,
    product: &Product,
    discount: &Discount,
    card: Option<&GiftCard>,
) -> Result<Vec<(Uuid, bool)>> {
    let rows = FIND_OPEN
        .all(
            client,
            &[
                &new.user_id,
                &product.id,
                &product.price.as_column(),
                &new.currency.to_owned(),
                &product.name,
                &product.credits,
                &product.days,
                &product.starts.map(PassStart::as_str),
                &discount.of(0),
                &discount.promo_code_id,
                &card.map(|card| card.id),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("id")?, row.try_get("is_same")?)))
        .collect()
}

/// Finds an order of a member.
///
/// # Errors
///
/// [`Error::NotFound`] when the order does not exist or belongs to another member.
pub async fn find_own(client: &Client, id: Uuid, user_id: Uuid) -> Result<Order> {
    let order = find(client, id).await?;
    match order.user_id == user_id {
        true => Ok(order),
        false => Err(Error::NotFound),
    }
}

/// A locked order.
#[derive(Clone, Copy, Debug)]
pub struct LockedOrder {
    /// The order's id.
    pub id: Uuid,
    /// Whether a payment can settle the order: the order is open, and so is the member's account.
    pub is_payable: bool,
    /// Whether the order was cancelled.
    pub is_cancelled: bool,
}

static LOCK: Statement = Statement::new(
    "order.lock",
    "select id from orders where id = $1 for no key update",
);

// This is a separate statement, so that it sees what was committed while `LOCK` waited.
static FIND_STATE: Statement = Statement::new(
    "order.find_state",
    "select o.state, u.is_active from orders o join users u on u.id = o.user_id where o.id = $1",
);

/// Locks an order, after its promo code. Its payment is locked after it.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn lock(client: &Client, id: Uuid) -> Result<LockedOrder> {
    promo_code::lock_of_order(client, id).await?;
    LOCK.opt(client, &[&id]).await?.ok_or(Error::NotFound)?;
    let row = FIND_STATE.one(client, &[&id]).await?;
    let state = OrderState::from_column(row.try_get("state")?)?;
    let is_active: bool = row.try_get("is_active")?;
    Ok(LockedOrder {
        id,
        is_payable: state == OrderState::Open && is_active,
        is_cancelled: state == OrderState::Cancelled,
    })
}

static CANCEL: Statement = Statement::new(
    "order.cancel",
    "with cancelled as (
        update orders set state = 'cancelled', cancelled_at = now()
        where id = any($1) and state = 'open' returning id
    )
    update payments p set status = 'cancelled', next_attempt_at = now()
    from cancelled where p.order_id = cancelled.id and p.status = 'pending'",
);

/// Cancels an open order and its pending payment. The order must be locked. The checkout of the
/// payment must be closed after the transaction.
pub async fn cancel(client: &Client, id: Uuid) -> Result<()> {
    CANCEL.execute(client, &[&vec![id]]).await
}

static LOCK_OPEN_OF: Statement = Statement::new(
    "order.lock_open_of",
    "select id from orders where user_id = $1 and state = 'open' order by id for no key update",
);

/// Cancels the open orders of a member whose account is being closed.
pub async fn cancel_open_of(client: &Client, user_id: Uuid) -> Result<()> {
    promo_code::lock_of_orders(client, user_id).await?;
    let rows = LOCK_OPEN_OF.all(client, &[&user_id]).await?;
    let ids: Vec<Uuid> = rows
        .iter()
        .map(|row| row.try_get("id"))
        .collect::<Result<_, _>>()?;
    CANCEL.execute(client, &[&ids]).await
}
