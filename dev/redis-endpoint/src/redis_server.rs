//! A private `redis-server` that does not outlive its owner.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio, id};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::UnixStream;

/// Runs the server until standard input ends, which it does when its owner
/// ends, however that comes about.
const WATCH: &str = r#"
dir=$1
redis-server --port 0 --unixsocket "$dir/socket" --dir "$dir" \
    --save '' --appendonly no --logfile "$dir/log" --databases 16 &
cat >/dev/null
kill -9 $! && wait $!
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
        let ready = async {
            while UnixStream::connect(server.socket()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(10), ready).await {
            Ok(()) => Ok(server),
            Err(_) => {
                let log = fs::read_to_string(server.directory.join("log")).unwrap_or_default();
                Err(io::Error::other(format!(
                    "redis-server does not start:\n{log}"
                )))
            }
        }
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
