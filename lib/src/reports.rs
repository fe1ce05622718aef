//! The dashboard, the analytics, and the sales report that staff read.

pub mod analytics;
pub(crate) mod daily_sums;
pub mod dashboard;
mod local_days;
mod response;
pub mod sales;

pub use self::response::ReportResponse;
