//! What the configuration says about the users of a directory.

use super::membership::MemberAttribute;
use super::name_rule::NameRule;
use super::record::Group;
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use regex::{Regex, RegexBuilder};
use std::sync::Arc;

/// The most bytes of a compiled regular expression.
pub const MAX_REGEX: usize = 1 << 20;

/// How long a record is only missing, unless the configuration says otherwise.
const DEFAULT_GRACE: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

/// When the directory's groups are taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupSync {
    /// At every sign-on.
    Always,
    /// When the record is made, and not later.
    FirstSignOn,
    /// Not at all.
    Never,
}

/// What happens to a bind whose observation is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnknown {
    /// The answer stays as it is.
    Keep,
    /// The answer is unavailable.
    Deny,
}

/// How groups are flattened for those who read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flatten {
    /// The groups that hold the user.
    Direct,
    /// All groups of the closure.
    Ancestors,
    /// Up to this many levels above the direct group.
    Depth(usize),
    /// Groups of the closure below which no other group of it lies.
    Leaf,
    /// The groups that a mapping names.
    Mapped,
}

impl Flatten {
    /// The word for it in a configuration.
    pub fn name(self) -> String {
        match self {
            Self::Direct => "direct".to_owned(),
            Self::Ancestors => "ancestors".to_owned(),
            Self::Depth(levels) => format!("depth:{levels}"),
            Self::Leaf => "leaf".to_owned(),
            Self::Mapped => "mapped".to_owned(),
        }
    }
}

/// Whether a stored run-time value stands over the file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Records follow the directory at every sign-on.
    On,
    /// Records are made at the first sign-on and then left alone.
    Off,
}

impl Switch {
    /// `On` for true.
    pub fn from_bool(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }

    /// Whether this is `On`.
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

/// When an attribute of a record takes the directory's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeUpdate {
    /// At every sign-on.
    Overwrite,
    /// At a sign-on that finds the record without it.
    FillIfEmpty,
    /// When the record is made, and not later.
    FirstSignOn,
    /// Not at all.
    Never,
}

/// What becomes of an attribute that the entry does not have any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// It stays.
    Keep,
    /// It goes, where the service account is seen to be able to read it.
    Clear,
}

/// An attribute that a record keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeMapping {
    /// The name in the record.
    pub local: String,
    /// The attribute description in the directory.
    pub upstream: String,
    /// When it takes the directory's values.
    pub update: AttributeUpdate,
    /// What becomes of it when the directory has none.
    pub absent: Absent,
}

impl AttributeMapping {
    /// One that is overwritten at every sign-on, and stays when the entry does not have it.
    pub fn new(local: &str, upstream: &str) -> Self {
        Self {
            local: local.to_owned(),
            upstream: upstream.to_owned(),
            update: AttributeUpdate::Overwrite,
            absent: Absent::Keep,
        }
    }
}

/// What becomes of memberships that an admin gave, when the directory takes a user back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnReactivateLocal {
    /// They count again.
    Keep,
    /// They end.
    Drop,
    /// They do not count until an admin confirms them.
    Review,
}

/// What a bind is answered that takes a user back whose groups are unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownReactivation {
    /// Unavailable.
    Deny,
    /// Success; the record stays inactive, so it has no groups.
    WithoutGroups,
}

/// What becomes of a record whose entry is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPolicy {
    /// How long it is only missing.
    pub grace: std::time::Duration,
    /// The group of deprovisioned users that it is put into then, if any.
    pub parking: Option<DistinguishedName>,
    /// Whether it is deleted then.
    pub then: AfterGrace,
}

/// Whether a record outlives its entry by more than the grace period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterGrace {
    /// It does.
    Keep,
    /// It is deleted.
    Delete,
}

/// What a bind is answered of somebody who gets no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnprovisioned {
    /// As the directory answers it.
    Admit,
    /// As a wrong password is answered.
    Refuse,
}

/// Names groups by id, DN or name, without regard to case: as they are, with `*` for any text, or by
/// a regular expression between slashes.
#[derive(Debug, Clone)]
pub struct GroupPattern {
    text: String,
    parts: Vec<String>,
    dn: Option<DistinguishedName>,
    regex: Option<Regex>,
}

