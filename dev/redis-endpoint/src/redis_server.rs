//! A private `redis-server` that stops when the process that started it ends.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio, id};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::UnixStream;

/// A shell script that runs the server until standard input ends. That happens when
/// the process that started the script ends, even if it is killed. Each line of the
/// input is a command, `stop` or `start`.
const WATCHER_SCRIPT: &str = r#"
dir=$1
start() {
    redis-server --port 0 --unixsocket "$dir/socket" --dir "$dir" \
        --save '' --appendonly no --logfile "$dir/log" --databases 16 &
    pid=$!
}
# Clears the pid, because another process may get it later.
stop() {
    [ "$pid" ] && kill -9 "$pid" && wait "$pid"
    pid=
}
start
while read -r command; do $command; done
stop
rm -rf "$dir"
"#;

/// A private `redis-server` on a Unix socket in a temporary directory. It keeps its data
/// only in memory. It stops when this value is dropped or this process ends, even if the
/// process is killed.
pub struct RedisServer {
    watcher: Child,
    directory: PathBuf,
}

impl RedisServer {
    /// Returns whether `redis-server` is on the PATH.
    pub fn available() -> bool {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).any(|directory| directory.join("redis-server").is_file())
    }

    /// Starts a server and waits until it accepts connections, for at most 10 s.
    ///
    /// # Errors
    ///
    /// Fails when the server does not start. The error contains the server's log.
    pub async fn start() -> io::Result<Self> {
        let directory = private_directory()?;
        let watcher = Command::new("sh")
            .args(["-c", WATCHER_SCRIPT, "sh"])
            .arg(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C must reach only this process, which then stops the server.
            .process_group(0)
            .spawn()?;
        let server = Self { watcher, directory };
        server.wait_until(true).await?;
        Ok(server)
    }

    /// Kills the server, which loses its data, and waits until it has stopped.
    ///
    /// # Errors
    ///
    /// Fails when the server does not stop within 10 s.
    pub async fn kill(&self) -> io::Result<()> {
        self.send("stop")?;
        self.wait_until(false).await
    }

    /// Starts a killed server again at the same address. It is empty.
    ///
    /// # Errors
    ///
    /// Fails when the server does not start within 10 s.
    pub async fn restart(&self) -> io::Result<()> {
        self.send("start")?;
        self.wait_until(true).await
    }

    fn send(&self, command: &str) -> io::Result<()> {
        let mut stdin = self.watcher.stdin.as_ref();
        let stdin = stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(stdin, "{command}")
    }

    /// Waits until the server accepts connections, or refuses them if `is_up` is false.
    async fn wait_until(&self, is_up: bool) -> io::Result<()> {
        let changed = async {
            while UnixStream::connect(self.socket()).await.is_ok() != is_up {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let result = tokio::time::timeout(Duration::from_secs(10), changed).await;
        result.map_err(|_| {
            let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            let verb = if is_up { "start" } else { "stop" };
            io::Error::other(format!("redis-server did not {verb}:\n{log}"))
        })
    }

    /// Returns the URL for [`Backend::redis`](crate::Backend::redis).
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("socket")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        // Even if this fails, the script stops the server and removes the directory.
        _ = self.watcher.wait();
    }
}

/// Creates a directory that only its owner may enter. Its path is short, because
/// the path of a Unix socket is limited to about a hundred bytes.
fn private_directory() -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = since_epoch.unwrap_or_default().as_millis();
    let directory = env::temp_dir().join(format!("redis-{:x}-{now:x}-{count:x}", id()));
    fs::DirBuilder::new().mode(0o700).create(&directory)?;
    Ok(directory)
}
