//! PgBouncer in front of a private Postgres. Like a hosting provider's pooler, it
//! uses transaction mode and has fewer connections than clients.

use std::fs::{self, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::geteuid;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::port;
use crate::postgres::Cluster;

/// Where packages install PgBouncer.
const PATHS: [&str; 3] = [
    "/usr/sbin/pgbouncer",
    "/usr/bin/pgbouncer",
    "/opt/homebrew/bin/pgbouncer",
];

/// Settings of a [`PgBouncer`].
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The password that the pooler sends to Postgres. `None` sends the correct one; a
    /// test can set a wrong one.
    pub server_password: Option<String>,
    /// Files in the folder of the pooler, by name.
    pub files: Vec<(&'static str, String)>,
    /// Settings for the section `pgbouncer`. `{folder}` stands for the folder.
    pub settings: Vec<(&'static str, String)>,
}

/// A running PgBouncer. Dropping it stops the process.
pub struct PgBouncer {
    port: u16,
    database: String,
    _process: Child,
    _folder: tempfile::TempDir,
}

impl PgBouncer {
    /// Returns whether PgBouncer is installed.
    #[must_use]
    pub fn is_installed() -> bool {
        program().is_some()
    }

    /// Starts PgBouncer in front of a database, with at most `connections`
    /// connections to Postgres.
    ///
    /// # Errors
    ///
    /// Fails if PgBouncer is not installed or does not listen within ten seconds.
    pub async fn start(cluster: &Cluster, database: &str, connections: u16) -> Result<Self> {
        let settings = vec![("default_pool_size", connections.to_string())];
        let options = Options {
            settings,
            ..Options::default()
        };
        Self::start_with(cluster, database, &options).await
    }

    /// Starts PgBouncer in front of a database with these options.
    ///
    /// # Errors
    ///
    /// Fails as [`PgBouncer::start`] does.
    pub async fn start_with(cluster: &Cluster, database: &str, options: &Options) -> Result<Self> {
        let program = program().context("pgbouncer is not installed (apt install pgbouncer)")?;
        let folder = tempfile::tempdir()?;
        let port = port::find_free(None)?;
        let file = folder.path().join("pgbouncer.ini");
        for (name, content) in &options.files {
            fs::write(folder.path().join(name), content)?;
        }
        let text = settings(cluster, database, options, port)?;
        fs::write(
            &file,
            text.replace("{folder}", &folder.path().to_string_lossy()),
        )?;
        let mut command = Command::new(program);
        // PgBouncer refuses to run as root, so another account runs it and must be able
        // to read its settings.
        if geteuid().is_root() {
            fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
            command.args(["-u", "nobody"]);
        }
        let process = command
            .arg("-q")
            .arg(&file)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        wait_until_listening(port).await?;
        Ok(Self {
            port,
            database: database.to_owned(),
            _process: process,
            _folder: folder,
        })
    }

    /// Returns the connection string that leads through the pooler.
    #[must_use]
    pub fn url(&self) -> String {
        let Self { port, database, .. } = self;
        format!("postgres://sabor@127.0.0.1:{port}/{database}?sslmode=disable&pgbouncer=true")
    }
}

fn program() -> Option<&'static str> {
    PATHS.into_iter().find(|path| Path::new(path).exists())
}

fn settings(cluster: &Cluster, database: &str, options: &Options, port: u16) -> Result<String> {
    let config: tokio_postgres::Config = cluster.url(database).parse()?;
    let password = config.get_password().unwrap_or_default();
    let password = String::from_utf8_lossy(password);
    let password = options.server_password.as_deref().unwrap_or(&password);
    let mut lines = format!(
        "[databases]\n{database} = host=127.0.0.1 port={} user=sabor password={password}\n\
        [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
        pool_mode = transaction\n\
        max_client_conn = 5000\nignore_startup_parameters = extra_float_digits\n",
        cluster.port()
    );
    let is_set = |name| options.settings.iter().any(|(set, _)| *set == name);
    if !is_set("auth_type") {
        lines.push_str("auth_type = any\n");
    }
    for (name, value) in &options.settings {
        lines.push_str(&format!("{name} = {value}\n"));
    }
    Ok(lines)
}

async fn wait_until_listening(port: u16) -> Result<()> {
    for _ in 0..1_200 {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .is_ok()
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("pgbouncer did not start to listen")
}
