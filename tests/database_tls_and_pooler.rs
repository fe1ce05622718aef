//! Postgres as hosting providers offer it: with TLS, and behind a pooler. The errors of
//! Postgres, the pool and Redis are explained in `docs/troubleshooting.md`.

use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use redis_endpoint::FaultMode;
use sabor_testing::pgbouncer::{self, PgBouncer};
use sabor_testing::postgres::{Cluster, Options, Tls};
use serde_json::json;

use crate::conventions::troubleshooting::{is_explained, logged_causes};
use crate::harness::{Settings, TestApp, cause_chain, connect, is_ci, wait_until};

const HEALTH_EXECUTABLE: &str = env!("CARGO_BIN_EXE_health");
const CLASSES_EXECUTABLE: &str = env!("CARGO_BIN_EXE_classes-list");

fn self_signed_certificate() -> Tls {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    Tls {
        certificate: cert.pem(),
        key: signing_key.serialize_pem(),
    }
}

#[tokio::test]
async fn tls_uses_channel_binding_and_requires_a_trusted_certificate() {
    let tls = self_signed_certificate();
    let trusted = tls.certificate.clone();
    let options = Options {
        tls: Some(tls),
        ..Options::default()
    };
    let cluster = Cluster::start(options).await.unwrap();
    cluster.create_database("own").await.unwrap();
    let url = cluster.url("own");
    sabor::store::migrations::up(&mut connect(&url).await)
        .await
        .unwrap();
    let settings = Settings::default().with(
        "POSTGRES_URL",
        format!("{url}?sslmode=verify-full&channel_binding=require"),
    );

    let app = TestApp::start_with(settings.clone().with("POSTGRES_CA_CERT", trusted)).await;
    app.member("ana").await;
    let client = connect(&url).await;
    let row = client
        .query_one(
            "select bool_and(ssl), min(version) from pg_stat_ssl join pg_stat_activity using (pid)
            where application_name = 'sabor'",
            &[],
        )
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
    assert_eq!(row.get::<_, &str>(1), "TLSv1.3");

    for untrusted in [self_signed_certificate().certificate, String::new()] {
        let settings = settings.clone().with("POSTGRES_CA_CERT", untrusted);
        let app = TestApp::start_with(settings).await;
        let response = app.visitor().sign_in_as("ana").await;
        response.expect_code(503, "unavailable");
    }
}

#[tokio::test]
async fn sessions_work_behind_a_pooler_in_transaction_mode() {
    let cluster = Cluster::start(Options::default()).await.unwrap();
    cluster.create_database("own").await.unwrap();
    sabor::store::migrations::up(&mut connect(&cluster.url("own")).await)
        .await
        .unwrap();
    if !has_pgbouncer() {
        return;
    }
    let pooler = PgBouncer::start(&cluster, "own", 3).await.unwrap();
    let app = TestApp::start_with(Settings::default().with("POSTGRES_URL", pooler.url())).await;
    let ana = app.member("ana").await;
    let visits: Vec<_> = (0..60)
        .map(|_| {
            let ana = ana.copy();
            tokio::spawn(async move { ana.get("/api/session/test-session").await.status })
        })
        .collect();
    for visit in visits {
        assert_eq!(visit.await.unwrap(), 200);
    }
    let body = ana.get("/api/session/test-session").await.expect(200);
    assert_eq!(body["visits"], 61);
    ana.patch("/api/auth/me", json!({ "firstName": "Anita" }))
        .await
        .expect(200);
    let old_client = ana.copy();
    ana.post("/api/auth/logout", json!({ "all": true }))
        .await
        .expect(200);
    assert!(!old_client.is_signed_in().await);
}

fn has_pgbouncer() -> bool {
    let is_installed = PgBouncer::is_installed();
    if !is_installed {
        assert!(
            !is_ci(),
            "pgbouncer is not installed (apt install pgbouncer)"
        );
        eprintln!("skipped: pgbouncer is not installed (apt install pgbouncer)");
    }
    is_installed
}

