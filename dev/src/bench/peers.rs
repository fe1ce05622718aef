//! The session stores that Sabor is compared with.
//!
//! Each peer is a short program in `peers/` that is written to be fast. Its dependencies
//! come from the npm registry or, for the one in Rust, from crates.io. The peer runs in
//! production mode, with the same pool size, Postgres and Redis as a function of Sabor. The
//! peer in Rust talks to the Redis server itself over TCP, without the REST endpoint.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, anyhow, bail};
use http_body_util::Full;
use hyper::Request;
use sabor_testing::progress::{self, status};
use sabor_testing::{environment, port};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::install;
use crate::testbed::Testbed;
use crate::testbed::load::Call;
use crate::testbed::server::{START_TIMEOUT, Server, Variables};

/// The number of sessions that a peer creates before it is measured.
const SESSIONS: usize = 16;

/// The files of the peers for Node.js, by name. The first is the npm manifest.
const FILES: [(&str, &str); 5] = [
    ("package.json", include_str!("peers/package.json")),
    ("peer.mjs", include_str!("peers/peer.mjs")),
    ("design-a.mjs", include_str!("peers/design-a.mjs")),
    (
        "express-session.mjs",
        include_str!("peers/express-session.mjs"),
    ),
    ("better-auth.mjs", include_str!("peers/better-auth.mjs")),
];

/// The files of the peer in Rust, by name.
const RUST_FILES: [(&str, &str); 2] = [
    (
        "Cargo.toml",
        include_str!("peers/tower-sessions/Cargo.toml"),
    ),
    ("main.rs", include_str!("peers/tower-sessions/main.rs")),
];

/// The executable of the peer in Rust, in its folder.
const RUST_EXECUTABLE: &str = "target/release/tower-sessions-peer";

/// A session store that Sabor is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    TowerSessions,
    DesignA,
    ExpressSession,
    BetterAuth,
}

impl Peer {
    pub(super) const ALL: [Self; 4] = [
        Self::TowerSessions,
        Self::DesignA,
        Self::ExpressSession,
        Self::BetterAuth,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::TowerSessions => "tower-sessions",
            Self::DesignA => "design A",
            Self::ExpressSession => "express-session",
            Self::BetterAuth => "better-auth",
        }
    }

    /// Returns the name of the peer's database.
    fn database(self) -> String {
        self.name().replace([' ', '-'], "_").to_lowercase()
    }

    /// Returns the script of the peer, or `None` for the peer in Rust.
    fn script(self) -> Option<&'static str> {
        match self {
            Self::TowerSessions => None,
            Self::DesignA => Some("design-a.mjs"),
            Self::ExpressSession => Some("express-session.mjs"),
            Self::BetterAuth => Some("better-auth.mjs"),
        }
    }

    /// Returns the path of the peer's session check.
    fn session_check_path(self) -> &'static str {
        match self {
            Self::BetterAuth => "/api/auth/get-session",
            _ => "/api/auth/session",
        }
    }
}

/// The peers. Each is set up when it is started for the first time.
#[derive(Default)]
pub(super) struct Peers {
    /// The result of each set-up.
    set_up: [OnceCell<Result<SetUp, String>>; Peer::ALL.len()],
}

/// An installed peer with a schema and the cookies of its sessions.
struct SetUp {
    installed: Installed,
    variables: Variables,
    cookies: Vec<String>,
}

impl Peers {
    /// Starts a peer. Returns its server and one session check for each session.
    ///
    /// # Errors
    ///
    /// Fails with the reason if the peer could not be installed or set up.
    pub(super) async fn start(&self, testbed: &Testbed, peer: Peer) -> Result<(Server, Vec<Call>)> {
        let set_up_peer = async || {
            set_up(testbed, peer)
                .await
                .map_err(|error| format!("{error:#}"))
        };
        let ready = self.set_up[peer as usize].get_or_init(set_up_peer).await;
        let ready = ready.as_ref().map_err(|reason| anyhow!(reason.clone()))?;
        let server = ready.installed.start(peer, &ready.variables).await?;
        let calls = ready.cookies.iter().map(|cookie| {
            let call = Request::get(peer.session_check_path()).header("host", "127.0.0.1");
            call.header("cookie", cookie).body(Full::default())
        });
        Ok((server, calls.collect::<Result<_, _>>()?))
    }
}

