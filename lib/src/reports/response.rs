//! Reports as JSON or as CSV files.

use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::http::Json;
use crate::values::csv::CsvFile;
use crate::values::form::{Form, Problem};

/// The format of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum ReportFormat {
    #[default]
    Json,
    Csv,
}

impl ReportFormat {
    fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            _ => Err("must be json or csv".to_owned()),
        }
    }
}

/// Reads the parameters `format` and `table`, and finishes the form. Returns the table of the CSV
/// file, or `None` for JSON.
///
/// # Errors
///
/// [`Error::Invalid`], also for the problems that the form has already.
pub(super) fn read_table<T: Default>(
    mut form: Form,
    format: Option<&str>,
    table: Option<&str>,
    parse: fn(&str) -> Result<T, Problem>,
) -> Result<Option<T>> {
    let table = form.check_filled("table", table, parse);
    let format = form.check_filled("format", format, ReportFormat::parse);
    form.finish()?;
    match format.unwrap_or_default() {
        ReportFormat::Csv => Ok(Some(table.unwrap_or_default())),
        ReportFormat::Json if table.is_some() => Err(Error::field("table", "requires format=csv")),
        ReportFormat::Json => Ok(None),
    }
}

/// A report in the requested format.
#[derive(Debug)]
pub enum ReportResponse<R> {
    /// As JSON.
    Json(Box<R>),
    /// One table, as a CSV file.
    Csv(CsvFile),
}

impl<R: Serialize> IntoResponse for ReportResponse<R> {
    fn into_response(self) -> Response {
        match self {
            Self::Json(report) => Json(*report).into_response(),
            Self::Csv(file) => file.into_response(),
        }
    }
}
