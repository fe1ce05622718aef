//! The calendar feed of a member's bookings, and its token.

pub mod feed;
pub mod token;
