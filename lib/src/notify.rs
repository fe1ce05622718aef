//! Messages to people: mail, events, and the contact form.

pub mod contact;
mod event_schema;
pub(crate) mod event_streams;
pub mod events;
pub mod mail;
