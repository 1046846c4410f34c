//! Real directories of three kinds: OpenLDAP, Active Directory (Samba) and 389-ds.
//!
//! Goal: the product is the same in front of each of them. Method: each holds the same tree of
//! people and groups (depth 8, a cycle, a diamond, a group of 3 000, a primary group, domain-local
//! and distribution groups, names with commas, parentheses and letters of several scripts); people
//! sign on through a gateway, the directory is changed behind its back, and the records have to be
//! what the rules say, whatever the directory.

mod support;

#[path = "directories/binds.rs"]
mod binds;
#[path = "directories/busy.rs"]
mod busy;
#[path = "directories/copy.rs"]
mod copy;
#[path = "directories/examples.rs"]
mod examples;
#[path = "directories/five_minutes.rs"]
mod five_minutes;
#[path = "directories/init.rs"]
mod init;
#[path = "directories/life.rs"]
mod life;
#[path = "directories/names.rs"]
mod names;
#[path = "directories/same.rs"]
mod same;
#[path = "directories/serving.rs"]
mod serving;
#[path = "directories/strategies.rs"]
mod strategies;
#[path = "directories/tree.rs"]
mod tree;
#[path = "directories/world.rs"]
mod world;
