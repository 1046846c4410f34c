//! `[[directory.user_type]]`: which entries are users, and what applies to them.

use super::directory::{dn, filter, judge_base};
use super::keys;
use super::reader::{Reader, Section};
use super::value;
use crate::domain::policy::{AttributeMapping, GroupSync, OnUnknown, Switch, UserType};
use crate::proto::dn::DistinguishedName;
use std::sync::Arc;
use toml::Spanned;

/// The most attributes of one record.
const MAX_ATTRIBUTES: usize = 256;

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
    let base = base?;
    judge_base(r, &base, suffixes);
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
        match r.entry(value, value::attribute) {
            Some(upstream) => mappings.push(AttributeMapping { local: local.to_owned(), upstream }),
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
        Some(AttributeMapping { local: key.name.to_owned(), upstream })
    });
    mapped.collect()
}
