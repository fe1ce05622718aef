//! Tokens are counted by day and archived by month.

use serde_json::{Value, json};

use super::{PartnerServer, REVOKE, TOKEN, issue_token};
use crate::harness::{Settings, TestApp, wait_until};

/// Runs the clean-up in three processes at once; returns the number of archived
/// tokens.
async fn clean_up_three_times_at_once(app: &TestApp) -> i64 {
    let others = [
        app.start_another().await,
        app.start_another().await,
        app.start_another().await,
    ];
    let runs =
        others.map(|other| tokio::spawn(async move { other.run_clean_up().await.expect(200) }));
    let mut moved = 0;
    for run in runs {
        let cleaned: Value = run.await.unwrap();
        assert_eq!(cleaned["details"]["failed"], json!([]));
        moved += cleaned["details"]["crossAppArchived"].as_i64().unwrap();
    }
    moved
}

/// Inserts tokens over the last 400 days. A quarter each is used, revoked, both,
/// and neither.
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
    let parts = "select tableoid::regclass::text, count(*)
        from cross_app_sessions_archive group by 1 order by 1";
    let parts = app.sql(parts).await;
    parts.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Returns the sums of the daily counters of tokens.
async fn token_counters(app: &TestApp) -> Vec<(String, i64)> {
    let sums = "select name, sum(count)::bigint from daily_counters
        where starts_with(name, 'cross_app_') group by 1 order by 1";
    let sums = app.sql(sums).await;
    sums.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn tokens_are_archived_by_month_and_a_second_run_changes_nothing() {
    const COUNT: u32 = 40_000;
    let settings = Settings::default().with("ARCHIVE_RETENTION_MONTHS", "24");
    let app = TestApp::start_with(settings).await;
    insert_tokens(&app, COUNT).await;
    let due =
        "select 'cross_app_sessions_archive_' || to_char(created_at at time zone 'utc', 'YYYY_MM'),
            count(*)
        from cross_app_sessions where created_at <= now() - interval '30 days'
        group by 1 order by 1";
    let due: Vec<(String, i64)> = app
        .sql(due)
        .await
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let old: i64 = due.iter().map(|(_, count)| count).sum();

    let cleaned = app.run_clean_up().await.expect(200);
    assert_eq!(cleaned["details"]["crossAppArchived"], old);
    assert_eq!(cleaned["details"]["archiveMonthsDropped"], 0);
    assert_eq!(cleaned["details"]["failed"], json!([]));
    assert_eq!(archived_by_month(&app).await, due);
    let live = app.count("select count(*) from cross_app_sessions").await;
    assert_eq!(live + old, i64::from(COUNT));
    let quarter = i64::from(COUNT) / 4;
    let sums = [
        ("cross_app_created:shop".to_owned(), 4 * quarter),
        ("cross_app_expired:shop".to_owned(), quarter),
        ("cross_app_revoked:shop".to_owned(), 2 * quarter),
        ("cross_app_used:shop".to_owned(), 2 * quarter),
    ];
    assert_eq!(token_counters(&app).await, sums);

    let again = app.run_clean_up().await.expect(200);
    assert_eq!(again["details"]["crossAppArchived"], 0);
    assert_eq!(archived_by_month(&app).await, due);
    assert_eq!(token_counters(&app).await, sums);
    // The partition of the next month exists already.
    let ahead = "select count(*) from pg_class where relname =
        'cross_app_sessions_archive_' || to_char(now() at time zone 'utc' + interval '1 month', 'YYYY_MM')";
    assert_eq!(app.count(ahead).await, 1);
}

#[tokio::test]
async fn expired_months_are_dropped_and_their_totals_remain() {
    let settings = Settings::default().with("ARCHIVE_RETENTION_MONTHS", "3");
    let app = TestApp::start_with(settings).await;
    insert_tokens(&app, 4_000).await;
    let cleaned = app.run_clean_up().await.expect(200);
    // The oldest month depends on today's date.
    let months = "select count(*) from generate_series(
        date_trunc('month', now() at time zone 'utc' - interval '399 days 12 hours'),
        date_trunc('month', now() at time zone 'utc' - interval '30 days' - interval '3 months') - interval '1 day',
        '1 month')";
    let months = app.count(months).await;
    assert_eq!(cleaned["details"]["archiveMonthsDropped"], months);
    let oldest = "select count(*) from cross_app_sessions_archive
        where created_at < date_trunc('month', now() at time zone 'utc' - interval '30 days' - interval '3 months')
            at time zone 'utc'";
    assert_eq!(app.count(oldest).await, 0);
    assert!(
        app.count("select count(*) from cross_app_sessions_archive")
            .await
            > 0
    );
    let created = &token_counters(&app).await[0];
    assert_eq!(created, &("cross_app_created:shop".to_owned(), 4_000));
    let again = app.run_clean_up().await.expect(200);
    assert_eq!(again["details"]["archiveMonthsDropped"], 0);
    assert_eq!(token_counters(&app).await[0].1, 4_000);
}

