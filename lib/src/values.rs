//! Parsed values and file formats: form fields, money, time zones, CSV, iCalendar.

pub mod caller;
pub mod card_minimum;
pub mod csv;
pub mod currency;
pub mod email;
pub mod form;
pub mod ical;
pub mod locale;
pub mod minor_units;
pub mod money;
pub mod schema;
pub mod tax_rate;
pub mod text;
pub mod time_zone;
pub mod user_agent;
pub mod weighted_list;
