//! The analytics as CSV files.

use super::period::{ClassFigures, ClassTypeFigures, HeatMapCell, Totals};
use super::table::Table;
use super::{Analytics, Bucket, CrossAppTokenFigures, SessionFigures};
use crate::error::Result;
use crate::reports::dashboard;
use crate::values::csv::{Cell, CsvFile};

impl Analytics {
    /// Creates a CSV file with one table.
    pub(super) fn to_csv_file(&self, table: Table) -> Result<CsvFile> {
        let rows = match table {
            Table::Buckets => self.bucket_rows(),
            Table::ClassTypes => self.class_type_rows(),
            Table::HeatMap => self.heat_map_rows(),
            Table::Retention => self.retention_rows(),
            Table::Totals => self.total_rows(),
        };
        let part = table.file_name_part();
        CsvFile::new(format!("sabor-{part}{}-{}.csv", self.from, self.to), rows)
    }

    /// Returns a row for each bucket. The columns of currencies, partner applications and class
    /// types come after the fixed ones.
    fn bucket_rows(&self) -> Vec<Vec<Cell>> {
        let mut apps: Vec<&String> = self
            .buckets
            .iter()
            .flat_map(|bucket| bucket.cross_app_tokens.keys())
            .collect();
        apps.sort_unstable();
        apps.dedup();
        let rows = self.buckets.iter().enumerate().map(|(index, bucket)| {
            let tokens = apps.iter().flat_map(|app| {
                let figures = bucket.cross_app_tokens.get(*app).copied();
                token_cells(figures.unwrap_or_default())
            });
            let rates = self
                .occupancy
                .iter()
                .map(|class_type| rate_cell(class_type.rates[index]));
            bucket
                .cells()
                .into_iter()
                .chain(tokens)
                .chain(rates)
                .collect()
        });
        std::iter::once(self.header_row(&apps))
            .chain(rows)
            .collect()
    }

    fn class_type_rows(&self) -> Vec<Vec<Cell>> {
        let header = std::iter::once("Class type".to_owned()).chain(self.totals.figures.labels());
        let rows = self.class_types.iter().map(ClassTypeFigures::cells);
        std::iter::once(header.map(Cell::Text).collect())
            .chain(rows)
            .collect()
    }

    fn heat_map_rows(&self) -> Vec<Vec<Cell>> {
        let header = [
            "Weekday",
            "Hour",
            "Classes",
            "Places",
            "Taken",
            "Occupancy",
            "Bookings",
            "Attended",
            "No-shows",
        ];
        let header = header.map(|label| Cell::Text(label.to_owned()));
        let rows = self.heat_map.iter().map(HeatMapCell::cells);
        std::iter::once(header.into()).chain(rows).collect()
    }

    fn retention_rows(&self) -> Vec<Vec<Cell>> {
        let header = ["Start", "First-timers", "Returned"];
        let header = header.map(|label| Cell::Text(label.to_owned()));
        let rows = self.buckets.iter().map(|bucket| {
            let start = Cell::Number(bucket.start.to_string());
            vec![
                start,
                Cell::count(bucket.first_timers),
                Cell::count(bucket.returned),
            ]
        });
        std::iter::once(header.into()).chain(rows).collect()
    }

    /// Returns a row for each figure. The figures of the period before are in the last column.
    fn total_rows(&self) -> Vec<Vec<Cell>> {
        let previous = self.previous.as_ref();
        let mut header = vec![
            Cell::Text("Figure".to_owned()),
            Cell::Text(format!("{} to {}", self.from, self.to)),
        ];
        header
            .extend(previous.map(|period| Cell::Text(format!("{} to {}", period.from, period.to))));
        let current = self.totals.rows();
        let before = previous
            .map(|period| period.totals.rows())
            .unwrap_or_default();
        let rows = current.into_iter().map(|(label, cell)| {
            let before = previous.map(|_| {
                let row = before.iter().find(|(other, _)| *other == label);
                row.map_or(Cell::Empty, |(_, cell)| cell.clone())
            });
            std::iter::once(Cell::Text(label))
                .chain([cell])
                .chain(before)
                .collect()
        });
        std::iter::once(header).chain(rows).collect()
    }

