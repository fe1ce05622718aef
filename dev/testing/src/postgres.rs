//! A private Postgres for the local stack and the tests.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use sabor_testing::postgres::{Cluster, Options};
//!
//! let cluster = Cluster::start(Options::default()).await?;
//! cluster.create_database("studio").await?;
//! println!("{}", cluster.url("studio"));
//! # Ok(()) }
//! ```

mod account;
mod binaries;
mod directory;
mod locked_log;
mod npm_package;
mod supervisor;
mod tls;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio_postgres::{Client, NoTls};

pub use directory::remove_data;
pub use tls::Tls;

use crate::port;
use crate::progress;
use binaries::Binaries;
use directory::Directory;
use supervisor::Supervisor;

/// Settings that make temporary clusters much faster. The data does not survive a crash
/// of the machine. `synchronous_commit=off` is not among them, because it gains nothing
/// more and [`Cluster::kill`] would lose committed transactions.
const TEMPORARY_SETTINGS: [&str; 2] = ["fsync=off", "full_page_writes=off"];

/// How long Postgres may take to start, including the recovery after a kill.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How to set up a cluster.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The directory of a permanent cluster. A Postgres that still runs on it is
    /// stopped. `None` creates a temporary cluster, which is removed when the process
    /// that started it ends.
    pub directory: Option<PathBuf>,
    /// The preferred port. A random one is used if it is taken.
    pub port: Option<u16>,
    /// Keeps a temporary cluster on disk, for large data and for measurements.
    /// Otherwise it is kept in memory if there is room.
    pub on_disk: bool,
    /// Additional settings, such as `("max_connections", "300")`.
    pub settings: Vec<(String, String)>,
    /// The server's certificate. Connections without TLS stay possible.
    pub tls: Option<Tls>,
}

/// A running Postgres. It stops when the process that started it ends, even if that process
/// is killed.
#[derive(Debug)]
pub struct Cluster {
    directory: Directory,
    binaries: Binaries,
    settings: Vec<String>,
    port: u16,
    supervisor: Mutex<Option<Supervisor>>,
}

impl Cluster {
    /// Finds or installs Postgres, creates the cluster if needed, starts it and waits
    /// until it accepts connections.
    ///
    /// # Errors
    ///
    /// Fails if neither Postgres 15 or newer nor npm is installed, or if Postgres does
    /// not start. The message then quotes its log.
    pub async fn start(options: Options) -> Result<Self> {
        let directory = match &options.directory {
            Some(directory) => Directory::permanent(directory)?,
            None => Directory::temporary(options.on_disk)?,
        };
        let binaries = Binaries::find(directory.major_version(), directory.account()).await?;
        // `lock_log` waits until the Postgres of an earlier run has ended. It is called first,
        // so that the port of that Postgres is free.
        let log = directory.lock_log(&binaries).await?;
        let port = port::find_free(options.port)?;
        let mut settings = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            // A socket's path is limited to about 100 bytes, which the path of a checkout
            // may exceed.
            "unix_socket_directories=".to_owned(),
        ];
        if directory.is_temporary() {
            settings.extend(TEMPORARY_SETTINGS.map(str::to_owned));
        }
        if let Some(tls) = &options.tls {
            settings.extend(directory.write_certificate(tls)?);
        }
        settings.extend(
            options
                .settings
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        let cluster = Self {
            directory,
            binaries,
            settings,
            port,
            supervisor: Mutex::new(None),
        };
        cluster.launch(log).await?;
        Ok(cluster)
    }

