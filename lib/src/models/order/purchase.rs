//! Orders that members make themselves. Each has one product.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

use super::cancellation::cancel_locked;
use super::insertion::{self, NewOrder};
use super::wallet_payment::{self, WalletPayment, WalletShares, WalletTender};
use super::{Order, find};
use crate::error::{Error, ErrorCode, Result};
use crate::models::booking::TOO_MANY_UNPAID_BOOKINGS;
use crate::models::course;
use crate::models::member_event::NewMemberEvent;
use crate::models::payment_method::CARD_NOT_AVAILABLE;
use crate::models::product::ProductKind::Course;
use crate::models::product::{PassStart, Product};
use crate::models::promo_code::{self, Discount, PromoCode, PromoCodeUse};
use crate::models::wallet::{self, Wallet};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::card_minimum::card_minimum;
use crate::values::money::Money;

/// An order that is not paid yet.
#[derive(Clone, Debug)]
pub struct OpenOrder {
    /// The order's id.
    pub id: Uuid,
    /// The amount to pay by card. Zero if the order costs nothing, or wallets pay for it.
    pub due: Money,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The name of the product.
    pub title: String,
    /// When the spots that the replaced order has held are lost unless they are paid. `None` if no
    /// order with a card payment was replaced, or if the product is not a course. Otherwise, a member
    /// could hold spots for any time by replacing the order.
    pub held_until: Option<DateTime<Utc>>,
    /// The members' events, which the caller records at the end of the transaction.
    pub events: Vec<NewMemberEvent>,
}

// An open order is not continued if its product or its promo code was changed, because the member
// has seen the new price and conditions. It is not continued with another gift card or another amount of
// credit either, or if a class of its course was cancelled since.
static FIND_OPEN: Statement = Statement::new(
    "order.find_open",
    "select o.id, o.total, l.unit_price = $3 and o.currency = $4
            and (l.description, l.credits, l.days, l.starts, l.discount, o.promo_code_id, (
                select p.wallet_id from payments p
                where p.order_id = o.id and p.tender = 'gift' and p.status = 'pending'), (
                select p.amount from payments p
                where p.order_id = o.id and p.tender = 'credit' and p.status = 'pending'))
            is not distinct from ($5, $6, $7, $8, $9, $10, $11, $12)
            and not exists (
                select from bookings b where b.course_line_id = l.id and b.status = 'cancelled')
            as is_same, (
                select p.expires_at from payments p
                where p.order_id = o.id and p.tender = 'card' and p.status = 'pending'
            ) as held_until
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
    /// The code of a gift card, which pays before the card.
    pub gift_card: Option<&'a str>,
    /// Whether the member's credit pays first.
    pub use_credit: bool,
    /// The ISO 4217 code of the currency.
    pub currency: &'a str,
    /// The time of the order.
    pub now: DateTime<Utc>,
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
    /// What the member's credit pays of it.
    pub credit_amount: Money,
    /// What the gift card pays of it.
    pub gift_card_amount: Money,
    /// What is paid by card.
    pub due: Money,
}