    fn header_row(&self, apps: &[&String]) -> Vec<Cell> {
        let fixed = [
            "Start",
            "Sign-ups",
            "Bookings",
            "Cancellations",
            "Late cancellations",
            "Attended",
            "No-shows",
            "Classes",
            "Places",
            "Taken",
            "Occupancy",
            "Sessions created",
            "Sessions used",
            "Sessions ended",
            "Sessions revoked",
            "Sessions expired",
        ];
        let currencies = self.buckets.first().map_or(&[][..], |first| &first.revenue);
        let money = revenue_labels(currencies);
        let tokens = apps.iter().flat_map(|app| {
            ["created", "used", "revoked", "expired"]
                .map(|outcome| format!("{app}: tokens {outcome}"))
        });
        let class_types = self
            .occupancy
            .iter()
            .map(|class_type| format!("{}: occupancy", class_type.name));
        let heading = fixed.map(str::to_owned).into_iter().chain(money);
        heading
            .chain(tokens)
            .chain(class_types)
            .map(Cell::Text)
            .collect()
    }
}

impl Bucket {
    fn cells(&self) -> Vec<Cell> {
        let counts = [
            self.sign_ups,
            self.bookings,
            self.cancellations,
            self.late_cancellations,
            self.attended,
            self.no_shows,
            self.classes,
            self.places,
            self.taken,
        ];
        let SessionFigures {
            created,
            used,
            ended,
            revoked,
            expired,
        } = self.sessions;
        let sessions = [created, used, ended, revoked, expired];
        std::iter::once(Cell::Number(self.start.to_string()))
            .chain(counts.map(Cell::count))
            .chain([rate_cell(self.occupancy_rate)])
            .chain(sessions.map(Cell::count))
            .chain(revenue_cells(&self.revenue))
            .collect()
    }
}

impl ClassFigures {
    fn labels(&self) -> impl Iterator<Item = String> {
        let counts = [
            "Bookings",
            "Cancellations",
            "Late cancellations",
            "Attended",
            "No-shows",
            "No-show rate",
            "Classes",
            "Places",
            "Taken",
            "Occupancy",
        ];
        let counts = counts.map(str::to_owned).into_iter();
        counts.chain(revenue_labels(&self.revenue))
    }

    /// Returns a cell for each of the labels.
    fn cells(&self) -> impl Iterator<Item = Cell> {
        let members = [
            self.bookings,
            self.cancellations,
            self.late_cancellations,
            self.attended,
            self.no_shows,
        ];
        let spots = [self.classes, self.places, self.taken];
        let members = members.map(Cell::count).into_iter();
        members
            .chain([rate_cell(self.no_show_rate)])
            .chain(spots.map(Cell::count))
            .chain([rate_cell(self.occupancy_rate)])
            .chain(revenue_cells(&self.revenue))
    }
}

impl ClassTypeFigures {
    fn cells(&self) -> Vec<Cell> {
        std::iter::once(Cell::Text(self.name.clone()))
            .chain(self.figures.cells())
            .collect()
    }
}

impl HeatMapCell {
    fn cells(&self) -> Vec<Cell> {
        let counts = [
            self.weekday,
            self.hour,
            self.classes,
            self.places,
            self.taken,
        ];
        let members = [self.bookings, self.attended, self.no_shows];
        let cells = counts.map(Cell::count).into_iter();
        cells
            .chain([rate_cell(self.occupancy_rate)])
            .chain(members.map(Cell::count))
            .collect()
    }
}

impl Totals {
    /// Returns each figure with its label.
    fn rows(&self) -> Vec<(String, Cell)> {
        let sign_ups = ("Sign-ups".to_owned(), Cell::count(self.sign_ups));
        let figures = self.figures.labels().zip(self.figures.cells());
        std::iter::once(sign_ups).chain(figures).collect()
    }
}

/// Returns the headings of the columns of revenue, which contain the currencies.
fn revenue_labels(revenue: &[dashboard::Revenue]) -> impl Iterator<Item = String> {
    revenue.iter().flat_map(|revenue| {
        ["Paid", "Refunded", "Net"].map(|label| format!("{label} {}", revenue.currency()))
    })
}

fn revenue_cells(revenue: &[dashboard::Revenue]) -> impl Iterator<Item = Cell> {
    let amounts = revenue.iter().flat_map(dashboard::Revenue::amounts);
    amounts.map(|amount| Cell::Number(amount.to_owned()))
}

fn token_cells(figures: CrossAppTokenFigures) -> [Cell; 4] {
    let CrossAppTokenFigures {
        created,
        used,
        revoked,
        expired,
    } = figures;
    [created, used, revoked, expired].map(Cell::count)
}

fn rate_cell(rate: Option<f64>) -> Cell {
    rate.map_or(Cell::Empty, |rate| Cell::Number(rate.to_string()))
}
