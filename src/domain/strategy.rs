//! How a directory's groups are asked for, and why: decided on what was found out about it.

use super::kind::Kind;
use super::membership::MemberAttribute;
use super::numbering::{NotNumbered, Numbering};
use super::policy::{GroupPolicy, ReplicaPolicy, Resolve};
use crate::proto::oid;
use std::collections::BTreeSet;

/// A way to find all groups of a user. All of them give the same closure on the same data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The live copy, while it is as fresh as the sign-on.
    Replica,
    /// Groups that name the user or a group found before: one search a level and batch.
    MemberWalk,
    /// `memberOf` of the user, then of the groups that it lists: one read a group.
    MemberOfWalk,
    /// `memberOf` of the user lists nested groups too: one read, and one search for the ways.
    MemberOfComputed,
    /// `tokenGroups` of the user, the groups of these identifiers, and one search for the ways.
    TokenGroups,
    /// The rule that follows members up the chain: one search, and one for the ways.
    InChain,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 6] = [
        Self::Replica,
        Self::MemberWalk,
        Self::MemberOfWalk,
        Self::MemberOfComputed,
        Self::TokenGroups,
        Self::InChain,
    ];

    /// The name that people read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replica => "replica",
            Self::MemberWalk => "member walk",
            Self::MemberOfWalk => "memberOf walk",
            Self::MemberOfComputed => "computed memberOf",
            Self::TokenGroups => "tokenGroups",
            Self::InChain => "in-chain rule",
        }
    }
}

/// What `memberOf` is good for in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberOf {
    /// The schema has no such attribute.
    NotInSchema,
    /// No group with a member that has an entry was seen, so nothing could be tried.
    NothingToTry,
    /// A member does not list its group: it is not kept, or may not be read. Its absence proves
    /// nothing.
    Silent,
    /// It lists the groups that hold an entry directly, of groups as of users.
    Direct,
    /// It lists nested groups too.
    Computed,
    /// It is kept; whether nested groups are listed could not be seen.
    Unproven,
}

/// Whether a way to have groups listed at once works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// It was not tried: this kind of directory is not known for it.
    NotTried,
    /// No group with a member was seen with which it could be tried.
    NothingToTry,
    /// It does not list a group that it should: it is not known, or the account may not use it. That
    /// it lists nothing proves nothing.
    Silent,
    /// It lists the group of a member, and those above.
    Works,
}

/// What was found out about a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What it calls itself; perhaps nothing.
    pub vendor: String,
    /// What it is.
    pub kind: Kind,
    /// What the in-chain rule is good for.
    pub in_chain: Listing,
    /// What `tokenGroups` is good for.
    pub token_groups: Listing,
    /// The controls that it knows.
    pub controls: BTreeSet<String>,
    /// Whether it says how far it has got (`contextCSN`).
    pub has_marker: bool,
    /// How it numbers its changes, or why it is not asked for them by number.
    pub numbering: Result<Numbering, NotNumbered>,
    /// Whether the service account sees entries that are gone.
    pub sees_deleted: bool,
    /// The names of its attribute types in lower case; `None` if the schema cannot be read.
    pub schema: Option<BTreeSet<String>>,
    /// Whether the service account sees a group with a member.
    pub sees_groups: bool,
    /// Whether a value was seen that names a member with a bit string.
    pub has_bits: bool,
    /// What `memberOf` is good for.
    pub member_of: MemberOf,
}

/// What is done, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Whether a live copy is kept and asked first.
    pub replica: Option<ReplicaPolicy>,
    /// What is done without one, or while it is not fresh.
    pub walk: Strategy,
    /// Why, each a sentence without its full stop.
    pub reasons: Vec<&'static str>,
    /// What is configured and cannot be had, or what may be missing.
    pub warnings: Vec<String>,
}

impl Choice {
    /// What is tried first.
    pub fn first(&self) -> Strategy {
        if self.replica.is_some() { Strategy::Replica } else { self.walk }
    }
}

/// Chooses for a directory.
pub fn choose(policy: &GroupPolicy, facts: &Facts) -> Choice {
    let mut choice = Choice {
        replica: None,
        walk: Strategy::MemberWalk,
        reasons: Vec::new(),
        warnings: Vec::new(),
    };
    choose_replica(policy, facts, &mut choice);
    choose_walk(policy, facts, &mut choice);
    if !facts.sees_groups {
        let text = "the service account sees no group with a member under the base";
        choice.warnings.push(text.to_owned());
    }
    if facts.has_bits {
        let text = "a uniqueMember with a bit string was seen: it names nobody who can be found";
        choice.warnings.push(text.to_owned());
    }
    let unknown = policy.member_attributes.iter().filter(|attribute| is_unknown(attribute, facts));
    choice.warnings.extend(unknown.map(|attribute| {
        format!("the schema has no attribute {}: no group names members by it", attribute.name)
    }));
    choice
}

fn choose_replica(policy: &GroupPolicy, facts: &Facts, choice: &mut Choice) {
    let sync = String::from_utf8_lossy(oid::SYNC_REQUEST);
    let can = match facts.numbering {
        Ok(_) => true,
        Err(NotNumbered::OtherKind) => facts.controls.contains(&*sync) && facts.has_marker,
        Err(_) => false,
    };
    let why = match (policy.resolve, policy.replica) {
        (resolve, _) if !takes_replica(resolve) => "`resolve` asks for no replica",
        (_, None) => "`replica` is \"none\"",
        _ if facts.numbering != Err(NotNumbered::OtherKind) => by_number(facts),
        _ if !facts.controls.contains(&*sync) => {
            "content synchronisation (RFC 4533) is not offered to the service account"
        }
        _ if !facts.has_marker => "contextCSN cannot be read, so a replica could not show its age",
        _ => "content synchronisation (RFC 4533) is offered and contextCSN can be read",
    };
    choice.reasons.push(why);
    choice.replica = policy.replica.filter(|_| can && takes_replica(policy.resolve));
    if facts.numbering.is_ok() {
        // Users are read at each sign-on.
        choice.replica = choice.replica.map(|_| ReplicaPolicy::Groups);
    }
    if policy.resolve == Resolve::Replica && choice.replica.is_none() {
        let text = "`resolve` is \"replica\", and there can be none: every sign-on walks";
        choice.warnings.push(text.to_owned());
    }
}

