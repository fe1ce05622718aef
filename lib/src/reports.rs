//! The dashboard and the analytics that staff read.

pub mod analytics;
pub mod dashboard;