impl PartialEq for GroupPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for GroupPattern {}

impl GroupPattern {
    /// The pattern of that text; between slashes it is a regular expression, which may be none.
    pub fn read(text: &str) -> Result<Self, regex::Error> {
        let inner = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let Some(inner) = inner.filter(|inner| !inner.is_empty()) else {
            return Ok(Self::new(text));
        };
        let regex =
            RegexBuilder::new(inner).case_insensitive(true).size_limit(MAX_REGEX).build()?;
        Ok(Self { regex: Some(regex), ..Self::new(text) })
    }

    /// The pattern of that text, in which slashes mean nothing.
    pub fn new(text: &str) -> Self {
        let dn = DistinguishedName::parse(text).ok().filter(|_| !text.contains('*'));
        let parts = text.to_lowercase().split('*').map(str::to_owned).collect();
        Self { text: text.to_owned(), parts, dn, regex: None }
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it names this group.
    pub fn names(&self, group: &Group) -> bool {
        let same_dn = || {
            let dn = self.dn.as_ref()?;
            Some(*dn == DistinguishedName::parse(&group.dn).ok()?)
        };
        let texts = [group.id.as_str(), &group.dn, &group.name];
        if let Some(regex) = &self.regex {
            return texts.into_iter().any(|text| regex.is_match(text));
        }
        texts.into_iter().any(|text| self.fits(&text.to_lowercase())) || same_dn() == Some(true)
    }

    fn fits(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.parts.as_slice() else {
            return self.parts.iter().all(|part| part == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for part in middle {
            let Some(at) = rest.find(part.as_str()) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

/// Which entries are users of one kind, and what applies to them.
#[derive(Debug, Clone)]
pub struct UserType {
    /// The name, unique in its directory.
    pub name: Arc<str>,
    /// Entries at or below this are candidates.
    pub base: DistinguishedName,
    /// Entries that match this are taken.
    pub filter: Filter,
    /// The attribute that holds the user name.
    pub username: String,
    /// The attributes that a record keeps.
    pub attributes: Vec<AttributeMapping>,
    /// The file's value of the switch.
    pub update_on_sign_on: Switch,
    /// When groups are taken over.
    pub groups: GroupSync,
    /// What happens to a bind whose observation is unknown.
    pub on_unknown: OnUnknown,
    /// Whether a first sign-on makes a record.
    pub create: bool,
    /// What the user name is made of, beside the attribute's value itself.
    pub name_rule: Option<NameRule>,
    /// What a bind is answered of somebody who gets no record.
    pub on_unprovisioned: OnUnprovisioned,
    /// Whether groups of the directory that are not kept yet are taken over.
    pub create_groups: Switch,
    /// Whether later sign-ons change attributes.
    pub update_attributes: Switch,
    /// Whether groups that were seen are added although not all could be read.
    pub add_from_partial: bool,
    /// Groups that a record is given when it is made.
    pub default_groups: Vec<DistinguishedName>,
    /// Groups that a record has after every sign-on.
    pub always_groups: Vec<DistinguishedName>,
    /// Groups that are neither added nor removed.
    pub ignored_groups: Vec<GroupPattern>,
    /// Groups that no sign-on leaves without anybody (S7.3).
    pub protected_groups: Vec<GroupPattern>,
    /// Which entries are disabled, beside what the directory's own attributes say.
    pub disabled: Option<Filter>,
    /// What becomes of local memberships when the directory takes a user back.
    pub on_reactivate_local: OnReactivateLocal,
    /// What a bind is answered that takes a user back whose groups are unknown.
    pub unknown_reactivation: UnknownReactivation,
    /// What becomes of a record whose entry is gone.
    pub missing: MissingPolicy,
    /// How long a record that was brought up to date is left as it is at further sign-ons; zero for
    /// not at all.
    pub minimum_interval: std::time::Duration,
}

impl UserType {
    /// A user type of that name with everything else as it is by default and no attributes.
    pub fn new(name: &str, base: DistinguishedName) -> Self {
        Self {
            name: Arc::from(name),
            base,
            filter: Filter::any_entry(),
            username: "uid".to_owned(),
            attributes: Vec::new(),
            update_on_sign_on: Switch::On,
            groups: GroupSync::Always,
            on_unknown: OnUnknown::Keep,
            create: true,
            name_rule: None,
            on_unprovisioned: OnUnprovisioned::Admit,
            create_groups: Switch::On,
            update_attributes: Switch::On,
            add_from_partial: false,
            default_groups: Vec::new(),
            always_groups: Vec::new(),
            ignored_groups: Vec::new(),
            protected_groups: Vec::new(),
            disabled: None,
            on_reactivate_local: OnReactivateLocal::Review,
            unknown_reactivation: UnknownReactivation::Deny,
            missing: MissingPolicy { grace: DEFAULT_GRACE, parking: None, then: AfterGrace::Keep },
            minimum_interval: std::time::Duration::ZERO,
        }
    }

    /// Whether a group is left alone.
    pub fn ignores(&self, group: &Group) -> bool {
        self.ignoring(group).is_some()
    }

    /// The rule by which a group is left alone.
    pub fn ignoring(&self, group: &Group) -> Option<&GroupPattern> {
        self.ignored_groups.iter().find(|pattern| pattern.names(group))
    }

    /// Whether no sign-on leaves a group without anybody.
    pub fn protects(&self, group: &Group) -> bool {
        self.protected_groups.iter().any(|pattern| pattern.names(group))
    }
}

/// What a live copy of a directory holds, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaPolicy {
    /// Groups, and users unless they are more than this.
    Auto(usize),
    /// Groups alone.
    Groups,
    /// Groups and users.
    GroupsAndUsers,
}

/// How the groups of a user are asked for, as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolve {
    /// As the directory does it best.
    Auto,
    /// In a live copy, and by the member walk while that is not fresh.
    Replica,
    /// By the member walk.
    Walk,
    /// By `memberOf`.
    MemberOf,
    /// By the rule that follows members up the chain of groups.
    InChain,
    /// By `tokenGroups`.
    TokenGroups,
}

/// A user whose groups are known, and who is looked at from time to time (rule K5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The user.
    pub user: DistinguishedName,
    /// Groups that the user is in; without any, one group is enough.
    pub groups: Vec<DistinguishedName>,
    /// How long one look counts.
    pub interval: std::time::Duration,
}

/// How the groups of a directory are found.
#[derive(Debug, Clone)]
pub struct GroupPolicy {
    /// Where the groups are.
    pub base: DistinguishedName,
    /// Which entries there are groups.
    pub filter: Filter,
    /// The attributes that name the members; at least one.
    pub member_attributes: Vec<MemberAttribute>,
    /// The attribute that holds a group's name.
    pub name_attribute: String,
    /// The most levels that a walk follows; what lies beyond makes it unknown.
    pub max_depth: usize,
    /// The most groups of one user; more makes the observation unknown.
    pub max_groups_per_user: usize,
    /// The most bytes of one search's filter in a walk.
    pub max_filter_size: usize,
    /// How groups are flattened for readers.
    pub flatten: Flatten,
    /// How they are asked for.
    pub resolve: Resolve,
    /// Who shows that the service account still sees groups.
    pub canary: Option<Canary>,
    /// What is held in memory; `None` for nothing.
    pub replica: Option<ReplicaPolicy>,
    /// The longest wait before a live copy is tried again.
    pub max_replica_pause: std::time::Duration,
    /// The most names in a live copy: of groups, of users, and of members that are neither.
    pub max_replica_names: usize,
    /// The most look-ups of who is in which group that are kept while nothing changes; 0 for none.
    pub max_kept_lookups: usize,
}

/// One directory as the rules see it.
#[derive(Debug, Clone)]
pub struct DirectoryPolicy {
    /// The configured name.
    pub name: Arc<str>,
    /// The suffixes that lead here.
    pub suffixes: Vec<DistinguishedName>,
    /// Where names that no suffix holds go.
    pub is_default: bool,
    /// The service account's DN: it is never a user.
    pub service_account: DistinguishedName,
    /// How groups are found; `None` if the directory has no group section.
    pub groups: Option<GroupPolicy>,
    /// The user types, in order: the first that matches an entry wins.
    pub user_types: Vec<UserType>,
}