/// Why there is, or is not, a copy that asks for changes by their numbers.
fn by_number(facts: &Facts) -> &'static str {
    match &facts.numbering {
        Ok(Numbering::ActiveDirectory) if facts.sees_deleted => {
            "changes of groups are read by uSNChanged, and deleted objects are seen"
        }
        Ok(Numbering::ActiveDirectory) => {
            "changes of groups are read by uSNChanged; deleted objects are not seen (yet), so the ids of all groups are listed after changes"
        }
        Ok(Numbering::Ds389 { .. }) => {
            "changes of groups are read by entryusn, and their ids are listed where one may be gone"
        }
        Err(NotNumbered::SeveralParts) => {
            "groups lie in several backends, and numbers of one say nothing of another"
        }
        Err(NotNumbered::SeveralServers) => {
            "`server_choice` spreads clients, and numbers of one server say nothing of another"
        }
        Err(_) if facts.kind == Kind::Ds389 => {
            "the USN plug-in is off, or lastusn cannot be read, so nobody can ask what has changed"
        }
        Err(_) => "highestCommittedUSN cannot be read, so nobody can ask what has changed",
    }
}

fn takes_replica(resolve: Resolve) -> bool {
    matches!(resolve, Resolve::Auto | Resolve::Replica)
}

fn choose_walk(policy: &GroupPolicy, facts: &Facts, choice: &mut Choice) {
    match policy.resolve {
        Resolve::Auto | Resolve::Replica | Resolve::Walk => choice.reasons.push(
            "a walk by members takes one search a level, and shows all that is needed of a group",
        ),
        Resolve::MemberOf => choose_member_of(facts, choice),
        Resolve::InChain => choose_listing(facts.in_chain, Strategy::InChain, choice),
        Resolve::TokenGroups => choose_listing(facts.token_groups, Strategy::TokenGroups, choice),
    }
}

fn choose_listing(listing: Listing, wanted: Strategy, choice: &mut Choice) {
    let why = match listing {
        Listing::Works => {
            choice.walk = wanted;
            choice.reasons.push("it was seen to list the groups of a member, nested ones too");
            return;
        }
        Listing::NotTried => "this kind of directory is not known for it",
        Listing::NothingToTry => "no member of a group was seen with whom it could be tried",
        Listing::Silent => "it does not list the group of a member, or the account may not use it",
    };
    choice.reasons.push(why);
    let resolve = if wanted == Strategy::InChain { "in-chain" } else { "token-groups" };
    choice.warnings.push(format!(
        "`resolve` is \"{resolve}\", which cannot be relied on: groups are walked to"
    ));
}

fn choose_member_of(facts: &Facts, choice: &mut Choice) {
    let (walk, why) = match facts.member_of {
        MemberOf::Direct => {
            (Strategy::MemberOfWalk, "memberOf lists the groups that hold an entry directly")
        }
        MemberOf::Computed => (Strategy::MemberOfComputed, "memberOf lists nested groups too"),
        MemberOf::Unproven => (
            Strategy::MemberOfComputed,
            "memberOf is kept, and no nested group was seen that shows what it leaves out",
        ),
        MemberOf::NotInSchema => (Strategy::MemberWalk, "the schema has no memberOf"),
        MemberOf::Silent => (
            Strategy::MemberWalk,
            "a member does not list its group: memberOf is not kept, or may not be read",
        ),
        MemberOf::NothingToTry => {
            (Strategy::MemberWalk, "no member of a group was seen whose memberOf could be tried")
        }
    };
    choice.walk = walk;
    choice.reasons.push(why);
    if walk == Strategy::MemberWalk {
        let text = "`resolve` is \"member-of\", which cannot be relied on: groups are walked to";
        choice.warnings.push(text.to_owned());
    }
}

fn is_unknown(attribute: &MemberAttribute, facts: &Facts) -> bool {
    let is_name = attribute.name.starts_with(|first: char| first.is_ascii_alphabetic());
    let known = |schema: &BTreeSet<String>| schema.contains(&attribute.name.to_ascii_lowercase());
    is_name && facts.schema.as_ref().is_some_and(|schema| !known(schema))
}

/// The names in the description of an attribute type (RFC 4512 4.1.2); none if it has none.
pub fn attribute_names(description: &str) -> Vec<&str> {
    let mut rest = description;
    while let Some(at) = rest.find("NAME ") {
        let is_word = at == 0 || rest[..at].ends_with(' ');
        rest = &rest[at + "NAME ".len()..];
        if is_word {
            return quoted(rest.trim_start());
        }
    }
    Vec::new()
}

/// One string in quotes, or several in parentheses.
fn quoted(text: &str) -> Vec<&str> {
    let (list, one) = match text.strip_prefix('(') {
        Some(inner) => (inner.split(')').next().unwrap_or_default(), false),
        None => (text, true),
    };
    let strings = list.split('\'').skip(1).step_by(2);
    strings.take(if one { 1 } else { usize::MAX }).collect()
}
