//! Values that are parsed once: form fields, money, time zones, and file formats.

pub mod csv;
pub mod form;
pub mod ical;
pub mod money;
pub mod schema;
pub mod time_zone;
pub mod user_agent;
