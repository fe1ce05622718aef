//! Progress messages on standard error.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Writes a status line to standard error. A closed standard error is ignored;
/// `eprintln!` would panic.
pub fn status(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Awaits `work`. Writes `message` first, and the elapsed time every five seconds.
pub async fn show_while<T>(message: &str, work: impl Future<Output = T>) -> T {
    status(&format!("{message} …"));
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    ticks.tick().await;
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            output = &mut work => return output,
            _ = ticks.tick() => status(&format!("  … {} s", started.elapsed().as_secs())),
        }
    }
}
