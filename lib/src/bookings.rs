//! Bookings by members and by the front desk, and the calendar feed.

pub mod calendar;
pub mod changes;
pub mod check_ins;
pub mod front_desk;
pub mod medical_notes;
pub mod member;
pub mod teaching;
pub mod view;
