//! Messages to people: mail, events, and the contact form.

pub mod contact;
mod event_schema;
mod event_stream;
pub(crate) mod event_streams;
pub mod events;
pub mod mail;
mod staff_event_schema;
pub mod staff_events;
