//! The daily counters of sessions and cross-app tokens.

use chrono::NaiveDate;
use tokio_postgres::Row;

use crate::error::Result;
use crate::models::cross_app_session::uncounted_outcomes;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// The sum of one daily counter in a bucket.
#[derive(Clone, Debug)]
pub struct CounterTotal {
    /// The first day of the bucket.
    pub start: NaiveDate,
    /// The counter's name.
    pub name: String,
    /// The sum of the counter.
    pub count: i64,
}

// Adds the outcomes of cross-app tokens that the clean-up has not counted yet. If a day
// has two figures for a counter, the greater one is newer.
static COUNTER_TOTALS: Statement = Statement::new(
    "report.counter_totals",
    concat!(
        "with counted as (
            select day, name, count from daily_counters
            where day >= ($1::date[])[1]
            and day < (select max(next_start) from unnest($2::date[]) next_start)
            union all ",
        uncounted_outcomes!(),
        "), figures as (select day, name, max(count) as count from counted group by day, name)
        select start, name, sum(count)::bigint as count
        from unnest($1::date[], $2::date[]) as b (start, next_start)
        join figures on day >= start and day < next_start
        group by start, name order by start, name"
    ),
);

/// Sums up the daily counters by bucket and name. A bucket is given by its first day and the
/// day after its last one. Counters that are 0 have no row.
pub async fn counter_totals(
    client: &Client,
    starts: &Vec<NaiveDate>,
    ends: &Vec<NaiveDate>,
) -> Result<Vec<CounterTotal>> {
    let rows = COUNTER_TOTALS.all(client, &[starts, ends]).await?;
    let from_row = |row: &Row| {
        Ok(CounterTotal {
            start: row.try_get("start")?,
            name: row.try_get("name")?,
            count: row.try_get("count")?,
        })
    };
    rows.iter().map(from_row).collect()
}
