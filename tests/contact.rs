//! `api/contact/`: messages to the studio.

mod submit;
