//! Receipts: what a member has paid, with a number and the tax.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::models::mail_outbox;
use crate::store::client::Client;
use crate::store::page::Page;
use crate::store::statement::Statement;
use crate::values::currency::{CURRENCIES_WITHOUT_DECIMALS, is_without_decimals};
use crate::values::money::Money;

/// Inserts the receipt for the `$subject` `$1` with the `$lines`, issued at `$3`, with the next
/// number of the year `$2`. The tax is included in the amounts. It is rounded for each line to whole
/// units in the currencies `$4`, and to two decimals in the others. Nothing is inserted if nothing
/// was paid.
macro_rules! issue_statement {
    ($name:literal, $column:literal, $subject:literal, $lines:literal) => {
        Statement::new(
            $name,
            concat!(
                "with subject as (",
                $subject,
                "), counter as (
                    insert into receipt_counters as c (year, last) select $2, 1 from subject
                    on conflict (year) do update set last = c.last + 1
                    returning last
                ), receipt as (
                    insert into receipts (year, number, ",
                $column,
                ", user_id, buyer, currency, issued_at)
                    select $2, counter.last, $1, u.id, concat_ws(' ', u.first_name, u.last_name),
                        subject.currency, $3
                    from counter, subject join users u on u.id = subject.user_id
                    returning year, number, currency
                )
                insert into receipt_lines (year, number, position, kind, description, class_start,
                    amount, tax_rate, tax)
                select receipt.year, receipt.number, row_number() over (order by l.sort_time, l.id),
                    l.kind, l.description, l.class_start, l.amount, l.tax_rate,
                    round(l.amount * l.tax_rate / (100 + l.tax_rate),
                        case when receipt.currency = any($4) then 0 else 2 end)
                from receipt, (",
                $lines,
                ") l"
            ),
        )
    };
}

static ISSUE_FOR_ORDER: Statement = issue_statement!(
    "receipt.issue_for_order",
    "order_id",
    "select user_id, currency from orders where id = $1 and total > 0",
    "select id, created_at as sort_time, 'product' as kind, description,
        null::timestamptz as class_start, amount, tax_rate
    from order_lines where order_id = $1"
);

static ISSUE_FOR_PAYMENT: Statement = issue_statement!(
    "receipt.issue_for_payment",
    "payment_id",
    "select user_id, currency from payments where id = $1",
    "select p.id, p.created_at as sort_time,
        case when b.fee is null then 'class' when b.status = 'no_show' then 'no_show'
            else 'late_cancellation' end as kind,
        coalesce(c.own_title, t.name) as description, c.start_time as class_start, p.amount,
        t.tax_rate
    from payments p
    join bookings b on b.id = p.booking_id
    join scheduled_classes c on c.id = b.scheduled_class_id
    join class_types t on t.id = c.class_type_id
    where p.id = $1"
);

/// What a receipt is issued for.
#[derive(Clone, Copy, Debug)]
pub(super) enum ReceiptSubject {
    /// A paid order.
    Order(Uuid),
    /// The payment of a class.
    Payment(Uuid),
}

/// Issues the receipt for a payment at `now`, and queues an e-mail with the receipt of a class.
/// Issues none for an order that costs nothing. The number is the next one of the year of `today`,
/// the studio's date. Call this near the end of the transaction, because other payments wait for
/// the number.
pub(super) async fn issue(
    client: &Client,
    subject: ReceiptSubject,
    now: DateTime<Utc>,
    today: NaiveDate,
) -> Result<()> {
    let (statement, id) = match subject {
        ReceiptSubject::Order(id) => (&ISSUE_FOR_ORDER, id),
        ReceiptSubject::Payment(id) => (&ISSUE_FOR_PAYMENT, id),
    };
    let whole_currencies = CURRENCIES_WITHOUT_DECIMALS.to_vec();
    statement
        .execute(client, &[&id, &today.year(), &now, &whole_currencies])
        .await?;
    match subject {
        // The e-mail about a paid order lists the amounts of its receipt.
        ReceiptSubject::Order(_) => Ok(()),
        ReceiptSubject::Payment(id) => mail_outbox::insert_for_payment(client, id).await,
    }
}

/// Returns the number of a receipt as members see it, such as `2026-17`.
pub fn receipt_number_text(year: i32, number: i32) -> String {
    format!("{year}-{number}")
}

/// What a line of a receipt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptLineKind {
    /// A product, such as a pass.
    Product,
    /// A class.
    Class,
    /// A late cancellation.
    LateCancellation,
    /// A member did not come.
    NoShow,
}

/// A line of a receipt.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptLine {
    /// What was paid for.
    pub kind: ReceiptLineKind,
    /// The name of the product or the title of the class.
    pub description: String,
    /// When the class starts. `None` for products.
    pub class_start: Option<DateTime<Utc>>,
    /// The amount, with the tax.
    pub amount: Money,
    /// The tax in percent, such as `19` or `5.5`.
    pub tax_rate: String,
    /// The tax in the amount.
    pub tax: Money,
}

/// How a part of a receipt was paid.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptPayment {
    /// The tender of the payment, or its method if the tender is not known.
    pub tender: String,
    /// The amount.
    pub amount: Money,
}

/// A receipt, with what was refunded since.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The id of the order or the payment.
    pub id: Uuid,
    /// The year by the studio's calendar.
    pub year: i32,
    /// The number in the year, from 1.
    pub number: i32,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// The member's name at that time. Empty if the account is closed.
    pub buyer: String,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// What was paid for.
    pub lines: Vec<ReceiptLine>,
    /// How it was paid.
    pub payments: Vec<ReceiptPayment>,
    /// The amount that was refunded or will be refunded.
    pub refunded: Money,
}

