//! Class types, instructors, and the schedule of classes.

pub mod catalog;
mod fields;
pub mod public_schedule;
pub mod timetable;
