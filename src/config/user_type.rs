//! `[[directory.user_type]]`: which entries are users, and what applies to them.

use super::directory::{dn, filter, judge_base};
use super::keys;
use super::reader::{Reader, Section};
use super::value;
use super::value::Mistake;
use crate::domain::policy::{
    Absent, AfterGrace, AttributeMapping, AttributeUpdate, GroupPattern, GroupSync, MissingPolicy,
    OnReactivateLocal, OnUnknown, Switch, UnknownReactivation, UserType,
};
use crate::proto::dn::DistinguishedName;
use std::sync::Arc;
use toml::Spanned;
use toml::de::DeValue;

/// The most attributes of one record.
const MAX_ATTRIBUTES: usize = 256;

/// The most groups of each list that a user type gives: each may cost a read.
const MAX_GIVEN_GROUPS: usize = 16;

/// When an attribute takes the directory's values.
const UPDATES: [(&str, AttributeUpdate); 4] = [
    ("overwrite", AttributeUpdate::Overwrite),
    ("fill-if-empty", AttributeUpdate::FillIfEmpty),
    ("first-sign-on-only", AttributeUpdate::FirstSignOn),
    ("never", AttributeUpdate::Never),
];

/// What becomes of one that the entry does not have any more.
const ABSENCES: [(&str, Absent); 2] = [("keep", Absent::Keep), ("clear", Absent::Clear)];

/// Reads the user types of a directory; `takes_groups` says whether it has groups to take over.
pub(super) fn user_types<'d>(
    r: &mut Reader<'d>,
    directory: &Section<'d>,
    suffixes: Option<&[Spanned<DistinguishedName>]>,
    takes_groups: bool,
) -> Option<Vec<UserType>> {
    let sections = r.sections(directory, "directory.user_type");
    if sections.is_empty() && directory.get("user_type").is_none() {
        let help = "add a [[directory.user_type]] with name and base";
        let message = "without a user type sign-ons are relayed and no record is made";
        r.warning(directory.span(), message, help);
    }
    let wanted = sections.len();
    let mut types: Vec<UserType> = Vec::new();
    for section in sections {
        let Some(next) = user_type(r, &section, suffixes) else {
            continue;
        };
        let at = |key: &str| section.get(key).map_or_else(|| section.span(), Spanned::span);
        if types.iter().any(|other| other.name.eq_ignore_ascii_case(&next.name)) {
            let message = format!("another user type is called \"{}\" already", next.name);
            r.error(at("name"), message, "every user type of a directory has a name of its own");
        }
        let shadowed = |other: &&UserType| other.base == next.base && other.filter == next.filter;
        if let Some(other) = types.iter().find(shadowed) {
            let message =
                format!("\"{}\" has the same base and filter, so it takes every user", other.name);
            r.warning(at("base"), message, "the first user type that fits an entry wins");
        }
        if !takes_groups && next.groups != GroupSync::Never && section.get("groups").is_some() {
            let help = "add [directory.groups] with a base, or write groups = \"never\"";
            r.warning(at("groups"), "this directory has no [directory.groups] to take over", help);
        }
        types.push(next);
    }
    (types.len() == wanted).then_some(types)
}

fn user_type<'d>(
    r: &mut Reader<'d>,
    section: &Section<'d>,
    suffixes: Option<&[Spanned<DistinguishedName>]>,
) -> Option<UserType> {
    let name = r.text(section, "name", value::name);
    let base = r.text(section, "base", dn);
    let filter = r.text(section, "filter", filter);
    let username = r.text(section, "username", value::attribute);
    let attributes = attributes(r, section);
    let update_on_sign_on = r.flag(section, "update_on_sign_on");
    let times = [
        ("always", GroupSync::Always),
        ("first-sign-on", GroupSync::FirstSignOn),
        ("never", GroupSync::Never),
    ];
    let groups = r.choice(section, "groups", &times);
    let answers = [("keep", OnUnknown::Keep), ("deny", OnUnknown::Deny)];
    let on_unknown = r.choice(section, "on_unknown", &answers);
    let create = r.flag(section, "create");
    let update_attributes = r.flag(section, "update_attributes");
    let minimum_interval = r.duration(section, "minimum_interval");
    let given = given(r, section);
    let lifecycle = lifecycle(r, section);
    let base = base?;
    judge_base(r, &base, suffixes);
    let (given, lifecycle) = (given?, lifecycle?);
    Some(UserType {
        name: Arc::from(name?.into_inner()),
        base: base.into_inner(),
        filter: filter?.into_inner(),
        username: username?.into_inner(),
        attributes: attributes?,
        update_on_sign_on: Switch::from_bool(update_on_sign_on?),
        groups: groups?,
        on_unknown: on_unknown?,
        create: create?,
        update_attributes: Switch::from_bool(update_attributes?),
        add_from_partial: given.add_from_partial,
        default_groups: given.at_first,
        always_groups: given.always,
        ignored_groups: given.ignored,
        disabled: lifecycle.disabled,
        on_reactivate_local: lifecycle.local,
        unknown_reactivation: lifecycle.unknown,
        missing: lifecycle.missing,
        minimum_interval: minimum_interval?,
    })
}

/// What the configuration says of groups.
struct Given {
    add_from_partial: bool,
    at_first: Vec<DistinguishedName>,
    always: Vec<DistinguishedName>,
    ignored: Vec<GroupPattern>,
}

