//! Inputs for the modules named `properties`.

pub(crate) mod arbitrary;
