//! Partner applications, organizations, and the tokens that sign a member in to a partner.

pub mod apps;
pub mod organizations;
pub mod tokens;
