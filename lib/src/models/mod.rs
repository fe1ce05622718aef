//! One file per noun: its types, and its SQL beside them.

pub mod booking;
pub mod calendar;
pub mod daily_counter;
pub mod idempotency_key;
pub mod member_event;
pub mod security_event;
pub mod throttle;
pub mod user;
