//! Administration of accounts, and the record of what staff and administrators do.

pub mod members;
pub mod security_events;
pub mod staff_action;
pub mod users;
