//! What Sabor is measured against, from the npm registry.
//!
//! Each peer is a program of a page in `peers/`, written to be fast: production
//! mode, a pool as large as a function's, the same Postgres and the same Redis.

use std::fs;
use std::path::{Path, PathBuf};
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

use crate::testbed::Testbed;
use crate::testbed::load::Call;
use crate::testbed::server::{START_WITHIN, Server, Variables};

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
    fn database(self) -> String {
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
    fn session_check(self) -> &'static str {
        match self {
            Self::BetterAuth => "/api/auth/get-session",
            _ => "/api/auth/session",
        }
    }
}

/// The peers, each set up when it is first asked for.
#[derive(Default)]
pub(super) struct Peers {
    /// What setting each of them up has come to.
    set_up: [OnceCell<Result<SetUp, String>>; Peer::ALL.len()],
}

/// A peer that has its schema, and the cookies of its sessions.
struct SetUp {
    installed: Installed,
    cookies: Vec<String>,
}

impl Peers {
    /// Starts a peer; tells with it the calls by which it checks its sessions.
    ///
    /// # Errors
    ///
    /// When it could not be installed or set up, with the reason.
    pub(super) async fn start(&self, testbed: &Testbed, peer: Peer) -> Result<(Server, Vec<Call>)> {
        let once = async || {
            set_up(testbed, peer)
                .await
                .map_err(|error| format!("{error:#}"))
        };
        let ready = self.set_up[peer as usize].get_or_init(once).await;
        let ready = ready.as_ref().map_err(|reason| anyhow!(reason.clone()))?;
        let server = ready
            .installed
            .start(peer, &variables(testbed, peer))
            .await?;
        let calls = ready.cookies.iter().map(|cookie| {
            let call = Request::get(peer.session_check()).header("host", "127.0.0.1");
            call.header("cookie", cookie).body(Full::default())
        });
        Ok((server, calls.collect::<Result<_, _>>()?))
    }
}

async fn set_up(testbed: &Testbed, peer: Peer) -> Result<SetUp> {
    let installed = install().await?;
    status(&format!("Setting {} up …", peer.name()));
    testbed.cluster.create_database(&peer.database()).await?;
    let cookies = installed.set_up(peer, &variables(testbed, peer)).await?;
    Ok(SetUp { installed, cookies })
}

fn variables(testbed: &Testbed, peer: Peer) -> Variables {
    let mut variables = testbed.backing(&peer.database());
    variables.push(("NODE_ENV", "production".to_owned()));
    // Node itself is looked for there.
    variables.extend(environment::variable("PATH").map(|path| ("PATH", path)));
    variables
}

/// The folder in which the peers are installed.
struct Installed(PathBuf);

/// Installs what is not installed yet.
async fn install() -> Result<Installed> {
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
    progress::show_while(what, run_npm(&folder)).await?;
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
    async fn set_up(&self, peer: Peer, variables: &Variables) -> Result<Vec<String>> {
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
    async fn start(&self, peer: Peer, variables: &Variables) -> Result<Server> {
        let port = port::find_free(None)?;
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
