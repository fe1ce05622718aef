//! The days of a sales report.

use chrono::{Datelike, Months, NaiveDate};
use serde::Serialize;
use utoipa::ToSchema;

use crate::models::report::sales::Scope;
use crate::values::currency::is_without_decimals;
use crate::values::form::Problem;
use crate::values::time_zone::TimeZone;

/// The length of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SalesPeriodLength)]
pub(super) enum PeriodLength {
    /// A day.
    Day,
    /// A calendar month.
    Month,
}

impl PeriodLength {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "day" => Ok(Self::Day),
            "month" => Ok(Self::Month),
            _ => Err("must be day or month".to_owned()),
        }
    }

    /// Returns the first day of the period after the one that contains `day`.
    fn next(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => day.succ_opt(),
            Self::Month => day.with_day(1)?.checked_add_months(Months::new(1)),
        }
    }
}

/// The days of a report, and how they are divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) from: NaiveDate,
    pub(super) to: NaiveDate,
    pub(super) length: PeriodLength,
}

impl Range {
    /// Returns the first day of each period.
    pub(super) fn starts(&self) -> Vec<NaiveDate> {
        let starts = std::iter::successors(Some(self.from), |start| self.length.next(*start));
        starts.take_while(|start| *start <= self.to).collect()
    }

    pub(super) fn scope(&self, zone: &TimeZone, currency: String) -> Scope {
        let starts: Vec<_> = self
            .starts()
            .iter()
            .map(|day| zone.day_start(*day))
            .collect();
        Scope {
            since: zone.day_start(self.from),
            till: zone.day(self.to).end,
            starts,
            decimals: match is_without_decimals(&currency) {
                true => 0,
                false => 2,
            },
            currency,
        }
    }
}
