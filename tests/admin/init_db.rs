//! `api/admin/init-db.rs` and the migrations that it applies.

use std::collections::BTreeSet;

use reqwest::Method;
use sabor::store::migrations;
use serde_json::json;
use tokio_postgres::Client;

use crate::harness::{CRON_SECRET, Settings, TestApp, connect, empty_database};

const PATH: &str = "/api/admin/init-db";

#[tokio::test]
async fn concurrent_calls_apply_each_migration_once() {
    let database = empty_database().await;
    let settings = Settings::default().with("POSTGRES_URL", &*database);
    let app = TestApp::start_with(settings).await;
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let cron = app.visitor();
            tokio::spawn(async move {
                let request = cron.request(Method::POST, PATH).bearer_auth(CRON_SECRET);
                cron.send(request).await.expect(200)["applied"].clone()
            })
        })
        .collect();
    let mut applied = Vec::new();
    for call in calls {
        applied.extend(call.await.unwrap().as_array().unwrap().clone());
    }
    applied.sort_by_key(|name| name.to_string());
    assert_eq!(
        applied,
        [
            json!("0001_initial"),
            json!("0002_classes"),
            json!("0003_bookings"),
            json!("0004_identity"),
            json!("0005_cross_app"),
            json!("0006_refunds"),
            json!("0007_canonical_texts"),
            json!("0008_moved_classes")
        ]
    );
    app.member("ana").await;
}

#[tokio::test]
async fn only_cron_and_administrators_can_migrate() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    visitor
        .post(PATH, json!({}))
        .await
        .expect_code(401, "not_signed_in");
    let ana = app.member("ana").await;
    ana.post(PATH, json!({}))
        .await
        .expect_code(403, "forbidden");
    let admin = app.admin("admin").await;
    let body = admin.post(PATH, json!({})).await.expect(200);
    assert_eq!(body["applied"], json!([]));
}

#[tokio::test]
async fn migrating_up_down_and_up_again_restores_the_schema() {
    let database = empty_database().await;
    let mut client = connect(&database).await;
    let empty_schema = schema(&client).await;
    let applied = migrations::up(&mut client).await.unwrap();
    let full_schema = schema(&client).await;
    assert!(full_schema.len() > 50);
    let mut reverted = migrations::down(&mut client, usize::MAX).await.unwrap();
    reverted.reverse();
    assert_eq!(reverted, applied);
    assert_eq!(schema(&client).await, empty_schema);
    migrations::up(&mut client).await.unwrap();
    assert_eq!(schema(&client).await, full_schema);
}

#[tokio::test]
async fn a_migration_that_was_edited_after_it_was_applied_is_rejected() {
    let database = empty_database().await;
    let mut client = connect(&database).await;
    migrations::up(&mut client).await.unwrap();
    let edit = "update schema_migrations set checksum = 'another'";
    client.batch_execute(edit).await.unwrap();
    let error = migrations::up(&mut client).await.unwrap_err();
    assert!(format!("{error:?}").contains("0001_initial was changed"));
}

#[tokio::test]
async fn every_foreign_key_has_an_index() {
    let database = empty_database().await;
    let mut client = connect(&database).await;
    migrations::up(&mut client).await.unwrap();
    let unindexed = client
        .query(
            "select conrelid::regclass::text || ' ' || conname from pg_constraint c
            where contype = 'f' and not exists (
                select from pg_index i
                where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1])",
            &[],
        )
        .await
        .unwrap();
    let unindexed: Vec<String> = unindexed.iter().map(|row| row.get(0)).collect();
    assert!(unindexed.is_empty(), "{unindexed:?}");
}

/// Returns the columns, indexes, constraints, triggers and functions of the
/// schema, one per line.
async fn schema(client: &Client) -> BTreeSet<String> {
    let query = "
        select 'column ' || table_name || '.' || column_name || ' ' || data_type || ' '
            || coalesce(character_maximum_length::text, '') || ' ' || is_nullable || ' '
            || coalesce(column_default, '')
        from information_schema.columns where table_schema = 'public'
        union all
        select 'index ' || indexdef from pg_indexes where schemaname = 'public'
        union all
        select 'constraint ' || conrelid::regclass || ' ' || conname || ' '
            || pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'public'::regnamespace
        union all
        select 'trigger ' || pg_get_triggerdef(t.oid) from pg_trigger t
        join pg_class c on c.oid = t.tgrelid
        where not tgisinternal and c.relnamespace = 'public'::regnamespace
        union all
        select 'function ' || pg_get_functiondef(oid) from pg_proc
        where pronamespace = 'public'::regnamespace";
    let rows = client.query(query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}