#[tokio::test]
async fn months_are_in_utc_in_any_database_time_zone() {
    let settings = Settings::default().with("ARCHIVE_RETENTION_MONTHS", "1200");
    let app = TestApp::start_with(settings).await;
    let shop = PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    for at in [
        "2024-02-29T23:59:59.999999Z",
        "2024-03-01T00:00:00Z",
        "2024-12-31T23:59:59.999999Z",
        "2025-01-01T00:00:00Z",
    ] {
        issue_token(&ana, &shop.name).await;
        app.sql(&format!(
            "update cross_app_sessions set created_at = '{at}' where created_at > '2026-01-01'"
        ))
        .await;
    }
    app.sql(
        "do $$ begin execute format(
            'alter database %I set timezone to ''Pacific/Auckland''', current_database()); end $$",
    )
    .await;
    app.start_another().await.run_clean_up().await.expect(200);
    let one = |month: &str| (format!("cross_app_sessions_archive_{month}"), 1);
    assert_eq!(
        archived_by_month(&app).await,
        ["2024_02", "2024_03", "2024_12", "2025_01"].map(one)
    );
}

#[tokio::test]
async fn concurrent_and_killed_runs_neither_lose_nor_duplicate_tokens() {
    let settings = Settings::default().with("ARCHIVE_RETENTION_MONTHS", "24");
    let app = TestApp::start_with(settings).await;
    insert_tokens(&app, 12_000).await;
    // The partitions exist, and the first run is killed while it moves tokens.
    app.sql("select make_cross_app_archive_partitions(now() - interval '410 days', now() + interval '1 month')")
        .await;
    let locked = app
        .hold_locks("lock table cross_app_sessions_archive in exclusive mode")
        .await;
    let other = app.start_another().await;
    let killed = tokio::spawn(async move { other.run_clean_up().await });
    wait_until(async || app.blocked_statements().await == 1).await;
    app.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'",
    )
    .await;
    let result = killed.await.unwrap().expect(200);
    assert_eq!(result["details"]["failed"], json!(["crossApp"]));
    assert_eq!(result["remaining"], true);
    locked.release().await;
    assert_eq!(
        app.count("select count(*) from cross_app_sessions").await,
        12_000
    );

    let moved = clean_up_three_times_at_once(&app).await;
    let everywhere = "from (select id from cross_app_sessions
        union all select id from cross_app_sessions_archive) t";
    for count in ["count(*)", "count(distinct id)"] {
        let count = app.count(&format!("select {count} {everywhere}")).await;
        assert_eq!(count, 12_000);
    }
    let archived = app
        .count("select count(*) from cross_app_sessions_archive")
        .await;
    assert_eq!(archived, moved);
    let old =
        "select count(*) from cross_app_sessions where created_at <= now() - interval '30 days'";
    assert_eq!(app.count(old).await, 0);
    assert_eq!(token_counters(&app).await[0].1, 12_000);
}

