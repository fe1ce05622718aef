//! What becomes of a cluster when things go wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sabor_testing::postgres::{self, Cluster, Options};

/// A process that holds a cluster until it is killed.
struct Owner {
    process: Child,
    /// What it printed once the cluster was up; empty if it was not asked.
    url: String,
}

impl Owner {
    /// Starts this very executable again, as `an_owner`.
    fn start(directory: Option<&Path>, wait: bool) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["an_owner", "--exact", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let directory = directory.map_or(String::new(), |path| path.display().to_string());
        writeln!(process.stdin.as_mut().unwrap(), "{directory}").unwrap();
        let mut url = String::new();
        if wait {
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

#[tokio::test]
#[ignore = "the other end of the tests about a killed owner"]
async fn an_owner() {
    let mut directory = String::new();
    std::io::stdin().read_line(&mut directory).unwrap();
    let directory = Some(directory.trim())
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let cluster = Cluster::start(Options {
        directory,
        ..Options::default()
    })
    .await
    .unwrap();
    println!("\n{}", cluster.url("postgres"));
    std::future::pending::<()>().await;
}

/// Waits for what must come true, and fails when it does not.
async fn eventually(what: &str, condition: impl Fn() -> bool) {
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

async fn make_a_table(url: &str) {
    let statement = "create table t as select 'salsa'::text as style";
    connect(url).await.batch_execute(statement).await.unwrap();
}

async fn ask(url: &str, question: &str) -> String {
    let client = connect(url).await;
    client.query_one(question, &[]).await.unwrap().get(0)
}

fn kept(directory: &Path) -> Options {
    Options {
        directory: Some(directory.join("postgres")),
        ..Options::default()
    }
}

/// A folder that Postgres can reach when root runs the tests.
fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[tokio::test]
async fn two_clusters_run_side_by_side_and_the_second_finds_its_port_taken() {
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
async fn a_wished_port_is_taken_when_it_is_free() {
    let port = sabor_testing::port::free(None).unwrap();
    let options = Options {
        port: Some(port),
        ..Options::default()
    };
    assert_eq!(Cluster::start(options).await.unwrap().port(), port);
}

#[tokio::test]
async fn a_template_is_copied_with_its_rows() {
    let cluster = Cluster::start(Options::default()).await.unwrap();
    cluster.create_database("template").await.unwrap();
    make_a_table(&cluster.url("template")).await;
    // Postgres waits some seconds for whoever is still leaving the template.
    cluster
        .create_database_from_template("a \"copy\"", "template")
        .await
        .unwrap();
    let copy = cluster.connect("a \"copy\"").await.unwrap();
    let row = copy.query_one("select style from t", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "salsa");
}

#[tokio::test]
async fn rows_and_port_outlast_a_restart_and_a_kill() {
    let cluster = Cluster::start(Options::default()).await.unwrap();
    let url = cluster.url("postgres");
    make_a_table(&url).await;
    let data = PathBuf::from(ask(&url, "show data_directory").await);
    cluster.kill().await.unwrap();
    assert!(
        data.join("postmaster.pid").exists(),
        "it had no time to tidy up"
    );
    assert!(cluster.connect("postgres").await.is_err());
    cluster.restart().await.unwrap();
    assert_eq!(ask(&url, "select style from t").await, "salsa");
    cluster.restart().await.unwrap();
    assert_eq!(ask(&url, "select style from t").await, "salsa");
}

#[tokio::test]
async fn a_stopped_throw_away_cluster_leaves_nothing() {
    let cluster = Cluster::start(Options::default()).await.unwrap();
    let data = PathBuf::from(ask(&cluster.url("postgres"), "show data_directory").await);
    cluster.stop().await.unwrap();
    assert!(data.exists());
    drop(cluster);
    assert!(!data.parent().unwrap().exists());
}

#[tokio::test]
async fn a_killed_owner_leaves_no_postgres_and_no_directory() {
    let owner = Owner::start(None, true);
    let data = PathBuf::from(ask(&owner.url, "show data_directory").await);
    let port: u16 = ask(&owner.url, "show port").await.parse().unwrap();
    assert!(data.exists() && TcpStream::connect(("127.0.0.1", port)).is_ok());
    owner.kill();
    eventually("the directory goes", || !data.parent().unwrap().exists()).await;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[tokio::test]
async fn an_owner_killed_while_it_runs_loses_no_row() {
    let folder = folder();
    let owner = Owner::start(kept(folder.path()).directory.as_deref(), true);
    make_a_table(&owner.url).await;
    owner.kill();
    // At once: the killed one's Postgres is still stopping.
    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    assert_eq!(
        ask(&cluster.url("postgres"), "select style from t").await,
        "salsa"
    );
}

#[tokio::test]
async fn an_owner_killed_during_initdb_does_no_harm() {
    let folder = folder();
    let directory = folder.path().join("postgres");
    let owner = Owner::start(Some(&directory), false);
    eventually("initdb begins", || directory.join("data.new").exists()).await;
    owner.kill();
    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    assert!(cluster.connect("postgres").await.is_ok());
}

#[tokio::test]
async fn half_a_cluster_is_made_anew() {
    let folder = folder();
    let whole = Cluster::start(kept(folder.path())).await.unwrap();
    whole.stop().await.unwrap();
    let [data, half] = ["postgres/data", "postgres/data.new"].map(|path| folder.path().join(path));
    std::fs::rename(data, &half).unwrap();
    std::fs::remove_file(half.join("PG_VERSION")).unwrap();
    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    assert!(cluster.connect("postgres").await.is_ok());
    assert!(!half.exists());
}

#[tokio::test]
async fn the_number_of_another_process_in_postmaster_pid_is_not_believed() {
    let other = Cluster::start(Options::default()).await.unwrap();
    let line = "select split_part(pg_read_file('postmaster.pid'), e'\\n', 1)";
    let alive = ask(&other.url("postgres"), line).await;

    let folder = folder();
    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    cluster.stop().await.unwrap();
    std::fs::write(
        folder.path().join("postgres/data/postmaster.pid"),
        format!("{alive}\n"),
    )
    .unwrap();
    cluster.restart().await.unwrap();
    assert!(
        other.connect("postgres").await.is_ok(),
        "and that process is left alone"
    );
}

#[tokio::test]
async fn what_is_removed_is_gone_and_the_next_start_is_empty() {
    let folder = folder();
    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    cluster.create_database("studio").await.unwrap();
    cluster.stop().await.unwrap();
    postgres::remove(&folder.path().join("postgres"))
        .await
        .unwrap();
    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    assert!(cluster.connect("studio").await.is_err());
}

#[tokio::test]
async fn why_postgres_did_not_start_is_told() {
    let settings = vec![("shared_buffers".to_owned(), "salsa".to_owned())];
    let refused = Cluster::start(Options {
        settings,
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert!(refused.to_string().contains("shared_buffers"), "{refused}");
}
