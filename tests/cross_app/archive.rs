//! The daily counters of cross-app tokens, and their monthly archive.

use serde_json::{Value, json};

use super::{PartnerServer, REVOKE_PATH, TOKEN_PATH, issue_token};
use crate::harness::{Settings, TestApp, wait_until};

/// Runs the clean-up in three processes at once; returns the number of archived
/// tokens.
async fn clean_up_in_three_processes(app: &TestApp) -> i64 {
    let processes = [
        app.start_another().await,
        app.start_another().await,
        app.start_another().await,
    ];
    let runs = processes
        .map(|process| tokio::spawn(async move { process.run_clean_up().await.expect(200) }));
    let mut archived = 0;
    for run in runs {
        let cleaned: Value = run.await.unwrap();
        assert_eq!(cleaned["details"]["failed"], json!([]));
        archived += cleaned["details"]["crossAppArchived"].as_i64().unwrap();
    }
    archived
}

/// Registers Ana and the application `shop`, and inserts tokens created over the last 400
/// days. A quarter is used, a quarter is revoked, a quarter is both, and a quarter is
/// neither.
async fn insert_tokens(app: &TestApp, count: u32) {
    app.member("ana").await;
    app.register_partner_app("shop").await;
    app.sql(&format!(
        "insert into cross_app_sessions (id, token_hash, user_id, target_app, ip_address,
            created_at, expires_at, used_at, revoked_at)
        select gen_random_uuid(), n, u.id, 'shop', '192.0.2.1', at, at + interval '15 minutes',
            case when n % 4 in (0, 2) then at + interval '1 minute' end,
            case when n % 4 in (1, 2) then at + interval '2 minutes' end
        from generate_series(1, {count}) n cross join users u
        cross join lateral (select now() - make_interval(days => n % 400, hours => 12) as at) t"
    ))
    .await;
}

/// Returns the number of tokens in each partition of the archive.
async fn archived_by_month(app: &TestApp) -> Vec<(String, i64)> {
    let query = "select tableoid::regclass::text, count(*)
        from cross_app_sessions_archive group by 1 order by 1";
    let rows = app.sql(query).await;
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Returns the sum of each daily counter of tokens.
async fn token_counters(app: &TestApp) -> Vec<(String, i64)> {
    let query = "select name, sum(count)::bigint from daily_counters
        where starts_with(name, 'cross_app_') group by 1 order by 1";
    let rows = app.sql(query).await;
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn tokens_are_archived_by_month_and_a_second_run_changes_nothing() {
    const TOKEN_COUNT: u32 = 40_000;
    let settings = Settings::default().with("ARCHIVE_RETENTION_MONTHS", "24");
    let app = TestApp::start_with(settings).await;
    insert_tokens(&app, TOKEN_COUNT).await;
    let due_query =
        "select 'cross_app_sessions_archive_' || to_char(created_at at time zone 'utc', 'YYYY_MM'),
            count(*)
        from cross_app_sessions where created_at <= now() - interval '30 days'
        group by 1 order by 1";
    let due: Vec<(String, i64)> = app
        .sql(due_query)
        .await
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let old_count: i64 = due.iter().map(|(_, count)| count).sum();

    let cleaned = app.run_clean_up().await.expect(200);
    assert_eq!(cleaned["details"]["crossAppArchived"], old_count);
    assert_eq!(cleaned["details"]["archiveMonthsDropped"], 0);
    assert_eq!(cleaned["details"]["failed"], json!([]));
    assert_eq!(archived_by_month(&app).await, due);
    let live_count = app.count("select count(*) from cross_app_sessions").await;
    assert_eq!(live_count + old_count, i64::from(TOKEN_COUNT));
    let quarter = i64::from(TOKEN_COUNT) / 4;
    let sums = [
        ("cross_app_created:shop".to_owned(), 4 * quarter),
        ("cross_app_expired:shop".to_owned(), quarter),
        ("cross_app_revoked:shop".to_owned(), 2 * quarter),
        ("cross_app_used:shop".to_owned(), 2 * quarter),
    ];
    assert_eq!(token_counters(&app).await, sums);

    let second_run = app.run_clean_up().await.expect(200);
    assert_eq!(second_run["details"]["crossAppArchived"], 0);
    assert_eq!(archived_by_month(&app).await, due);
    assert_eq!(token_counters(&app).await, sums);
    // The partition of the next month already exists.
    let next_month = "select count(*) from pg_class where relname =
        'cross_app_sessions_archive_' || to_char(now() at time zone 'utc' + interval '1 month', 'YYYY_MM')";
    assert_eq!(app.count(next_month).await, 1);
}

#[tokio::test]
async fn expired_months_are_dropped_and_their_totals_remain() {
    let settings = Settings::default().with("ARCHIVE_RETENTION_MONTHS", "3");
    let app = TestApp::start_with(settings).await;
    insert_tokens(&app, 4_000).await;
    let cleaned = app.run_clean_up().await.expect(200);
    // The number of expired months depends on today's date.
    let month_count = "select count(*) from generate_series(
        date_trunc('month', now() at time zone 'utc' - interval '399 days 12 hours'),
        date_trunc('month', now() at time zone 'utc' - interval '30 days' - interval '3 months') - interval '1 day',
        '1 month')";
    let month_count = app.count(month_count).await;
    assert_eq!(cleaned["details"]["archiveMonthsDropped"], month_count);
    let older_tokens = "select count(*) from cross_app_sessions_archive
        where created_at < date_trunc('month', now() at time zone 'utc' - interval '30 days' - interval '3 months')
            at time zone 'utc'";
    assert_eq!(app.count(older_tokens).await, 0);
    assert!(
        app.count("select count(*) from cross_app_sessions_archive")
            .await
            > 0
    );
    let created = &token_counters(&app).await[0];
    assert_eq!(created, &("cross_app_created:shop".to_owned(), 4_000));
    let second_run = app.run_clean_up().await.expect(200);
    assert_eq!(second_run["details"]["archiveMonthsDropped"], 0);
    assert_eq!(token_counters(&app).await[0].1, 4_000);
}

#[tokio::test]
async fn months_are_in_utc_in_any_database_time_zone() {
    let settings = Settings::default().with("ARCHIVE_RETENTION_MONTHS", "1200");
    let app = TestApp::start_with(settings).await;
    let shop = PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    for created_at in [
        "2024-02-29T23:59:59.999999Z",
        "2024-03-01T00:00:00Z",
        "2024-12-31T23:59:59.999999Z",
        "2025-01-01T00:00:00Z",
    ] {
        issue_token(&ana, &shop.name).await;
        app.sql(&format!(
            "update cross_app_sessions set created_at = '{created_at}' where created_at > '2026-01-01'"
        ))
        .await;
    }
    app.sql(
        "do $$ begin execute format(
            'alter database %I set timezone to ''Pacific/Auckland''', current_database()); end $$",
    )
    .await;
    app.start_another().await.run_clean_up().await.expect(200);
    let one_token = |month: &str| (format!("cross_app_sessions_archive_{month}"), 1);
    assert_eq!(
        archived_by_month(&app).await,
        ["2024_02", "2024_03", "2024_12", "2025_01"].map(one_token)
    );
}

