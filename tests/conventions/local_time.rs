//! Checks that no SQL uses the time zones of Postgres.

use std::fs;
use std::path::Path;

use super::collect_files;

/// What a statement may not contain, because its result depends on the time zones of
/// Postgres or on the time zone of the connection.
const FORBIDDEN: [&str; 12] = [
    "current_date",
    "localtimestamp",
    "now()::date",
    "(now())::date",
    "_at::date",
    "_time::date",
    "date_trunc('day'",
    "date_trunc('week'",
    "(timezone(",
    "set time zone",
    "set timezone",
    " timezone(",
];

#[test]
fn no_sql_depends_on_the_time_zones_of_postgres() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["api", "lib/src", "dev/src", "migrations"] {
        collect_files(&root.join(folder), &mut files);
    }
    let mut conversions = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap().to_lowercase();
        let words: Vec<_> = text.split_whitespace().collect();
        let text = words.join(" ");
        for conversion in text.split(" at time zone ").skip(1) {
            let zone = conversion.split(' ').next().unwrap_or_default();
            assert!(
                zone.starts_with("'utc'"),
                "{} converts to or from local time: {zone}",
                file.display(),
            );
            conversions += 1;
        }
        for forbidden in FORBIDDEN {
            assert!(
                !text.contains(forbidden),
                "{} has {forbidden}",
                file.display()
            );
        }
    }
    assert!(conversions > 5, "{conversions}");
}
