//! The sums of a period: by bucket, by class type, and by hour of the week.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::AddAssign;

use rust_decimal::Decimal;
use uuid::Uuid;

use crate::models::report::figures::{Activity, Attendance, Revenue, Sales, SignUps};
use crate::models::report::visits::FirstTimers;
use crate::reports::dashboard;

/// The number of hours in a week.
const HOURS_OF_WEEK: usize = 7 * 24;

/// Figures that can be added up.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) sign_ups: i64,
    pub(super) bookings: i64,
    pub(super) cancellations: i64,
    pub(super) late_cancellations: i64,
    pub(super) occurrences: i64,
    pub(super) spots: i64,
    pub(super) taken: i64,
    pub(super) waitlisted: i64,
    pub(super) attended: i64,
    pub(super) no_shows: i64,
    pub(super) first_timers: i64,
    pub(super) returned: i64,
    pub(super) undecided: i64,
    /// Payments and refunds by currency.
    revenue: BTreeMap<String, (Decimal, Decimal)>,
}

impl AddAssign<&Activity> for Sums {
    fn add_assign(&mut self, activity: &Activity) {
        self.bookings += activity.bookings;
        self.cancellations += activity.cancellations;
        self.late_cancellations += activity.late_cancellations;
    }
}

impl AddAssign<&Attendance> for Sums {
    fn add_assign(&mut self, attendance: &Attendance) {
        self.occurrences += attendance.occurrences;
        self.spots += attendance.spots;
        self.taken += attendance.taken;
        self.waitlisted += attendance.waitlisted;
        self.attended += attendance.attended;
        self.no_shows += attendance.no_shows;
    }
}

impl AddAssign<&Revenue> for Sums {
    fn add_assign(&mut self, revenue: &Revenue) {
        self.add_money(&revenue.currency, revenue.paid, revenue.refunded);
    }
}

impl AddAssign<&Sales> for Sums {
    fn add_assign(&mut self, sales: &Sales) {
        self.add_money(&sales.currency, sales.paid, sales.refunded);
    }
}

impl Sums {
    fn add_money(&mut self, currency: &str, paid: Decimal, refunded: Decimal) {
        if !self.revenue.contains_key(currency) {
            self.revenue.insert(currency.to_owned(), Default::default());
        }
        if let Some(sums) = self.revenue.get_mut(currency) {
            sums.0 += paid;
            sums.1 += refunded;
        }
    }

    /// Returns payments and refunds in these currencies.
    pub(super) fn revenue_in(&self, currencies: &[String]) -> Vec<dashboard::Revenue> {
        let in_currency = |currency: &String| {
            let (paid, refunded) = self.revenue.get(currency).copied().unwrap_or_default();
            dashboard::Revenue::new(currency.clone(), paid, refunded)
        };
        currencies.iter().map(in_currency).collect()
    }
}

/// The sums of one class type.
#[derive(Debug)]
pub(super) struct ClassTypeSums {
    pub(super) total: Sums,
    /// The spots and the taken spots of each bucket.
    pub(super) spots: Vec<(i64, i64)>,
}

/// The sums of a period.
#[derive(Debug)]
pub(super) struct PeriodSums {
    pub(super) total: Sums,
    pub(super) buckets: Vec<Sums>,
    pub(super) class_types: HashMap<Uuid, ClassTypeSums>,
    /// The sums of each hour of the week, from Monday at midnight.
    pub(super) hours: Vec<Sums>,
}

impl PeriodSums {
    /// Creates the sums of a period without figures.
    pub(super) fn new(buckets: usize) -> Self {
        Self {
            total: Sums::default(),
            buckets: vec![Sums::default(); buckets],
            class_types: HashMap::new(),
            hours: vec![Sums::default(); HOURS_OF_WEEK],
        }
    }

    pub(super) fn add_sign_ups(&mut self, rows: &[SignUps]) {
        for row in rows {
            self.total.sign_ups += row.count;
            self.buckets[row.bucket].sign_ups += row.count;
        }
    }

    pub(super) fn add_activity(&mut self, rows: &[Activity]) {
        for row in rows {
            self.total += row;
            self.buckets[row.bucket] += row;
            self.class_type(row.class_type_id).total += row;
        }
    }

    pub(super) fn add_attendance(&mut self, rows: &[Attendance]) {
        for row in rows {
            self.total += row;
            self.buckets[row.bucket] += row;
            let class_type = self.class_type(row.class_type_id);
            class_type.total += row;
            let (spots, taken) = &mut class_type.spots[row.bucket];
            *spots += row.spots;
            *taken += row.taken;
            let hour = usize::try_from(row.hour_of_week).ok();
            if let Some(hour) = hour.and_then(|hour| self.hours.get_mut(hour)) {
                *hour += row;
            }
        }
    }

    pub(super) fn add_revenue(&mut self, rows: &[Revenue]) {
        for row in rows {
            self.total += row;
            self.buckets[row.bucket] += row;
            self.class_type(row.class_type_id).total += row;
        }
    }

    /// Adds the sales of products, which belong to no class type.
    pub(super) fn add_sales(&mut self, rows: &[Sales]) {
        for row in rows {
            self.total += row;
            self.buckets[row.bucket] += row;
        }
    }

    pub(super) fn add_first_timers(&mut self, rows: &[FirstTimers]) {
        for row in rows {
            for sums in [&mut self.total, &mut self.buckets[row.bucket]] {
                sums.first_timers += row.count;
                sums.returned += row.returned;
                sums.undecided += row.undecided;
            }
        }
    }

    fn class_type(&mut self, id: Uuid) -> &mut ClassTypeSums {
        let buckets = self.buckets.len();
        self.class_types.entry(id).or_insert_with(|| ClassTypeSums {
            total: Sums::default(),
            spots: vec![(0, 0); buckets],
        })
    }

    /// Returns the currencies of the period, always including the studio's currency, sorted.
    pub(super) fn currencies(&self, studio_currency: &str) -> Vec<String> {
        let currencies = self.total.revenue.keys().map(String::as_str);
        let currencies: BTreeSet<&str> = currencies.chain([studio_currency]).collect();
        currencies.into_iter().map(str::to_owned).collect()
    }
}