#[tokio::test]
async fn months_can_be_dropped_while_another_run_archives() {
    let settings = Settings::default().with("ARCHIVE_RETENTION_MONTHS", "1");
    let app = TestApp::start_with(settings).await;
    insert_tokens(&app, 24_000).await;
    let old =
        "select count(*) from cross_app_sessions where created_at <= now() - interval '30 days'";
    let old = app.count(old).await;
    let moved = clean_up_three_times_at_once(&app).await;
    assert_eq!(moved, old);
    assert_eq!(token_counters(&app).await[0].1, 24_000);
}

#[tokio::test]
async fn a_month_with_unarchived_tokens_is_not_dropped() {
    let settings = Settings::default().with("ARCHIVE_RETENTION_MONTHS", "1");
    let app = TestApp::start_with(settings).await;
    insert_tokens(&app, 400).await;
    let held = app
        .hold_locks("select from cross_app_sessions order by created_at limit 1 for update")
        .await;
    app.run_clean_up().await.expect(200);
    let oldest = "select count(*) from cross_app_sessions_archive a where tableoid = (
        select cross_app_archive_partition(min(created_at))::regclass from cross_app_sessions)";
    assert!(app.count(oldest).await > 0);
    held.release().await;
    let cleaned = app.run_clean_up().await.expect(200);
    assert_eq!(cleaned["details"]["crossAppArchived"], 1);
    assert!(cleaned["details"]["archiveMonthsDropped"].as_i64() > Some(0));
}

#[tokio::test]
async fn an_expired_token_stays_counted_as_expired() {
    let app = TestApp::start().await;
    let shop = PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    let payload = json!({ "targetApp": "shop" });
    let issued = ana.post(TOKEN, payload).await.expect(200);
    app.sql("update cross_app_sessions set expires_at = now()")
        .await;
    app.run_clean_up().await.expect(200);
    ana.post(REVOKE, json!({ "id": issued["id"] }))
        .await
        .expect(200);
    let token = issued["token"].as_str().unwrap();
    shop.validate(token).await.expect_code(401, "token_ended");
    app.run_clean_up().await.expect(200);
    let one = |what: &str| (format!("cross_app_{what}:shop"), 1);
    assert_eq!(token_counters(&app).await, ["created", "expired"].map(one));
}

#[tokio::test]
async fn token_analytics_are_current_and_not_changed_by_the_clean_up() {
    let app = TestApp::start().await;
    let (shop, market) = (
        PartnerServer::register(&app, "shop").await,
        PartnerServer::register(&app, "market").await,
    );
    let (ana, staff) = (app.member("ana").await, app.staff("sofia").await);
    let used = issue_token(&ana, "shop").await;
    shop.validate(&used).await.expect(200);
    let payload = json!({ "targetApp": "shop" });
    let revoked = ana.post(TOKEN, payload).await.expect(200);
    ana.post(REVOKE, json!({ "id": revoked["id"] }))
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
    let figures = async || {
        let response = staff.get(&path).await.expect(200);
        response["buckets"][0]["crossAppTokens"].clone()
    };
    assert_eq!(figures().await, expected);
    app.run_clean_up().await.expect(200);
    assert_eq!(figures().await, expected);
    issue_token(&ana, &market.name).await;
    assert_eq!(figures().await["market"]["created"], 2);
    let sheet = staff.get(&format!("{path}&format=csv")).await;
    assert!(sheet.text.contains("shop: tokens revoked"));

    // Deleted tokens stay counted.
    for some in ["used_at is not null", "true"] {
        app.sql(&format!("delete from cross_app_sessions where {some}"))
            .await;
        app.run_clean_up().await.expect(200);
        assert_eq!(figures().await["shop"], expected["shop"]);
    }
}
