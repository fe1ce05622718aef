//! The log: JSON lines on a deployment, readable lines in development.

use std::io::IsTerminal;

/// Starts logging to standard output. A second call has no effect.
pub fn start(development: bool) {
    let lines = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_target(false)
        // Colors are for terminals only: files and `vercel dev` would show escape codes.
        .with_ansi(std::io::stdout().is_terminal());
    // This only fails if logging was started before.
    let _ = if development {
        lines.compact().try_init()
    } else {
        lines.json().flatten_event(true).try_init()
    };
}