impl Receipt {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            year: row.try_get("year")?,
            number: row.try_get("number")?,
            issued_at: row.try_get("issued_at")?,
            buyer: row.try_get("buyer")?,
            currency: row.try_get("currency")?,
            lines: super::from_json(row.try_get("lines")?)?,
            payments: super::from_json(row.try_get("payments")?)?,
            refunded: Money::from_column(row.try_get::<_, Decimal>("refunded")?),
        })
    }

    /// Returns the sum of the lines.
    pub fn total(&self) -> Money {
        sum(self.lines.iter().map(|line| line.amount))
    }

    /// Returns the tax in the total.
    pub fn tax(&self) -> Money {
        sum(self.lines.iter().map(|line| line.tax))
    }

    /// Returns the share of the tax in the refunded amount. It is computed from the sum of the
    /// refunds, so a full refund contains the whole tax.
    pub fn refunded_tax(&self) -> Money {
        let (total, tax) = (self.total().as_column(), self.tax().as_column());
        if total.is_zero() {
            return Money::default();
        }
        let share = tax * self.refunded.as_column() / total;
        let decimals = match is_without_decimals(&self.currency) {
            true => 0,
            false => 2,
        };
        let half_up = RoundingStrategy::MidpointAwayFromZero;
        Money::from_column(share.round_dp_with_strategy(decimals, half_up))
    }

    /// Returns the number with its year, such as `2026-17`.
    pub fn number_text(&self) -> String {
        receipt_number_text(self.year, self.number)
    }

    /// Returns the receipt's position in the list.
    pub fn position(&self) -> (DateTime<Utc>, Uuid) {
        (self.issued_at, self.id)
    }
}

fn sum(amounts: impl Iterator<Item = Money>) -> Money {
    Money::from_column(amounts.map(Money::as_column).sum())
}

/// Selects the receipts `r` for which `$condition` is true.
macro_rules! receipts_where {
    ($name:literal, $condition:literal) => {
        Statement::new(
            $name,
            concat!(
                "select coalesce(r.order_id, r.payment_id) as id, r.year, r.number, r.issued_at,
                    r.buyer, r.currency,
                    (select jsonb_agg(jsonb_build_object('kind', l.kind,
                        'description', l.description, 'classStart', l.class_start,
                        'amount', l.amount::text, 'taxRate', trim_scale(l.tax_rate)::text, 'tax', l.tax::text)
                        order by l.position)
                        from receipt_lines l where (l.year, l.number) = (r.year, r.number)) as lines,
                    paid.payments, paid.refunded
                from receipts r
                cross join lateral (
                    select coalesce(sum(p.refunded), 0) as refunded,
                        coalesce(jsonb_agg(jsonb_build_object(
                            'tender', coalesce(p.tender, p.method), 'amount', p.amount::text)
                            order by p.created_at, p.id), '[]') as payments
                    from payments p
                    where (p.id = r.payment_id or p.order_id = r.order_id)
                      and p.status in ('paid', 'refund_due', 'refunded')
                      and p.paid_at <= r.issued_at
                ) paid
                where ",
                $condition
            ),
        )
    };
}

static LIST: Statement = receipts_where!(
    "receipt.list",
    "r.user_id = $1 and ($2::timestamptz is null
        or (r.issued_at, coalesce(r.order_id, r.payment_id)) < ($2, $3))
    order by r.issued_at desc, coalesce(r.order_id, r.payment_id) desc limit $4"
);

/// Lists a page of a member's receipts, newest first.
pub async fn list(client: &Client, user_id: Uuid, page: &Page) -> Result<Vec<Receipt>> {
    let (time, id) = page.after();
    let rows = LIST
        .all(client, &[&user_id, &time, &id, &page.row_limit()])
        .await?;
    rows.iter().map(Receipt::from_row).collect()
}

static FIND: Statement = receipts_where!(
    "receipt.find",
    "r.user_id = $1 and r.year = $2 and r.number = $3"
);

/// Finds a receipt of a member.
///
/// # Errors
///
/// [`Error::NotFound`] when there is no such receipt, or it belongs to another member.
pub async fn find(client: &Client, user_id: Uuid, year: i32, number: i32) -> Result<Receipt> {
    let row = FIND.opt(client, &[&user_id, &year, &number]).await?;
    Receipt::from_row(&row.ok_or(Error::NotFound)?)
}

static FIND_OF_ORDER: Statement = receipts_where!("receipt.find_of_order", "r.order_id = $1");

/// Finds the receipt of an order. Returns `None` if nothing was paid.
pub async fn find_of_order(client: &Client, order_id: Uuid) -> Result<Option<Receipt>> {
    let row = FIND_OF_ORDER.opt(client, &[&order_id]).await?;
    row.as_ref().map(Receipt::from_row).transpose()
}

static FIND_OF_PAYMENT: Statement = receipts_where!("receipt.find_of_payment", "r.payment_id = $1");

/// Finds the receipt of the payment of a class.
pub async fn find_of_payment(client: &Client, payment_id: Uuid) -> Result<Option<Receipt>> {
    let row = FIND_OF_PAYMENT.opt(client, &[&payment_id]).await?;
    row.as_ref().map(Receipt::from_row).transpose()
}
