//! The dashboard, the analytics, and the sales report that staff read.

pub mod analytics;
pub(crate) mod daily_sums;
pub mod dashboard;
mod local_days;
pub mod sales;
