//! What may happen.

use crate::dice::Dice;

/// User names; who is called so may change.
pub(crate) const NAMES: [&str; 3] = ["ann", "bob", "cas"];
/// The groups; `n` holds `a`.
pub(crate) const GROUPS: [&str; 4] = ["a", "b", "c", "n"];

/// One step of a history. People of the directory are told by their names, records by the number
/// of the account that they are of, in the order in which accounts were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// An account is made under a name, if nobody has it.
    Make(&'static str),
    /// An account is deleted.
    Delete(&'static str),
    /// An account is renamed, if nobody has the new name.
    Rename(&'static str, &'static str),
    /// An account is given another user name but not another DN, which makes names collide.
    Call(&'static str, &'static str),
    /// An account is put into a group or taken out of it.
    Join(&'static str, &'static str),
    Leave(&'static str, &'static str),
    /// An account is disabled or enabled.
    Disable(&'static str),
    Enable(&'static str),
    /// An account stops or begins to be of the user type.
    Exclude(&'static str),
    Include(&'static str),
    /// From now on no entry, or no group, can be read.
    LoseEntries,
    LoseGroups,
    /// From now on everything can be read.
    Heal,
    /// The next commit fails.
    FailStore,
    /// Somebody signs on.
    SignOn(&'static str),
    /// The gateway looks at an account by itself.
    Look(usize),
    /// An admin shuts a record out, or lets it in again.
    Bar(usize),
    Unbar(usize),
    /// An admin gives a local membership, or confirms those in review.
    Give(usize, &'static str),
    Confirm(usize),
    /// The gateway is started anew.
    Restart,
}

impl Step {
    pub(crate) fn any(dice: &mut Dice) -> Self {
        let name = *dice.one_of(&NAMES);
        let other = *dice.one_of(&NAMES);
        let group = *dice.one_of(&GROUPS);
        let account = dice.below(5);
        match dice.below(40) {
            0 | 1 => Self::Make(name),
            2 => Self::Delete(name),
            3 => Self::Rename(name, other),
            4 => Self::Call(name, other),
            5..=7 => Self::Join(name, group),
            8 | 9 => Self::Leave(name, group),
            10 | 11 => Self::Disable(name),
            12..=14 => Self::Enable(name),
            15 => Self::Exclude(name),
            16 | 17 => Self::Include(name),
            18 => Self::LoseEntries,
            19 => Self::LoseGroups,
            20..=23 => Self::Heal,
            24 => Self::FailStore,
            25 | 26 => Self::Look(account),
            27 => Self::Bar(account),
            28 | 29 => Self::Unbar(account),
            30 => Self::Give(account, group),
            31 => Self::Confirm(account),
            32..=38 => Self::SignOn(name),
            _ => Self::Restart,
        }
    }
}
