//! (under construction by its owner)
