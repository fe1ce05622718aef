//! Postgres as hosting providers offer it: with TLS, and behind a pooler.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use sabor_testing::pgbouncer::PgBouncer;
use sabor_testing::postgres::{Cluster, Options, Tls};
use serde_json::json;

use crate::harness::{Settings, TestApp, connect, is_ci};

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
    if !PgBouncer::is_installed() {
        assert!(
            !is_ci(),
            "pgbouncer is not installed (apt install pgbouncer)"
        );
        eprintln!("skipped: pgbouncer is not installed (apt install pgbouncer)");
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
