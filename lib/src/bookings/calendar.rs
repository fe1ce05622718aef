//! A member's bookings as a calendar feed.

pub mod feed;
pub mod token;
