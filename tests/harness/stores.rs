//! One Postgres for all stories, and a database for each.

use std::sync::atomic::{AtomicU32, Ordering};

use sabor_dev::postgres::{Cluster, Options};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

static CLUSTER: OnceCell<&'static Cluster> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(0);
const TEMPLATE: &str = "migrated";

/// The cluster of this run, with a migrated database to copy from. It has a
/// runtime of its own: that of the first test would end with the test.
async fn cluster() -> &'static Cluster {
    CLUSTER
        .get_or_init(|| async {
            let (send, receive) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                let runtime = Runtime::new().unwrap();
                let cluster = runtime.block_on(start());
                let _ = send.send(&*Box::leak(Box::new(cluster)));
                runtime.block_on(std::future::pending::<()>());
            });
            receive.await.unwrap()
        })
        .await
}

async fn start() -> Cluster {
    let settings = vec![("max_connections".to_owned(), "400".to_owned())];
    let options = Options {
        settings,
        ..Options::default()
    };
    let cluster = Cluster::start(options).await.unwrap();
    cluster.create_database(TEMPLATE).await.unwrap();
    let mut client = connect(&cluster.url(TEMPLATE)).await;
    sabor::migrations::up(&mut client).await.unwrap();
    drop(client);
    cluster
}

/// A migrated database that nobody else has.
pub async fn database() -> String {
    new_database(TEMPLATE).await
}

/// A database without a schema.
pub async fn empty_database() -> String {
    new_database("template1").await
}

async fn new_database(template: &str) -> String {
    let cluster = cluster().await;
    let name = format!("story_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    // Whoever was connected to the template may still be on the way out.
    for _ in 0..100 {
        match cluster.create_database_from_template(&name, template).await {
            Ok(()) => return cluster.url(&name),
            Err(error) if format!("{error:#}").contains("being accessed") => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
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
