//! Bookings: a member's own, the front desk's, and the calendar feed.

pub mod calendar;
pub mod changes;
pub mod front_desk;
pub mod member;
pub mod view;
