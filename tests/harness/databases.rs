//! One Postgres for all stories, and a database for each.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sabor_testing::postgres::{Cluster, Options};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_postgres::{Client, NoTls};

static SERVER: OnceCell<TestCluster> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(0);
const TEMPLATE: &str = "migrated";

/// The cluster of this run, with a migrated database to copy from.
struct TestCluster {
    cluster: &'static Cluster,
    /// The names of databases whose stories have ended.
    ended: UnboundedSender<String>,
}

impl TestCluster {
    /// It has a runtime of its own: that of the first test would end with the test.
    async fn of_this_run() -> &'static Self {
        SERVER
            .get_or_init(|| async {
                let (started, cluster) = tokio::sync::oneshot::channel();
                let (ended, databases) = unbounded_channel();
                std::thread::spawn(move || {
                    let runtime = Runtime::new().unwrap();
                    let cluster: &Cluster = Box::leak(Box::new(runtime.block_on(start())));
                    let _ = started.send(cluster);
                    runtime.block_on(remove(cluster, databases));
                });
                let cluster = cluster.await.unwrap();
                Self { cluster, ended }
            })
            .await
    }
}

async fn start() -> Cluster {
    let settings = [
        ("max_connections", "400"),
        // A copied database is written to the log whole.
        ("max_wal_size", "128MB"),
        ("min_wal_size", "32MB"),
    ];
    let options = Options {
        settings: settings.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
        ..Options::default()
    };
    let cluster = Cluster::start(options).await.unwrap();
    cluster.create_database(TEMPLATE).await.unwrap();
    let mut client = connect(&cluster.url(TEMPLATE)).await;
    sabor::store::migrations::up(&mut client).await.unwrap();
    drop(client);
    cluster
}

/// Five hundred databases of 10 MB are more than memory, or a small disk, has.
async fn remove(cluster: &Cluster, mut databases: UnboundedReceiver<String>) {
    while let Some(name) = databases.recv().await {
        cluster.drop_database(&name).await.unwrap();
    }
}

/// A database, by its connection string; it ends with the last who has it.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    url: String,
    /// Its name, when it is of this run's cluster.
    name: Option<String>,
}

impl Database {
    /// One of another cluster, which looks after it.
    pub fn external(url: String) -> Self {
        Self(Arc::new(Inner { url, name: None }))
    }
}

impl Deref for Database {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.url
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let (Some(server), Some(name)) = (SERVER.get(), self.name.take()) {
            // Nobody removes any more when the run is over.
            let _ = server.ended.send(name);
        }
    }
}

/// Where Postgres' own programs are.
pub async fn postgres_binaries() -> &'static Path {
    TestCluster::of_this_run().await.cluster.binaries()
}

/// A migrated database that nobody else has.
pub async fn migrated_database() -> Database {
    new_database(TEMPLATE).await
}

/// A database without a schema.
pub async fn empty_database() -> Database {
    new_database("template1").await
}

async fn new_database(template: &str) -> Database {
    let cluster = TestCluster::of_this_run().await.cluster;
    let name = format!("story_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    // Whoever was connected to the template may still be on the way out.
    for _ in 0..100 {
        match cluster.create_database_from_template(&name, template).await {
            Ok(()) => {
                let url = cluster.url(&name);
                let name = Some(name);
                return Database(Arc::new(Inner { url, name }));
            }
            Err(error) if format!("{error:#}").contains("being accessed") => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error:#}"),
        }
    }
    panic!("somebody stays connected to {template}");
}

/// A connection past the application's pool.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
