//! What a person sees while something takes its time.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Tells what is going on, beside what a command is asked for. A reader that
/// has gone away (`cargo dev | head`) is no reason to stop: `println!` would panic.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints one line of what a command was asked for.
pub(crate) fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints lines with their cells under one another: figures flush right.
pub(crate) fn table<const N: usize>(lines: &[[String; N]], is_figure: impl Fn(usize) -> bool) {
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    for line in lines {
        let cells = line.iter().enumerate().map(|(column, cell)| {
            let width = widths[column];
            match is_figure(column) {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            }
        });
        print(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
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