#[tokio::test]
async fn concurrent_and_killed_runs_neither_lose_nor_duplicate_tokens() {
    let settings = Settings::default().with("ARCHIVE_RETENTION_MONTHS", "24");
    let app = TestApp::start_with(settings).await;
    insert_tokens(&app, 12_000).await;
    // Create the partitions first, so that the run below blocks while it moves tokens.
    app.sql("select make_cross_app_archive_partitions(now() - interval '410 days', now() + interval '1 month')")
        .await;
    let archive_lock = app
        .hold_locks("lock table cross_app_sessions_archive in exclusive mode")
        .await;
    let other = app.start_another().await;
    let killed_run = tokio::spawn(async move { other.run_clean_up().await });
    wait_until(async || app.blocked_statements().await == 1).await;
    app.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'",
    )
    .await;
    let cleaned = killed_run.await.unwrap().expect(200);
    assert_eq!(cleaned["details"]["failed"], json!(["crossApp"]));
    assert_eq!(cleaned["remaining"], true);
    archive_lock.release().await;
    assert_eq!(
        app.count("select count(*) from cross_app_sessions").await,
        12_000
    );

    let moved_count = clean_up_in_three_processes(&app).await;
    let all_tokens = "from (select id from cross_app_sessions
        union all select id from cross_app_sessions_archive) t";
    for expression in ["count(*)", "count(distinct id)"] {
        let count = app
            .count(&format!("select {expression} {all_tokens}"))
            .await;
        assert_eq!(count, 12_000);
    }
    let archived_count = app
        .count("select count(*) from cross_app_sessions_archive")
        .await;
    assert_eq!(archived_count, moved_count);
    let old_tokens =
        "select count(*) from cross_app_sessions where created_at <= now() - interval '30 days'";
    assert_eq!(app.count(old_tokens).await, 0);
    assert_eq!(token_counters(&app).await[0].1, 12_000);
}

