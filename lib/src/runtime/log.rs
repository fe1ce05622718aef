//! The log: lines of JSON on a deployment, lines for people locally.

use std::io::IsTerminal;

/// Sends what is traced to the standard output. Called once, by whatever is a
/// process; a second call changes nothing.
pub fn start(development: bool) {
    let lines = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_target(false)
        // A file, or `vercel dev`, would show the codes of the colours.
        .with_ansi(std::io::stdout().is_terminal());
    // The only failure is that there is a log already, which then stays.
    let _ = if development {
        lines.compact().try_init()
    } else {
        lines.json().flatten_event(true).try_init()
    };
}
