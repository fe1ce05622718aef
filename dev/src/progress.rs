//! What a person sees while something takes its time.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Tells what is going on, beside what a command is asked for. A reader that has gone away (`cargo dev | head`) is no
/// reason to stop: `println!` would panic.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints one line of what a command was asked for.
pub(crate) fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Says `what` is being done and, every few seconds, that it still is.
pub(crate) async fn during<T>(what: &str, work: impl Future<Output = T>) -> T {
    say(&format!("{what} …"));
    let started = Instant::now();
    let mut every = tokio::time::interval(Duration::from_secs(5));
    every.tick().await;
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = every.tick() => say(&format!("  … {} s", started.elapsed().as_secs())),
        }
    }
}
