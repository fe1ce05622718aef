//! `docs/troubleshooting.md` explains every warning and error in the log, and their causes.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::collect_files;

/// Returns the messages that `source` logs at `level`: the last string literal of
/// each `tracing` call.
fn logged_messages(source: &str, level: &str) -> Vec<String> {
    let call_start = format!("tracing::{level}!(");
    let calls = source.split(&call_start).skip(1);
    let message = |call: &str| {
        let (arguments, _) = call.split_once(");")?;
        // The parts alternate between code and the content of a literal. The last part is
        // code, so the last literal is the second-to-last part.
        let parts: Vec<_> = arguments.split('"').collect();
        let last = parts.get(parts.len().checked_sub(2)?)?;
        Some((*last).to_owned())
    };
    calls.filter_map(message).collect()
}

/// Returns the field `cause` of each line of a log.
pub fn logged_causes(log: &str) -> Vec<String> {
    let entries = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let causes = entries.filter_map(|entry| Some(entry["cause"].as_str()?.to_owned()));
    causes.collect()
}

/// Returns whether a section of the page explains a message: a pattern in the first column
/// of its table matches. In a pattern, `…` stands for any text.
pub fn is_explained(heading: &str, message: &str) -> bool {
    let page = page();
    let mut patterns = patterns(section(&page, heading));
    patterns.any(|pattern| matches(pattern, message))
}

/// Returns the text under a heading of the page.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, after_heading) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    after_heading.split("\n## ").next().unwrap_or_default()
}

/// Returns the patterns in the first column of the table of a section.
fn patterns(section: &str) -> impl Iterator<Item = &str> {
    let rows = section.lines().skip_while(|line| !line.starts_with("|---"));
    let cells = rows.filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    // The parts alternate between other text and the content of a pattern.
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2))
}

fn matches(pattern: &str, message: &str) -> bool {
    let mut rest = message;
    for part in pattern.split('…').map(str::trim) {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

fn page() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join("docs/troubleshooting.md")).unwrap()
}

#[test]
fn a_message_that_matches_no_row_is_not_explained() {
    for heading in [
        "A request fails with 503",
        "A request fails with 500",
        "Errors of Redis",
    ] {
        for message in ["db error: ERROR: something new", "something new"] {
            assert!(!is_explained(heading, message), "{heading}: {message}");
        }
    }
}

#[test]
fn every_warning_and_error_in_the_log_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = page();
    // A message that is only mentioned elsewhere on the page has no advice.
    let explained: Vec<_> = patterns(section(&page, "Other log messages")).collect();
    let mut files = Vec::new();
    collect_files(&root.join("lib/src"), &mut files);
    let mut unexplained = Vec::new();
    for file in files {
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let source = fs::read_to_string(file).unwrap();
        for level in ["warn", "error"] {
            let logged = logged_messages(&source, level).into_iter();
            unexplained.extend(logged.filter(|message| !explained.contains(&message.as_str())));
        }
    }
    assert!(
        unexplained.is_empty(),
        "docs/troubleshooting.md does not explain {unexplained:?}"
    );
}
