//! Sales at the desk.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::cancellation::{cancel_locked, lock_open_courses};
use super::insertion::{self, NewOrder};
use super::wallet_payment::{self, WalletPayment, WalletTender};
use super::{Order, find, settle};
use crate::crypto::encryption::Keyring;
use crate::crypto::gift_card_code::GiftCardCode;
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::models::product::{Product, ProductKind};
use crate::models::promo_code::{self, Discount, PromoCodeUse};
use crate::models::wallet;
use crate::models::{course, member_event};
use crate::runtime::config::StudioConfig;
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

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
    /// The gift card that pays.
    pub gift_card: Option<DeskGiftCard>,
    /// How much the member's credit pays. More than 0.
    pub credit: Option<Money>,
    /// How the money, or the rest of it, was taken.
    pub tender: DeskTender,
    /// The id of the member of staff who sells.
    pub staff_id: Uuid,
}

/// A gift card that pays at the desk.
#[derive(Clone, Debug)]
pub struct DeskGiftCard {
    /// The code, as somebody has typed it.
    pub code: String,
    /// How much it pays. More than 0.
    pub amount: Money,
}

static INSERT_PAYMENT: Statement = Statement::new(
    "order.insert_payment",
    "insert into payments (id, order_id, user_id, amount, currency, tender, status, paid_at,
        taken_by, created_at)
    values ($1, $2, $3, $4, $5, $6, 'paid', $7, $8, clock_timestamp())",
);

/// Sells products to a member, records the money, and issues the passes or the gift card. `today`
/// is the studio's date. Returns the order, and the code of the gift card. Must be called in a
/// transaction.
///
/// # Errors
///
/// [`Error::NotFound`] when the member does not exist or the account is closed; 409
/// `product_not_sold` when a product does not exist or is retired; 409 `product_limit_reached`; 409
/// with the reason why the promo code, the gift card, or the credit cannot be used;
/// [`Error::Invalid`] when a gift card is sold together with something else, or when wallets pay
/// more than the total.
pub async fn sell(
    client: &Client,
    sale: &NewSale,
    studio: &StudioConfig,
    now: DateTime<Utc>,
    today: NaiveDate,
    keys: &Keyring,
) -> Result<(Order, Option<GiftCardCode>)> {
    let currency = studio.currency.as_str();
    insertion::lock_member(client, sale.user_id).await?;
    let products = insertion::find_products(client, &sale.product_ids).await?;
    check_gift_cards(&products)?;
    let products = insertion::lock_courses(client, products, sale.user_id, studio, now).await?;
    let code = promo_code::find_and_lock(client, sale.promo_code.as_deref(), sale.user_id).await?;
    // The orders that the sale replaces do not count. All wallets are locked at once, because the
    // cancelled orders give theirs the money back.
    let replaced = lock_open_courses(client, sale.user_id, &sale.product_ids).await?;
    let gift_card = sale.gift_card.as_ref().map(|card| card.code.as_str());
    wallet::lock_paying(client, gift_card, sale.user_id).await?;
    let released = cancel_locked(client, &replaced, None, now).await?;
    insertion::check_limits(client, sale.user_id, &products).await?;
    let discount = match code {
        Some(code) => discount_of(client, sale, &code.code, &products, currency, today).await?,
        None => Discount::default(),
    };
    let new_order = NewOrder {
        user_id: sale.user_id,
        products: &products,
        discount: &discount,
        currency,
        sold_by: Some(sale.staff_id),
    };
    let total = new_order.total();
    check_total(total)?;
    let wallets = check_wallets(client, sale, &products, total).await?;
    let id = insertion::insert(client, &new_order).await?;
    let mut events = match products
        .iter()
        .any(|product| product.kind == ProductKind::Course)
    {
        true => course::book(client, id, released.class_ids(), now, studio).await?,
        false => Vec::new(),
    };
    events.extend(released.promote(client, now, studio).await?);
    let mut rest = total;
    for (tender, wallet_id, amount) in wallets {
        let payment = WalletPayment {
            order_id: id,
            user_id: sale.user_id,
            wallet_id,
            tender,
            amount,
            currency,
            taken: Some((sale.staff_id, now)),
        };
        wallet_payment::insert(client, &payment).await?;
        rest -= amount;
    }
    let settled = settle(client, id, now, today, keys).await?;
    events.extend(settled.events);
    if !rest.is_zero() {
        insert_payment(client, sale, id, rest, currency, now).await?;
    }
    let order = find(client, id).await?;
    member_event::record(client, &events).await?;
    Ok((order, settled.gift_card))
}

