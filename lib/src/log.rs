//! The log: lines of JSON on a deployment, lines for people locally.

/// Sends what is traced to the standard output. Called once, by whatever is a
/// process; a second call changes nothing.
pub fn start(development: bool) {
    let lines = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_target(false);
    // The only failure is that there is a log already, which then stays.
    let _ = if development {
        lines.compact().try_init()
    } else {
        lines.json().flatten_event(true).try_init()
    };
}
