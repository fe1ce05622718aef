//! The analytics as a CSV file.

use super::{Analytics, Bucket, CrossAppTokenFigures, SessionFigures};
use crate::error::Result;
use crate::reports::dashboard;
use crate::values::csv::{Cell, CsvFile};

impl Analytics {
    /// Creates a CSV file with a row for each bucket. The columns of currencies, partner
    /// applications and class types come after the fixed ones.
    pub(super) fn to_csv_file(&self) -> Result<CsvFile> {
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
        let rows = std::iter::once(self.header_row(&apps)).chain(rows);
        CsvFile::new(
            format!("sabor-{}-{}.csv", self.from, self.to),
            rows.collect(),
        )
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
        let money = currencies.iter().flat_map(|revenue| {
            ["Paid", "Refunded", "Net"].map(|label| format!("{label} {}", revenue.currency()))
        });
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
        let money = self.revenue.iter().flat_map(dashboard::Revenue::amounts);
        std::iter::once(Cell::Number(self.start.to_string()))
            .chain(counts.map(Cell::count))
            .chain([rate_cell(self.occupancy_rate)])
            .chain(sessions.map(Cell::count))
            .chain(money.map(|amount| Cell::Number(amount.to_owned())))
            .collect()
    }
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
