//! CSV files (RFC 4180) that are safe to open in a spreadsheet.

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

use crate::error::{Error, Result};

/// Characters that start a formula, or that some spreadsheets skip before one
/// (OWASP, CSV injection; ASVS 5.0, 1.2.10).
const FORMULA_STARTS: [char; 8] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0'];

/// The byte order mark. Without it, Excel reads a CSV file in the code page of the
/// computer instead of UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A cell.
#[derive(Clone, Debug)]
pub enum Cell {
    /// Text that may come from a user.
    Text(String),
    /// A number or a date that the program wrote. It never gets an apostrophe.
    Number(String),
    /// No value.
    Empty,
}

impl Cell {
    /// Creates a cell with a count.
    pub fn count(count: i64) -> Self {
        Self::Number(count.to_string())
    }

    /// Returns the content of the cell. Text that starts like a formula gets an apostrophe,
    /// so that spreadsheets show the text instead of evaluating it.
    fn into_text(self) -> String {
        match self {
            Self::Text(text) if text.starts_with(FORMULA_STARTS) => {
                format!("'{text}")
            }
            Self::Text(text) | Self::Number(text) => text,
            Self::Empty => String::new(),
        }
    }
}

/// A CSV file for download.
#[derive(Debug)]
pub struct CsvFile {
    file_name: String,
    body: Vec<u8>,
}

impl CsvFile {
    /// Writes the rows, after a byte order mark. The first row is the header. The file name
    /// may contain letters, digits, dots and hyphens.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Internal`] when the rows have different lengths.
    pub fn new(file_name: String, rows: Vec<Vec<Cell>>) -> Result<Self> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(BYTE_ORDER_MARK.to_vec());
        for row in rows {
            writer
                .write_record(row.into_iter().map(Cell::into_text))
                .map_err(|error| Error::Internal(Box::new(error)))?;
        }
        let body = writer
            .into_inner()
            .map_err(|error| Error::internal(error.to_string()))?;
        Ok(Self { file_name, body })
    }
}

impl IntoResponse for CsvFile {
    fn into_response(self) -> Response {
        let disposition = format!("attachment; filename=\"{}\"", self.file_name);
        let mut response = self.body.into_response();
        let headers = response.headers_mut();
        let content_type = HeaderValue::from_static("text/csv; charset=utf-8");
        headers.insert(CONTENT_TYPE, content_type);
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
    fn text_is_never_evaluated_as_a_formula() {
        for (text, written) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\0=1", "'\0=1"),
            ("Salsa = joy", "Salsa = joy"),
        ] {
            assert_eq!(Cell::Text(text.to_owned()).into_text(), written);
        }
        assert_eq!(Cell::Number("-12.50".to_owned()).into_text(), "-12.50");
    }

    #[test]
    fn quotes_commas_and_line_breaks_stay_in_their_cell() {
        let row = vec![Cell::Text("a \"b\", c\nd".to_owned()), Cell::count(7)];
        let file = CsvFile::new("x.csv".to_owned(), vec![row]).unwrap();
        assert_eq!(file.body, b"\xef\xbb\xbf\"a \"\"b\"\", c\nd\",7\r\n");
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
        fn every_cell_is_read_back_and_none_is_a_formula(
            rows in vec(prop::array::uniform3(text()), 1..5), count in any::<i64>(),
        ) {
            let written = rows.iter().map(|row| {
                let cells = row.iter().cloned().map(Cell::Text);
                cells.chain([Cell::count(count), Cell::Empty]).collect()
            });
            let heading = ["a", "b", "c", "count", "none"].map(|name| Cell::Text(name.to_owned()));
            let written = [heading.to_vec()].into_iter().chain(written).collect();
            let file = CsvFile::new("x.csv".to_owned(), written).unwrap();
            let mut reader = csv::ReaderBuilder::new().from_reader(&file.body[..]);
            let records: Vec<_> = reader.records().map(|record| record.unwrap()).collect();
            assert_eq!(records.len(), rows.len());
            for (record, row) in records.iter().zip(&rows) {
                for (cell, text) in record.iter().zip(row) {
                    assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0']), "{cell:?}");
                    let shown = cell.strip_prefix('\'').filter(|_| !text.starts_with('\'')).unwrap_or(cell);
                    assert_eq!(shown, text);
                }
                assert_eq!((&record[3], &record[4]), (&*count.to_string(), ""));
            }
        }
    }
}
