//! Wallets: stored value. A gift card is a wallet that a code opens.
//!
//! Triggers enter payments and refunds in the wallet, and keep its balance. Wallets are locked
//! after orders and payments.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::crypto::encryption::Keyring;
use crate::crypto::gift_card_code::GiftCardCode;
use crate::crypto::random;
use crate::error::{Error, ErrorCode, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// A gift card.
#[derive(Clone, Debug)]
pub struct GiftCard {
    /// The wallet's id.
    pub id: Uuid,
    /// The money that is left.
    pub balance: Money,
    /// The ISO 4217 code of the currency.
    pub currency: String,
}

impl GiftCard {
    fn from_row(row: &Row) -> Result<Self> {
        if !row.try_get::<_, bool>("is_active")? {
            return Err(INACTIVE);
        }
        Ok(Self {
            id: row.try_get("id")?,
            balance: Money::from_column(row.try_get::<_, Decimal>("balance")?),
            currency: row.try_get("currency")?,
        })
    }
}

static FIND_GIFT_CARD: Statement = Statement::new(
    "wallet.find_gift_card",
    "select id, balance, currency, is_active from wallets where code_hash = $1 and kind = 'gift'",
);

/// Finds a gift card by its code, as somebody has typed it.
///
/// # Errors
///
/// 409 `gift_card_unknown`; 409 `gift_card_inactive` while its purchase is disputed.
pub async fn find_gift_card(client: &Client, code: &str) -> Result<GiftCard> {
    let code = GiftCardCode::parse(code).ok_or(UNKNOWN)?;
    let row = FIND_GIFT_CARD.opt(client, &[&code.hash()]).await?;
    GiftCard::from_row(&row.ok_or(UNKNOWN)?)
}

static LOCK: Statement = Statement::new(
    "wallet.lock",
    "select id from wallets
    where id = $1 or id in (
        select p.wallet_id from payments p join orders o on o.id = p.order_id
        where o.user_id = $2 and o.state = 'open' and p.status = 'pending')
    order by id for no key update",
);

// What the gift card pays in the member's open orders of the product is given back before, because
// the new order replaces them.
static FIND_AVAILABLE: Statement = Statement::new(
    "wallet.find_available",
    "select w.id, w.currency, w.is_active, w.balance + (
            select coalesce(sum(p.amount), 0) from payments p join orders o on o.id = p.order_id
            where p.wallet_id = w.id and p.status = 'pending' and o.user_id = $2
              and o.state = 'open' and o.sold_by is null and exists (
                select from order_lines l where l.order_id = o.id and l.product_id = $3)
        ) as balance
    from wallets w where w.code_hash = $1 and w.kind = 'gift'",
);

/// Finds a gift card with the balance that a member can use to order a product. The money that it
/// pays in an open order of the same product counts, because the new order replaces that one.
/// `None` for the product: a sale at the desk.
///
/// # Errors
///
/// 409 `gift_card_unknown`, `gift_card_inactive`; 409 `gift_card_not_enough` when nothing is left.
pub(super) async fn find_available(
    client: &Client,
    code: &str,
    user_id: Uuid,
    product_id: Option<Uuid>,
) -> Result<GiftCard> {
    let code = GiftCardCode::parse(code).ok_or(UNKNOWN)?;
    let row = FIND_AVAILABLE
        .opt(client, &[&code.hash(), &user_id, &product_id])
        .await?;
    let card = GiftCard::from_row(&row.ok_or(UNKNOWN)?)?;
    match card.balance.is_zero() {
        true => Err(NOT_ENOUGH),
        false => Ok(card),
    }
}

/// Locks a gift card and those that pay for the member's open orders. The open orders must be locked.
///
/// # Errors
///
/// 409 `gift_card_unknown`, `gift_card_inactive`.
pub(super) async fn lock_paying(client: &Client, code: Option<&str>, user_id: Uuid) -> Result<()> {
    let id = match code {
        Some(code) => Some(find_gift_card(client, code).await?.id),
        None => None,
    };
    LOCK.all(client, &[&id, &user_id]).await?;
    Ok(())
}