/// Checks that the columns have room for a total.
fn check_total(total: Decimal) -> Result<()> {
    match total > Decimal::from(TOTAL_MAX) {
        true => Err(Error::field(
            "productIds",
            "must cost less than 100 million together",
        )),
        false => Ok(()),
    }
}

/// Checks that a gift card is not sold together with something else.
fn check_gift_cards(products: &[Product]) -> Result<()> {
    let is_gift_card = |product: &Product| product.kind == ProductKind::GiftCard;
    match products.len() > 1 && products.iter().any(is_gift_card) {
        true => Err(Error::field("productIds", "a gift card is sold by itself")),
        false => Ok(()),
    }
}

/// Checks that a locked promo code can be used. Returns what it takes off.
async fn discount_of(
    client: &Client,
    sale: &NewSale,
    code: &str,
    products: &[Product],
    currency: &str,
    today: NaiveDate,
) -> Result<Discount> {
    // Read again, without the uses of the orders that were replaced.
    let code = promo_code::find_by_code(client, code).await?;
    let user = PromoCodeUse {
        user_id: sale.user_id,
        product_id: None,
        today,
    };
    promo_code::check(client, &code, &user).await?;
    Discount::new(&code, products, currency)
}

/// Records what was taken at the desk.
async fn insert_payment(
    client: &Client,
    sale: &NewSale,
    order_id: Uuid,
    amount: Decimal,
    currency: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    INSERT_PAYMENT
        .execute(
            client,
            &[
                &random::id(),
                &order_id,
                &sale.user_id,
                &amount,
                &currency.to_owned(),
                &sale.tender.as_str(),
                &now,
                &sale.staff_id,
            ],
        )
        .await
}

/// Finds the locked wallets that pay for a sale, and checks that they can pay their amounts.
async fn check_wallets(
    client: &Client,
    sale: &NewSale,
    products: &[Product],
    total: Decimal,
) -> Result<Vec<(WalletTender, Uuid, Decimal)>> {
    let mut wallets = Vec::new();
    let mut rest = total;
    if let Some(credit) = sale.credit {
        let amount = credit.as_column();
        if amount > rest {
            return Err(Error::field("credit", "must not be more than the total"));
        }
        let credit = wallet::find_available_credit(client, sale.user_id, None).await?;
        let credit = credit.filter(|credit| credit.balance.as_column() >= amount);
        let id = credit.ok_or(wallet::CREDIT_NOT_ENOUGH)?.id;
        if !wallet_payment::can_pay_for(products) {
            return Err(wallet_payment::CREDIT_NOT_APPLICABLE);
        }
        wallets.push((WalletTender::Credit, id, amount));
        rest -= amount;
    }
    if let Some(DeskGiftCard { code, amount }) = &sale.gift_card {
        let amount = amount.as_column();
        if amount > rest {
            let problem = "must not be more than the total";
            return Err(Error::field("giftCard.amount", problem));
        }
        let card = wallet::find_available_gift_card(client, code, sale.user_id, None).await?;
        if card.balance.as_column() < amount {
            return Err(wallet::GIFT_CARD_NOT_ENOUGH);
        }
        wallet_payment::check_gift_card_can_pay(products)?;
        wallets.push((WalletTender::GiftCard, card.id, amount));
    }
    Ok(wallets)
}
