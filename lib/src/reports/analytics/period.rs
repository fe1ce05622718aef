//! The figures of a whole period, as responses show them.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::sums::{PeriodSums, Sums};
use crate::models::report::figures::ClassTypeName;
use crate::reports::dashboard::{self, share};

/// The figures of a whole range.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AnalyticsTotals)]
pub(super) struct Totals {
    /// Accounts created.
    pub(super) sign_ups: i64,
    #[serde(flatten)]
    pub(super) figures: ClassFigures,
}

impl Totals {
    pub(super) fn new(period: &PeriodSums, studio_currency: &str) -> Self {
        Self {
            sign_ups: period.total.sign_ups,
            figures: ClassFigures::new(&period.total, &period.currencies(studio_currency)),
        }
    }
}

/// The figures of all classes, or of the classes of one type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AnalyticsFigures)]
pub(super) struct ClassFigures {
    /// Bookings made, including the waitlist.
    pub(super) bookings: i64,
    /// Bookings cancelled, including late cancellations.
    pub(super) cancellations: i64,
    /// Bookings cancelled too late to be free of charge.
    pub(super) late_cancellations: i64,
    /// Members who attended a class of the range.
    pub(super) attended: i64,
    /// Members who did not come to a class of the range.
    pub(super) no_shows: i64,
    /// The share of the members who did not come, from 0 to 1. Null when nobody was recorded.
    pub(super) no_show_rate: Option<f64>,
    /// Classes that started in the range.
    pub(super) classes: i64,
    /// The number of spots in these classes.
    pub(super) places: i64,
    /// The number of these spots that were taken.
    pub(super) taken: i64,
    /// The share of the spots that were taken. It is above 1 if staff booked beyond the capacity.
    /// Null when there were no spots.
    pub(super) occupancy_rate: Option<f64>,
    /// Payments and refunds by currency. The totals and all class types have the same currencies.
    pub(super) revenue: Vec<dashboard::Revenue>,
}

impl ClassFigures {
    fn new(sums: &Sums, currencies: &[String]) -> Self {
        Self {
            bookings: sums.bookings,
            cancellations: sums.cancellations,
            late_cancellations: sums.late_cancellations,
            attended: sums.attended,
            no_shows: sums.no_shows,
            no_show_rate: share(sums.no_shows, sums.no_shows + sums.attended),
            classes: sums.occurrences,
            places: sums.spots,
            taken: sums.taken,
            occupancy_rate: share(sums.taken, sums.spots),
            revenue: sums.revenue_in(currencies),
        }
    }
}

/// The figures of the classes of one type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AnalyticsClassType)]
pub(super) struct ClassTypeFigures {
    class_type_id: Uuid,
    /// The name of the class type.
    pub(super) name: String,
    /// Whether the class type is active. `false` after retirement.
    is_active: bool,
    #[serde(flatten)]
    pub(super) figures: ClassFigures,
}

/// Returns the figures of each class type that has any.
pub(super) fn class_types(
    period: &PeriodSums,
    names: &[ClassTypeName],
    studio_currency: &str,
) -> Vec<ClassTypeFigures> {
    let currencies = period.currencies(studio_currency);
    let figures_of = |class_type: &ClassTypeName| {
        let sums = &period.class_types.get(&class_type.id)?.total;
        Some(ClassTypeFigures {
            class_type_id: class_type.id,
            name: class_type.name.clone(),
            is_active: class_type.is_active,
            figures: ClassFigures::new(sums, &currencies),
        })
    };
    names.iter().filter_map(figures_of).collect()
}

/// The occupancy of the classes of one type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClassTypeOccupancy {
    class_type_id: Uuid,
    /// The name of the class type.
    pub(super) name: String,
    /// The number of classes.
    classes: i64,
    /// The number of spots in these classes.
    places: i64,
    /// The number of spots that were taken.
    taken: i64,
    /// The share of the spots that were taken. It is above 1 if staff booked beyond the capacity.
    rate: Option<f64>,
    /// The same share for each bucket. Null where there was no class.
    pub(super) rates: Vec<Option<f64>>,
}

/// Returns the occupancy of each class type that has classes.
pub(super) fn occupancy(period: &PeriodSums, names: &[ClassTypeName]) -> Vec<ClassTypeOccupancy> {
    let occupancy_of = |class_type: &ClassTypeName| {
        let sums = period.class_types.get(&class_type.id)?;
        let rate = |(spots, taken): &(i64, i64)| share(*taken, *spots);
        (sums.total.occurrences > 0).then(|| ClassTypeOccupancy {
            class_type_id: class_type.id,
            name: class_type.name.clone(),
            classes: sums.total.occurrences,
            places: sums.total.spots,
            taken: sums.total.taken,
            rate: share(sums.total.taken, sums.total.spots),
            rates: sums.spots.iter().map(rate).collect(),
        })
    };
    names.iter().filter_map(occupancy_of).collect()
}

/// The classes that start in the same local hour of the same weekday.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AnalyticsHour)]
pub(super) struct HeatMapCell {
    /// The day of the week, from 1 for Monday to 7 for Sunday (ISO 8601).
    #[schema(minimum = 1, maximum = 7)]
    pub(super) weekday: i64,
    /// The local hour in which the classes start.
    #[schema(minimum = 0, maximum = 23)]
    pub(super) hour: i64,
    /// The number of classes.
    pub(super) classes: i64,
    /// The number of spots in these classes.
    pub(super) places: i64,
    /// The number of spots that were taken.
    pub(super) taken: i64,
    /// The share of the spots that were taken. It is above 1 if staff booked beyond the capacity.
    /// Null when there were no spots.
    pub(super) occupancy_rate: Option<f64>,
    /// The number of spots that were taken, plus the number of members on the waitlist.
    pub(super) bookings: i64,
    /// Members who attended.
    pub(super) attended: i64,
    /// Members who did not come.
    pub(super) no_shows: i64,
}

/// Returns the hours of the week that have classes.
pub(super) fn heat_map(period: &PeriodSums) -> Vec<HeatMapCell> {
    let hours = (0..).zip(&period.hours);
    let with_classes = hours.filter(|(_, sums)| sums.occurrences > 0);
    let cell = |(hour_of_week, sums): (i64, &Sums)| HeatMapCell {
        weekday: hour_of_week / 24 + 1,
        hour: hour_of_week % 24,
        classes: sums.occurrences,
        places: sums.spots,
        taken: sums.taken,
        occupancy_rate: share(sums.taken, sums.spots),
        bookings: sums.taken + sums.waitlisted,
        attended: sums.attended,
        no_shows: sums.no_shows,
    };
    with_classes.map(cell).collect()
}

/// The members who came for the first time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AnalyticsRetention)]
pub(super) struct Retention {
    /// Members whose first visit was in the range.
    pub(super) first_timers: i64,
    /// The number of these members who came again within 30 days. A class that starts less than
    /// twelve hours after the first one belongs to the first visit.
    pub(super) returned: i64,
    /// The number of these members who did not come again yet, and whose first visit was less
    /// than 30 days ago.
    pub(super) undecided: i64,
    /// The share of those who came again, from 0 to 1, without undecided members. Null when
    /// there are no others.
    pub(super) return_rate: Option<f64>,
}

impl Retention {
    pub(super) fn new(period: &PeriodSums) -> Self {
        let sums = &period.total;
        Self {
            first_timers: sums.first_timers,
            returned: sums.returned,
            undecided: sums.undecided,
            return_rate: share(sums.returned, sums.first_timers - sums.undecided),
        }
    }
}
