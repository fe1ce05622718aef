//! Figures by day (UTC), which outlive the rows that they count.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use crate::error::Result;
use crate::store::postgres::Statement;

// In the order of the names, so that two instances cannot lock each other out.
static ADD: Statement = Statement::new(
    "daily_counter.add",
    "insert into daily_counters as c (day, name, count)
    select (now() at time zone 'utc')::date, name, count
    from unnest($1::text[], $2::bigint[]) as t (name, count) order by name
    on conflict (day, name) do update set count = c.count + excluded.count",
);

/// Adds to today's figures, by their names.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
pub async fn add(client: &Client, counted: &BTreeMap<&'static str, u64>) -> Result<()> {
    let names: Vec<String> = counted.keys().map(|name| (*name).to_owned()).collect();
    let counts: Vec<i64> = counted
        .values()
        .map(|count| i64::try_from(*count).unwrap_or(i64::MAX))
        .collect();
    ADD.execute(client, &[&names, &counts]).await
}
