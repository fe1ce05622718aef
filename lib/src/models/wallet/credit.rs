//! Account credit: money that the studio keeps for a member. It is not the credits of a pass, which
//! are classes.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::{Error, ErrorCode, Result};
use crate::models::user::optional_full_name;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::money::Money;

/// The highest balance. The column has eight digits before the decimals.
const BALANCE_MAX: i64 = 99_999_999;

/// The credit of a member.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credit {
    /// The money that is left.
    pub balance: Money,
    /// What the credit pays in orders that are not paid yet. It is not part of the balance.
    pub held: Money,
}

static FIND: Statement = Statement::new(
    "wallet.find_credit",
    "select w.balance, (
        select coalesce(sum(p.amount), 0) from payments p
        where p.wallet_id = w.id and p.status = 'pending') as held
    from wallets w where w.user_id = $1",
);

/// Returns the credit of a member. It is zero if the member never had any.
pub async fn find_credit(client: &Client, user_id: Uuid) -> Result<Credit> {
    let Some(row) = FIND.opt(client, &[&user_id]).await? else {
        return Ok(Credit::default());
    };
    Ok(Credit {
        balance: Money::from_column(row.try_get::<_, Decimal>("balance")?),
        held: Money::from_column(row.try_get::<_, Decimal>("held")?),
    })
}

/// What has changed a credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CreditEntryKind {
    /// It pays for an order.
    Pay,
    /// The order was not paid, so the credit got its money back.
    Release,
    /// Money of an order or of a class was given back.
    Refund,
    /// Staff have added to the credit, or deducted from it.
    Staff,
    /// The account was closed.
    Closure,
}

impl CreditEntryKind {
    fn from_column(text: &str) -> Result<Self> {
        match text {
            "pay" => Ok(Self::Pay),
            "release" => Ok(Self::Release),
            "refund" => Ok(Self::Refund),
            "staff" => Ok(Self::Staff),
            "closure" => Ok(Self::Closure),
            _ => Err(Error::internal("unknown kind of a change of credit")),
        }
    }
}

/// A change of a credit.
#[derive(Clone, Debug)]
pub struct CreditEntry {
    /// The entry's id.
    pub id: Uuid,
    /// The amount of the change. Negative for a deduction.
    pub change: Decimal,
    /// What has changed the credit.
    pub kind: CreditEntryKind,
    /// Why staff have changed the credit. `None` for other kinds.
    pub reason: Option<String>,
    /// The name of the member of staff. `None` for other kinds.
    pub staff_name: Option<String>,
    /// The order that was paid or refunded. `None` if there is none.
    pub order_id: Option<Uuid>,
    /// The names of the products, or the title of the class. `None` if there are none.
    pub title: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl CreditEntry {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            change: row.try_get("change")?,
            kind: CreditEntryKind::from_column(row.try_get("reason")?)?,
            reason: row.try_get("note")?,
            staff_name: optional_full_name(row.try_get("first_name")?, row.try_get("last_name")?),
            order_id: row.try_get("order_id")?,
            title: row.try_get("title")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// Returns the entry's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.created_at, self.id)
    }
}

static LIST: Statement = Statement::new(
    "wallet.list_credit_entries",
    "select e.id, e.change, e.reason, e.note, e.created_at, s.first_name, s.last_name, p.order_id,
        coalesce(c.own_title, t.name, (
            select string_agg(l.description, ', ' order by l.created_at, l.id)
            from order_lines l where l.order_id = p.order_id)) as title
    from wallets w
    join wallet_entries e on e.wallet_id = w.id
    left join users s on s.id = e.made_by
    left join refunds r on r.id = e.refund_id
    left join payments p on p.id = coalesce(e.payment_id, r.payment_id)
    left join bookings b on b.id = p.booking_id
    left join scheduled_classes c on c.id = b.scheduled_class_id
    left join class_types t on t.id = c.class_type_id
    where w.user_id = $1 and ($2::timestamptz is null or (e.created_at, e.id) < ($2, $3))
    order by e.created_at desc, e.id desc limit $4",
);

