//! Classes in the timetable: one on one day.

pub mod change;