/// Locks a gift card and those that pay for the member's open orders, and finds it as
/// [`find_available`] does. Without a code, the others are locked. The open orders must be locked.
///
/// # Errors
///
/// Those of [`find_available`].
pub(super) async fn lock_available(
    client: &Client,
    code: Option<&str>,
    user_id: Uuid,
    product_id: Option<Uuid>,
) -> Result<Option<GiftCard>> {
    lock_paying(client, code, user_id).await?;
    match code {
        Some(code) => find_available(client, code, user_id, product_id)
            .await
            .map(Some),
        None => Ok(None),
    }
}

static LOCK_SOLD: Statement = Statement::new(
    "wallet.lock_sold",
    "select w.balance from wallets w join order_lines l on l.id = w.order_line_id
    where l.order_id = $1 for no key update of w",
);

/// Locks the gift card that a locked order has sold, and returns its balance. `None` if the order
/// is for something else.
pub(super) async fn lock_sold(client: &Client, order_id: Uuid) -> Result<Option<Money>> {
    let row = LOCK_SOLD.opt(client, &[&order_id]).await?;
    row.map(|row| Ok(Money::from_column(row.try_get::<_, Decimal>("balance")?)))
        .transpose()
}

/// The code of a gift card in an e-mail that was not sent yet. It is encrypted, so that a copy of
/// the database does not reveal it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MailedCode {
    /// The wallet's id.
    id: Uuid,
    sealed: String,
}

impl MailedCode {
    /// Returns the additional authenticated data of the encrypted code.
    fn aad(id: Uuid) -> String {
        format!("mail_outbox.gift_card:{id}")
    }

    fn new(id: Uuid, code: &GiftCardCode, keys: &Keyring) -> Result<Self> {
        let sealed = BASE64.encode(keys.seal(&Self::aad(id), &code.expose())?);
        Ok(Self { id, sealed })
    }

    /// Decrypts the code.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if no key can decrypt it.
    pub fn open(&self, keys: &Keyring) -> Result<String> {
        let sealed = BASE64.decode(&self.sealed);
        let sealed = sealed.map_err(|_| Error::internal("failed to decode the code of a mail"))?;
        keys.open(&Self::aad(self.id), &sealed)
    }
}

static INSERT: Statement = Statement::new(
    "wallet.insert",
    "insert into wallets (id, kind, code_hash, order_line_id, currency)
    select $1, 'gift', $2, l.id, o.currency
    from order_lines l join orders o on o.id = l.order_id
    where o.id = $3 and l.kind = 'gift_card'
    returning id",
);

static INSERT_ISSUE: Statement = Statement::new(
    "wallet.insert_issue",
    "insert into wallet_entries (id, wallet_id, change, reason)
    select $1, w.id, l.amount, 'issue'
    from wallets w join order_lines l on l.id = w.order_line_id where w.id = $2",
);

/// Issues the gift card that an order is for. Returns its code, also encrypted for an e-mail, or
/// `None` if the order is for something else.
pub(super) async fn issue(
    client: &Client,
    order_id: Uuid,
    keys: &Keyring,
) -> Result<Option<(GiftCardCode, MailedCode)>> {
    let (id, code) = (random::id(), GiftCardCode::generate());
    let row = INSERT.opt(client, &[&id, &code.hash(), &order_id]).await?;
    if row.is_none() {
        return Ok(None);
    }
    INSERT_ISSUE.execute(client, &[&random::id(), &id]).await?;
    Ok(Some((code, MailedCode::new(id, &code, keys)?)))
}

static SET_ACTIVE: Statement = Statement::new(
    "wallet.set_active",
    "update wallets w set is_active = $2 from order_lines l
    where l.id = w.order_line_id and l.order_id = $1 and w.is_active <> $2",
);

/// Makes the gift card of a locked order inactive, or active again.
pub(super) async fn set_active_of_order(
    client: &Client,
    order_id: Uuid,
    is_active: bool,
) -> Result<()> {
    SET_ACTIVE.execute(client, &[&order_id, &is_active]).await
}

const UNKNOWN: Error = Error::Conflict {
    code: ErrorCode::GiftCardUnknown,
    message: "There is no gift card with this code",
};

const INACTIVE: Error = Error::Conflict {
    code: ErrorCode::GiftCardInactive,
    message: "This gift card cannot be used, because its purchase is disputed",
};

pub(super) const NOT_ENOUGH: Error = Error::Conflict {
    code: ErrorCode::GiftCardNotEnough,
    message: "There is not enough money on the gift card",
};
