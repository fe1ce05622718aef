//! Orders that members make themselves. Each has one product.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

use super::gift_payment::{self, GiftPayment};
use super::insertion::{self, NewOrder};
use super::{Order, OrderState, find};
use crate::error::{Error, ErrorCode, Result};
use crate::models::booking::TOO_MANY_UNPAID_BOOKINGS;
use crate::models::course::{self, Released};
use crate::models::member_event::{self, NewMemberEvent};
use crate::models::payment_method::CARD_NOT_AVAILABLE;
use crate::models::product::ProductKind::Course;
use crate::models::product::{PassStart, Product};
use crate::models::promo_code::{self, Discount, PromoCode, PromoCodeUse};
use crate::models::wallet::{self, GiftCard};
use crate::runtime::config::StudioConfig;
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
    /// When the spots of a course are lost unless they are paid, if the order replaces one that has
    /// held them. Otherwise `None`. A member could hold them without an end by replacing the order.
    pub hold_until: Option<DateTime<Utc>>,
    /// The members' events, which the caller records at the end of the transaction.
    pub events: Vec<NewMemberEvent>,
}

// An open order is not continued if its product or its promo code was changed, because the member
// has seen the new price and conditions. It is not continued with another gift card either, or if a
// class of its course was cancelled since.
static FIND_OPEN: Statement = Statement::new(
    "order.find_open",
    "select o.id, l.unit_price = $3 and o.currency = $4
            and (l.description, l.credits, l.days, l.starts, l.discount, o.promo_code_id, (
                select p.wallet_id from payments p
                where p.order_id = o.id and p.tender = 'gift' and p.status = 'pending'))
            is not distinct from ($5, $6, $7, $8, $9, $10, $11)
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
    /// The code of a gift card, which pays first.
    pub gift_card: Option<&'a str>,
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
/// with the reason why the promo code or the gift card cannot be used; for a course those of
/// [`course::book`], and 409 `too_many_unpaid_bookings` when the member holds the spots of
/// `MAX_UNPAID_BOOKINGS` other courses.
pub async fn purchase(
    client: &Client,
    new: &NewPurchase<'_>,
    accepts_cards: bool,
    studio: &StudioConfig,
) -> Result<OpenOrder> {
    let product = lock_product(client, new, studio).await?;
    let code = promo_code::find_and_lock(client, new.promo_code, new.user_id).await?;
    let wanted = lock_wanted(client, new, product, code.as_ref()).await?;
    if wanted.covered < wanted.total && !accepts_cards {
        return Err(CARD_NOT_AVAILABLE);
    }
    let open = find_open(client, new, &wanted).await?;
    if let Some(same) = open.iter().find(|order| order.is_same) {
        let covered = gift_payment::sum_of(client, same.id).await?;
        return Ok(OpenOrder {
            id: same.id,
            due: Money::from_column(wanted.total - covered),
            currency: new.currency.to_owned(),
            title: wanted.product.name,
            hold_until: None,
            events: Vec::new(),
        });
    }
    if let Some(code) = &code {
        promo_code::check(client, code, &new.promo_code_use()).await?;
    }
    insert_in_place_of(client, new, wanted, &open, studio).await
}

/// What a member would order now.
struct Wanted {
    product: Product,
    discount: Discount,
    total: Decimal,
    /// The gift card that pays. It is locked.
    card: Option<GiftCard>,
    /// What the gift card pays.
    covered: Decimal,
}

/// Locks the open orders of a locked product that a member has placed, and the gift card that pays.
async fn lock_wanted(
    client: &Client,
    new: &NewPurchase<'_>,
    product: Product,
    code: Option<&PromoCode>,
) -> Result<Wanted> {
    let products = std::slice::from_ref(&product);
    let discount = match code {
        Some(code) => Discount::new(code, products, new.currency)?,
        None => Discount::default(),
    };
    if new.gift_card.is_some() {
        gift_payment::check_products(products)?;
    }
    lock_open(client, new).await?;
    let product_id = Some(product.id);
    let card = wallet::lock_available(client, new.gift_card, new.user_id, product_id).await?;
    let total = product.price.as_column() - discount.of(0);
    let card = card.filter(|_| !total.is_zero());
    let balance = card.as_ref().map(|card| card.balance.as_column());
    Ok(Wanted {
        covered: balance.unwrap_or_default().min(total),
        product,
        discount,
        total,
        card,
    })
}

/// Cancels the locked open orders of the same product, and orders it.
async fn insert_in_place_of(
    client: &Client,
    new: &NewPurchase<'_>,
    wanted: Wanted,
    open: &[OpenOfProduct],
    studio: &StudioConfig,
) -> Result<OpenOrder> {
    let (product, due) = (&wanted.product, wanted.total - wanted.covered);
    let ids = open.iter().map(|order| order.id).collect();
    let released = cancel_locked(client, &ids, None, new.now).await?;
    insertion::check_limit(client, new.user_id, product, 0).await?;
    if product.kind == Course && !due.is_zero() {
        check_held_courses(client, new.user_id, studio).await?;
    }
    let new_order = NewOrder {
        user_id: new.user_id,
        products: std::slice::from_ref(product),
        discount: &wanted.discount,
        currency: new.currency,
        sold_by: None,
    };
    let id = insertion::insert(client, &new_order).await?;
    let mut events = course::book(client, id, new.now, studio).await?;
    events.extend(released.promote(client, new.now, studio).await?);
    if let Some(card) = wanted.card {
        let payment = GiftPayment {
            order_id: id,
            user_id: new.user_id,
            wallet_id: card.id,
            amount: wanted.covered,
            currency: new.currency,
            taken: None,
        };
        gift_payment::insert(client, &payment).await?;
    }
    let held = open.iter().filter_map(|order| order.held_until).min();
    Ok(OpenOrder {
        id,
        due: Money::from_column(due),
        currency: new.currency.to_owned(),
        hold_until: held.filter(|_| product.kind == Course),
        title: wanted.product.name,
        events,
    })
}

/// Locks the member, and the classes of a course. Returns the product with what it costs now.
async fn lock_product(
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

/// An open order of a product.
struct OpenOfProduct {
    id: Uuid,
    /// Whether it is still what the member would order now.
    is_same: bool,
    /// When its card payment expires.
    held_until: Option<DateTime<Utc>>,
}

/// Finds the locked open orders of a product that a member has placed.
async fn find_open(
    client: &Client,
    new: &NewPurchase<'_>,
    wanted: &Wanted,
) -> Result<Vec<OpenOfProduct>> {
    let product = &wanted.product;
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
                &wanted.discount.of(0),
                &wanted.discount.promo_code_id,
                &wanted.card.as_ref().map(|card| card.id),
            ],
        )
        .await?;
    let from_row = |row: &Row| {
        Ok(OpenOfProduct {
            id: row.try_get("id")?,
            is_same: row.try_get("is_same")?,
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

/// A locked order.
#[derive(Clone, Copy, Debug)]
pub struct LockedOrder {
    /// The order's id.
    pub id: Uuid,
    /// Whether a payment can settle the order: the order is open, and so is the member's account.
    pub is_payable: bool,
    /// Whether the order is paid.
    pub is_paid: bool,
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

/// Locks an order, after the classes that were booked with it and its promo code. Its payment is
/// locked after it.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn lock(client: &Client, id: Uuid) -> Result<LockedOrder> {
    lock_with_passes(client, id, &Vec::new()).await
}

/// Locks an order like [`lock`], and before it passes that are to be changed, with the classes that
/// were booked with them.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn lock_with_passes(
    client: &Client,
    id: Uuid,
    pass_ids: &Vec<Uuid>,
) -> Result<LockedOrder> {
    course::lock_of_orders(client, &vec![id], pass_ids).await?;
    promo_code::lock_of_order(client, id).await?;
    LOCK.opt(client, &[&id]).await?.ok_or(Error::NotFound)?;
    let row = FIND_STATE.one(client, &[&id]).await?;
    let state = OrderState::from_column(row.try_get("state")?)?;
    let is_active: bool = row.try_get("is_active")?;
    Ok(LockedOrder {
        id,
        is_payable: state == OrderState::Open && is_active,
        is_paid: state == OrderState::Paid,
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

/// What members read about a spot whose order was not paid.
const NOT_PAID_IN_TIME: &str = "It was not paid in time";

/// Cancels an open order that was not paid in time, and its pending payment. The spots of a course
/// are given up, and go to the members on the waitlists. The order must be locked with [`lock`]. The
/// checkout of the payment must be closed after the transaction. Returns the members' events, which
/// the caller records at the end of the transaction.
pub async fn cancel(
    client: &Client,
    id: Uuid,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    let released = cancel_locked(client, &vec![id], Some(NOT_PAID_IN_TIME), now).await?;
    released.promote(client, now, studio).await
}

/// Cancels an open order like [`cancel`], because staff say that nobody will pay it.
pub async fn cancel_by_staff(
    client: &Client,
    id: Uuid,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    let released = cancel_locked(client, &vec![id], None, now).await?;
    released.promote(client, now, studio).await
}

/// Cancels those of the locked orders that are open. Returns the spots that they held. The spots are
/// given up first, because a trigger would give them up without the waitlists.
async fn cancel_locked(
    client: &Client,
    ids: &Vec<Uuid>,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Released> {
    let released = course::release_unpaid(client, ids, reason, now).await?;
    CANCEL.execute(client, &[ids]).await?;
    Ok(released)
}

/// Gives up the upcoming spots of lines of an order, which go to the members on the waitlists. Locks
/// the order first. Returns the members' events, which the caller records at the end of the
/// transaction.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `nothing_to_refund` when the order is not paid.
pub async fn release(
    client: &Client,
    id: Uuid,
    line_ids: &Vec<Uuid>,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<Vec<NewMemberEvent>> {
    if line_ids.is_empty() {
        return Ok(Vec::new());
    }
    if !lock(client, id).await?.is_paid {
        return Err(NOT_PAID);
    }
    let released = course::release_lines(client, line_ids, now).await?;
    released.promote(client, now, studio).await
}

const NOT_PAID: Error = Error::Conflict {
    code: ErrorCode::NothingToRefund,
    message: "The order is not paid, so nothing of it can be given back",
};

static LOCK_OPEN_COURSES: Statement = Statement::new(
    "order.lock_open_courses",
    "select o.id from orders o
    where o.user_id = $1 and o.state = 'open' and o.sold_by is null and exists (
        select from order_lines l
        where l.order_id = o.id and l.kind = 'course' and l.product_id = any($2))
    order by o.id for no key update",
);

/// Cancels the open orders of courses that a locked member has placed, because the member buys them
/// at the desk instead. The classes and the promo codes must be locked. Returns the spots that the
/// orders held.
pub(super) async fn cancel_open_courses(
    client: &Client,
    user_id: Uuid,
    product_ids: &Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<Released> {
    let rows = LOCK_OPEN_COURSES
        .all(client, &[&user_id, product_ids])
        .await?;
    let ids: Result<Vec<Uuid>> = rows.iter().map(|row| Ok(row.try_get("id")?)).collect();
    cancel_locked(client, &ids?, None, now).await
}

static FIND_OPEN_OF: Statement = Statement::new(
    "order.find_open_of",
    "select id from orders where user_id = $1 and state = 'open'",
);

static LOCK_OPEN_OF: Statement = Statement::new(
    "order.lock_open_of",
    "select id from orders where user_id = $1 and state = 'open' order by id for no key update",
);

/// Cancels the open orders of a member whose account is being closed or deactivated.
pub async fn cancel_open_of(
    client: &Client,
    user_id: Uuid,
    now: DateTime<Utc>,
    studio: &StudioConfig,
) -> Result<()> {
    let ids = |rows: Vec<Row>| -> Result<Vec<Uuid>> {
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
    };
    let open = ids(FIND_OPEN_OF.all(client, &[&user_id]).await?)?;
    course::lock_of_orders(client, &open, &Vec::new()).await?;
    promo_code::lock_of_orders(client, user_id).await?;
    let open = ids(LOCK_OPEN_OF.all(client, &[&user_id]).await?)?;
    let released = cancel_locked(client, &open, None, now).await?;
    let events = released.promote(client, now, studio).await?;
    member_event::record(client, &events).await
}
