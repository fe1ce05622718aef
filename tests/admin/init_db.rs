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
    let files = std::fs::read_dir("migrations").unwrap();
    let mut names: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter_map(|file| Some(json!(file.strip_suffix(".up.sql")?)))
        .collect();
    names.sort_by_key(ToString::to_string);
    assert_eq!(applied, names);
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
    let mut reverted = migrations::down(&mut client, applied.len()).await.unwrap();
    reverted.reverse();
    assert_eq!(reverted, applied);
    assert_eq!(schema(&client).await, empty_schema);
    assert!(migrations::down(&mut client, 1).await.is_err());
    migrations::up(&mut client).await.unwrap();
    assert_eq!(schema(&client).await, full_schema);
}

#[tokio::test]
async fn a_preview_lists_the_rows_that_reverting_deletes_and_changes_nothing() {
    let database = empty_database().await;
    let mut client = connect(&database).await;
    let applied = migrations::up(&mut client).await.unwrap();
    let full_schema = schema(&client).await;
    let insert = "insert into users (id, email, first_name, last_name)
        values (gen_random_uuid(), 'ana@example.com', 'Ana', 'Reyes')";
    client.batch_execute(insert).await.unwrap();
    let preview = migrations::preview_down(&mut client, applied.len())
        .await
        .unwrap();
    assert_eq!(preview.names.len(), applied.len());
    let losses: Vec<_> = preview
        .losses
        .iter()
        .map(|loss| (loss.table.as_str(), loss.column.as_deref(), loss.rows))
        .collect();
    assert!(losses.contains(&("users", None, 1)), "{losses:?}");
    // Empty tables are left out.
    assert!(
        losses.iter().all(|(table, ..)| *table != "bookings"),
        "{losses:?}"
    );
    assert_eq!(schema(&client).await, full_schema);
    assert!(
        migrations::preview_down(&mut client, applied.len() + 1)
            .await
            .is_err()
    );
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

#[tokio::test]
async fn functions_that_use_tables_keep_their_plans() {
    let database = empty_database().await;
    let mut client = connect(&database).await;
    migrations::up(&mut client).await.unwrap();
    let query = "
        select p.oid::regprocedure::text from pg_proc p join pg_language l on l.oid = p.prolang
        where pronamespace = 'public'::regnamespace and lanname = 'sql'
            and prosrc ~* '\\m(from|insert|update|delete)\\M'";
    assert_eq!(first_column(&client, query).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_rooms_migration_merges_spellings_of_rooms_and_renames_duplicate_class_types() {
    let database = empty_database().await;
    let mut client = connect(&database).await;
    migrations::up(&mut client).await.unwrap();
    let reverted = revert_from(&mut client, "0010_rooms_and_closures").await;
    let insert_old_rows = "
        insert into class_types (id, name, price_per_class, created_at) values
            (md5('type')::uuid, 'Salsa', 20, now() - interval '1 day'),
            (gen_random_uuid(), 'salsa', 20, now());
        insert into instructors (id, name)
        select md5(n::text)::uuid, 'Instructor ' || n from generate_series(1, 4) n;
        insert into class_schedules (id, class_type_id, instructor_id, day_of_week, start_time,
            duration_minutes, max_participants, room, effective_from)
        values (gen_random_uuid(), md5('type')::uuid, md5('1')::uuid, 1, '19:00', 60, 10,
            'Studio  A', '2026-01-01');
        insert into scheduled_classes (id, class_type_id, instructor_id, title, start_time,
            end_time, max_participants, room, created_at)
        select gen_random_uuid(), md5('type')::uuid, md5(n::text)::uuid, title, start::timestamptz,
            start::timestamptz + interval '1 hour', 10, room, '2026-01-01Z'::timestamptz + n * interval '1 day'
        from (values (1, 'Salsa', '2020-01-01 18:00Z', 'Studio A'),
            (2, 'Rueda', '2020-01-01 18:30Z', 'studio a'),
            (3, 'Salsa', '2020-01-02 18:00Z', 'STUDIOA'),
            (4, 'Salsa', '2020-01-01 18:00Z', 'Studio A (2)')) t (n, title, start, room)";
    client.batch_execute(insert_old_rows).await.unwrap();
    migrations::up(&mut client).await.unwrap();

    let classes = "select i.name || ': ' || coalesce(c.own_title, '-') || ', ' || r.name
        from scheduled_classes c join rooms r on r.id = c.room_id
        join instructors i on i.id = c.instructor_id order by i.name";
    assert_eq!(
        first_column(&client, classes).await,
        [
            "Instructor 1: -, Studio A",
            "Instructor 2: Rueda, Studio A (3)",
            "Instructor 3: -, Studio A",
            "Instructor 4: -, Studio A (2)",
        ]
    );
    let weekly_class_rooms =
        "select r.name from class_schedules s join rooms r on r.id = s.room_id";
    assert_eq!(
        first_column(&client, weekly_class_rooms).await,
        ["Studio A"]
    );
    let class_types = "select name from class_types order by name";
    assert_eq!(
        first_column(&client, class_types).await,
        ["Salsa", "salsa (2)"]
    );

    // The previous version of the program knows only the columns `room` and `title`.
    let insert_by_previous_version = "
        insert into scheduled_classes (id, class_type_id, instructor_id, title, start_time,
            end_time, max_participants, room)
        values (md5('class')::uuid, md5('type')::uuid, md5('1')::uuid, 'Salsa',
            '2031-01-01 18:00Z', '2031-01-01 19:00Z', 10, 'studio   a');
        update class_types set name = 'Casino' where name = 'Salsa'";
    client
        .batch_execute(insert_by_previous_version)
        .await
        .unwrap();
    let class = "select coalesce(c.own_title, '-') || ', ' || r.name
        from scheduled_classes c join rooms r on r.id = c.room_id where c.id = md5('class')::uuid";
    assert_eq!(first_column(&client, class).await, ["-, Studio A"]);
    let move_class = "update scheduled_classes set room = 'Garden', title = 'Party'
        where id = md5('class')::uuid";
    client.batch_execute(move_class).await.unwrap();
    assert_eq!(first_column(&client, class).await, ["Party, Garden"]);
    migrations::down(&mut client, reverted).await.unwrap();
    let rooms = "select distinct room from scheduled_classes order by room";
    assert_eq!(
        first_column(&client, rooms).await,
        ["Garden", "Studio A", "Studio A (2)", "Studio A (3)"]
    );
}

#[tokio::test]
async fn the_room_names_migration_numbers_names_that_differ_only_in_a_no_break_space() {
    let database = empty_database().await;
    let mut client = connect(&database).await;
    migrations::up(&mut client).await.unwrap();
    revert_from(&mut client, "0016_room_names").await;
    let insert_names = r"
        insert into rooms (name, created_at) values ('Hall A', '2026-01-02'),
            (E'Hall\u00a0A', '2026-01-01');
        insert into class_types (id, name, price_per_class, is_active, created_at) values
            (gen_random_uuid(), 'Salsa 1', 20, true, '2026-01-02'),
            (gen_random_uuid(), E'Salsa\u00a01', 20, false, '2026-01-01')";
    client.batch_execute(insert_names).await.unwrap();
    migrations::up(&mut client).await.unwrap();
    let rooms = "select name from rooms order by created_at";
    assert_eq!(
        first_column(&client, rooms).await,
        ["Hall\u{a0}A", "Hall A (2)"]
    );
    let class_types = "select name from class_types order by created_at";
    assert_eq!(
        first_column(&client, class_types).await,
        ["Salsa\u{a0}1 (2)", "Salsa 1"]
    );
}

/// Reverts the named migration and all later ones. Returns how many these are.
async fn revert_from(client: &mut Client, name: &str) -> usize {
    let query = "select count(*) from schema_migrations where name >= $1";
    let count: i64 = client.query_one(query, &[&name]).await.unwrap().get(0);
    let count = usize::try_from(count).unwrap();
    migrations::down(client, count).await.unwrap();
    count
}

/// Returns the first column of a query as strings.
async fn first_column(client: &Client, query: &str) -> Vec<String> {
    let rows = client.query(query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
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
