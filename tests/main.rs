//! Stories through the public surface.
