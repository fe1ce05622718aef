//! Class types, instructors, and the schedule of classes.

pub mod catalog;
mod fields;
mod occurrence_view;
pub mod pages;
pub mod public_schedule;
pub mod timetable;
