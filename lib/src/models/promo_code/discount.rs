//! What a promo code takes off an order, and whether it can be used.

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};
use uuid::Uuid;

use super::{PromoCode, Reduction, promo_code_columns};
use crate::error::{Error, ErrorCode, Result};
use crate::models::product::Product;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::currency::is_without_decimals;

/// What is taken off the lines of an order.
#[derive(Clone, Debug, Default)]
pub struct Discount {
    /// The promo code's id. `None` without a code.
    pub promo_code_id: Option<Uuid>,
    /// The amount for each product, in their order. Empty without a code.
    pub amounts: Vec<Decimal>,
}

impl Discount {
    /// Computes what a code takes off products. A part of a price is rounded half up to the unit
    /// of the currency. An amount is taken off the first products first.
    ///
    /// # Errors
    ///
    /// 409 `promo_code_not_applicable` when it does not apply to the products.
    pub fn new(code: &PromoCode, products: &[Product], currency: &str) -> Result<Self> {
        let mut left = match code.reduction {
            Reduction::Amount(amount) => amount.as_column(),
            Reduction::Percent(_) => Decimal::ZERO,
        };
        let mut amounts = Vec::with_capacity(products.len());
        for product in products {
            let price = match code.applies_to.contains(&product.kind) {
                true => product.price.as_column(),
                false => Decimal::ZERO,
            };
            amounts.push(match code.reduction {
                Reduction::Percent(percent) => part(price, percent, currency),
                Reduction::Amount(_) => {
                    let amount = left.min(price);
                    left -= amount;
                    amount
                }
            });
        }
        if amounts.iter().all(Decimal::is_zero) {
            return Err(NOT_APPLICABLE);
        }
        Ok(Self {
            promo_code_id: Some(code.id),
            amounts,
        })
    }

    /// Returns what is taken off the product with this index.
    pub fn of(&self, index: usize) -> Decimal {
        self.amounts.get(index).copied().unwrap_or_default()
    }
}

fn part(price: Decimal, percent: i32, currency: &str) -> Decimal {
    let decimals = if is_without_decimals(currency) { 0 } else { 2 };
    let part = price * Decimal::from(percent) / Decimal::ONE_HUNDRED;
    part.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}

// The codes of the member's open orders are locked too, because the purchase may cancel those
// orders, which gives their uses back. Codes are locked before orders.
static LOCK: Statement = Statement::new(
    "promo_code.lock",
    "select id from promo_codes
    where code = $1 or id in (
        select promo_code_id from orders where user_id = $2 and state = 'open')
    order by id for no key update",
);

static FIND_BY_CODE: Statement = Statement::new(
    "promo_code.find_by_code",
    concat!(
        "select ",
        promo_code_columns!(),
        " from promo_codes c where c.code = $1"
    ),
);

/// Finds a promo code. The case of letters does not matter.
///
/// # Errors
///
/// 409 `promo_code_unknown`.
pub(in crate::models) async fn find_by_code(client: &Client, code: &str) -> Result<PromoCode> {
    let row = FIND_BY_CODE.opt(client, &[&normalize(code)]).await?;
    PromoCode::from_row(&row.ok_or(UNKNOWN)?)
}

/// Locks a promo code and those of the member's open orders, and finds it. The member must be
/// locked. Without a code, the others are locked.
///
/// # Errors
///
/// 409 `promo_code_unknown`.
pub(in crate::models) async fn find_and_lock(
    client: &Client,
    code: Option<&str>,
    user_id: Uuid,
) -> Result<Option<PromoCode>> {
    LOCK.all(client, &[&code.map(normalize), &user_id]).await?;
    match code {
        Some(code) => find_by_code(client, code).await.map(Some),
        None => Ok(None),
    }
}

/// Returns a code as it is stored.
fn normalize(code: &str) -> String {
    code.trim().to_uppercase()
}

/// Who wants to use a promo code.
#[derive(Clone, Copy, Debug)]
pub struct PromoCodeUse {
    /// The member's id.
    pub user_id: Uuid,
    /// The product that the member orders online. The open orders of it do not count, because the
    /// new order replaces them. `None` for a sale at the desk.
    pub product_id: Option<Uuid>,
    /// The studio's date.
    pub today: NaiveDate,
}

static COUNT_USES: Statement = Statement::new(
    "promo_code.count_uses",
    "select count(*) as by_member,
        count(*) filter (where o.state = 'open' and o.sold_by is null and exists (
            select from order_lines l where l.order_id = o.id and l.product_id = $3)) as replaced
    from orders o
    where o.promo_code_id = $1 and o.user_id = $2 and o.state <> 'cancelled'",
);

/// Checks that a member can use a promo code for a new order.
///
/// # Errors
///
/// 409 `promo_code_not_begun`, `promo_code_over`, `promo_code_used_up`,
/// `promo_code_already_used`.
pub(in crate::models) async fn check(
    client: &Client,
    code: &PromoCode,
    user: &PromoCodeUse,
) -> Result<()> {
    if !code.is_active || code.last_day.is_some_and(|day| day < user.today) {
        return Err(OVER);
    }
    if code.first_day.is_some_and(|day| day > user.today) {
        return Err(NOT_BEGUN);
    }
    let row = COUNT_USES
        .one(client, &[&code.id, &user.user_id, &user.product_id])
        .await?;
    let (by_member, replaced): (i64, i64) = (row.try_get("by_member")?, row.try_get("replaced")?);
    let is_reached = |limit: Option<i32>, uses: i64| {
        limit.is_some_and(|limit| uses - replaced >= i64::from(limit))
    };
    if is_reached(code.per_member, by_member) {
        return Err(ALREADY_USED);
    }
    match is_reached(code.max_uses, i64::from(code.uses)) {
        true => Err(USED_UP),
        false => Ok(()),
    }
}

static LOCK_OF_ORDER: Statement = Statement::new(
    "promo_code.lock_of_order",
    "select c.id from promo_codes c join orders o on o.promo_code_id = c.id
    where o.id = $1 for no key update of c",
);

/// Locks the promo code of an order. Call this before the order is locked, because a cancellation
/// of the order changes the code.
pub async fn lock_of_order(client: &Client, order_id: Uuid) -> Result<()> {
    LOCK_OF_ORDER.opt(client, &[&order_id]).await.map(|_| ())
}

/// Locks the promo codes of a locked member's open orders, before the orders are locked.
pub async fn lock_of_orders(client: &Client, user_id: Uuid) -> Result<()> {
    find_and_lock(client, None, user_id).await.map(|_| ())
}

const UNKNOWN: Error = Error::Conflict {
    code: ErrorCode::PromoCodeUnknown,
    message: "There is no such promo code",
};

const NOT_BEGUN: Error = Error::Conflict {
    code: ErrorCode::PromoCodeNotBegun,
    message: "This promo code cannot be used yet",
};

const OVER: Error = Error::Conflict {
    code: ErrorCode::PromoCodeOver,
    message: "This promo code has ended",
};

const USED_UP: Error = Error::Conflict {
    code: ErrorCode::PromoCodeUsedUp,
    message: "This promo code is used up",
};

const ALREADY_USED: Error = Error::Conflict {
    code: ErrorCode::PromoCodeAlreadyUsed,
    message: "The promo code was used as often as one member can use it",
};

const NOT_APPLICABLE: Error = Error::Conflict {
    code: ErrorCode::PromoCodeNotApplicable,
    message: "This promo code is not for this product",
};
