//! The dashboard and the analytics that staff read.

pub mod analytics;
pub(crate) mod daily_sums;
pub mod dashboard;
mod local_days;
