//! Postgres as hosting providers offer it: by TLS, and behind a pooler.

use std::path::Path;
use std::process::Stdio;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use sabor_dev::postgres::{Cluster, Options, Tls};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::harness::{PASSWORD, Settings, TestApp, connect, until};

fn certificate() -> Tls {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    Tls {
        certificate: cert.pem(),
        key: signing_key.serialize_pem(),
    }
}

#[tokio::test]
async fn by_tls_with_channel_binding_and_only_with_a_certificate_that_verifies() {
    let tls = certificate();
    let trusted = tls.certificate.clone();
    let options = Options {
        tls: Some(tls),
        ..Options::default()
    };
    let cluster = Cluster::start(options).await.unwrap();
    cluster.create_database("own").await.unwrap();
    let plain = cluster.url("own");
    sabor::migrations::up(&mut connect(&plain).await)
        .await
        .unwrap();
    let settings = Settings::default().with(
        "POSTGRES_URL",
        format!("{plain}?sslmode=verify-full&channel_binding=require"),
    );

    let app = TestApp::start_with(settings.clone().with("POSTGRES_CA_CERT", trusted)).await;
    app.member("ana").await;
    let client = connect(&plain).await;
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

    for stranger in [certificate().certificate, String::new()] {
        let settings = settings.clone().with("POSTGRES_CA_CERT", stranger);
        let app = TestApp::start_with(settings).await;
        let answer = app.visitor().sign_in("ana@example.com", PASSWORD).await;
        answer.expect_code(503, "unavailable");
    }
}

/// PgBouncer in transaction mode, with fewer connections than there are callers.
struct PgBouncer {
    port: u16,
    _process: Child,
    _folder: tempfile::TempDir,
}

impl PgBouncer {
    /// `None` where it is not installed, which only CI may not be.
    async fn start(cluster: &Cluster) -> Option<Self> {
        let Some(program) = [
            "/usr/sbin/pgbouncer",
            "/usr/bin/pgbouncer",
            "/opt/homebrew/bin/pgbouncer",
        ]
        .into_iter()
        .find(|path| Path::new(path).exists()) else {
            assert!(
                !crate::harness::is_ci(),
                "pgbouncer is not installed (apt install pgbouncer)"
            );
            eprintln!("left out: pgbouncer is not installed (apt install pgbouncer)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let url: tokio_postgres::Config = cluster.url("own").parse().unwrap();
        let password = String::from_utf8(url.get_password().unwrap().to_vec()).unwrap();
        let settings = format!(
            "[databases]\nown = host=127.0.0.1 port={} user=sabor password={password}\n\
            [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
            auth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n\
            ignore_startup_parameters = extra_float_digits\n",
            cluster.port()
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new(program);
        // It refuses to run as root, and then has to read its settings as somebody else.
        if std::fs::metadata("/proc/self")
            .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
        {
            let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(folder.path(), everybody).unwrap();
            command.args(["-u", "nobody"]);
        }
        let process = command
            .arg("-q")
            .arg(&file)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        until(async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
        })
        .await;
        Some(Self {
            port,
            _process: process,
            _folder: folder,
        })
    }
}

#[tokio::test]
async fn behind_a_pooler_in_transaction_mode_nothing_is_missed() {
    let cluster = Cluster::start(Options::default()).await.unwrap();
    cluster.create_database("own").await.unwrap();
    sabor::migrations::up(&mut connect(&cluster.url("own")).await)
        .await
        .unwrap();
    let Some(pooler) = PgBouncer::start(&cluster).await else {
        return;
    };
    let url = format!(
        "postgres://sabor@127.0.0.1:{}/own?sslmode=disable&pgbouncer=true",
        pooler.port
    );
    let app = TestApp::start_with(Settings::default().with("POSTGRES_URL", url)).await;
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
    let counted = ana.get("/api/session/test-session").await.expect(200);
    assert_eq!(counted["visits"], 61);
    ana.patch("/api/auth/me", json!({ "firstName": "Anita" }))
        .await
        .expect(200);
    let before = ana.copy();
    ana.post("/api/auth/logout", json!({ "all": true }))
        .await
        .expect(200);
    assert!(!before.is_signed_in().await);
}
