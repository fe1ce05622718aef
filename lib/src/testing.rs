//! Inputs for the modules named `properties`, and reading the description.

pub(crate) mod arbitrary;
pub(crate) mod described;
