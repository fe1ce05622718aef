//! `docs/troubleshooting.md` explains every warning and error in the log.

use std::fs;
use std::path::Path;

use super::collect;

/// Returns the messages that `source` logs at `level`: the last string literal of
/// each `tracing` call.
fn logged_messages(source: &str, level: &str) -> Vec<String> {
    let call_start = format!("tracing::{level}!(");
    let calls = source.split(&call_start).skip(1);
    let message = |call: &str| {
        let (arguments, _) = call.split_once(");")?;
        // The content of a literal has an odd index.
        let parts: Vec<_> = arguments.split('"').collect();
        let last = parts.get(parts.len().checked_sub(2)?)?;
        Some((*last).to_owned())
    };
    calls.filter_map(message).collect()
}

#[test]
fn every_warning_and_error_in_the_log_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/troubleshooting.md")).unwrap();
    let mut files = Vec::new();
    collect(&root.join("lib/src"), &mut files);
    let mut unexplained = Vec::new();
    for file in files {
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let source = fs::read_to_string(file).unwrap();
        for level in ["warn", "error"] {
            let logged = logged_messages(&source, level).into_iter();
            unexplained.extend(logged.filter(|message| !page.contains(&format!("`{message}`"))));
        }
    }
    assert!(
        unexplained.is_empty(),
        "docs/troubleshooting.md does not explain {unexplained:?}"
    );
}
