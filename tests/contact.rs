//! Messages to the studio.

mod submit;
