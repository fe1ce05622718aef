//! The table that comes of it.

use serde::Serialize;

/// What a value counts.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    /// How often one goes into the other.
    Times,
    Milliseconds,
    Megabytes,
    Count,
    Percent,
    /// Requests a second.
    Rate,
}

/// One line of the table.
#[derive(Serialize)]
pub(super) struct Row {
    what: String,
    value: Option<f64>,
    unit: Unit,
    /// What the value was made of, or why there is none.
    detail: String,
    target: String,
    reached: Option<bool>,
}

impl Row {
    /// A figure that has no target of its own.
    pub(super) fn noted(what: impl Into<String>, value: f64, unit: Unit) -> Self {
        Self {
            what: what.into(),
            value: Some(value),
            unit,
            detail: String::new(),
            target: String::new(),
            reached: None,
        }
    }

    pub(super) fn at_least(what: impl Into<String>, value: f64, unit: Unit, bound: f64) -> Self {
        Self {
            target: format!("≥ {}", shown(bound, unit)),
            reached: Some(value >= bound),
            ..Self::noted(what, value, unit)
        }
    }

    pub(super) fn at_most(what: impl Into<String>, value: f64, unit: Unit, bound: f64) -> Self {
        Self {
            target: format!("≤ {}", shown(bound, unit)),
            reached: Some(value <= bound),
            ..Self::noted(what, value, unit)
        }
    }

    pub(super) fn not_measured(what: impl Into<String>, why: &str) -> Self {
        Self {
            value: None,
            detail: format!("not measured: {why}"),
            ..Self::noted(what, 0.0, Unit::Count)
        }
    }

    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    fn cells(&self) -> [String; 5] {
        let reached = match self.reached {
            None => "",
            Some(true) => "yes",
            Some(false) => "NO",
        };
        let value = self
            .value
            .map_or("–".to_owned(), |value| shown(value, self.unit));
        [&self.what, &value, &self.target, reached, &self.detail].map(str::to_owned)
    }
}

fn shown(value: f64, unit: Unit) -> String {
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

/// Prints the rows under one another.
pub(super) fn show(rows: &[Row]) {
    let heads = ["what", "measured", "target", "reached", "from"].map(str::to_owned);
    let lines: Vec<[String; 5]> = std::iter::once(heads)
        .chain(rows.iter().map(Row::cells))
        .collect();
    crate::terminal::table(&lines, |column| column == 1);
}
