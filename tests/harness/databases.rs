//! One Postgres cluster for all tests, and one database for each test.

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

static CLUSTER: OnceCell<TestCluster> = OnceCell::const_new();
static NEXT_ID: AtomicU32 = AtomicU32::new(0);
const TEMPLATE_DATABASE: &str = "migrated";

/// The cluster of this test run, with a migrated template database.
struct TestCluster {
    cluster: &'static Cluster,
    /// Sends the names of unused databases to the thread that drops them.
    unused: UnboundedSender<String>,
}

impl TestCluster {
    /// Returns the cluster, and starts it on the first call. It has its own runtime,
    /// since the runtime of a test ends with that test.
    async fn get() -> &'static Self {
        CLUSTER
            .get_or_init(|| async {
                let (cluster_sender, cluster_receiver) = tokio::sync::oneshot::channel();
                let (unused, databases) = unbounded_channel();
                std::thread::spawn(move || {
                    let runtime = Runtime::new().unwrap();
                    let cluster: &Cluster = Box::leak(Box::new(runtime.block_on(start_cluster())));
                    let _ = cluster_sender.send(cluster);
                    runtime.block_on(drop_unused(cluster, databases));
                });
                let cluster = cluster_receiver.await.unwrap();
                Self { cluster, unused }
            })
            .await
    }
}

async fn start_cluster() -> Cluster {
    let settings = [
        ("max_connections", "400"),
        // Limits disk usage, since copying a database writes all of it to the WAL.
        ("max_wal_size", "128MB"),
        ("min_wal_size", "32MB"),
    ];
    let options = Options {
        settings: settings
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..Options::default()
    };
    let cluster = Cluster::start(options).await.unwrap();
    cluster.create_database(TEMPLATE_DATABASE).await.unwrap();
    let mut client = connect(&cluster.url(TEMPLATE_DATABASE)).await;
    sabor::store::migrations::up(&mut client).await.unwrap();
    drop(client);
    cluster
}

/// Drops unused databases, since 500 databases of 10 MB could fill the disk.
async fn drop_unused(cluster: &Cluster, mut databases: UnboundedReceiver<String>) {
    while let Some(name) = databases.recv().await {
        cluster.drop_database(&name).await.unwrap();
    }
}

/// A handle to a database, which dereferences to its URL. Dropping the last clone
/// drops the database.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    url: String,
    /// The name in the cluster of this run, or `None` for a database of another cluster.
    name: Option<String>,
}

impl Database {
    /// Returns a handle to a database of another cluster. Dropping the handle does not
    /// drop the database.
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
        if let (Some(cluster), Some(name)) = (CLUSTER.get(), self.name.take()) {
            // At the end of the run, sending fails, because the receiver no longer exists.
            let _ = cluster.unused.send(name);
        }
    }
}

/// Returns the folder with the Postgres executables.
pub async fn postgres_binaries() -> &'static Path {
    TestCluster::get().await.cluster.binaries()
}

/// Creates a migrated database.
pub async fn migrated_database() -> Database {
    new_database(TEMPLATE_DATABASE).await
}

/// Creates a database without a schema.
pub async fn empty_database() -> Database {
    new_database("template1").await
}

async fn new_database(template: &str) -> Database {
    let cluster = TestCluster::get().await.cluster;
    let name = format!("test_{}", NEXT_ID.fetch_add(1, Ordering::Relaxed));
    // An earlier connection to the template may not have closed yet.
    for _ in 0..3_000 {
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
    panic!("a connection to {template} stays open");
}

/// Opens a connection outside the application's pool.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
