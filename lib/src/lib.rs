//! What the functions of Sabor share.