#[tokio::test]
async fn months_can_be_dropped_while_another_run_archives() {
    let settings = Settings::default().with("ARCHIVE_RETENTION_MONTHS", "1");
    let app = TestApp::start_with(settings).await;
    insert_tokens(&app, 24_000).await;
    let old_tokens =
        "select count(*) from cross_app_sessions where created_at <= now() - interval '30 days'";
    let old_count = app.count(old_tokens).await;
    let moved_count = clean_up_in_three_processes(&app).await;
    assert_eq!(moved_count, old_count);
    assert_eq!(token_counters(&app).await[0].1, 24_000);
}

#[tokio::test]
async fn a_month_with_unarchived_tokens_is_not_dropped() {
    let settings = Settings::default().with("ARCHIVE_RETENTION_MONTHS", "1");
    let app = TestApp::start_with(settings).await;
    insert_tokens(&app, 400).await;
    let token_lock = app
        .hold_locks("select from cross_app_sessions order by created_at limit 1 for update")
        .await;
    app.run_clean_up().await.expect(200);
    let tokens_of_that_month =
        "select count(*) from cross_app_sessions_archive a where tableoid = (
        select cross_app_archive_partition(min(created_at))::regclass from cross_app_sessions)";
    assert!(app.count(tokens_of_that_month).await > 0);
    token_lock.release().await;
    let cleaned = app.run_clean_up().await.expect(200);
    assert_eq!(cleaned["details"]["crossAppArchived"], 1);
    assert!(cleaned["details"]["archiveMonthsDropped"].as_i64() > Some(0));
}

#[tokio::test]
async fn an_expired_token_that_is_revoked_still_counts_as_expired() {
    let app = TestApp::start().await;
    let shop = PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    let payload = json!({ "targetApp": "shop" });
    let issued = ana.post(TOKEN_PATH, payload).await.expect(200);
    app.sql("update cross_app_sessions set expires_at = now()")
        .await;
    app.run_clean_up().await.expect(200);
    ana.post(REVOKE_PATH, json!({ "id": issued["id"] }))
        .await
        .expect(200);
    let token = issued["token"].as_str().unwrap();
    shop.validate(token).await.expect_code(401, "token_ended");
    app.run_clean_up().await.expect(200);
    let counted_once = |counter: &str| (format!("cross_app_{counter}:shop"), 1);
    assert_eq!(
        token_counters(&app).await,
        ["created", "expired"].map(counted_once)
    );
}

#[tokio::test]
async fn token_analytics_are_current_before_and_after_the_clean_up() {
    let app = TestApp::start().await;
    let (shop, market) = (
        PartnerServer::register(&app, "shop").await,
        PartnerServer::register(&app, "market").await,
    );
    let (ana, staff) = (app.member("ana").await, app.staff("sofia").await);
    let used = issue_token(&ana, "shop").await;
    shop.validate(&used).await.expect(200);
    let payload = json!({ "targetApp": "shop" });
    let revoked = ana.post(TOKEN_PATH, payload).await.expect(200);
    ana.post(REVOKE_PATH, json!({ "id": revoked["id"] }))
        .await
        .expect(200);
    issue_token(&ana, "shop").await;
    app.sql(
        "update cross_app_sessions set expires_at = now()
        where used_at is null and revoked_at is null",
    )
    .await;
    issue_token(&ana, &market.name).await;

    let expected = json!({
        "market": { "created": 1, "used": 0, "revoked": 0, "expired": 0 },
        "shop": { "created": 3, "used": 1, "revoked": 1, "expired": 1 },
    });
    let today: String = app
        .sql("select (now() at time zone 'utc')::date::text")
        .await[0]
        .get(0);
    let path = format!("/api/admin/analytics?from={today}&to={today}");
    let token_counts = async || {
        let response = staff.get(&path).await.expect(200);
        response["buckets"][0]["crossAppTokens"].clone()
    };
    assert_eq!(token_counts().await, expected);
    app.run_clean_up().await.expect(200);
    assert_eq!(token_counts().await, expected);
    issue_token(&ana, &market.name).await;
    assert_eq!(token_counts().await["market"]["created"], 2);
    let csv = staff.get(&format!("{path}&format=csv")).await;
    assert!(csv.text.contains("shop: tokens revoked"));

    // Deleted tokens remain in the counts.
    for condition in ["used_at is not null", "true"] {
        app.sql(&format!("delete from cross_app_sessions where {condition}"))
            .await;
        app.run_clean_up().await.expect(200);
        assert_eq!(token_counts().await["shop"], expected["shop"]);
    }
}
