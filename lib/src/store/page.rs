//! A page of a list, and the cursor that leads to the next one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, Datelike, Utc};
use uuid::Uuid;

/// How many items a page has when the caller does not say.
pub const DEFAULT_LIMIT: usize = 50;

/// How many items a page has at most.
pub const MAX_LIMIT: usize = 100;

/// The time and the id by which a list is sorted.
pub type Position = (DateTime<Utc>, Uuid);

/// The part of a list that is read, newest first.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    limit: usize,
    after: Option<Position>,
}

impl Page {
    /// A page of `limit` items that begins after the position.
    pub fn new(limit: usize, after: Option<Position>) -> Self {
        Self { limit, after }
    }

    /// The position of the last item before this page, as statements take it.
    pub fn after(&self) -> (Option<DateTime<Utc>>, Option<Uuid>) {
        self.after.unzip()
    }

    /// How many items it has at most.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many rows to read: one more than the page holds shows that there is
    /// another page.
    pub fn fetch(&self) -> i64 {
        self.limit as i64 + 1
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::new(DEFAULT_LIMIT, None)
    }
}

/// The cursor of a position.
pub fn encode((time, id): Position) -> String {
    BASE64.encode(format!("{}.{id}", time.timestamp_micros()))
}

/// The position of a cursor; `None` when the cursor is malformed.
pub fn decode(cursor: &str) -> Option<Position> {
    let text = String::from_utf8(BASE64.decode(cursor).ok()?).ok()?;
    let (micros, id) = text.split_once('.')?;
    // The calendar of Postgres ends before that of chrono.
    let time = DateTime::from_timestamp_micros(micros.parse().ok()?)
        .filter(|time| (1..=9_999).contains(&time.year()))?;
    Some((time, id.parse().ok()?))
}