#[tokio::test]
async fn a_wrong_connection_string_is_reported_as_a_misconfiguration() {
    if !has_pgbouncer() {
        return;
    }
    let cluster = Cluster::start(Options::default()).await.unwrap();
    cluster.create_database("own").await.unwrap();
    let password_options = pgbouncer::Options {
        files: vec![("users.txt", "\"sabor\" \"right\"\n".to_owned())],
        settings: vec![
            ("auth_type", "scram-sha-256".to_owned()),
            ("auth_file", "{folder}/users.txt".to_owned()),
        ],
        ..pgbouncer::Options::default()
    };
    let tls = self_signed_certificate();
    let tls_options = pgbouncer::Options {
        files: vec![("tls.pem", tls.certificate), ("tls.key", tls.key)],
        settings: vec![
            ("client_tls_sslmode", "require".to_owned()),
            ("client_tls_cert_file", "{folder}/tls.pem".to_owned()),
            ("client_tls_key_file", "{folder}/tls.key".to_owned()),
        ],
        ..pgbouncer::Options::default()
    };
    let wrong_password_options = pgbouncer::Options {
        server_password: Some("wrong".to_owned()),
        settings: vec![("server_login_retry", "1".to_owned())],
        ..pgbouncer::Options::default()
    };
    let start = async |options| {
        let started = PgBouncer::start_with(&cluster, "own", options).await;
        started.unwrap()
    };
    let (pooler_with_passwords, pooler_with_tls, pooler_with_wrong_password) = (
        start(&password_options).await,
        start(&tls_options).await,
        start(&wrong_password_options).await,
    );
    let with_password =
        |url: String, password: &str| url.replace("sabor@", &format!("sabor:{password}@"));
    let direct = cluster.url("own");
    let password_problem = "the server rejects the user or the password";
    let database_problem = "the server has no such database";
    let app = TestApp::start().await;
    for (url, problem) in [
        (
            with_password(pooler_with_passwords.url(), "wrong"),
            password_problem,
        ),
        (
            with_password(pooler_with_passwords.url(), "right").replace("/own", "/other"),
            database_problem,
        ),
        (pooler_with_tls.url(), "the server requires TLS"),
        (pooler_with_wrong_password.url(), password_problem),
        (direct.replace("/own", "/other"), database_problem),
        (direct.replace("sabor:", "sabor:wrong"), password_problem),
    ] {
        let settings = Settings::default().with("POSTGRES_URL", url.clone());
        let app = app.start_another_with(settings).await;
        let health = app.start_function(HEALTH_EXECUTABLE).await;
        let visitor = app.visitor().connected_to_url(&health.url);
        // After a failed login, PgBouncer reports an outage for a second.
        wait_until(async || {
            let body = visitor.get("/api/health").await.expect(503);
            body["services"]["database"]["status"] == "misconfigured"
        })
        .await;
        let logged = format!("POSTGRES_URL: {problem}");
        assert!(health.log().contains(&logged), "{url}: {}", health.log());

        let classes = app.start_function(CLASSES_EXECUTABLE).await;
        let visitor = visitor.connected_to_url(&classes.url);
        wait_until(async || visitor.get("/api/classes/list").await.status == 500).await;
        let causes = logged_causes(&classes.log());
        assert!(
            causes.iter().any(|cause| cause.contains(&logged)),
            "{causes:?}"
        );
        for cause in causes {
            let is_known = is_explained("A request fails with 500", &cause)
                || is_explained("A request fails with 503", &cause);
            assert!(is_known, "{cause}");
        }
    }
}

#[tokio::test]
async fn outages_behind_a_pooler_are_explained() {
    if !has_pgbouncer() {
        return;
    }
    let cluster = Cluster::start(Options::default()).await.unwrap();
    cluster.create_database("own").await.unwrap();
    let options = pgbouncer::Options {
        settings: vec![
            ("default_pool_size", "1".to_owned()),
            ("query_wait_timeout", "1".to_owned()),
            ("server_login_retry", "1".to_owned()),
        ],
        ..pgbouncer::Options::default()
    };
    let pooler = PgBouncer::start_with(&cluster, "own", &options)
        .await
        .unwrap();
    let settings = Settings::default().with("POSTGRES_URL", pooler.url());
    let app = TestApp::start_with(settings).await;
    let db = app.app.db();
    let mut errors = Vec::new();
    // The only connection to Postgres is in use.
    let busy = db.client().await.unwrap();
    busy.batch_execute("begin").await.unwrap();
    let blocked_read = db
        .read(async |client| Ok(client.batch_execute("select 1").await?))
        .await;
    errors.push(blocked_read.unwrap_err());
    drop(busy);
    cluster.stop().await.unwrap();
    for _ in 0..3 {
        let failed_read = db
            .read(async |client| Ok(client.batch_execute("select 1").await?))
            .await;
        errors.push(failed_read.unwrap_err());
    }
    for error in errors {
        assert_eq!(error.status(), 503, "{}", cause_chain(&error));
        let cause = cause_chain(&error);
        assert!(is_explained("A request fails with 503", &cause), "{cause}");
    }
}

#[tokio::test]
async fn errors_of_the_pool_are_explained() {
    let settings = Settings::default()
        .with("POSTGRES_POOL_MAX", "1")
        .with("POSTGRES_POOL_TIMEOUT_MS", "100");
    // This listener accepts connections and never responds.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed_port = closed.local_addr().unwrap().port();
    drop(closed);
    let app = TestApp::start_with(settings.clone()).await;
    let start_at = async |port: u16| {
        let url = format!("postgres://u:p@127.0.0.1:{port}/d");
        let settings = settings.clone().with("POSTGRES_URL", url);
        app.start_another_with(settings.with("POSTGRES_CONNECT_TIMEOUT_MS", "300"))
            .await
    };
    let only_connection = app.app.db().client().await.unwrap();
    let mut errors = vec![app.app.db().client().await.err().unwrap()];
    drop(only_connection);
    app.app.db().close();
    errors.push(app.app.db().client().await.err().unwrap());
    for port in [silent_port, closed_port] {
        let app = start_at(port).await;
        errors.push(app.app.db().client().await.err().unwrap());
    }
    for error in errors {
        let cause = cause_chain(&error);
        assert!(is_explained("A request fails with 503", &cause), "{cause}");
    }
}

#[tokio::test]
async fn errors_of_redis_are_explained() {
    for mode in [
        FaultMode::Unreachable,
        FaultMode::ReadOnly,
        FaultMode::ReadOnlyToken,
        FaultMode::Silent,
        FaultMode::NotJson,
        FaultMode::CutOff,
        FaultMode::Unauthorized,
        FaultMode::CommandErrors,
    ] {
        let app = TestApp::start().await;
        app.redis.set_mode(mode).await.unwrap();
        let kv = app.app.kv().unwrap();
        let error = kv.set("a", "1", Duration::from_secs(60)).await.unwrap_err();
        let cause = cause_chain(&error);
        assert!(is_explained("Errors of Redis", &cause), "{mode:?}: {cause}");
    }
}
