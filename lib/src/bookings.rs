//! Bookings: a member's own, those that staff make and change, and the calendar feed.

pub mod calendar;
pub mod front_desk;
pub mod member;
