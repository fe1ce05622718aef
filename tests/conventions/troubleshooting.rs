//! `docs/troubleshooting.md` explains every warning and every error of the log.

use std::fs;
use std::path::Path;

use super::collect;

/// Returns the messages that `source` logs with `tracing::{level}!`: the last
/// text of each call.
fn messages(source: &str, level: &str) -> Vec<String> {
    let beginning = format!("tracing::{level}!(");
    let calls = source.split(&beginning).skip(1);
    let message = |call: &str| {
        let (arguments, _) = call.split_once(");")?;
        // What is between quotation marks is every second part.
        let parts: Vec<_> = arguments.split('"').collect();
        let last = parts.get(parts.len().checked_sub(2)?)?;
        Some((*last).to_owned())
    };
    calls.filter_map(message).collect()
}

#[test]
fn every_warning_and_error_of_the_log_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/troubleshooting.md")).unwrap();
    let mut files = Vec::new();
    collect(&root.join("lib/src"), &mut files);
    let mut missing = Vec::new();
    for file in files {
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let source = fs::read_to_string(file).unwrap();
        for level in ["warn", "error"] {
            let found = messages(&source, level).into_iter();
            missing.extend(found.filter(|message| !page.contains(&format!("`{message}`"))));
        }
    }
    assert!(
        missing.is_empty(),
        "docs/troubleshooting.md lacks {missing:?}"
    );
}
