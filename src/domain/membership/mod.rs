//! Who is in which groups: the graph of a whole directory, and the flattening of closures.

pub mod attribute;
mod entry;
pub mod extended;
mod flatten;
pub mod graph;
mod members;
pub mod range;

pub use attribute::{MemberAttribute, MemberRule, has_bits, members};
pub use entry::{GroupEntry, Member, MemberKey, UserEntry, key_of_id, key_of_primary};
pub use flatten::{flatten, flatten_kept};
pub use members::{MemberName, Members};
