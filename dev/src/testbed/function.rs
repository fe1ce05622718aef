//! Starts a function's executable as Vercel does.
//!
//! The executable receives a port and a Unix socket. On the socket it reports that it
//! listens and which requests have ended, in NUL-terminated JSON.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use sabor_testing::progress::status;
use sabor_testing::{environment, port};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::Command;
use tokio::time::timeout;

use super::server::{START_TIMEOUT, Server, Variables};

/// A message of the function, without its payload.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
}

/// Builds all functions in the release profile.
pub(crate) async fn build() -> Result<()> {
    status("Building the functions …");
    let build = Command::new("cargo")
        .args(["build", "--release", "--bins"])
        .kill_on_drop(true)
        .current_dir(environment::repository())
        .status();
    let exit_status = build.await.context("cannot run cargo")?;
    if !exit_status.success() {
        bail!("the functions failed to build");
    }
    Ok(())
}

/// Returns the executables with the paths of their functions.
pub(crate) fn executables() -> Result<Vec<(String, PathBuf)>> {
    let current_exe = std::env::current_exe()?;
    // The drills run in the debug profile, so this executable may be in another folder.
    let target = current_exe
        .ancestors()
        .nth(2)
        .context("the target directory was not found")?;
    let folder = target.join("release");
    let executable = |path: &str| {
        let name = path.trim_start_matches("/api/").replace('/', "-");
        folder.join(name.replace(['{', '}'], ""))
    };
    Ok(sabor_testing::functions::routes()
        .iter()
        .map(|routes| (routes.path().to_owned(), executable(routes.path())))
        .collect())
}

/// Starts the function with this path, and waits until it listens.
pub(crate) async fn start(path: &str, variables: &Variables) -> Result<Server> {
    let executables = executables()?;
    let entry = executables
        .iter()
        .find(|(function_path, _)| function_path == path);
    let (_, executable) = entry.with_context(|| format!("there is no function {path}"))?;
    start_executable(executable, variables).await
}

pub(crate) async fn start_executable(executable: &Path, variables: &Variables) -> Result<Server> {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("ipc");
    let listener = UnixListener::bind(&socket)?;
    let port = port::find_free(None)?;
    let mut variables = variables.clone();
    variables.push(("VERCEL_DEV_PORT", port.to_string()));
    variables.push(("VERCEL_IPC_PATH", socket.display().to_string()));
    let mut command = Command::new(executable);
    // Discards the function's log.
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut server = Server::spawn(command, port, &variables)?;
    tokio::select! {
        result = timeout(START_TIMEOUT, wait_until_started(&listener)) => {
            let messages = result.context("the function did not report that it listens")??;
            server.mark_listening();
            tokio::spawn(discard_messages(messages));
        }
        exit_status = server.process().wait() => bail!("{} ended with {}", executable.display(), exit_status?),
    }
    Ok(server)
}

/// Waits until the function reports that it listens. Returns the stream of its messages.
async fn wait_until_started(listener: &UnixListener) -> Result<BufReader<UnixStream>> {
    let (stream, _) = listener.accept().await?;
    let mut messages = BufReader::new(stream);
    loop {
        let mut text = Vec::new();
        if messages.read_until(0, &mut text).await? == 0 {
            bail!("the function closed its socket before it listened");
        }
        let message: Message = serde_json::from_slice(text.strip_suffix(b"\0").unwrap_or(&text))?;
        if message.kind == "server-started" {
            return Ok(messages);
        }
    }
}

/// Discards further messages. The function would block if nobody read them.
async fn discard_messages(mut messages: BufReader<UnixStream>) {
    let mut text = Vec::new();
    while messages
        .read_until(0, &mut text)
        .await
        .is_ok_and(|length| length > 0)
    {
        text.clear();
    }
}
