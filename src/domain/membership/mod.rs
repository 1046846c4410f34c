//! Who is in which groups: the graph of a whole directory, and the flattening of closures.

pub mod attribute;
mod entry;
mod flatten;
pub mod graph;
pub mod range;

pub use attribute::{MemberAttribute, MemberRule, has_bits, members};
pub use entry::{GroupEntry, Member, MemberKey, UserEntry};
pub use flatten::{flatten, flatten_kept};
