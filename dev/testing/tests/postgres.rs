//! Tests of private Postgres clusters, also after the process that owns one is killed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sabor_testing::postgres::{self, Cluster, Options};

/// A process that runs a cluster until it is killed.
struct Owner {
    process: Child,
    /// The cluster's connection string, which is empty if `start` did not wait for it.
    url: String,
}

impl Owner {
    fn start(directory: Option<&Path>, wait_for_url: bool) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_hold-cluster"))
            .args(directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        if wait_for_url {
            let lines = BufReader::new(process.stdout.take().unwrap()).lines();
            url = lines
                .map(Result::unwrap)
                .find(|line| line.starts_with("postgres://"))
                .unwrap();
        }
        Self { process, url }
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Polls until the condition holds. Fails after a minute.
async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

async fn create_table(url: &str) {
    let statement = "create table t as select 'salsa'::text as style";
    connect(url).await.batch_execute(statement).await.unwrap();
}

async fn query_text(url: &str, query: &str) -> String {
    let client = connect(url).await;
    client.query_one(query, &[]).await.unwrap().get(0)
}

fn permanent_options(directory: &Path) -> Options {
    Options {
        directory: Some(directory.join("postgres")),
        ..Options::default()
    }
}

/// Creates a folder that the account of Postgres can enter if root runs the tests.
fn create_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[tokio::test]
async fn two_clusters_that_prefer_the_same_port_run_side_by_side() {
    let first = Cluster::start(Options::default()).await.unwrap();
    let options = Options {
        port: Some(first.port()),
        ..Options::default()
    };
    let second = Cluster::start(options).await.unwrap();
    assert_ne!(first.port(), second.port());

    first.create_database("only_here").await.unwrap();
    assert!(first.connect("only_here").await.is_ok());
    assert!(second.connect("only_here").await.is_err());
}

#[tokio::test]
async fn a_preferred_port_is_used_if_it_is_free() {
    let port = sabor_testing::port::find_free(None).unwrap();
    let options = Options {
        port: Some(port),
        ..Options::default()
    };
    assert_eq!(Cluster::start(options).await.unwrap().port(), port);
}

#[tokio::test]
async fn a_database_created_from_a_template_has_its_rows() {
    let cluster = Cluster::start(Options::default()).await.unwrap();
    cluster.create_database("template").await.unwrap();
    create_table(&cluster.url("template")).await;
    // Postgres waits a few seconds for the connection to the template to close.
    cluster
        .create_database_from_template("a \"copy\"", "template")
        .await
        .unwrap();
    let copy = cluster.connect("a \"copy\"").await.unwrap();
    let row = copy.query_one("select style from t", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "salsa");
}

#[tokio::test]
async fn a_restart_after_a_kill_keeps_rows_and_port() {
    let cluster = Cluster::start(Options::default()).await.unwrap();
    let url = cluster.url("postgres");
    create_table(&url).await;
    let data_directory = PathBuf::from(query_text(&url, "show data_directory").await);
    cluster.kill().await.unwrap();
    assert!(
        data_directory.join("postmaster.pid").exists(),
        "a killed Postgres leaves its PID file"
    );
    assert!(cluster.connect("postgres").await.is_err());
    cluster.restart().await.unwrap();
    assert_eq!(query_text(&url, "select style from t").await, "salsa");
    cluster.restart().await.unwrap();
    assert_eq!(query_text(&url, "select style from t").await, "salsa");
}

#[tokio::test]
async fn a_stopped_temporary_cluster_leaves_no_directory() {
    let cluster = Cluster::start(Options::default()).await.unwrap();
    let data_directory =
        PathBuf::from(query_text(&cluster.url("postgres"), "show data_directory").await);
    cluster.stop().await.unwrap();
    assert!(data_directory.exists());
    drop(cluster);
    assert!(!data_directory.parent().unwrap().exists());
}

#[tokio::test]
async fn no_postgres_and_no_directory_remain_when_the_owner_is_killed() {
    let owner = Owner::start(None, true);
    let data_directory = PathBuf::from(query_text(&owner.url, "show data_directory").await);
    let port: u16 = query_text(&owner.url, "show port").await.parse().unwrap();
    assert!(data_directory.exists() && TcpStream::connect(("127.0.0.1", port)).is_ok());
    owner.kill();
    wait_until("the directory is removed", || {
        !data_directory.parent().unwrap().exists()
    })
    .await;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[tokio::test]
async fn no_row_is_lost_when_the_owner_is_killed() {
    let folder = create_folder();
    let owner = Owner::start(permanent_options(folder.path()).directory.as_deref(), true);
    create_table(&owner.url).await;
    owner.kill();
    // The old Postgres is still stopping, so `start` waits for it.
    let cluster = Cluster::start(permanent_options(folder.path()))
        .await
        .unwrap();
    assert_eq!(
        query_text(&cluster.url("postgres"), "select style from t").await,
        "salsa"
    );
}

#[tokio::test]
async fn an_owner_killed_during_initdb_leaves_a_usable_directory() {
    let folder = create_folder();
    let directory = folder.path().join("postgres");
    let owner = Owner::start(Some(&directory), false);
    wait_until("initdb starts", || directory.join("data.new").exists()).await;
    owner.kill();
    let cluster = Cluster::start(permanent_options(folder.path()))
        .await
        .unwrap();
    assert!(cluster.connect("postgres").await.is_ok());
}

#[tokio::test]
async fn an_incomplete_cluster_is_created_again() {
    let folder = create_folder();
    let cluster = Cluster::start(permanent_options(folder.path()))
        .await
        .unwrap();
    cluster.stop().await.unwrap();
    let [data, incomplete] =
        ["postgres/data", "postgres/data.new"].map(|path| folder.path().join(path));
    std::fs::rename(data, &incomplete).unwrap();
    std::fs::remove_file(incomplete.join("PG_VERSION")).unwrap();
    let cluster = Cluster::start(permanent_options(folder.path()))
        .await
        .unwrap();
    assert!(cluster.connect("postgres").await.is_ok());
    assert!(!incomplete.exists());
}

#[tokio::test]
async fn a_stale_pid_file_with_the_id_of_another_process_is_ignored() {
    let other = Cluster::start(Options::default()).await.unwrap();
    let query = "select split_part(pg_read_file('postmaster.pid'), e'\\n', 1)";
    let other_pid = query_text(&other.url("postgres"), query).await;

    let folder = create_folder();
    let cluster = Cluster::start(permanent_options(folder.path()))
        .await
        .unwrap();
    cluster.stop().await.unwrap();
    std::fs::write(
        folder.path().join("postgres/data/postmaster.pid"),
        format!("{other_pid}\n"),
    )
    .unwrap();
    cluster.restart().await.unwrap();
    assert!(
        other.connect("postgres").await.is_ok(),
        "the other process was stopped"
    );
}

#[tokio::test]
async fn removed_data_is_gone_after_the_next_start() {
    let folder = create_folder();
    let cluster = Cluster::start(permanent_options(folder.path()))
        .await
        .unwrap();
    cluster.create_database("studio").await.unwrap();
    cluster.stop().await.unwrap();
    postgres::remove_data(&folder.path().join("postgres"))
        .await
        .unwrap();
    let cluster = Cluster::start(permanent_options(folder.path()))
        .await
        .unwrap();
    assert!(cluster.connect("studio").await.is_err());
}

#[tokio::test]
async fn the_error_says_why_postgres_did_not_start() {
    let settings = vec![("shared_buffers".to_owned(), "salsa".to_owned())];
    let error = Cluster::start(Options {
        settings,
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert!(error.to_string().contains("shared_buffers"), "{error}");
}
