//! Paged lists.

use axum::extract::FromRequestParts;
use chrono::{DateTime, Utc};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::error::{Error, Result};
use crate::http::query;
use crate::store::page::{
    Cursor, DEFAULT_LIMIT, MAX_LIMIT, MovableList, Page, Position, decode_cursor, encode_cursor,
};

/// The query parameters of a paged list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// The maximum number of items, from 1 to 100. The default is 50.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `nextCursor` of the previous page.
    cursor: Option<String>,
}

impl PageParams {
    fn parse(&self) -> Result<Page> {
        let limit = match &self.limit {
            None => DEFAULT_LIMIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
                .ok_or_else(|| Error::field("limit", "must be a number from 1 to 100"))?,
        };
        let cursor = match &self.cursor {
            None => None,
            Some(text) => Some(
                decode_cursor(text)
                    .ok_or_else(|| Error::field("cursor", "must be the nextCursor of a page"))?,
            ),
        };
        Ok(Page::new(limit, cursor))
    }
}

impl FromRequestParts<App> for Page {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        query::read::<PageParams>(&parts.uri)?.parse()
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    /// The items in the order of the list.
    pub items: Vec<T>,
    /// The `cursor` of the next page. Null on the last page.
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// Creates a page from at most [`Page::row_limit`] rows. `position` returns the position
    /// of a row, and `to_item` converts a row to an item.
    pub fn new<R>(
        rows: Vec<R>,
        page: Page,
        position: impl Fn(&R) -> Position,
        to_item: impl Fn(R) -> T,
    ) -> Self {
        Self::with_cursor(rows, page, |row| (position(row), None), to_item)
    }

    /// Creates a page of a list whose items can move, such as classes sorted by their
    /// start. Items that have moved to a position before the page since the previous page was
    /// read come first, in addition to the limit. Otherwise a caller would never see an item
    /// that moves from a later page to one that the caller has already read.
    pub fn with_moved<R>(
        list: MovableList<R>,
        page: Page,
        position: impl Fn(&R) -> Position,
        to_item: impl Fn(R) -> T,
    ) -> Self {
        let MovableList { rows, moved, since } = list;
        let cursor = |row: &R| (position(row), Some(since));
        let mut page = Self::with_cursor(rows, page, cursor, &to_item);
        page.items.splice(..0, moved.into_iter().map(&to_item));
        page
    }

    fn with_cursor<R>(
        mut rows: Vec<R>,
        page: Page,
        cursor: impl Fn(&R) -> (Position, Option<DateTime<Utc>>),
        to_item: impl Fn(R) -> T,
    ) -> Self {
        let has_more = rows.len() > page.limit();
        rows.truncate(page.limit());
        let next_cursor = rows.last().filter(|_| has_more).map(|row| {
            let (after, since) = cursor(row);
            encode_cursor(Cursor { after, since })
        });
        Self {
            items: rows.into_iter().map(to_item).collect(),
            next_cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    fn parse(limit: Option<&str>, cursor: Option<&str>) -> Result<Page> {
        let params = PageParams {
            limit: limit.map(str::to_owned),
            cursor: cursor.map(str::to_owned),
        };
        params.parse()
    }

    #[test]
    fn a_cursor_decodes_to_its_position() {
        let position = (
            DateTime::from_timestamp_micros(1_800_000_000_123_456).unwrap(),
            Uuid::max(),
        );
        let cursor = Cursor {
            after: position,
            since: None,
        };
        let page = parse(Some("1"), Some(&encode_cursor(cursor))).unwrap();
        assert_eq!(page.after(), (Some(position.0), Some(position.1)));
        assert_eq!(page.row_limit(), 2);
    }

    #[test]
    fn an_invalid_limit_or_cursor_is_rejected() {
        for limit in ["0", "101", "-1", "x", "1e1", "99999999999999999999"] {
            assert!(parse(Some(limit), None).is_err(), "{limit}");
        }
        for cursor in [
            "",
            "x",
            "!!",
            &BASE64.encode("1.2"),
            &BASE64.encode([0xff, 0xfe]),
        ] {
            assert!(parse(None, Some(cursor)).is_err(), "{cursor}");
        }
    }
}

#[cfg(test)]
mod properties {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    use chrono::{DateTime, Datelike, Utc};
    use proptest::prelude::*;
    use proptest::sample::Index;

    use uuid::Uuid;

    use super::*;
    use crate::testing::arbitrary::{
        altered_text, bytes, character, parsed_or_client_error, query as any_query, text, uri,
    };

    fn parse_cursor(cursor: String) -> Result<Page> {
        let params = PageParams {
            limit: None,
            cursor: Some(cursor),
        };
        params.parse()
    }

    fn any_position() -> impl Strategy<Value = (DateTime<Utc>, Uuid)> {
        let micros = -62_135_596_800_000_000..=253_402_300_799_999_999_i64;
        (micros, any::<u128>()).prop_map(|(micros, id)| {
            let time = DateTime::from_timestamp_micros(micros).unwrap();
            (time, Uuid::from_u128(id))
        })
    }

    proptest! {
        #[test]
        fn a_cursor_can_contain_any_position(position in any_position(), since in any_position()) {
            for since in [None, Some(since.0)] {
                let cursor = Cursor { after: position, since };
                let page = parse_cursor(encode_cursor(cursor)).unwrap();
                assert_eq!(page.after(), (Some(position.0), Some(position.1)));
                assert_eq!(page.since(), since);
            }
        }

        #[test]
        fn any_other_cursor_is_rejected_or_has_a_year_that_postgres_supports(
            text in text(), decoded in bytes(), micros in any::<i64>(),
            position in any_position(), index in any::<Index>(), replacement in character(),
        ) {
            let any_time = BASE64.encode(format!("{micros}.{}", position.1));
            let any_since = BASE64.encode(format!("0.{}.{micros}", position.1));
            let cursor = Cursor { after: position, since: Some(position.0) };
            let altered = altered_text(&encode_cursor(cursor), index, replacement);
            for text in [text, BASE64.encode(decoded), any_time, any_since].into_iter().chain(altered) {
                if let Some(page) = parsed_or_client_error(parse_cursor(text)) {
                    assert!((1..=9_999).contains(&page.after().0.unwrap().year()));
                    assert!(page.since().is_none_or(|since| (1..=9_999).contains(&since.year())));
                }
            }
        }

        #[test]
        fn any_query_is_rejected_or_requests_at_most_a_hundred_items(
            query in any_query(&["limit", "cursor", "limit", "x"]), limit in any::<i64>(),
        ) {
            let parse = |text: &str| {
                let params: PageParams = query::read(&uri(text)?).ok()?;
                parsed_or_client_error(params.parse())
            };
            assert!(parse(&query).is_none_or(|page| (2..=101).contains(&page.row_limit())));
            let page = parse(&format!("limit={limit}"));
            let expected = (1..=100).contains(&limit).then_some(limit + 1);
            assert_eq!(page.map(|page| page.row_limit()), expected);
        }
    }
}
