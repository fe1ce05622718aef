//! Messages to people: mail, events, and the contact form.

pub mod contact;
pub(crate) mod event_streams;
pub mod events;
pub mod mail;
