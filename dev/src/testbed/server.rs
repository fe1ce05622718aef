//! A process that is measured or put to the test: one of ours, or a peer's.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};

use super::load::{Call, Load};

/// Environment variables, by name.
pub(crate) type Variables = Vec<(&'static str, String)>;

/// How long a process may take until it listens.
pub(crate) const START_WITHIN: Duration = Duration::from_secs(20);

/// A server in a process of its own. It ends when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    process: Child,
    begun: Instant,
    /// From the start of its process until it said that it listens.
    pub(crate) listened_after: Duration,
}

impl Server {
    /// Starts `command` in this environment and no other. It does not listen yet.
    pub(crate) fn spawn(mut command: Command, port: u16, variables: &Variables) -> Result<Self> {
        command
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (*name, value)))
            .kill_on_drop(true);
        let program = Path::new(command.as_std().get_program()).to_owned();
        let begun = Instant::now();
        let process = command.spawn();
        let process =
            process.with_context(|| format!("{} cannot be started", program.display()))?;
        Ok(Self {
            address: (Ipv4Addr::LOCALHOST, port).into(),
            process,
            begun,
            listened_after: Duration::ZERO,
        })
    }

    /// Notes that it has just said so.
    pub(crate) fn listens(&mut self) {
        self.listened_after = self.begun.elapsed();
    }

    /// Processor time so far, in milliseconds: its own, and the kernel's for it.
    /// Linux alone tells.
    pub(crate) fn processor_time(&self) -> Result<(f64, f64)> {
        // A tick, which the kernel's interface fixes at a hundredth of a second.
        const TICK_MS: f64 = 10.0;
        let id = self.process.id().context("the process has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The name before may have blanks in it.
        let (_, rest) = stat.rsplit_once(')').context("no such file as expected")?;
        let mut fields = rest.split_whitespace().skip(11);
        let mut next = || -> Result<f64> {
            let ticks: f64 = fields.next().context("a field is missing")?.parse()?;
            Ok(ticks * TICK_MS)
        };
        Ok((next()?, next()?))
    }

    pub(crate) fn process(&mut self) -> &mut Child {
        &mut self.process
    }

    /// Makes the first call of a server that has been started just now;
    /// returns the milliseconds from the start of its process to the answer.
    pub(crate) async fn first_answer(&self, call: Call) -> Result<f64> {
        Load::once(self.address, vec![call]).run().await?;
        Ok(self.begun.elapsed().as_secs_f64() * 1_000.0)
    }

    /// Resident memory, in MB.
    pub(crate) async fn memory(&self) -> Result<f64> {
        let id = self.process.id().context("the process has ended")?;
        let mut ps = Command::new("ps");
        let told = ps
            .args(["-o", "rss=", "-p", &id.to_string()])
            .output()
            .await;
        let told = told.context("ps cannot be run")?;
        let kib: f64 = String::from_utf8_lossy(&told.stdout).trim().parse()?;
        Ok(kib * 1024.0 / 1e6)
    }

    /// The most memory that has been resident, in MB. Linux alone tells.
    pub(crate) fn peak_memory(&self) -> Result<f64> {
        let id = self.process.id().context("the process has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let Some(kib) = line.and_then(|line| line.trim().strip_suffix(" kB")) else {
            bail!("the system does not tell the peak of its memory");
        };
        Ok(kib.trim().parse::<f64>()? * 1024.0 / 1e6)
    }

    /// Sends the process a signal, by its name.
    pub(crate) async fn signal(&self, name: &str) -> Result<()> {
        let id = self.process.id().context("the process has ended")?;
        let mut kill = Command::new("kill");
        let sent = kill.args(["-s", name, &id.to_string()]).status().await;
        if !sent.context("kill cannot be run")?.success() {
            bail!("the process does not take {name}");
        }
        Ok(())
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }
}
