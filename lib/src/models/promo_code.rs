//! Promo codes: what members enter to pay less.

mod discount;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

pub use self::discount::{Discount, PromoCodeUse, lock_of_order, lock_of_orders};
pub(in crate::models) use self::discount::{check, find_and_lock, find_by_code};
use super::catalog::list_statement;
use super::product::ProductKind;
use crate::crypto::random;
use crate::error::{Error, ErrorCode, OnConstraint, Result};
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// How much a promo code takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// A part of each price, from 1 to 100 percent.
    Percent(i32),
    /// An amount that is taken off an order once. More than 0.
    Amount(Money),
}

/// A row of `promo_codes`.
#[derive(Clone, Debug)]
pub struct PromoCode {
    /// The code's id.
    pub id: Uuid,
    /// The code, in upper case.
    pub code: String,
    /// How much it takes off.
    pub reduction: Reduction,
    /// The first day by the studio's calendar. `None`: it is good already.
    pub first_day: Option<NaiveDate>,
    /// The last day by the studio's calendar. `None`: it has no end.
    pub last_day: Option<NaiveDate>,
    /// The kinds of products for which it is good.
    pub applies_to: Vec<ProductKind>,
    /// How many orders can use it. `None` if there is no limit.
    pub max_uses: Option<i32>,
    /// How many orders of a member can use it. `None` if there is no limit.
    pub per_member: Option<i32>,
    /// How many orders use it. Cancelled orders do not count.
    pub uses: i32,
    /// Whether it can be used. `false` after staff have ended it.
    pub is_active: bool,
    /// When the row was created.
    pub created_at: DateTime<Utc>,
    /// When the row was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The columns that [`PromoCode::from_row`] reads from a promo code `c`.
macro_rules! promo_code_columns {
    () => {
        "c.id, c.code, c.percent, c.amount, c.first_day, c.last_day, c.applies_to, c.max_uses,
        c.per_member, c.uses, c.is_active, c.created_at, c.updated_at"
    };
}
use promo_code_columns;

impl PromoCode {
    fn from_row(row: &Row) -> Result<Self> {
        let amount: Option<Decimal> = row.try_get("amount")?;
        let reduction = match (row.try_get("percent")?, amount) {
            (Some(percent), None) => Reduction::Percent(percent),
            (None, Some(amount)) => Reduction::Amount(Money::from_column(amount)),
            _ => return Err(Error::internal("a promo code has one reduction")),
        };
        let applies_to: Vec<String> = row.try_get("applies_to")?;
        let kinds = applies_to.iter().map(|kind| ProductKind::from_column(kind));
        Ok(Self {
            id: row.try_get("id")?,
            code: row.try_get("code")?,
            reduction,
            first_day: row.try_get("first_day")?,
            last_day: row.try_get("last_day")?,
            applies_to: kinds.collect::<Result<_>>()?,
            max_uses: row.try_get("max_uses")?,
            per_member: row.try_get("per_member")?,
            uses: row.try_get("uses")?,
            is_active: row.try_get("is_active")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }

    /// Returns the code's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

static LIST: Statement =
    list_statement!("promo_code.list", "promo_codes", "c", promo_code_columns!());

/// Lists a page of promo codes, newest first. `is_active` selects those that can be used or those
/// that staff have ended; `None` selects both.
pub async fn list(client: &Client, is_active: Option<bool>, page: &Page) -> Result<Vec<PromoCode>> {
    let (time, id) = page.after();
    let rows = LIST
        .all(client, &[&is_active, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(PromoCode::from_row).collect()
}

static FIND: Statement = Statement::new(
    "promo_code.find",
    concat!(
        "select ",
        promo_code_columns!(),
        " from promo_codes c where c.id = $1"
    ),
);

async fn find(client: &Client, id: Uuid) -> Result<PromoCode> {
    let row = FIND.opt(client, &[&id]).await?;
    PromoCode::from_row(&row.ok_or(Error::NotFound)?)
}

/// A promo code to create.
#[derive(Clone, Debug)]
pub struct NewPromoCode {
    /// The code, in upper case.
    pub code: String,
    /// The kinds of products for which it is good: passes, courses, or both.
    pub applies_to: Vec<ProductKind>,
    /// How much it takes off.
    pub reduction: Reduction,
    /// The first day. `None`: it is good at once.
    pub first_day: Option<NaiveDate>,
    /// The last day, which is not before the first day. `None`: it has no end.
    pub last_day: Option<NaiveDate>,
    /// How many orders can use it. More than 0. `None` if there is no limit.
    pub max_uses: Option<i32>,
    /// How many orders of a member can use it. More than 0. `None` if there is no limit.
    pub per_member: Option<i32>,
}

static INSERT: Statement = Statement::new(
    "promo_code.insert",
    "insert into promo_codes (id, code, percent, amount, first_day, last_day, max_uses, per_member,
        applies_to)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
);

/// Inserts a promo code.
///
/// # Errors
///
/// 409 `promo_code_exists` when another one has this code; [`Error::Invalid`] when the last day
/// is before the first one.
pub async fn insert(client: &Client, new: &NewPromoCode) -> Result<PromoCode> {
    let id = random::id();
    let (percent, amount) = columns(Some(new.reduction));
    INSERT
        .execute(
            client,
            &[
                &id,
                &new.code,
                &percent,
                &amount,
                &new.first_day,
                &new.last_day,
                &new.max_uses,
                &new.per_member,
                &names(&new.applies_to),
            ],
        )
        .await
        .on_constraint("promo_codes_code_key", CODE_EXISTS)
        .on_constraint("promo_codes_days", days_reversed())?;
    find(client, id).await
}

fn names(kinds: &[ProductKind]) -> Vec<&'static str> {
    kinds.iter().map(|kind| kind.as_str()).collect()
}

/// The changes to a promo code. `None` leaves a field as it is. Orders that were made keep their
/// prices.
#[derive(Clone, Debug, Default)]
pub struct PromoCodeChanges {
    /// The code, in upper case.
    pub code: Option<String>,
    /// The kinds of products for which it is good: passes, courses, or both.
    pub applies_to: Option<Vec<ProductKind>>,
    /// How much it takes off.
    pub reduction: Option<Reduction>,
    /// The first day. `Some(None)`: it is good at once.
    pub first_day: Option<Option<NaiveDate>>,
    /// The last day. `Some(None)`: it has no end.
    pub last_day: Option<Option<NaiveDate>>,
    /// How many orders can use it. `Some(None)`: any number.
    pub max_uses: Option<Option<i32>>,
    /// How many orders of a member can use it. `Some(None)`: any number.
    pub per_member: Option<Option<i32>>,
    /// `false` ends the code; `true` makes it good again.
    pub is_active: Option<bool>,
}

static UPDATE: Statement = Statement::new(
    "promo_code.update",
    "update promo_codes set
        code = coalesce($2, code),
        percent = case when $3 then $4 else percent end,
        amount = case when $3 then $5 else amount end,
        first_day = case when $6 then $7 else first_day end,
        last_day = case when $8 then $9 else last_day end,
        max_uses = case when $10 then $11 else max_uses end,
        per_member = case when $12 then $13 else per_member end,
        is_active = coalesce($14, is_active),
        applies_to = case when cardinality($15::text[]) > 0 then $15 else applies_to end
    where id = $1 returning id",
);

/// Changes a promo code.
///
/// # Errors
///
/// [`Error::NotFound`]; 409 `promo_code_exists` when another one has this code;
/// [`Error::Invalid`] when the last day is before the first one, or when the code has more uses
/// than its new limit.
pub async fn update(client: &Client, id: Uuid, changes: &PromoCodeChanges) -> Result<PromoCode> {
    let (percent, amount) = columns(changes.reduction);
    let row = UPDATE
        .opt(
            client,
            &[
                &id,
                &changes.code,
                &changes.reduction.is_some(),
                &percent,
                &amount,
                &changes.first_day.is_some(),
                &changes.first_day.flatten(),
                &changes.last_day.is_some(),
                &changes.last_day.flatten(),
                &changes.max_uses.is_some(),
                &changes.max_uses.flatten(),
                &changes.per_member.is_some(),
                &changes.per_member.flatten(),
                &changes.is_active,
                &names(changes.applies_to.as_deref().unwrap_or_default()),
            ],
        )
        .await
        .on_constraint("promo_codes_code_key", CODE_EXISTS)
        .on_constraint("promo_codes_days", days_reversed())
        .on_constraint("promo_codes_uses", fewer_than_uses())?;
    row.ok_or(Error::NotFound)?;
    find(client, id).await
}

/// Returns the columns `percent` and `amount`.
fn columns(reduction: Option<Reduction>) -> (Option<i32>, Option<Decimal>) {
    match reduction {
        Some(Reduction::Percent(percent)) => (Some(percent), None),
        Some(Reduction::Amount(amount)) => (None, Some(amount.as_column())),
        None => (None, None),
    }
}

const CODE_EXISTS: Error = Error::Conflict {
    code: ErrorCode::PromoCodeExists,
    message: "Another promo code has this code",
};

fn days_reversed() -> Error {
    Error::field("lastDay", "must not be before the first day")
}

fn fewer_than_uses() -> Error {
    Error::field("maxUses", "must not be less than the uses so far")
}