async fn set_up(testbed: &Testbed, peer: Peer) -> Result<SetUp> {
    let installed = match peer.script() {
        Some(_) => install_scripts().await?,
        None => Installed(install::build_crate("tower-sessions", &RUST_FILES).await?),
    };
    status(&format!("Setting up {} …", peer.name()));
    testbed.cluster.create_database(&peer.database()).await?;
    let variables = variables(testbed, peer).await?;
    let cookies = installed.create_sessions(peer, &variables).await?;
    Ok(SetUp {
        installed,
        variables,
        cookies,
    })
}

async fn variables(testbed: &Testbed, peer: Peer) -> Result<Variables> {
    let mut variables = testbed.store_variables(&peer.database());
    variables.push(("NODE_ENV", "production".to_owned()));
    // `PATH` is needed to find Node.js.
    variables.extend(environment::variable("PATH").map(|path| ("PATH", path)));
    if peer == Peer::TowerSessions {
        variables.push(("REDIS_URL", testbed.redis.tcp_url().await?));
    }
    Ok(variables)
}

/// The folder in which peers are installed.
struct Installed(PathBuf);

/// Installs the peers for Node.js, unless they are already installed.
async fn install_scripts() -> Result<Installed> {
    let folder = install::write_files("peers", &FILES)?;
    let installed_manifest = folder.join("node_modules/package.json");
    let (_, manifest_text) = FILES[0];
    if fs::read_to_string(&installed_manifest).is_ok_and(|installed| installed == manifest_text) {
        return Ok(Installed(folder));
    }
    let what = "Installing the peers from the npm registry (only if they are new or have changed)";
    let mut npm = Command::new("npm");
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund"]);
    progress::show_while(what, install::run_in(&folder, npm)).await?;
    // A copy of the manifest is written last, so that an incomplete installation is not used.
    fs::write(&installed_manifest, manifest_text)?;
    Ok(Installed(folder))
}

impl Installed {
    /// Creates the peer's schema and sessions. Returns the sessions' cookies.
    async fn create_sessions(&self, peer: Peer, variables: &Variables) -> Result<Vec<String>> {
        let output = self
            .program(peer)
            .args(["setup", &SESSIONS.to_string()])
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (*name, value)))
            .output()
            .await
            .with_context(|| format!("cannot run {}", peer.name()))?;
        let cookies = String::from_utf8(output.stdout)?;
        let cookies: Vec<String> = cookies.lines().map(str::to_owned).collect();
        if !output.status.success() || cookies.len() != SESSIONS {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            bail!("cannot set up {}: {}", peer.name(), errors.trim());
        }
        Ok(cookies)
    }

    /// Starts the peer, and waits until it listens.
    async fn start(&self, peer: Peer, variables: &Variables) -> Result<Server> {
        let port = port::find_free(None)?;
        let mut variables = variables.clone();
        variables.push(("PORT", port.to_string()));
        let mut command = self.program(peer);
        command.stdout(Stdio::piped());
        let mut server = Server::spawn(command, port, &variables)?;
        let output = server
            .process()
            .stdout
            .take()
            .context("the peer has no output")?;
        let mut lines = BufReader::new(output).lines();
        match timeout(START_TIMEOUT, lines.next_line()).await {
            Ok(Ok(Some(_))) => Ok(server),
            _ => bail!("{} did not start", peer.name()),
        }
    }

    fn program(&self, peer: Peer) -> Command {
        let mut command = match peer.script() {
            Some(script) => {
                let mut node = Command::new("node");
                node.arg(self.0.join(script));
                node
            }
            None => Command::new(self.0.join(RUST_EXECUTABLE)),
        };
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}
