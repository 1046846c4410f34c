//! The rules as a model: accounts, records, and what each step makes of them.

use crate::step::Step;
use bindgate::domain::record::InactiveReason::{self, Admin, Missing, Scope, Upstream};
use std::collections::{BTreeMap, BTreeSet};

/// The result code of an answer.
pub(crate) const SUCCESS: u32 = 0;
const REFUSED: u32 = 49;
const UNAVAILABLE: u32 = 52;

/// What cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    Nothing,
    Entries,
    Groups,
}

/// An account of the directory.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// What its DN is made of.
    pub(crate) rdn: &'static str,
    pub(crate) uid: &'static str,
    pub(crate) is_disabled: bool,
    pub(crate) is_of_type: bool,
    /// The groups that hold it directly.
    pub(crate) groups: BTreeSet<&'static str>,
}

/// A record, as far as the rules speak of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Record {
    pub(crate) rdn: String,
    pub(crate) name: String,
    pub(crate) collision: Option<String>,
    pub(crate) reasons: BTreeSet<InactiveReason>,
    /// The managed groups with the way there.
    pub(crate) managed: BTreeMap<String, Vec<String>>,
    /// The local groups; whether they are in review.
    pub(crate) local: BTreeMap<String, bool>,
}

impl Record {
    fn is_let_go(&self) -> bool {
        self.reasons.iter().any(|reason| matches!(reason, Upstream | Scope | Missing))
    }
}

/// Everything.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) accounts: BTreeMap<usize, Account>,
    pub(crate) records: BTreeMap<usize, Record>,
    pub(crate) lost: Lost,
    pub(crate) failing_commits: usize,
    /// What has happened that a run is worth nothing without.
    pub(crate) seen: BTreeSet<&'static str>,
    made: usize,
}

/// All of it.
pub(crate) const SIGHTS: [&str; 10] = [
    "held",
    "let go",
    "out of scope",
    "missing",
    "returned",
    "collision",
    "refused",
    "unavailable",
    "not stored",
    "in review",
];

impl Model {
    pub(crate) fn new() -> Self {
        let (accounts, records, seen) = Default::default();
        Self { accounts, records, lost: Lost::Nothing, failing_commits: 0, seen, made: 0 }
    }

    /// The account of that DN.
    pub(crate) fn at(&self, rdn: &str) -> Option<usize> {
        self.accounts.iter().find(|(_, account)| account.rdn == rdn).map(|(id, _)| *id)
    }

    /// Takes a step; the answer to the bind, if there is one.
    pub(crate) fn take(&mut self, step: Step) -> Option<u32> {
        match step {
            Step::SignOn(name) => {
                let answer = self.sign_on(name);
                self.see("refused", answer == Some(REFUSED));
                self.see("unavailable", answer == Some(UNAVAILABLE));
                return answer;
            }
            Step::Look(id) if self.records.contains_key(&id) => self.look_by_id(id),
            Step::Make(name) if self.at(name).is_none() => self.make(name),
            Step::Delete(name) => self.accounts.retain(|_, account| account.rdn != name),
            Step::Rename(old, new) if self.at(new).is_none() => {
                self.change(old, |account| (account.rdn, account.uid) = (new, new));
            }
            Step::Call(name, uid) => self.change(name, |account| account.uid = uid),
            Step::Join(name, group) => self.change(name, |a| {
                a.groups.insert(group);
            }),
            Step::Leave(name, group) => self.change(name, |a| {
                a.groups.remove(group);
            }),
            Step::Disable(name) => self.change(name, |account| account.is_disabled = true),
            Step::Enable(name) => self.change(name, |account| account.is_disabled = false),
            Step::Exclude(name) => self.change(name, |account| account.is_of_type = false),
            Step::Include(name) => self.change(name, |account| account.is_of_type = true),
            Step::LoseEntries => self.lost = Lost::Entries,
            Step::LoseGroups => self.lost = Lost::Groups,
            Step::Heal => self.lost = Lost::Nothing,
            Step::FailStore => self.failing_commits += 1,
            Step::Bar(id) => self.edit(id, |record| {
                record.reasons.insert(Admin);
            }),
            Step::Unbar(id) => self.edit(id, |record| {
                record.reasons.remove(&Admin);
            }),
            Step::Give(id, group) => {
                self.edit(id, |record| {
                    record.local.insert(group.to_owned(), false);
                });
            }
            Step::Confirm(id) => {
                self.edit(id, |record| record.local.values_mut().for_each(|held| *held = false));
            }
            Step::Look(_) | Step::Make(_) | Step::Rename(..) | Step::Restart => {}
        }
        None
    }

    fn see(&mut self, sight: &'static str, is_seen: bool) {
        self.seen.extend(is_seen.then_some(sight));
    }

    fn make(&mut self, name: &'static str) {
        let groups = BTreeSet::new();
        let account =
            Account { rdn: name, uid: name, is_disabled: false, is_of_type: true, groups };
        self.accounts.insert(self.made, account);
        self.made += 1;
    }

    fn change(&mut self, rdn: &str, change: impl FnOnce(&mut Account)) {
        if let Some(id) = self.at(rdn) {
            self.accounts.entry(id).and_modify(change);
        }
    }

    fn edit(&mut self, id: usize, change: impl FnOnce(&mut Record)) {
        self.records.entry(id).and_modify(change);
    }

    /// The directory knows the password of everybody who is there.
    fn sign_on(&mut self, rdn: &'static str) -> Option<u32> {
        let id = self.at(rdn)?;
        if self.lost == Lost::Entries {
            return Some(self.unread(rdn));
        }
        self.make_way(id);
        Some(self.look(id, true))
    }

