//! A private `redis-server` that does not outlive its owner.

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

/// Runs the server until standard input ends, which it does when its owner
/// ends, however that comes about; kills and starts it in between, as told.
const WATCH: &str = r#"
dir=$1
start() {
    redis-server --port 0 --unixsocket "$dir/socket" --dir "$dir" \
        --save '' --appendonly no --logfile "$dir/log" --databases 16 &
    pid=$!
}
# Once for each start: by the next time the number may be a stranger's.
end() {
    [ "$pid" ] && kill -9 "$pid" && wait "$pid"
    pid=
}
start
while read -r order; do $order; done
end
rm -rf "$dir"
"#;

/// A `redis-server` of one's own, on a Unix socket in a temporary directory,
/// keeping nothing on disk. It ends when this is dropped, and also when the
/// process is killed.
pub struct RedisServer {
    watcher: Child,
    directory: PathBuf,
}

impl RedisServer {
    /// Whether `redis-server` is on the PATH.
    pub fn available() -> bool {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).any(|directory| directory.join("redis-server").is_file())
    }

    /// Starts a server and waits until it accepts connections, at most 10 s.
    ///
    /// # Errors
    ///
    /// When it cannot be started; the text ends with its log.
    pub async fn start() -> io::Result<Self> {
        let directory = private_directory()?;
        let watcher = Command::new("sh")
            .args(["-c", WATCH, "sh"])
            .arg(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for the owner alone; the server follows in order.
            .process_group(0)
            .spawn()?;
        let server = Self { watcher, directory };
        server.until(true).await?;
        Ok(server)
    }

    /// Kills the server with -9, and what it holds is gone; waits until it has
    /// ended.
    ///
    /// # Errors
    ///
    /// When it does not end.
    pub async fn kill(&self) -> io::Result<()> {
        self.order("end")?;
        self.until(false).await
    }

    /// Starts a server that was killed, empty, at the same address.
    ///
    /// # Errors
    ///
    /// As [`RedisServer::start`].
    pub async fn start_again(&self) -> io::Result<()> {
        self.order("start")?;
        self.until(true).await
    }

    fn order(&self, order: &str) -> io::Result<()> {
        let mut orders = self.watcher.stdin.as_ref();
        let orders = orders.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(orders, "{order}")
    }

    /// Waits until it accepts connections, or until it does not.
    async fn until(&self, up: bool) -> io::Result<()> {
        let ready = async {
            while UnixStream::connect(self.socket()).await.is_ok() != up {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(10), ready).await;
        in_time.map_err(|_| {
            let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            let does = if up { "start" } else { "end" };
            io::Error::other(format!("redis-server does not {does}:\n{log}"))
        })
    }

    /// The address for [`Backend::real`](crate::Backend::real).
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
        // What remains of it in the worst case is a directory.
        _ = self.watcher.wait();
    }
}

/// A new directory that only its owner may enter. Its path is short: that of a
/// Unix socket ends at some hundred bytes.
fn private_directory() -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = since.unwrap_or_default().as_millis();
    let directory = env::temp_dir().join(format!("redis-{:x}-{now:x}-{count:x}", id()));
    fs::DirBuilder::new().mode(0o700).create(&directory)?;
    Ok(directory)
}
