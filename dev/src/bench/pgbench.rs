//! Measures Postgres alone, with `pgbench`.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use sabor_testing::postgres::Cluster;
use tokio::process::Command;

const DATABASE: &str = "pgbench";

/// An installed `pgbench` with its database.
pub(super) struct Pgbench {
    program: PathBuf,
    url: String,
}

impl Pgbench {
    /// Creates and fills the database for `pgbench`.
    ///
    /// # Errors
    ///
    /// Fails if `pgbench` is not installed.
    pub(super) async fn prepare(cluster: &Cluster) -> Result<Self> {
        cluster.create_database(DATABASE).await?;
        let bundled = cluster.binaries().join("pgbench");
        let pgbench = Self {
            program: match bundled.exists() {
                true => bundled,
                false => "pgbench".into(),
            },
            url: cluster.url(DATABASE),
        };
        pgbench.execute(&["--initialize", "--quiet"]).await?;
        Ok(pgbench)
    }

    /// Runs reads by primary key for two seconds. Returns the transactions per second.
    pub(super) async fn run(&self, clients: usize) -> Result<f64> {
        let clients = format!("--client={clients}");
        let output = self
            .execute(&["--select-only", "--no-vacuum", "--time=2", &clients])
            .await?;
        let rate = output.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate.and_then(|rest| rest.split(' ').next());
        Ok(rate.context("pgbench reported no rate")?.parse()?)
    }

    async fn execute(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.program)
            .args(arguments)
            .arg(&self.url)
            .stdin(Stdio::null())
            .output()
            .await
            .context("cannot run pgbench. Install it (`apt install postgresql-contrib`)")?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            bail!("pgbench failed: {}", errors.trim());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}
