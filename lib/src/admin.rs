//! What administrators and staff do to other people, and the record of it.

pub mod security_events;
pub mod staff_action;
pub mod users;
