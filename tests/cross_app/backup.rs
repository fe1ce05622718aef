//! Creates and restores the backup that `docs/operations.md` describes.

use std::process::Command;

use serde_json::json;

use super::{PartnerServer, TOKEN_PATH, create_account, issue_token};
use crate::harness::{PASSWORD, TestApp, is_ci, postgres_binaries};

/// The tables of the backup, each after the tables that it references.
const TABLES: [&str; 9] = [
    "users",
    "remembered_devices",
    "user_sessions",
    "refresh_tokens",
    "apps",
    "accounts",
    "account_members",
    "cross_app_sessions",
    "cross_app_sessions_archive",
];

/// Returns the command of a Postgres program, from the folder of the test server if
/// it is there, otherwise from `PATH`.
async fn postgres_program(name: &str) -> Command {
    let bundled = postgres_binaries().await.join(name);
    Command::new(if bundled.exists() {
        bundled
    } else {
        name.into()
    })
}

/// Returns whether `pg_dump` and `psql` are installed and not older than the server.
async fn has_backup_programs(app: &TestApp) -> bool {
    let server_version = app.count("select current_setting('server_version_num')::bigint / 10000");
    let server_version = server_version.await;
    for name in ["pg_dump", "psql"] {
        let output = postgres_program(name).await.arg("--version").output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let version = text.ok().and_then(|text| {
            text.split_whitespace()
                .find_map(|word| word.split('.').next()?.parse::<i64>().ok())
        });
        if version.is_none_or(|version| version < server_version) {
            let requirement =
                format!("{name} {server_version} is required (apt install postgresql-client)");
            assert!(!is_ci(), "{requirement}");
            eprintln!("skipped: {requirement}");
            return false;
        }
    }
    true
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    output.stdout
}

/// Returns every row of a table, with its partition.
async fn rows(app: &TestApp, table: &str) -> Vec<String> {
    let query = format!("select tableoid::regclass || ' ' || t::text from {table} t order by 1");
    app.sql(&query).await.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_backup_restores_every_row() {
    let app = TestApp::start().await;
    if !has_backup_programs(&app).await {
        return;
    }
    let shop = PartnerServer::register(&app, "shop").await;
    let ana = app.member("ana").await;
    let account_id = create_account(&app, "casa", &[("ana", "owner")]).await;
    let payload = json!({ "targetApp": "shop", "accountId": account_id });
    for _ in 0..3 {
        ana.post(TOKEN_PATH, payload.clone()).await.expect(200);
    }
    app.sql(
        "update cross_app_sessions set created_at = created_at - interval '1 month' * n
        from (select id, row_number() over () as n from cross_app_sessions) t
        where t.id = cross_app_sessions.id",
    )
    .await;
    let phone = app.visitor();
    let form = json!({ "email": "ana@example.com", "password": PASSWORD, "mode": "token" });
    phone.post("/api/auth/login", form).await.expect(200);
    app.run_clean_up().await.expect(200);
    let token = issue_token(&ana, "shop").await;

    let mut dump = postgres_program("pg_dump").await;
    dump.args(["--data-only", "--load-via-partition-root", "--no-owner"]);
    for table in TABLES {
        dump.arg(format!("--table={table}"));
    }
    dump.arg("--table=cross_app_sessions_archive_*");
    let backup = run(dump.arg("--dbname").arg(&*app.database));
    let backup_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(backup_file.path(), &backup).unwrap();

    let restored = TestApp::start().await;
    let mut restore = postgres_program("psql").await;
    restore.args(["--no-psqlrc", "--quiet", "--single-transaction"]);
    restore.args(["--set=ON_ERROR_STOP=1", "--output=/dev/null"]);
    restore.args([
        "--command",
        "select make_cross_app_archive_partitions(now() - interval '14 months', now())",
    ]);
    restore.arg("--file").arg(backup_file.path());
    run(restore.arg("--dbname").arg(&*restored.database));
    for table in TABLES {
        let original_rows = rows(&app, table).await;
        assert!(!original_rows.is_empty(), "{table}");
        assert_eq!(rows(&restored, table).await, original_rows, "{table}");
    }
    // The restored session and token still work.
    assert!(ana.connected_to(&restored).is_signed_in().await);
    shop.connected_to(&restored)
        .validate(&token)
        .await
        .expect(200);
}
