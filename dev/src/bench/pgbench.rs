//! What Postgres can do by itself, by its own measure.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use sabor_testing::postgres::Cluster;
use tokio::process::Command;

const DATABASE: &str = "pgbench";

/// `pgbench` and a database for it.
pub(super) struct Pgbench {
    program: PathBuf,
    url: String,
}

impl Pgbench {
    /// # Errors
    ///
    /// When there is no `pgbench` on this machine.
    pub(super) async fn prepare(cluster: &Cluster) -> Result<Self> {
        cluster.create_database(DATABASE).await?;
        let beside = cluster.binaries().join("pgbench");
        let pgbench = Self {
            program: match beside.exists() {
                true => beside,
                false => "pgbench".into(),
            },
            url: cluster.url(DATABASE),
        };
        pgbench.tell(&["--initialize", "--quiet"]).await?;
        Ok(pgbench)
    }

    /// Two seconds of reading by primary key, in transactions a second.
    pub(super) async fn run(&self, clients: usize) -> Result<f64> {
        let clients = format!("--client={clients}");
        let told = self
            .tell(&["--select-only", "--no-vacuum", "--time=2", &clients])
            .await?;
        let rate = told.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate.and_then(|rest| rest.split(' ').next());
        Ok(rate.context("pgbench does not tell its rate")?.parse()?)
    }

    async fn tell(&self, arguments: &[&str]) -> Result<String> {
        let done = Command::new(&self.program)
            .args(arguments)
            .arg(&self.url)
            .stdin(Stdio::null())
            .output()
            .await
            .context("there is no pgbench (Debian's `postgresql-contrib` has it)")?;
        if !done.status.success() {
            let words = String::from_utf8_lossy(&done.stderr).into_owned();
            bail!("pgbench: {}", words.trim());
        }
        Ok(String::from_utf8(done.stdout)?)
    }
}
