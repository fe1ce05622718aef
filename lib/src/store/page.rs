//! A page of a list, and the cursor that leads to the next one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, Datelike, Utc};
use uuid::Uuid;

/// The number of items on a page if the caller sets no limit.
pub const DEFAULT_LIMIT: usize = 50;

/// The largest limit that a caller may set.
pub const MAX_LIMIT: usize = 100;

/// The time and the id of an item, by which its list is sorted.
pub type Position = (DateTime<Utc>, Uuid);

/// The part of a sorted list that is read.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    limit: usize,
    after: Option<Position>,
}

impl Page {
    /// Creates a page of at most `limit` items. It begins after the position, or at the
    /// start of the list if that is `None`.
    pub fn new(limit: usize, after: Option<Position>) -> Self {
        Self { limit, after }
    }

    /// Returns the position of the last item before this page, as two parameters of a
    /// statement. Both are `None` for the first page.
    pub fn after(&self) -> (Option<DateTime<Utc>>, Option<Uuid>) {
        self.after.unzip()
    }

    /// Returns the maximum number of items on the page.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Returns how many rows to read: one more than the page has, because an extra row
    /// shows that there is another page.
    pub fn row_limit(&self) -> i64 {
        self.limit as i64 + 1
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::new(DEFAULT_LIMIT, None)
    }
}

/// Encodes a position as a cursor.
pub fn encode_cursor((time, id): Position) -> String {
    BASE64.encode(format!("{}.{id}", time.timestamp_micros()))
}

/// Decodes a cursor. Returns `None` when it is malformed.
pub fn decode_cursor(cursor: &str) -> Option<Position> {
    let text = String::from_utf8(BASE64.decode(cursor).ok()?).ok()?;
    let (micros, id) = text.split_once('.')?;
    // chrono accepts years that Postgres rejects, such as those before 4713 BC.
    let time = DateTime::from_timestamp_micros(micros.parse().ok()?)
        .filter(|time| (1..=9_999).contains(&time.year()))?;
    Some((time, id.parse().ok()?))
}
