//! Messages to people: mail, events, and the contact form.

pub mod contact;
pub mod events;
pub mod mail;
