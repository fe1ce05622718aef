//! Class types, instructors, and the timetable.

pub mod catalogue;
pub mod public_schedule;
pub mod timetable;
