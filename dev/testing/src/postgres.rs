//! A private Postgres: the local stack's, and the tests'.
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
mod held_log;
mod keeper;
mod package;
mod tls;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio_postgres::{Client, NoTls};

pub use directory::remove;
pub use tls::Tls;

use crate::port;
use crate::progress;
use binaries::Binaries;
use directory::Directory;
use keeper::Keeper;

/// Faster by far, and worthless after a crash of the machine. Not
/// `synchronous_commit=off`: beside these it gains nothing, and [`Cluster::kill`]
/// would lose what was committed, which no test expects.
const THROW_AWAY_SETTINGS: [&str; 2] = ["fsync=off", "full_page_writes=off"];

/// Recovery after a killed run takes seconds.
const START_WITHIN: Duration = Duration::from_secs(60);

/// How a cluster is to be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the cluster lives, and stays. Without it the cluster is a
    /// throw-away one, gone with its owner. A directory has one owner at a
    /// time: whoever else still runs on it is stopped.
    pub directory: Option<PathBuf>,
    /// The port to listen on, if it is free.
    pub port: Option<u16>,
    /// Whether a throw-away cluster is to live on a disk, as one that grows or
    /// is measured must; others live in memory where the system has room there.
    pub on_disk: bool,
    /// Further settings, such as `("max_connections", "300")`.
    pub settings: Vec<(String, String)>,
    /// The server's certificate; connections without TLS stay possible.
    pub tls: Option<Tls>,
}

/// A Postgres on a free port of this machine. It ends with its owner, even
/// with one that is killed.
#[derive(Debug)]
pub struct Cluster {
    directory: Directory,
    binaries: Binaries,
    settings: Vec<String>,
    port: u16,
    keeper: Mutex<Option<Keeper>>,
}

impl Cluster {
    /// Finds or fetches Postgres, makes the cluster when it is not there yet,
    /// and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// When there is neither a Postgres of at least version 15 nor npm, or
    /// Postgres does not start; the message quotes what it said.
    pub async fn start(options: Options) -> Result<Self> {
        let directory = match &options.directory {
            Some(directory) => Directory::kept(directory)?,
            None => Directory::temporary(options.on_disk)?,
        };
        let binaries = Binaries::find(directory.major_version(), directory.account()).await?;
        // First, so that the port of one that is still stopping is free again.
        let log = directory.take_log(&binaries).await?;
        let port = port::free(options.port)?;
        let mut settings = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            // A socket's path may have about 100 bytes; a checkout's may have more.
            "unix_socket_directories=".to_owned(),
        ];
        if directory.is_throw_away() {
            settings.extend(THROW_AWAY_SETTINGS.map(str::to_owned));
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
            keeper: Mutex::new(None),
        };
        cluster.launch(log).await?;
        Ok(cluster)
    }

    /// The connection string of `database`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let password = self.directory.password();
        format!(
            "postgres://sabor:{password}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// The port that it listens on, the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the binaries in use are, `pg_dump` among them on most machines.
    #[must_use]
    pub fn binaries(&self) -> &Path {
        &self.binaries.folder
    }

    /// Connects to `database` as the superuser, without TLS.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub async fn connect(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.url(database), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Creates an empty database.
    ///
    /// # Errors
    ///
    /// When there is one of that name, or Postgres is stopped.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        self.create_database_from_template(name, "template1").await
    }

    /// Creates a database as a copy of `template`, to which nobody may be connected.
    ///
    /// # Errors
    ///
    /// As [`Cluster::create_database`], and while somebody is connected.
    pub async fn create_database_from_template(&self, name: &str, template: &str) -> Result<()> {
        let [name, template] = [name, template].map(quoted);
        let statement = format!("create database {name} template {template}");
        self.connect("postgres")
            .await?
            .batch_execute(&statement)
            .await?;
        Ok(())
    }

    /// Removes a database, and whoever is still connected to it.
    ///
    /// # Errors
    ///
    /// When Postgres is stopped.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        let statement = format!("drop database if exists {} with (force)", quoted(name));
        let client = self.connect("postgres").await?;
        Ok(client.batch_execute(&statement).await?)
    }

    /// Stops Postgres: running statements are cut, what was committed is
    /// kept. Does nothing when it is stopped.
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    pub async fn stop(&self) -> Result<()> {
        self.end("stop").await
    }

    /// Kills the postmaster with -9, as a machine that runs out of memory would.
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    pub async fn kill(&self) -> Result<()> {
        self.end("kill").await
    }

    /// Starts Postgres again, on the same port, having stopped it if it runs.
    ///
    /// # Errors
    ///
    /// As [`Cluster::start`].
    pub async fn restart(&self) -> Result<()> {
        self.stop().await?;
        let log = self.directory.take_log(&self.binaries).await?;
        self.launch(log).await
    }

    async fn end(&self, order: &'static str) -> Result<()> {
        let keeper = self
            .keeper
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match keeper {
            Some(keeper) => Ok(keeper.end(order).await?),
            None => Ok(()),
        }
    }

    async fn launch(&self, log: File) -> Result<()> {
        let is_new = self.directory.major_version().is_none();
        let mut arguments = self.directory.keeper_arguments();
        arguments.push(self.binaries.folder.clone().into());
        for setting in &self.settings {
            arguments.extend(["-c".into(), setting.into()]);
        }
        let keeper = Keeper::start(arguments, self.directory.account(), log)
            .context("a shell cannot be started")?;
        let ready = self.until_ready(&keeper);
        if is_new && !self.directory.is_throw_away() {
            let path = self.directory.path().display();
            let what = format!("Making a Postgres cluster in {path}, once");
            progress::show_while(&what, ready).await?;
        } else {
            ready.await?;
        }
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
        Ok(())
    }

    /// Waits until Postgres answers. It gives no other sign that can be
    /// awaited from outside: `pg_ctl --wait` asks again and again, too.
    async fn until_ready(&self, keeper: &Keeper) -> Result<()> {
        let started = Instant::now();
        let log = self.directory.log();
        loop {
            match self.connect("postgres").await {
                Ok(_) => return Ok(()),
                Err(error)
                    if error
                        .code()
                        .is_some_and(|code| code.code().starts_with("28")) =>
                {
                    return Err(error).context("Postgres refuses its own password");
                }
                Err(_) if keeper.has_ended() => {
                    bail!("Postgres did not start; {}", held_log::last_words(&log));
                }
                Err(_) if started.elapsed() > START_WITHIN => {
                    bail!("Postgres does not answer; {}", held_log::last_words(&log));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let keeper = self
            .keeper
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        // While Postgres runs, its keeper removes what is to be thrown away:
        // only the keeper can wait for its end first.
        if keeper.is_none() {
            self.directory.throw_away();
        }
    }
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
