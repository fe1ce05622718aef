//! A server process under test: a function or a peer.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};

use super::load::{Call, Load};

/// Environment variables, by name.
pub(crate) type Variables = Vec<(&'static str, String)>;

/// How long a process may take to start.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A server process. Dropping it kills the process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    process: Child,
    started: Instant,
    /// The time from the start of the process until it reported that it listens.
    pub(crate) listen_time: Duration,
}

impl Server {
    /// Starts `command` with exactly these variables, without waiting until it listens.
    pub(crate) fn spawn(mut command: Command, port: u16, variables: &Variables) -> Result<Self> {
        command
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (*name, value)))
            .kill_on_drop(true);
        let program = Path::new(command.as_std().get_program()).to_owned();
        let started = Instant::now();
        let process = command.spawn();
        let process = process.with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self {
            address: (Ipv4Addr::LOCALHOST, port).into(),
            process,
            started,
            listen_time: Duration::ZERO,
        })
    }

    /// Records that the process listens now.
    pub(crate) fn mark_listening(&mut self) {
        self.listen_time = self.started.elapsed();
    }

    /// Returns the CPU time so far in milliseconds, in user mode and in the kernel.
    /// Works on Linux only.
    pub(crate) fn cpu_time(&self) -> Result<(f64, f64)> {
        // The kernel reports in ticks of 10 ms.
        const TICK_MS: f64 = 10.0;
        let id = self.process.id().context("the process has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The program's name, which ends at the parenthesis, may contain spaces.
        let (_, rest) = stat
            .rsplit_once(')')
            .context("unexpected format of /proc/<pid>/stat")?;
        // Fields 14 and 15 of the line are the time in user mode and in the kernel. `rest`
        // begins with field 3.
        let mut fields = rest.split_whitespace().skip(11);
        let mut next = || -> Result<f64> {
            let ticks: f64 = fields
                .next()
                .context("a field of /proc/<pid>/stat is missing")?
                .parse()?;
            Ok(ticks * TICK_MS)
        };
        Ok((next()?, next()?))
    }

    pub(crate) fn process(&mut self) -> &mut Child {
        &mut self.process
    }

    /// Sends the first call to a new server. Returns the milliseconds from the start of
    /// the process to the response.
    pub(crate) async fn first_response(&self, call: Call) -> Result<f64> {
        Load::once(self.address, vec![call]).run().await?;
        Ok(self.started.elapsed().as_secs_f64() * 1_000.0)
    }

    /// Returns the resident memory in MB.
    pub(crate) async fn memory(&self) -> Result<f64> {
        let id = self.process.id().context("the process has ended")?;
        let mut ps = Command::new("ps");
        let output = ps
            .args(["-o", "rss=", "-p", &id.to_string()])
            .output()
            .await;
        let output = output.context("cannot run ps")?;
        let kib: f64 = String::from_utf8_lossy(&output.stdout).trim().parse()?;
        Ok(kib * 1024.0 / 1e6)
    }

    /// Returns the peak resident memory in MB. Works on Linux only.
    pub(crate) fn peak_memory(&self) -> Result<f64> {
        let id = self.process.id().context("the process has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let Some(kib) = line.and_then(|line| line.trim().strip_suffix(" kB")) else {
            bail!("the system does not report the peak memory");
        };
        Ok(kib.trim().parse::<f64>()? * 1024.0 / 1e6)
    }

    /// Sends the process a signal.
    pub(crate) async fn signal(&self, name: &str) -> Result<()> {
        let id = self.process.id().context("the process has ended")?;
        let mut kill = Command::new("kill");
        let status = kill.args(["-s", name, &id.to_string()]).status().await;
        if !status.context("cannot run kill")?.success() {
            bail!("cannot send {name} to the process");
        }
        Ok(())
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }
}
