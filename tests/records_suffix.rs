//! The records' own suffix: what the gateway holds, read over LDAP.
//!
//! Goal: readers find people and groups there as the records are, by any filter, in any scope, in
//! pages and sorted, with the directory or without it, and can bind as whom they find; nobody else
//! reads a word, and nobody writes. Method: a real slapd, the real gateway, raw clients and
//! OpenLDAP's tools; and, without a network, random records and random searches against brute force.

mod support;

#[path = "records_suffix/binding.rs"]
mod binding;
#[path = "records_suffix/brute.rs"]
mod brute;
#[path = "records_suffix/reading.rs"]
mod reading;
#[path = "records_suffix/results.rs"]
mod results;
