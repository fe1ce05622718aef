//! What Sabor is measured against, from the npm registry.
//!
//! Each peer is a program of a page in `peers/`, written to be fast: production
//! mode, a pool as large as a function's, the same Postgres and the same Redis.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::server::{START_WITHIN, Server, Variables, free_port};
use crate::{environment, progress};

/// How many sessions a peer makes before it is measured.
const SESSIONS: usize = 16;

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

/// Another way to keep sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    DesignA,
    ExpressSession,
    BetterAuth,
}

impl Peer {
    pub(super) const ALL: [Self; 3] = [Self::DesignA, Self::ExpressSession, Self::BetterAuth];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::DesignA => "design A",
            Self::ExpressSession => "express-session",
            Self::BetterAuth => "better-auth",
        }
    }

    /// Its database.
    pub(super) fn database(self) -> String {
        self.name().replace([' ', '-'], "_").to_lowercase()
    }

    fn file(self) -> &'static str {
        match self {
            Self::DesignA => "design-a.mjs",
            Self::ExpressSession => "express-session.mjs",
            Self::BetterAuth => "better-auth.mjs",
        }
    }

    /// Where it tells who is signed in.
    pub(super) fn session_check(self) -> &'static str {
        match self {
            Self::BetterAuth => "/api/auth/get-session",
            _ => "/api/auth/session",
        }
    }
}

/// The folder in which the peers are installed.
pub(super) struct Installed(PathBuf);

/// Installs what is not installed yet.
pub(super) async fn install() -> Result<Installed> {
    let folder = environment::home().join("bench/peers");
    fs::create_dir_all(&folder)?;
    let manifest = folder.join("node_modules/package.json");
    let (_, wanted) = FILES[0];
    for (name, text) in FILES {
        fs::write(folder.join(name), text)?;
    }
    if fs::read_to_string(&manifest).is_ok_and(|installed| installed == wanted) {
        return Ok(Installed(folder));
    }
    let what = "Fetching the peers from the npm registry, once";
    progress::during(what, run_npm(&folder)).await?;
    // Last: half an installation must not be taken for a whole one.
    fs::write(&manifest, wanted)?;
    Ok(Installed(folder))
}

async fn run_npm(folder: &Path) -> Result<()> {
    let done = Command::new("npm")
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .kill_on_drop(true)
        .output()
        .await
        .context("npm cannot be run: install Node")?;
    if !done.status.success() {
        let words = String::from_utf8_lossy(&done.stderr).into_owned();
        bail!("npm could not install the peers: {}", words.trim());
    }
    Ok(())
}

impl Installed {
    /// Makes the peer's schema and its sessions; returns their cookies.
    pub(super) async fn set_up(&self, peer: Peer, variables: &Variables) -> Result<Vec<String>> {
        let done = self
            .node(peer)
            .args(["setup", &SESSIONS.to_string()])
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (*name, value)))
            .output()
            .await
            .context("node cannot be run")?;
        let cookies = String::from_utf8(done.stdout)?;
        let cookies: Vec<String> = cookies.lines().map(str::to_owned).collect();
        if !done.status.success() || cookies.len() != SESSIONS {
            let words = String::from_utf8_lossy(&done.stderr).into_owned();
            bail!("{} could not be set up: {}", peer.name(), words.trim());
        }
        Ok(cookies)
    }

    /// Starts the peer, and waits until it says that it listens.
    pub(super) async fn start(&self, peer: Peer, variables: &Variables) -> Result<Server> {
        let port = free_port()?;
        let mut variables = variables.clone();
        variables.push(("PORT", port.to_string()));
        let mut command = self.node(peer);
        command.stdout(Stdio::piped());
        let mut server = Server::spawn(command, port, &variables)?;
        let output = server.process().stdout.take().context("it has no output")?;
        let mut lines = BufReader::new(output).lines();
        match timeout(START_WITHIN, lines.next_line()).await {
            Ok(Ok(Some(_))) => Ok(server),
            _ => bail!("{} does not start", peer.name()),
        }
    }

    fn node(&self, peer: Peer) -> Command {
        let mut command = Command::new("node");
        command
            .arg(self.0.join(peer.file()))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}
