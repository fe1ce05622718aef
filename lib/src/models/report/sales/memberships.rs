//! Memberships: how many there are, and what they bring in.

use rust_decimal::Decimal;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Scope, amount};
use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The memberships of one product.
#[derive(Clone, Debug)]
pub struct MembershipSum {
    /// The product's id.
    pub product_id: Uuid,
    /// The product's name.
    pub name: String,
    /// How many are active now, including those whose last payment has failed.
    pub active: i64,
    /// How many of them will end.
    pub ending: i64,
    /// How many are paused now.
    pub paused: i64,
    /// How many were paid for the first time in the range.
    pub new: i64,
    /// How many have ended in the range.
    pub lost: i64,
    /// The monthly price of the active memberships.
    pub monthly: Decimal,
}

// A membership that was never paid does not count. A year has 52 weeks and twelve months.
static LIST: Statement = Statement::new(
    "report.memberships",
    "select * from (
        select m.product_id, t.name,
            count(*) filter (where m.status in ('active', 'past_due')) as active,
            count(*) filter (where m.status in ('active', 'past_due')
                and m.cancel_at is not null) as ending,
            count(*) filter (where m.status = 'paused') as paused,
            count(*) filter (where paid.first >= $1 and paid.first < $2) as new,
            count(*) filter (where m.ended_at >= $1 and m.ended_at < $2) as lost,
            round(sum(m.price * case m.every when 'week' then 52 when 'month' then 12 else 1 end / 12)
                filter (where m.status in ('active', 'past_due')), $4) as monthly
        from memberships m
        join products t on t.id = m.product_id
        cross join lateral (
            select min(o.settled_at) as first
            from passes p
            join order_lines l on l.id = p.order_line_id
            join orders o on o.id = l.order_id
            where p.membership_id = m.id
        ) paid
        where m.currency = $3 and paid.first is not null
        group by m.product_id, t.name
    ) sums
    where active + paused + new + lost > 0 order by name, product_id",
);

/// Sums up the memberships by product, sorted by name. Products without figures are left out.
pub async fn list(client: &Client, scope: &Scope) -> Result<Vec<MembershipSum>> {
    let rows = LIST
        .all(
            client,
            &[&scope.since, &scope.till, &scope.currency, &scope.decimals],
        )
        .await?;
    let from_row = |row: &Row| {
        Ok(MembershipSum {
            product_id: row.try_get("product_id")?,
            name: row.try_get("name")?,
            active: row.try_get("active")?,
            ending: row.try_get("ending")?,
            paused: row.try_get("paused")?,
            new: row.try_get("new")?,
            lost: row.try_get("lost")?,
            monthly: amount(row, "monthly")?,
        })
    };
    rows.iter().map(from_row).collect()
}
