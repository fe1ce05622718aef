//! The tax in receipts, and in the refunds of what they are for.

use rust_decimal::Decimal;
use tokio_postgres::Row;

use super::{Scope, amount, bucket};
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The tax of a bucket with one rate.
#[derive(Clone, Debug)]
pub struct TaxSum {
    /// The number of the bucket, from 0.
    pub bucket: usize,
    /// The rate in percent, such as `19` or `5.5`.
    pub rate: String,
    /// The sum of the lines of receipts, with the tax.
    pub amount: Decimal,
    /// The tax in it.
    pub tax: Decimal,
    /// What was given back of such lines.
    pub refunded: Decimal,
    /// The tax in the refunded amount.
    pub refunded_tax: Decimal,
}

// A refund belongs to all lines of its receipt, and is divided as in `products`. So the tax in the
// refunds is what the receipt shows.
static LIST: Statement = Statement::new(
    "report.taxes",
    "with refunded as materialized (
        select x.year, x.number, x.order_id, x.payment_id
        from refunds r join payments p on p.id = r.payment_id
        join receipts x on x.payment_id = p.id
        where r.state = 'done' and r.done_at >= $1 and r.done_at < $2 and p.currency = $4
        union
        select x.year, x.number, x.order_id, x.payment_id
        from refunds r join payments p on p.id = r.payment_id
        join receipts x on x.order_id = p.order_id
        where r.state = 'done' and r.done_at >= $1 and r.done_at < $2 and p.currency = $4
    ), paid as (
        select f.year, f.number, f.payment_id from refunded f where f.payment_id is not null
        union all
        select f.year, f.number, p.id from refunded f join payments p on p.order_id = f.order_id
    ), moved as (
        select f.year, f.number, r.done_at, r.amount,
            sum(r.amount) over (partition by f.year, f.number order by r.done_at, r.created_at, r.id) as till
        from paid f join refunds r on r.payment_id = f.payment_id
        where r.state = 'done'
    ), lines as (
        select l.year, l.number, l.tax_rate, l.amount, l.tax,
            sum(l.amount) over up_to as amount_till, sum(l.tax) over up_to as tax_till,
            sum(l.amount) over (partition by l.year, l.number) as total
        from refunded f join receipt_lines l on (l.year, l.number) = (f.year, f.number)
        window up_to as (partition by l.year, l.number order by l.position)
    ), sums as (
        select width_bucket(x.issued_at, $3) - 1 as bucket, l.tax_rate, sum(l.amount) as amount,
            sum(l.tax) as tax, 0 as refunded, 0 as refunded_tax
        from receipts x join receipt_lines l on (l.year, l.number) = (x.year, x.number)
        where x.issued_at >= $1 and x.issued_at < $2 and x.currency = $4
        group by 1, 2
        union all
        select width_bucket(m.done_at, $3) - 1, l.tax_rate, 0, 0,
            sum(round(m.till * l.amount_till / l.total, $5)
                - round(m.till * (l.amount_till - l.amount) / l.total, $5)
                - round((m.till - m.amount) * l.amount_till / l.total, $5)
                + round((m.till - m.amount) * (l.amount_till - l.amount) / l.total, $5)),
            sum(round(m.till * l.tax_till / l.total, $5)
                - round(m.till * (l.tax_till - l.tax) / l.total, $5)
                - round((m.till - m.amount) * l.tax_till / l.total, $5)
                + round((m.till - m.amount) * (l.tax_till - l.tax) / l.total, $5))
        from moved m join lines l on (l.year, l.number) = (m.year, m.number)
        where m.done_at >= $1 and m.done_at < $2
        group by 1, 2
    )
    select bucket, trim_scale(tax_rate)::text as rate, sum(amount) as amount, sum(tax) as tax,
        sum(refunded) as refunded, sum(refunded_tax) as refunded_tax
    from sums group by bucket, tax_rate order by tax_rate desc, bucket",
);

/// Sums up the tax by bucket and rate, highest rate first.
pub async fn list(client: &Client, scope: &Scope) -> Result<Vec<TaxSum>> {
    let rows = LIST
        .all(
            client,
            &[
                &scope.since,
                &scope.till,
                &scope.starts,
                &scope.currency,
                &scope.decimals,
            ],
        )
        .await?;
    let from_row = |row: &Row| {
        Ok(TaxSum {
            bucket: bucket(row)?,
            rate: row.try_get("rate")?,
            amount: amount(row, "amount")?,
            tax: amount(row, "tax")?,
            refunded: amount(row, "refunded")?,
            refunded_tax: amount(row, "refunded_tax")?,
        })
    };
    rows.iter().map(from_row).collect()
}
