//! A page of a list, and the cursor that leads to the next one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, Datelike, Utc};
use uuid::Uuid;

use crate::error::Result;
use crate::store::client::Client;
use crate::store::statement::Statement;

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
    cursor: Option<Cursor>,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The position of the last item before the page.
    pub after: Position,
    /// Items that have moved since this time to a position before the cursor also belong to
    /// the page, because no earlier page contains them. Only lists whose items can move
    /// have this.
    pub since: Option<DateTime<Utc>>,
}

impl Page {
    /// Creates a page of at most `limit` items. It begins at the cursor, or at the start of
    /// the list if that is `None`.
    pub fn new(limit: usize, cursor: Option<Cursor>) -> Self {
        Self { limit, cursor }
    }

    /// Returns the position of the last item before this page, as two parameters of a
    /// statement. Both are `None` for the first page.
    pub fn after(&self) -> (Option<DateTime<Utc>>, Option<Uuid>) {
        self.cursor.map(|cursor| cursor.after).unzip()
    }

    /// Returns the time since which items may have moved to a position before this page.
    /// `None` for the first page.
    pub fn since(&self) -> Option<DateTime<Utc>> {
        self.cursor.and_then(|cursor| cursor.since)
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

/// A part of a list whose items can move.
#[derive(Debug)]
pub struct MovableList<R> {
    /// The rows of the page, and one more if there is another page.
    pub rows: Vec<R>,
    /// The rows that have moved to a position before the page since the previous one was
    /// read.
    pub moved: Vec<R>,
    /// The time for the cursor of the next page, from [`find_since`].
    pub since: DateTime<Utc>,
}

static SINCE: Statement = Statement::new(
    "page.since",
    "select date_trunc('minute', now()) - interval '2 minutes' as since",
);

/// Returns the time for the cursor of a list whose items can move. It is two to three
/// minutes in the past, because a move records its time before the commit makes it visible.
/// Whole minutes make cursors equal, so that cached pages are shared.
pub async fn find_since(client: &Client) -> Result<DateTime<Utc>> {
    Ok(SINCE.one(client, &[]).await?.try_get("since")?)
}

/// Encodes a cursor as a string.
pub fn encode_cursor(cursor: Cursor) -> String {
    let (time, id) = cursor.after;
    let since = cursor
        .since
        .map(|since| format!(".{}", since.timestamp_micros()));
    let since = since.unwrap_or_default();
    BASE64.encode(format!("{}.{id}{since}", time.timestamp_micros()))
}

/// Decodes a cursor. Returns `None` when it is malformed.
pub fn decode_cursor(cursor: &str) -> Option<Cursor> {
    let text = String::from_utf8(BASE64.decode(cursor).ok()?).ok()?;
    let (micros, rest) = text.split_once('.')?;
    let (id, since) = match rest.split_once('.') {
        Some((id, since)) => (id, Some(decode_time(since)?)),
        None => (rest, None),
    };
    Some(Cursor {
        after: (decode_time(micros)?, id.parse().ok()?),
        since,
    })
}

fn decode_time(micros: &str) -> Option<DateTime<Utc>> {
    // chrono accepts years that Postgres rejects, such as those before 4713 BC.
    DateTime::from_timestamp_micros(micros.parse().ok()?)
        .filter(|time| (1..=9_999).contains(&time.year()))
}
