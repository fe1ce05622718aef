//! `cargo dev sessions stats`: counts of sessions and tokens, and the statistics of
//! their tables.

use anyhow::Result;
use tokio_postgres::{Client, Column, Row};

use crate::{database, terminal};

/// Returns the statistics of the database at `url` as text for the terminal.
pub(crate) async fn show(url: &str) -> Result<String> {
    let client = database::connect(url).await?;
    let parts = [
        ("Sessions by state", SESSIONS_BY_STATE.to_owned()),
        (
            "Sessions of the last 30 days by day of creation (UTC)",
            SESSIONS_BY_DAY.to_owned(),
        ),
        (
            "Tokens for partner applications by state",
            TOKENS_BY_STATE.to_owned(),
        ),
        (
            "Tokens of the last 30 days by day of creation (UTC)",
            TOKENS_BY_DAY.to_owned(),
        ),
        ("Tables", table_query()),
        ("Indexes", index_query()),
    ];
    let mut text = String::new();
    for (heading, query) in parts {
        let table = query_table(&client, &query).await?;
        text.push_str(&format!("{heading}\n{table}\n"));
    }
    Ok(text)
}

const SESSIONS_BY_STATE: &str = "
    select case when expires_at <= now() then 'expired'
            when user_id is null then 'anonymous' else 'signed in' end as state,
        count(*)::text as sessions, count(distinct user_id)::text as members
    from user_sessions group by 1 order by 1";

const SESSIONS_BY_DAY: &str = "
    select (created_at at time zone 'utc')::date::text as day, count(*)::text as created,
        count(*) filter (where expires_at > now())::text as active,
        count(*) filter (where expires_at <= now())::text as expired
    from user_sessions where created_at > now() - interval '30 days'
    group by 1 order by 1";

const TOKENS_BY_STATE: &str = "
    select case when revoked_at is not null then 'revoked' when used_at is not null then 'used'
            when expires_at <= now() then 'expired' when session_id is null then 'session ended'
            else 'valid' end as state,
        target_app as application, count(*)::text as tokens
    from cross_app_sessions group by 1, 2 order by 1, 2";

const TOKENS_BY_DAY: &str = "
    select (created_at at time zone 'utc')::date::text as day, count(*)::text as created,
        count(used_at)::text as used, count(revoked_at)::text as revoked,
        count(*) filter (where used_at is null and revoked_at is null
            and expires_at <= now())::text as expired
    from cross_app_sessions where created_at > now() - interval '30 days'
    group by 1 order by 1";

/// Selects the tables of sessions and tokens, and each month of the archive.
const IS_SESSION_TABLE: &str = "
    (s.relname in ('user_sessions', 'refresh_tokens', 'remembered_devices', 'cross_app_sessions')
        or starts_with(s.relname, 'cross_app_sessions_archive'))";

fn table_query() -> String {
    format!(
        "select s.relname as table, pg_size_pretty(pg_total_relation_size(s.relid)) as size,
            n_live_tup::text as live, n_dead_tup::text as dead,
            coalesce(to_char(greatest(last_vacuum, last_autovacuum) at time zone 'utc',
                'YYYY-MM-DD HH24:MI'), 'never') as vacuumed,
            seq_scan::text as \"sequential scans\", coalesce(idx_scan, 0)::text as \"index scans\"
        from pg_stat_user_tables s where {IS_SESSION_TABLE} order by 1"
    )
}

fn index_query() -> String {
    format!(
        "select s.indexrelname as index, pg_size_pretty(pg_relation_size(s.indexrelid)) as size,
            idx_scan::text as scans, idx_tup_read::text as \"rows read\"
        from pg_stat_user_indexes s where {IS_SESSION_TABLE} order by s.relname, 1"
    )
}

/// Returns the rows of a query as an aligned table. All columns must have the type text.
/// Those after the first are aligned to the right, because most are numbers.
async fn query_table(client: &Client, query: &str) -> Result<String> {
    let statement = client.prepare(query).await?;
    let rows = client.query(&statement, &[]).await?;
    if rows.is_empty() {
        return Ok("  none\n".to_owned());
    }
    let header: Vec<&str> = statement.columns().iter().map(Column::name).collect();
    let rows: Vec<_> = rows.iter().map(cells).collect();
    let lines = terminal::format_table(&header, &rows, |column| column > 0);
    Ok(lines.iter().map(|line| format!("  {line}\n")).collect())
}

fn cells(row: &Row) -> Vec<String> {
    (0..row.len()).map(|column| row.get(column)).collect()
}
