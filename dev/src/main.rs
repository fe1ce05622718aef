//! `cargo dev`: see `cargo dev --help`.

fn main() {}
