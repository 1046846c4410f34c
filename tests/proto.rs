//! Goal: no bytes from a peer panic or cost more than their length, and what is read means what it
//! means to others.
//!
//! Method: a corpus of every kind of PDU, as our writers and as other servers write them; each of
//! its truncations and single-byte changes, and random bytes, go through every decoder; and
//! `ldap3_proto`, which shares nothing with our codec, reads the same PDUs as a second opinion.

mod proto {
    mod corpus;
    mod decode;
    mod mutation;
    mod oracle;
}
