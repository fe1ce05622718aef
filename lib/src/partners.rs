//! Partner applications, organizations, and the tokens that take a member to a partner.

pub mod apps;
pub mod organizations;
pub mod tokens;
