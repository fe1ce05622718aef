//! Wallets: stored value. A gift card is a wallet that a code opens. A member's credit is a wallet
//! without a code.
//!
//! Triggers enter payments and refunds in the wallet, and keep its balance. Wallets are locked
//! after orders and payments.

mod credit;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use uuid::Uuid;

pub(super) use self::credit::{CREDIT_NOT_ENOUGH, check_credit_not_closed, lock_for_refund};
pub use self::credit::{
    Credit, CreditChange, CreditEntry, CreditEntryKind, change_credit, ensure_credit, find_credit,
    list_credit_entries,
};

use crate::crypto::encryption::Keyring;
use crate::crypto::gift_card_code::GiftCardCode;
use crate::crypto::random;
use crate::error::{Error, ErrorCode, Result};
use crate::store::client::Client;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// A gift card, or the credit of a member.
#[derive(Clone, Debug)]
pub struct Wallet {
    /// The wallet's id.
    pub id: Uuid,
    /// The money that is left.
    pub balance: Money,
    /// The ISO 4217 code of the currency.
    pub currency: String,
}

impl Wallet {
    fn from_row(row: &Row) -> Result<Self> {
        if !row.try_get::<_, bool>("is_active")? {
            return Err(GIFT_CARD_INACTIVE);
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
pub async fn find_gift_card(client: &Client, code: &str) -> Result<Wallet> {
    let code = GiftCardCode::parse(code).ok_or(GIFT_CARD_UNKNOWN)?;
    let row = FIND_GIFT_CARD.opt(client, &[&code.hash()]).await?;
    Wallet::from_row(&row.ok_or(GIFT_CARD_UNKNOWN)?)
}

// The ids are joined by `union all`, so that indexes find them. An `or` would read all wallets.
static LOCK_PAYING: Statement = Statement::new(
    "wallet.lock_paying",
    "select id from wallets
    where id in (
        select $1::uuid
        union all
        select p.wallet_id from payments p join orders o on o.id = p.order_id
        where o.user_id = $2 and o.state = 'open' and p.status = 'pending'
        union all
        select w.id from wallets w where w.user_id = $2)
    order by id for no key update",
);

/// Selects a wallet `w` with the balance that the member `$1` can use to order the product `$2`. What
/// it pays in the member's open orders of the product counts, because the new order replaces them.
macro_rules! available_where {
    ($name:literal, $condition:literal) => {
        Statement::new(
            $name,
            concat!(
                "select w.id, w.currency, w.is_active, w.balance + (
                    select coalesce(sum(p.amount), 0)
                    from payments p join orders o on o.id = p.order_id
                    where p.wallet_id = w.id and p.status = 'pending' and o.user_id = $1
                      and o.state = 'open' and o.sold_by is null and exists (
                        select from order_lines l where l.order_id = o.id and l.product_id = $2)
                ) as balance
                from wallets w where ",
                $condition
            ),
        )
    };
}

static FIND_AVAILABLE_GIFT_CARD: Statement = available_where!(
    "wallet.find_available_gift_card",
    "w.code_hash = $3 and w.kind = 'gift'"
);

/// Finds a gift card with the balance that a member can use to order a product. The money that it
/// pays in an open order of the same product counts, because the new order replaces that one.
/// `None` for the product: a sale at the desk.
///
/// # Errors
///
/// 409 `gift_card_unknown`, `gift_card_inactive`; 409 `gift_card_not_enough` when nothing is left.
pub(super) async fn find_available_gift_card(
    client: &Client,
    code: &str,
    user_id: Uuid,
    product_id: Option<Uuid>,
) -> Result<Wallet> {
    let code = GiftCardCode::parse(code).ok_or(GIFT_CARD_UNKNOWN)?;
    let row = FIND_AVAILABLE_GIFT_CARD
        .opt(client, &[&user_id, &product_id, &code.hash()])
        .await?;
    let card = Wallet::from_row(&row.ok_or(GIFT_CARD_UNKNOWN)?)?;
    match card.balance.is_zero() {
        true => Err(GIFT_CARD_NOT_ENOUGH),
        false => Ok(card),
    }
}

static FIND_AVAILABLE_CREDIT: Statement =
    available_where!("wallet.find_available_credit", "w.user_id = $1");

/// Finds the credit that a member can use to order a product, as [`find_available_gift_card`] does.
/// `None` if there is none.
pub(super) async fn find_available_credit(
    client: &Client,
    user_id: Uuid,
    product_id: Option<Uuid>,
) -> Result<Option<Wallet>> {
    let row = FIND_AVAILABLE_CREDIT
        .opt(client, &[&user_id, &product_id])
        .await?;
    let credit = row.as_ref().map(Wallet::from_row).transpose()?;
    Ok(credit.filter(|credit| !credit.balance.is_zero()))
}

/// Locks a gift card, the member's credit, and the wallets that pay for the member's open orders. The
/// open orders must be locked.
///
/// # Errors
///
/// 409 `gift_card_unknown`, `gift_card_inactive`.
pub(super) async fn lock_paying(client: &Client, code: Option<&str>, user_id: Uuid) -> Result<()> {
    let id = match code {
        Some(code) => Some(find_gift_card(client, code).await?.id),
        None => None,
    };
    LOCK_PAYING.all(client, &[&id, &user_id]).await?;
    Ok(())
}

static LOCK_OF_ORDERS: Statement = Statement::new(
    "wallet.lock_of_orders",
    "select id from wallets
    where id in (
        select wallet_id from payments where order_id = any($1) and status = 'pending')
    order by id for no key update",
);

/// Locks the wallets that pay for locked open orders, before a trigger gives them the money back.
pub(super) async fn lock_of_orders(client: &Client, order_ids: &Vec<Uuid>) -> Result<()> {
    LOCK_OF_ORDERS.all(client, &[order_ids]).await?;
    Ok(())
}

static SOLD_BALANCE: Statement = Statement::new(
    "wallet.sold_balance",
    "select w.balance from wallets w join order_lines l on l.id = w.order_line_id
    where l.order_id = $1",
);

/// Returns the balance of the locked gift card that an order has sold. `None` if the order is for
/// something else.
pub(super) async fn sold_balance(client: &Client, order_id: Uuid) -> Result<Option<Money>> {
    let row = SOLD_BALANCE.opt(client, &[&order_id]).await?;
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

const GIFT_CARD_UNKNOWN: Error = Error::Conflict {
    code: ErrorCode::GiftCardUnknown,
    message: "There is no gift card with this code",
};

const GIFT_CARD_INACTIVE: Error = Error::Conflict {
    code: ErrorCode::GiftCardInactive,
    message: "This gift card cannot be used, because its purchase is disputed",
};

pub(super) const GIFT_CARD_NOT_ENOUGH: Error = Error::Conflict {
    code: ErrorCode::GiftCardNotEnough,
    message: "There is not enough money on the gift card",
};