    /// Returns the connection string of `database`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let password = self.directory.password();
        format!(
            "postgres://sabor:{password}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// Returns the port that Postgres listens on, which a restart keeps.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the folder of the binaries. On most machines it contains `pg_dump`.
    #[must_use]
    pub fn binaries(&self) -> &Path {
        &self.binaries.folder
    }

    /// Connects to `database` as the superuser, without TLS.
    ///
    /// # Errors
    ///
    /// Fails if Postgres is stopped or the database does not exist.
    pub async fn connect(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.url(database), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Creates an empty database.
    ///
    /// # Errors
    ///
    /// Fails if the database exists or Postgres is stopped.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        self.create_database_from_template(name, "template1").await
    }

    /// Creates a database as a copy of `template`.
    ///
    /// # Errors
    ///
    /// Fails like [`Cluster::create_database`], and while another client is connected
    /// to the template.
    pub async fn create_database_from_template(&self, name: &str, template: &str) -> Result<()> {
        let [name, template] = [name, template].map(quote);
        let statement = format!("create database {name} template {template}");
        self.connect("postgres")
            .await?
            .batch_execute(&statement)
            .await?;
        Ok(())
    }

    /// Removes a database if it exists, and closes the connections to it.
    ///
    /// # Errors
    ///
    /// Fails if Postgres is stopped.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        let statement = format!("drop database if exists {} with (force)", quote(name));
        let client = self.connect("postgres").await?;
        Ok(client.batch_execute(&statement).await?)
    }

    /// Stops Postgres with a fast shutdown. Running statements are canceled, and committed
    /// data is kept. Does nothing if Postgres is stopped.
    ///
    /// # Errors
    ///
    /// Fails if waiting for the supervising shell fails.
    pub async fn stop(&self) -> Result<()> {
        self.end("stop").await
    }

    /// Kills the postmaster with SIGKILL, as the kernel does when memory runs out.
    ///
    /// # Errors
    ///
    /// Fails if waiting for the supervising shell fails.
    pub async fn kill(&self) -> Result<()> {
        self.end("kill").await
    }

    /// Stops Postgres if it runs, and starts it on the same port.
    ///
    /// # Errors
    ///
    /// Fails if Postgres does not start, like [`Cluster::start`].
    pub async fn restart(&self) -> Result<()> {
        self.stop().await?;
        let log = self.directory.lock_log(&self.binaries).await?;
        self.launch(log).await
    }

    async fn end(&self, command: &'static str) -> Result<()> {
        let supervisor = self
            .supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match supervisor {
            Some(supervisor) => Ok(supervisor.end(command).await?),
            None => Ok(()),
        }
    }

    async fn launch(&self, log: File) -> Result<()> {
        let is_new = self.directory.major_version().is_none();
        let mut arguments = self.directory.supervisor_arguments();
        arguments.push(self.binaries.folder.clone().into());
        for setting in &self.settings {
            arguments.extend(["-c".into(), setting.into()]);
        }
        let supervisor = Supervisor::start(arguments, self.directory.account(), log)
            .context("cannot start a shell")?;
        let ready = self.wait_until_ready(&supervisor);
        if is_new && !self.directory.is_temporary() {
            let path = self.directory.path().display();
            let message = format!("Creating a Postgres cluster in {path} (first run only)");
            progress::show_while(&message, ready).await?;
        } else {
            ready.await?;
        }
        *self
            .supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(supervisor);
        Ok(())
    }

    /// Polls until Postgres accepts a connection. There is no event to wait for, and
    /// `pg_ctl --wait` polls as well.
    async fn wait_until_ready(&self, supervisor: &Supervisor) -> Result<()> {
        let started = Instant::now();
        let log = self.directory.log();
        loop {
            match self.connect("postgres").await {
                Ok(_) => return Ok(()),
                // Class 28 contains authentication errors.
                Err(error)
                    if error
                        .code()
                        .is_some_and(|code| code.code().starts_with("28")) =>
                {
                    return Err(error).context("Postgres rejected the password in its directory");
                }
                Err(_) if supervisor.has_ended() => {
                    bail!("Postgres did not start: {}", locked_log::last_lines(&log));
                }
                Err(_) if started.elapsed() > START_TIMEOUT => {
                    bail!(
                        "Postgres does not respond: {}",
                        locked_log::last_lines(&log)
                    );
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let supervisor = self
            .supervisor
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        // If Postgres still runs, dropping the supervisor stops it. The supervisor's shell
        // then removes the directory if it is temporary.
        if supervisor.is_none() {
            self.directory.remove_if_temporary();
        }
    }
}

fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
