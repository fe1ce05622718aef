//! Generators for property tests, and access to the API description.

pub(crate) mod arbitrary;
pub(crate) mod described;
