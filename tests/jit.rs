//! Just-in-time synchronisation: a sign-on leaves a record that says what the directory says.
//!
//! Goal: after every successful bind the record holds the user's groups, direct and nested, as the
//! directory has them at that moment; what could not be read changes nothing; what is no sign-on
//! leaves no trace. Method: the directory is changed behind the gateway's back, a user signs on
//! through the gateway, and the gateway's own commands tell what it knows.

mod support;

#[path = "jit/groups.rs"]
mod groups;
#[path = "jit/quiet.rs"]
mod quiet;
#[path = "jit/story.rs"]
mod story;
#[path = "jit/unknown.rs"]
mod unknown;
