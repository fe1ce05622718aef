//! Runs a cluster until this process is killed. Tests start it as the cluster's owner.
//! The argument is the cluster's directory. Without it, the cluster is temporary.

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
