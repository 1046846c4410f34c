//! LDAP bytes to values and back (RFC 4511, 4512, 4514, 4515).
//!
//! Nothing here does I/O, waits, reads a clock or logs. Every decoder borrows from its input, has
//! an upper bound for size, depth and count, and answers malformed input with an error: never with
//! a panic and never with unbounded work.

pub mod attribute;
pub mod ber;
pub mod bind;
pub mod certificate;
pub mod control;
pub mod dn;
pub mod envelope;
pub mod extended;
pub mod filter;
pub mod framing;
pub mod modify;
pub mod oid;
pub mod op;
pub mod paged;
pub mod persistent;
pub mod prepare;
pub mod proxy_header;
pub mod result;
pub mod schema;
pub mod search;
pub mod sync;
pub mod url;
