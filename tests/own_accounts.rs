//! Service accounts of the gateway's own: names that an application binds as and that no directory
//! knows (rule S10.7).
//!
//! Goal: whoever has such an account's password reads inside its view and nothing else; nobody else is
//! let in, and no directory hears of any of it. Method: a real slapd that shows the gateway's service
//! account more than anybody should see, password hashes too; the real gateway; raw clients and
//! Python's ldap3; and the same with the directory stopped.

mod support;

#[path = "own_accounts/asking.rs"]
mod asking;
#[path = "own_accounts/binding.rs"]
mod binding;
#[path = "own_accounts/records.rs"]
mod records;
#[path = "own_accounts/scene.rs"]
mod scene;