/// Returns what a product costs a member, before it is ordered.
///
/// # Errors
///
/// 409 `product_not_sold` when the product does not exist or is retired; 409 `course_over` when no
/// class of a course is left; 409 with the reason why the promo code or the gift card cannot be
/// used.
pub async fn price(client: &Client, new: &NewPurchase<'_>) -> Result<ProductPrice> {
    let product = insertion::find_sold(client, new.product_id).await?;
    let product = insertion::priced_now(client, product, new.currency, new.now).await?;
    let mut discount = Discount::default();
    if let Some(code) = new.promo_code {
        let code = promo_code::find_by_code(client, code).await?;
        promo_code::check(client, &code, &new.promo_code_use()).await?;
        discount = Discount::new(&code, std::slice::from_ref(&product), new.currency)?;
    }
    let total = product.price.as_column() - discount.of(0);
    let wallets = find_wallets(client, new, &product).await?;
    let shares = wallets.shares(total, new.currency);
    Ok(ProductPrice {
        price: product.price,
        discount: Money::from_column(discount.of(0)),
        total: Money::from_column(total),
        credit_amount: Money::from_column(shares.credit),
        gift_card_amount: Money::from_column(shares.gift_card),
        due: Money::from_column(shares.rest),
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
/// with the reason why the promo code or the gift card cannot be used; for a course 409 with the
/// reason why its classes cannot be booked, and 409 `too_many_unpaid_bookings` when the member holds
/// the spots of `MAX_UNPAID_BOOKINGS` other courses.
pub async fn purchase(
    client: &Client,
    new: &NewPurchase<'_>,
    accepts_cards: bool,
    studio: &StudioConfig,
) -> Result<OpenOrder> {
    let product = lock_member_and_classes(client, new, studio).await?;
    let code = promo_code::find_and_lock(client, new.promo_code, new.user_id).await?;
    let priced = lock_and_price(client, new, product, code.as_ref()).await?;
    if !priced.shares.rest.is_zero() && !accepts_cards {
        return Err(CARD_NOT_AVAILABLE);
    }
    let open = find_open(client, new, &priced).await?;
    // Somebody may have paid in an expired checkout. Its order is not replaced before that is known.
    let is_expired =
        |order: &OpenProductOrder| order.held_until.is_some_and(|until| until <= new.now);
    let kept = open.iter().find(|order| order.is_same || is_expired(order));
    if let Some(kept) = kept {
        let covered = wallet_payment::sum_of(client, kept.id).await?;
        return Ok(OpenOrder {
            id: kept.id,
            due: Money::from_column(kept.total - covered),
            currency: new.currency.to_owned(),
            title: priced.product.name,
            held_until: None,
            events: Vec::new(),
        });
    }
    if let Some(code) = &code {
        promo_code::check(client, code, &new.promo_code_use()).await?;
    }
    replace_open_orders(client, new, priced, &open, studio).await
}

/// What a member would order now.
struct PricedPurchase {
    product: Product,
    discount: Discount,
    /// The wallets that can pay. They are locked.
    wallets: Wallets,
    /// What they pay.
    shares: WalletShares,
}

/// The wallets that can pay for a purchase.
struct Wallets {
    credit: Option<Wallet>,
    gift_card: Option<Wallet>,
}

impl Wallets {
    /// Divides a total among the wallets and a card.
    fn shares(&self, total: Decimal, currency: &str) -> WalletShares {
        let balance = |wallet: &Option<Wallet>| {
            let balance = wallet.as_ref().map(|wallet| wallet.balance.as_column());
            balance.unwrap_or_default()
        };
        let (credit, gift_card) = (balance(&self.credit), balance(&self.gift_card));
        WalletShares::divide(total, credit, gift_card, card_minimum(currency))
    }
}

/// Finds the wallets that can pay for a product. For a purchase, they must be locked. Credit is left out
/// for a gift card instead of refused, because credit pays by default.
async fn find_wallets(
    client: &Client,
    new: &NewPurchase<'_>,
    product: &Product,
) -> Result<Wallets> {
    let (products, product_id) = (std::slice::from_ref(product), Some(product.id));
    let gift_card = match new.gift_card {
        Some(code) => {
            wallet_payment::check_gift_card_can_pay(products)?;
            Some(wallet::find_available_gift_card(client, code, new.user_id, product_id).await?)
        }
        None => None,
    };
    let credit = match new.use_credit && wallet_payment::can_pay_for(products) {
        true => wallet::find_available_credit(client, new.user_id, product_id).await?,
        false => None,
    };
    let in_currency = |wallet: &Wallet| wallet.currency == new.currency;
    Ok(Wallets {
        credit: credit.filter(in_currency),
        gift_card,
    })
}

/// Locks the open orders of a locked product that a member has placed, and the wallets that pay.
async fn lock_and_price(
    client: &Client,
    new: &NewPurchase<'_>,
    product: Product,
    code: Option<&PromoCode>,
) -> Result<PricedPurchase> {
    let products = std::slice::from_ref(&product);
    let discount = match code {
        Some(code) => Discount::new(code, products, new.currency)?,
        None => Discount::default(),
    };
    lock_open(client, new).await?;
    wallet::lock_paying(client, new.gift_card, new.user_id).await?;
    let total = product.price.as_column() - discount.of(0);
    let wallets = find_wallets(client, new, &product).await?;
    Ok(PricedPurchase {
        shares: wallets.shares(total, new.currency),
        product,
        discount,
        wallets,
    })
}

/// Cancels the locked open orders of the same product, and orders it.
async fn replace_open_orders(
    client: &Client,
    new: &NewPurchase<'_>,
    priced: PricedPurchase,
    open: &[OpenProductOrder],
    studio: &StudioConfig,
) -> Result<OpenOrder> {
    let (product, due) = (&priced.product, priced.shares.rest);
    let ids = open.iter().map(|order| order.id).collect();
    let released = cancel_locked(client, &ids, None, new.now).await?;
    insertion::check_limit(client, new.user_id, product, 0).await?;
    if product.kind == Course && !due.is_zero() {
        check_held_courses(client, new.user_id, studio).await?;
    }
    let new_order = NewOrder {
        user_id: new.user_id,
        products: std::slice::from_ref(product),
        discount: &priced.discount,
        currency: new.currency,
        sold_by: None,
    };
    let id = insertion::insert(client, &new_order).await?;
    let mut events = match product.kind {
        Course => course::book(client, id, released.class_ids(), new.now, studio).await?,
        _ => Vec::new(),
    };
    events.extend(released.promote(client, new.now, studio).await?);
    insert_wallet_payments(client, id, new, &priced).await?;
    let held = open.iter().filter_map(|order| order.held_until).min();
    Ok(OpenOrder {
        id,
        due: Money::from_column(due),
        currency: new.currency.to_owned(),
        held_until: held.filter(|_| product.kind == Course),
        title: priced.product.name,
        events,
    })
}

/// Takes from the locked wallets what they pay.
async fn insert_wallet_payments(
    client: &Client,
    order_id: Uuid,
    new: &NewPurchase<'_>,
    priced: &PricedPurchase,
) -> Result<()> {
    let (wallets, shares) = (&priced.wallets, &priced.shares);
    for (tender, wallet, amount) in [
        (WalletTender::Credit, &wallets.credit, shares.credit),
        (WalletTender::GiftCard, &wallets.gift_card, shares.gift_card),
    ] {
        if let Some(wallet) = wallet.as_ref().filter(|_| !amount.is_zero()) {
            let payment = WalletPayment {
                order_id,
                user_id: new.user_id,
                wallet_id: wallet.id,
                tender,
                amount,
                currency: new.currency,
                taken: None,
            };
            wallet_payment::insert(client, &payment).await?;
        }
    }
    Ok(())
}

/// Locks the member, and the classes of a course. Returns the product with what it costs now.
async fn lock_member_and_classes(
    client: &Client,
    new: &NewPurchase<'_>,
    studio: &StudioConfig,
) -> Result<Product> {
    insertion::lock_member(client, new.user_id).await?;
    let product = insertion::find_sold(client, new.product_id).await?;
    if product.price.is_zero() && product.per_member.is_none() && product.kind != Course {
        return Err(GIVEN_AT_DESK);
    }
    let products = insertion::lock_courses(client, vec![product], new.user_id, studio, new.now);
    Ok(products.await?.swap_remove(0))
}

static COUNT_HELD_COURSES: Statement = Statement::new(
    "order.count_held_courses",
    "select count(*) from orders o
    where o.user_id = $1 and o.state = 'open' and o.sold_by is null and exists (
        select from order_lines l where l.order_id = o.id and l.kind = 'course')",
);

/// Checks that a locked member does not hold the spots of too many courses without paying for them.
///
/// # Errors
///
/// 409 `too_many_unpaid_bookings`.
async fn check_held_courses(client: &Client, user_id: Uuid, studio: &StudioConfig) -> Result<()> {
    let row = COUNT_HELD_COURSES.one(client, &[&user_id]).await?;
    let held: i64 = row.try_get(0)?;
    match held >= i64::from(studio.max_unpaid_bookings) {
        true => Err(TOO_MANY_UNPAID_BOOKINGS),
        false => Ok(()),
    }
}

// Orders are locked before the wallets that pay for them.
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

/// An open order of a product.
struct OpenProductOrder {
    id: Uuid,
    /// Whether it is still what the member would order now.
    is_same: bool,
    /// What it costs. The price and the promo code may have changed since.
    total: Decimal,
    /// When its card payment expires.
    held_until: Option<DateTime<Utc>>,
}

/// Finds the locked open orders of a product that a member has placed.
async fn find_open(
    client: &Client,
    new: &NewPurchase<'_>,
    priced: &PricedPurchase,
) -> Result<Vec<OpenProductOrder>> {
    let (product, shares) = (&priced.product, &priced.shares);
    let gift_card = priced.wallets.gift_card.as_ref();
    let gift_card = gift_card.filter(|_| !shares.gift_card.is_zero());
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
                &priced.discount.of(0),
                &priced.discount.promo_code_id,
                &gift_card.map(|card| card.id),
                &Some(shares.credit).filter(|credit| !credit.is_zero()),
            ],
        )
        .await?;
    let from_row = |row: &Row| {
        Ok(OpenProductOrder {
            id: row.try_get("id")?,
            is_same: row.try_get("is_same")?,
            total: row.try_get("total")?,
            held_until: row.try_get("held_until")?,
        })
    };
    rows.iter().map(from_row).collect()
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
