//! The rows of the result table.

use serde::Serialize;

use crate::terminal;

/// The unit of a value.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    /// A ratio.
    Times,
    Milliseconds,
    Megabytes,
    Count,
    Percent,
    /// Requests per second.
    Rate,
}

/// A row of the result table.
#[derive(Serialize)]
pub(super) struct Row {
    what: String,
    value: Option<f64>,
    unit: Unit,
    /// How the value was computed, or why it is missing.
    detail: String,
    target: String,
    is_met: Option<bool>,
}

impl Row {
    /// Creates a row without a target.
    pub(super) fn info(what: impl Into<String>, value: f64, unit: Unit) -> Self {
        Self {
            what: what.into(),
            value: Some(value),
            unit,
            detail: String::new(),
            target: String::new(),
            is_met: None,
        }
    }

    pub(super) fn at_least(what: impl Into<String>, value: f64, unit: Unit, bound: f64) -> Self {
        Self {
            target: format!("≥ {}", format_value(bound, unit)),
            is_met: Some(value >= bound),
            ..Self::info(what, value, unit)
        }
    }

    pub(super) fn at_most(what: impl Into<String>, value: f64, unit: Unit, bound: f64) -> Self {
        Self {
            target: format!("≤ {}", format_value(bound, unit)),
            is_met: Some(value <= bound),
            ..Self::info(what, value, unit)
        }
    }

    pub(super) fn not_measured(what: impl Into<String>, why: &str) -> Self {
        Self {
            value: None,
            detail: format!("not measured: {why}"),
            ..Self::info(what, 0.0, Unit::Count)
        }
    }

    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    fn cells(&self) -> Vec<String> {
        let is_met = match self.is_met {
            None => "",
            Some(true) => "yes",
            Some(false) => "NO",
        };
        let value = self
            .value
            .map_or("–".to_owned(), |value| format_value(value, self.unit));
        [&self.what, &value, &self.target, is_met, &self.detail]
            .map(str::to_owned)
            .to_vec()
    }
}

fn format_value(value: f64, unit: Unit) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || size == size.trunc() => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    match unit {
        Unit::Times => format!("{value:.digits$} ×"),
        Unit::Milliseconds => format!("{value:.digits$} ms"),
        Unit::Megabytes => format!("{value:.digits$} MB"),
        Unit::Percent => format!("{value:.digits$} %"),
        Unit::Rate => format!("{value:.0} /s"),
        Unit::Count => format!("{value:.digits$}"),
    }
}

/// Prints all rows as a table.
pub(super) fn print_table(rows: &[Row]) {
    let header = ["measurement", "value", "target", "met", "details"];
    let cells: Vec<_> = rows.iter().map(Row::cells).collect();
    terminal::print_table(&header, &cells, |column| column == 1);
}