    /// Nobody knows whose name it is: nobody gets in who may be shut out.
    fn unread(&self, rdn: &str) -> u32 {
        let mut there = self.records.values().filter(|record| record.rdn == rdn);
        let is_barred = |record: &Record| record.reasons.contains(&Admin);
        if there.clone().any(is_barred) {
            REFUSED
        } else if self.records.values().any(is_barred) || there.any(Record::is_let_go) {
            UNAVAILABLE
        } else {
            SUCCESS
        }
    }

    /// Whoever has this account's DN or the name that it wants is looked at first.
    fn make_way(&mut self, id: usize) {
        let account = &self.accounts[&id];
        let has_name = self.records.get(&id).is_some_and(|record| record.name == account.uid);
        let wants = account.is_of_type && !has_name;
        let others: Vec<usize> = self
            .records
            .iter()
            .filter(|(other, record)| **other != id && !record.reasons.contains(&Missing))
            .filter(|(_, record)| record.rdn == account.rdn || wants && record.name == account.uid)
            .map(|(other, _)| *other)
            .take(4)
            .collect();
        others.into_iter().for_each(|other| self.look_by_id(other));
    }

    /// A look without a sign-on: whoever is gone is missing, if anybody can be seen at all.
    fn look_by_id(&mut self, id: usize) {
        if self.lost == Lost::Entries {
            return;
        }
        if self.accounts.contains_key(&id) {
            self.look(id, false);
        } else if self.accounts.values().any(|account| account.is_of_type) {
            let mut after = self.records[&id].clone();
            after.reasons.insert(Missing);
            self.commit(id, after);
        }
    }

    /// The entry was read: what becomes of the record, and of the bind.
    fn look(&mut self, id: usize, signs_on: bool) -> u32 {
        let account = self.accounts[&id].clone();
        let before = self.records.get(&id).cloned();
        if before.is_none() && !(account.is_of_type && signs_on) {
            return SUCCESS;
        }
        let was_let_go = before.as_ref().is_some_and(Record::is_let_go);
        let may_be_used = account.is_of_type && !account.is_disabled;
        let knows_groups = self.lost == Lost::Nothing;
        let is_taken_back = may_be_used && was_let_go && signs_on && knows_groups;
        let is_held = may_be_used && was_let_go && signs_on && !knows_groups;

        self.see("held", is_held);
        self.see("returned", is_taken_back);

        let mut after = before.clone().unwrap_or_default();
        after.rdn = account.rdn.to_owned();
        if account.is_of_type {
            let returns = is_taken_back && after.reasons.contains(&Missing);
            self.name(id, account.uid, before.is_none(), returns, &mut after);
        }
        if !may_be_used {
            after.reasons.retain(|reason| *reason == Admin);
            after.reasons.extend(account.is_disabled.then_some(Upstream));
            after.reasons.extend((!account.is_of_type).then_some(Scope));
        } else if is_taken_back {
            after.reasons.retain(|reason| *reason == Admin);
            after.local.values_mut().for_each(|in_review| *in_review = true);
        }
        let follows = may_be_used && (!was_let_go || is_taken_back);
        if follows && knows_groups {
            after.managed = closure(&account.groups);
        }
        let is_stored = self.commit(id, after);
        let record = self.records.get(&id);
        if record.is_some_and(|record| record.reasons.contains(&Admin)) {
            return REFUSED;
        }
        let is_let_go = record.is_some_and(Record::is_let_go);
        // Whoever no type takes is no user, and the directory's success is theirs.
        let fails_closed = account.is_of_type && is_let_go && (is_held || !is_stored);
        if fails_closed { UNAVAILABLE } else { SUCCESS }
    }

    /// A name that another has is not taken over.
    fn name(&self, id: usize, wanted: &str, is_new: bool, returns: bool, record: &mut Record) {
        let is_taken = self.records.iter().any(|(other, record)| {
            *other != id && record.name == wanted && !record.reasons.contains(&Missing)
        });
        let is_news = is_new || record.name != wanted || returns;
        if is_news && is_taken {
            if is_new || record.name == wanted {
                record.name = format!("{wanted} (id-{id})");
            }
            record.collision = Some(wanted.to_owned());
        } else {
            record.name = wanted.to_owned();
            record.collision = None;
        }
    }

    /// Writes what has changed; whether it is on disk.
    fn commit(&mut self, id: usize, after: Record) -> bool {
        if self.records.get(&id) == Some(&after) {
            return true;
        }
        if self.failing_commits > 0 {
            self.failing_commits -= 1;
            self.see("not stored", true);
            return false;
        }
        self.see("let go", after.reasons.contains(&Upstream));
        self.see("out of scope", after.reasons.contains(&Scope));
        self.see("missing", after.reasons.contains(&Missing));
        self.see("collision", after.collision.is_some());
        self.see("in review", after.local.values().any(|in_review| *in_review));
        self.records.insert(id, after);
        true
    }
}

/// The groups of an account with the way there: `n` holds `a`.
fn closure(direct: &BTreeSet<&'static str>) -> BTreeMap<String, Vec<String>> {
    let way = |path: &[&str]| path.iter().map(|group| (*group).to_owned()).collect();
    let mut closure: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if direct.contains("a") {
        closure.insert("n".to_owned(), way(&["a", "n"]));
    }
    closure.extend(direct.iter().map(|group| ((*group).to_owned(), way(&[group]))));
    closure
}
