//! Runs a cluster until it is killed. The tests start it as the owner of a cluster.
//! The argument is the directory; without one the cluster is temporary.

use std::path::PathBuf;

use sabor_testing::postgres::{Cluster, Options};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options {
        directory: std::env::args_os().nth(1).map(PathBuf::from),
        ..Options::default()
    })
    .await?;
    println!("{}", cluster.url("postgres"));
    std::future::pending().await
}