/// Lists a page of the changes of a member's credit, newest first.
pub async fn list_credit_entries(
    client: &Client,
    user_id: Uuid,
    page: &Page,
) -> Result<Vec<CreditEntry>> {
    let (time, id) = page.after();
    let rows = LIST
        .all(client, &[&user_id, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(CreditEntry::from_row).collect()
}

static LOCK_OWNER: Statement = Statement::new(
    "wallet.lock_owner",
    "select id from users where id = $1 and closed_at is null for share",
);

static INSERT: Statement = Statement::new(
    "wallet.insert_credit",
    "insert into wallets (id, kind, user_id, currency) values ($1, 'credit', $2, $3)
    on conflict (user_id) do nothing",
);

/// Makes sure that a member has a wallet for credit. Locks the member, so that the account is not
/// closed meanwhile. Must be called before orders are locked.
///
/// # Errors
///
/// 409 `account_closed`.
pub async fn ensure_credit(client: &Client, user_id: Uuid, currency: &str) -> Result<()> {
    match lock_or_create(client, user_id, currency).await? {
        true => Ok(()),
        false => Err(ACCOUNT_CLOSED),
    }
}

/// Does the work of [`ensure_credit`]. Returns `false` if the account is closed.
async fn lock_or_create(client: &Client, user_id: Uuid, currency: &str) -> Result<bool> {
    if LOCK_OWNER.opt(client, &[&user_id]).await?.is_none() {
        return Ok(false);
    }
    let currency = currency.to_owned();
    INSERT
        .execute(client, &[&random::id(), &user_id, &currency])
        .await?;
    Ok(true)
}

static HAS_CLOSED_CREDIT: Statement = Statement::new(
    "wallet.has_closed_credit",
    "select exists (
        select from payments p join users u on u.id = p.user_id
        where p.id = any($1) and p.tender = 'credit' and u.closed_at is not null) as has_closed",
);

/// Checks that none of the payments was made with the credit of an account that is closed. A refund
/// to this credit would be lost.
///
/// # Errors
///
/// 409 `account_closed`.
pub(in crate::models) async fn check_credit_not_closed(
    client: &Client,
    payment_ids: &Vec<Uuid>,
) -> Result<()> {
    let row = HAS_CLOSED_CREDIT.one(client, &[payment_ids]).await?;
    match row.try_get("has_closed")? {
        true => Err(ACCOUNT_CLOSED),
        false => Ok(()),
    }
}

// The gift card that was sold, the wallets that have paid, and the member's credit.
static LOCK_FOR_REFUND: Statement = Statement::new(
    "wallet.lock_for_refund",
    "select id from wallets
    where id in (
        select w.id from payments p join order_lines l on l.order_id = p.order_id
        join wallets w on w.order_line_id = l.id where p.id = any($1)
        union all
        select wallet_id from payments where id = any($1)
        union all
        select w.id from payments p join wallets w on w.user_id = p.user_id where p.id = any($1)
    )
    order by id for no key update",
);

/// Locks the wallets that refunds of locked payments change.
pub(in crate::models) async fn lock_for_refund(
    client: &Client,
    payment_ids: &Vec<Uuid>,
) -> Result<()> {
    LOCK_FOR_REFUND.all(client, &[payment_ids]).await?;
    Ok(())
}

/// A change of a member's credit by staff.
#[derive(Clone, Debug)]
pub struct CreditChange {
    /// The member's id.
    pub user_id: Uuid,
    /// The amount of the change. Negative for a deduction. Not zero.
    pub change: Decimal,
    /// Why.
    pub reason: String,
    /// The id of the member of staff.
    pub staff_id: Uuid,
}

static LOCK_BALANCE: Statement = Statement::new(
    "wallet.lock_credit",
    "select balance from wallets where user_id = $1 for no key update",
);

static INSERT_ENTRY: Statement = Statement::new(
    "wallet.insert_staff_entry",
    "insert into wallet_entries (id, wallet_id, change, reason, note, made_by)
    select $1, id, $3, 'staff', $4, $5 from wallets where user_id = $2",
);

/// Adds to a member's credit, or deducts from it. Must be called in a transaction.
///
/// # Errors
///
/// [`Error::NotFound`] when no open account has this id; 409 `credit_not_enough` when the deduction is
/// more than the balance; [`Error::Invalid`] when the balance would be too high.
pub async fn change_credit(client: &Client, change: &CreditChange, currency: &str) -> Result<()> {
    if !lock_or_create(client, change.user_id, currency).await? {
        return Err(Error::NotFound);
    }
    let row = LOCK_BALANCE.one(client, &[&change.user_id]).await?;
    let balance: Decimal = row.try_get("balance")?;
    if balance + change.change < Decimal::ZERO {
        return Err(CREDIT_NOT_ENOUGH);
    }
    if balance + change.change > Decimal::from(BALANCE_MAX) {
        let problem = "must leave the credit below 100 million";
        return Err(Error::field("amount", problem));
    }
    INSERT_ENTRY
        .execute(
            client,
            &[
                &random::id(),
                &change.user_id,
                &change.change,
                &change.reason,
                &change.staff_id,
            ],
        )
        .await
}

pub(in crate::models) const CREDIT_NOT_ENOUGH: Error = Error::Conflict {
    code: ErrorCode::CreditNotEnough,
    message: "There is not enough credit",
};

const ACCOUNT_CLOSED: Error = Error::Conflict {
    code: ErrorCode::AccountClosed,
    message: "The account is closed, so it has no credit",
};