fn given<'d>(r: &mut Reader<'d>, section: &Section<'d>) -> Option<Given> {
    let add_from_partial = r.flag(section, "add_from_partial");
    let at_first = names(r, section, "default_groups");
    let always = names(r, section, "always_groups");
    let ignored = r.list(section, "ignored_groups", pattern);
    let ignored = ignored?.into_iter().map(Spanned::into_inner).collect();
    Some(Given {
        add_from_partial: add_from_partial?,
        at_first: at_first?,
        always: always?,
        ignored,
    })
}

/// Groups that are given by name.
fn names<'d>(
    r: &mut Reader<'d>,
    section: &Section<'d>,
    key: &'static str,
) -> Option<Vec<DistinguishedName>> {
    let names = r.list(section, key, dn)?;
    if let (true, Some(given)) = (names.len() > MAX_GIVEN_GROUPS, section.get(key)) {
        let message = format!("`{key}` names at most {MAX_GIVEN_GROUPS} groups");
        r.error(given.span(), message, "put users into one group, and that one into the others");
        return None;
    }
    Some(names.into_iter().map(Spanned::into_inner).collect())
}

fn pattern(text: &str) -> Result<GroupPattern, Mistake> {
    if text.chars().all(|c| c == '*' || c.is_whitespace()) {
        let help = "to take no groups over, write groups = \"never\"";
        return Err(Mistake::new("this would ignore every group", help));
    }
    Ok(GroupPattern::new(text))
}

/// What the configuration says of accounts that are disabled, gone, or back.
struct Lifecycle {
    disabled: Option<crate::proto::filter::Filter>,
    local: OnReactivateLocal,
    unknown: UnknownReactivation,
    missing: MissingPolicy,
}

fn lifecycle<'d>(r: &mut Reader<'d>, section: &Section<'d>) -> Option<Lifecycle> {
    let disabled =
        r.optional(section, "disabled_filter", |r, section, name| r.text(section, name, filter));
    let rules = [
        ("keep", OnReactivateLocal::Keep),
        ("drop", OnReactivateLocal::Drop),
        ("review", OnReactivateLocal::Review),
    ];
    let local = r.choice(section, "on_reactivate_local", &rules);
    let answers = [
        ("deny", UnknownReactivation::Deny),
        ("without-groups", UnknownReactivation::WithoutGroups),
    ];
    let unknown = r.choice(section, "on_unknown_reactivation", &answers);
    let grace = r.duration(section, "missing_grace");
    let ends = [("keep", AfterGrace::Keep), ("delete", AfterGrace::Delete)];
    let then = r.choice(section, "after_grace", &ends);
    let parking =
        r.optional(section, "parking_group", |r, section, name| r.text(section, name, dn));
    Some(Lifecycle {
        disabled: disabled?.map(Spanned::into_inner),
        local: local?,
        unknown: unknown?,
        missing: MissingPolicy {
            grace: grace?,
            parking: parking?.map(Spanned::into_inner),
            then: then?,
        },
    })
}

/// The attributes that a record keeps, by their names in the record.
fn attributes<'d>(r: &mut Reader<'d>, user_type: &Section<'d>) -> Option<Vec<AttributeMapping>> {
    let section = r.section(user_type, keys::NAMED_BY_THE_FILE);
    if !section.is_present() {
        return default_attributes(r, &section);
    }
    let mut mappings = Vec::new();
    let mut sound = true;
    for (local, value) in section.entries() {
        if let Err(mistake) = value::name(local) {
            r.mistake(value, mistake);
            sound = false;
        }
        match mapping(r, local, value) {
            Some(mapping) => mappings.push(mapping),
            None => sound = false,
        }
    }
    if mappings.len() > MAX_ATTRIBUTES {
        let message = format!("a record keeps {MAX_ATTRIBUTES} attributes at most");
        r.error(section.span(), message, "take out those that nobody reads");
    }
    sound.then_some(mappings)
}

fn default_attributes<'d>(
    r: &mut Reader<'d>,
    section: &Section<'d>,
) -> Option<Vec<AttributeMapping>> {
    let known = keys::KEYS.iter().filter(|key| key.section == keys::NAMED_BY_THE_FILE);
    let mapped = known.map(|key| {
        let upstream = r.text(section, key.name, value::attribute)?.into_inner();
        Some(AttributeMapping::new(key.name, &upstream))
    });
    mapped.collect()
}

/// One attribute: its name in the directory, or a table with that and its rules.
fn mapping<'d>(
    r: &mut Reader<'d>,
    local: &str,
    value: &Spanned<DeValue<'d>>,
) -> Option<AttributeMapping> {
    let Some(table) = value.get_ref().as_table() else {
        let upstream = r.entry(value, value::attribute)?;
        return Some(AttributeMapping::new(local, &upstream));
    };
    let mut mapping = AttributeMapping::new(local, "");
    let mut sound = true;
    for (key, part) in table {
        let taken = match &**key.get_ref() {
            "from" => r.entry(part, value::attribute).map(|from| mapping.upstream = from),
            "update" => r.entry(part, |text| word(text, &UPDATES)).map(|to| mapping.update = to),
            "absent" => r.entry(part, |text| word(text, &ABSENCES)).map(|to| mapping.absent = to),
            other => {
                let message = format!("`{other}` is no key of an attribute");
                r.error(key.span(), message, "known here: from, update, absent");
                None
            }
        };
        sound &= taken.is_some();
    }
    if sound && mapping.upstream.is_empty() {
        let help = "for example { from = \"mail\", update = \"fill-if-empty\" }";
        r.error(value.span(), "`from` is missing: the attribute's name in the directory", help);
        return None;
    }
    sound.then_some(mapping)
}

fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Mistake> {
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        Mistake::new(format!("this cannot be \"{text}\""), known.join(" or "))
    })
}
