//! A shorter conversation with the same trouble: groups and operations are left out for as long as
//! it stays.

use super::meeting::Meeting;
use super::operation::Conversation;

/// The shortest that was found, held each time between fresh servers.
pub(crate) fn shortest(held: Conversation) -> Conversation {
    shorten(held, |held| Meeting::new().hold(held).difference.is_some())
}

/// Leaves out what is not needed for `fails` to stay true.
pub(crate) fn shorten(
    mut held: Conversation,
    mut fails: impl FnMut(&Conversation) -> bool,
) -> Conversation {
    for group in (0..held.groups.len()).rev() {
        let mut shorter = held.clone();
        shorter.groups.remove(group);
        if fails(&shorter) {
            held = shorter;
        }
    }
    for group in (0..held.groups.len()).rev() {
        for operation in (0..held.groups[group].len()).rev() {
            let mut shorter = held.clone();
            shorter.groups[group].remove(operation);
            if fails(&shorter) {
                held = shorter;
            }
        }
    }
    held.groups.retain(|group| !group.is_empty());
    held
}
