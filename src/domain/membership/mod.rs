//! Who is in which groups: the graph of a whole directory, and the flattening of closures.

pub mod entry;
mod flatten;
pub mod graph;

pub use entry::{GroupEntry, MemberKey, UserEntry};
pub use flatten::flatten;
