//! Tables for a spreadsheet: CSV (RFC 4180) that nobody's name can turn into
//! a formula.

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

use crate::error::{Error, Result};

/// With one of these a formula begins, or what some spreadsheets pass over before
/// one (OWASP, CSV injection; ASVS 5.0, 1.2.10).
const CALCULATED: [char; 8] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0'];

/// One cell.
#[derive(Clone, Debug)]
pub enum Cell {
    /// What somebody typed, or may have.
    Text(String),
    /// A number or a date of ours: it stays what it is, with its minus before it.
    Number(String),
    /// There is no value.
    Empty,
}

impl Cell {
    /// A count.
    pub fn count(count: i64) -> Self {
        Self::Number(count.to_string())
    }

    /// What is written. A text that a spreadsheet would calculate gets an
    /// apostrophe before it, by which it is shown instead.
    fn written(self) -> String {
        match self {
            Self::Text(text) if text.starts_with(CALCULATED) => {
                format!("'{text}")
            }
            Self::Text(text) | Self::Number(text) => text,
            Self::Empty => String::new(),
        }
    }
}

/// A table that is offered as a file.
#[derive(Debug)]
pub struct Spreadsheet {
    file_name: String,
    body: Vec<u8>,
}

impl Spreadsheet {
    /// Writes the rows; the first is the heading. The name is of letters,
    /// digits, dots and dashes.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when the rows are not equally long.
    pub fn new(file_name: String, rows: Vec<Vec<Cell>>) -> Result<Self> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::new());
        for row in rows {
            writer
                .write_record(row.into_iter().map(Cell::written))
                .map_err(|error| Error::Internal(Box::new(error)))?;
        }
        let body = writer
            .into_inner()
            .map_err(|error| Error::internal(error.to_string()))?;
        Ok(Self { file_name, body })
    }
}

impl IntoResponse for Spreadsheet {
    fn into_response(self) -> Response {
        let disposition = format!("attachment; filename=\"{}\"", self.file_name);
        let mut response = self.body.into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("text/csv; charset=utf-8");
        headers.insert(CONTENT_TYPE, kind);
        if let Ok(disposition) = HeaderValue::from_str(&disposition) {
            headers.insert(CONTENT_DISPOSITION, disposition);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shown_and_never_calculated() {
        for (typed, written) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\0=1", "'\0=1"),
            ("Salsa = joy", "Salsa = joy"),
        ] {
            assert_eq!(Cell::Text(typed.to_owned()).written(), written);
        }
        assert_eq!(Cell::Number("-12.50".to_owned()).written(), "-12.50");
    }

    #[test]
    fn quotes_commas_and_line_breaks_stay_in_their_cell() {
        let row = vec![Cell::Text("a \"b\", c\nd".to_owned()), Cell::count(7)];
        let sheet = Spreadsheet::new("x.csv".to_owned(), vec![row]).unwrap();
        assert_eq!(sheet.body, b"\"a \"\"b\"\", c\nd\",7\r\n");
    }
}

#[cfg(test)]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::arbitrary::text;

    proptest! {
        #[test]
        fn every_text_comes_back_from_its_cell_and_none_is_a_formula(
            rows in vec(prop::array::uniform3(text()), 1..5), count in any::<i64>(),
        ) {
            let written = rows.iter().map(|row| {
                let cells = row.iter().cloned().map(Cell::Text);
                cells.chain([Cell::count(count), Cell::Empty]).collect()
            });
            let heading = ["a", "b", "c", "count", "none"].map(|name| Cell::Text(name.to_owned()));
            let written = [heading.to_vec()].into_iter().chain(written).collect();
            let sheet = Spreadsheet::new("x.csv".to_owned(), written).unwrap();
            let mut reader = csv::ReaderBuilder::new().from_reader(&sheet.body[..]);
            let read: Vec<_> = reader.records().map(|record| record.unwrap()).collect();
            assert_eq!(read.len(), rows.len());
            for (read, row) in read.iter().zip(&rows) {
                for (cell, text) in read.iter().zip(row) {
                    assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0']), "{cell:?}");
                    let shown = cell.strip_prefix('\'').filter(|_| !text.starts_with('\'')).unwrap_or(cell);
                    assert_eq!(shown, text);
                }
                assert_eq!((&read[3], &read[4]), (&*count.to_string(), ""));
            }
        }
    }
}
