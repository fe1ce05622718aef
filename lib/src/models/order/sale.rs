//! Sales at the desk.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::insertion::{self, NewOrder};
use super::{Order, find, settle};
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::models::promo_code::{self, CodeUser, Discount};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The highest total of an order. The columns have eight digits before the decimals.
const TOTAL_MAX: i64 = 99_999_999;

/// How the money of a sale is taken at the desk.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeskTender {
    /// Cash.
    Cash,
    /// A card at the studio's own card reader.
    Terminal,
    /// A bank transfer.
    Transfer,
}

impl DeskTender {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Terminal => "terminal",
            Self::Transfer => "transfer",
        }
    }
}

/// A sale at the desk.
#[derive(Clone, Debug)]
pub struct NewSale {
    /// The member's id.
    pub user_id: Uuid,
    /// The ids of the products. A product that is sold twice is there twice.
    pub product_ids: Vec<Uuid>,
    /// The promo code.
    pub promo_code: Option<String>,
    /// How the money was taken.
    pub tender: DeskTender,
    /// The id of the member of staff who sells.
    pub staff_id: Uuid,
}

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
/// `product_not_sold` when a product does not exist or is retired; 409 `product_limit_reached`; 409
/// with the reason why the promo code cannot be used.
pub async fn sell(
    client: &Client,
    sale: &NewSale,
    currency: &str,
    now: DateTime<Utc>,
    today: NaiveDate,
) -> Result<Order> {
    insertion::lock_member(client, sale.user_id).await?;
    let products = insertion::find_products(client, sale.user_id, &sale.product_ids).await?;
    let code = promo_code::find_and_lock(client, sale.promo_code.as_deref(), sale.user_id).await?;
    let mut discount = Discount::default();
    if let Some(code) = &code {
        let user = CodeUser {
            user_id: sale.user_id,
            product_id: None,
            today,
        };
        promo_code::check(client, code, &user).await?;
        discount = Discount::new(code, &products, currency)?;
    }
    let new_order = NewOrder {
        user_id: sale.user_id,
        products: &products,
        discount: &discount,
        currency,
        sold_by: Some(sale.staff_id),
    };
    let total = new_order.total();
    if total > Decimal::from(TOTAL_MAX) {
        return Err(Error::field(
            "productIds",
            "must cost less than 100 million together",
        ));
    }
    let id = insertion::insert(client, &new_order).await?;
    settle(client, id, now, today).await?;
    if !total.is_zero() {
        INSERT_PAYMENT
            .execute(
                client,
                &[
                    &random::id(),
                    &id,
                    &sale.user_id,
                    &total,
                    &currency.to_owned(),
                    &sale.tender.as_str(),
                    &now,
                    &sale.staff_id,
                ],
            )
            .await?;
    }
    find(client, id).await
}
