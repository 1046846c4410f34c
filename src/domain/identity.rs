//! Who somebody is: which user type takes an entry, and which of its attributes say so.

use super::activation;
use super::matching::{self, Truth};
use super::membership::{Member, MemberRule};
use super::observation::UnknownReason;
use super::policy::{DirectoryPolicy, GroupPolicy, UserType};
use super::principal;
use super::record::UpstreamId;
use super::sid;
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::search::Entry;
use std::collections::BTreeSet;

/// The attributes that may hold an upstream id, in the order in which they are looked for.
pub const ID_ATTRIBUTES: [&str; 4] = ["entryUUID", "objectGUID", "nsUniqueId", "ipaUniqueID"];

/// The longest upstream id, in bytes of text: four times what the longest known kind needs.
pub const MAX_ID_LENGTH: usize = 144;

/// The attribute whose values `memberUid` repeats.
const UID: &str = "uid";

/// The attribute of [`ID_ATTRIBUTES`] whose value is not text.
pub const OBJECT_GUID: &str = "objectGUID";

/// The upstream id that an entry bears, in its canonical text form.
///
/// The first attribute of [`ID_ATTRIBUTES`] that is there decides: if it has several values, or one
/// that is no id, there is none. Another attribute is not tried then, or one user would have two
/// ids in turn.
pub fn upstream_id(entry: &Entry) -> Result<UpstreamId, UnknownReason> {
    let present = ID_ATTRIBUTES.iter().find(|name| !entry.values(name).is_empty());
    let name = present.ok_or(UnknownReason::NoUpstreamId)?;
    let [value] = entry.values(name) else {
        return Err(UnknownReason::NoUpstreamId);
    };
    let text = if *name == OBJECT_GUID { guid_text(value) } else { id_text(value) };
    text.map(|text| UpstreamId::new(&text)).ok_or(UnknownReason::NoUpstreamId)
}

/// What finds the entry that bears an upstream id.
pub fn bears_id(id: &UpstreamId) -> Filter {
    let of = |name: &&str| match *name {
        OBJECT_GUID => {
            guid_value(id.as_str()).map(|value| Filter::Equal((*name).to_owned(), value))
        }
        name => Some(Filter::equal(name, id.as_str())),
    };
    Filter::Or(ID_ATTRIBUTES.iter().filter_map(of).collect())
}

/// The first user type that takes an entry, by base and filter. A filter that cannot be decided
/// does not take it, and neither the service account nor an entry whose DN cannot be read is a
/// user.
pub fn user_type<'a>(directory: &'a DirectoryPolicy, entry: &Entry) -> Option<&'a UserType> {
    let dn = DistinguishedName::parse(&entry.dn).ok()?;
    if dn == directory.service_account {
        return None;
    }
    directory.user_types.iter().find(|user_type| {
        dn.is_within(&user_type.base) && matching::evaluate(&user_type.filter, entry) == Truth::True
    })
}

/// Every attribute that has to be read to decide about a user of this directory: upstream ids,
/// objectClass, those that say whether an account may be used, those that filters mention, user
/// names, mapped attributes, and what groups name users by, with the primary group; each once, without regard to case.
pub fn attributes_to_read(directory: &DirectoryPolicy) -> Vec<String> {
    let mut names: Vec<String> = ID_ATTRIBUTES.map(str::to_owned).into();
    names.push("objectClass".to_owned());
    names.extend(activation::ATTRIBUTES.map(str::to_owned));
    for user_type in &directory.user_types {
        let filters = std::iter::once(&user_type.filter).chain(&user_type.disabled);
        let mentioned = filters.flat_map(|filter| filter.attributes());
        names.extend(mentioned.into_iter().map(str::to_owned));
        names.push(user_type.username.clone());
        names.extend(user_type.attributes.iter().map(|mapping| mapping.upstream.clone()));
    }
    if directory.groups.as_ref().is_some_and(names_by_uid) {
        names.push(UID.to_owned());
    }
    if directory.groups.is_some() {
        names.extend([sid::OBJECT_SID, sid::PRIMARY_GROUP_ID].map(str::to_owned));
    }
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.to_ascii_lowercase()));
    names
}

/// Whom groups may hold as this user: by DN, by uid, and as their primary group.
pub fn member(
    groups: &GroupPolicy,
    dn: DistinguishedName,
    entry: &Entry,
) -> Result<Member, UnknownReason> {
    Ok(Member { dn, uids: uids(groups, entry), primary_group: sid::primary_group(entry)? })
}

/// The values of `uid` that groups may name a user by; none if groups name DNs alone.
pub fn uids(groups: &GroupPolicy, entry: &Entry) -> Vec<String> {
    if !names_by_uid(groups) {
        return Vec::new();
    }
    let values = entry.values(UID).iter().filter_map(|value| std::str::from_utf8(value).ok());
    values.map(str::to_owned).collect()
}

fn names_by_uid(groups: &GroupPolicy) -> bool {
    groups.member_attributes.iter().any(|attribute| attribute.rule == MemberRule::Uid)
}

/// The position of the directory that a name belongs to: the one whose suffix holds it, the longest
/// suffix if several do; else the one marked as default, else the first. `None` only if there is no
/// directory. Of two with the same suffix, the first.
pub fn directory_for<'a>(
    directories: impl Iterator<Item = &'a DirectoryPolicy>,
    name: &DistinguishedName,
) -> Option<usize> {
    let mut fallback: Option<(usize, bool)> = None;
    let noted = directories.enumerate().map(|(at, directory)| {
        if fallback.is_none_or(|(_, is_default)| directory.is_default && !is_default) {
            fallback = Some((at, directory.is_default));
        }
        directory
    });
    holder_of(noted, name).or(fallback.map(|(at, _)| at))
}

/// The position of the directory that a bind's name belongs to, which need not be a DN: that of
/// `ann@example.com` is the one whose suffix holds `dc=example,dc=com`, that of `EXAMPLE\ann` the one
/// whose suffix begins with that name; else as for a DN that no suffix holds.
pub fn directory_of_name<'a>(
    directories: impl Iterator<Item = &'a DirectoryPolicy> + Clone,
    name: &[u8],
) -> Option<usize> {
    let begins = |suffix: &DistinguishedName, domain: &str| {
        let named = suffix.named_values();
        named.first().is_some_and(|first| first.value.eq_ignore_ascii_case(domain.as_bytes()))
    };
    if let Some(domain) = principal::domain_of(name) {
        let is_its = |directory: &DirectoryPolicy| {
            directory.suffixes.iter().any(|suffix| begins(suffix, domain))
        };
        if let Some(at) = directories.clone().position(is_its) {
            return Some(at);
        }
    }
    let name = principal::entry_of(name).or_else(|| principal::suffix_of(name));
    directory_for(directories, &name.or_else(|| DistinguishedName::parse("").ok())?)
}

/// The index of the directory whose suffix holds a name; of several, the one with the longest.
pub fn holder_of<'a>(
    directories: impl Iterator<Item = &'a DirectoryPolicy>,
    name: &DistinguishedName,
) -> Option<usize> {
    let mut best: Option<(usize, &DistinguishedName)> = None;
    for (at, directory) in directories.enumerate() {
        for suffix in directory.suffixes.iter().filter(|suffix| name.is_within(suffix)) {
            // Suffixes that hold one name lie below one another.
            let is_longer = |old: &DistinguishedName| suffix != old && suffix.is_within(old);
            if best.is_none_or(|(_, old)| is_longer(old)) {
                best = Some((at, suffix));
            }
        }
    }
    best.map(|(at, _)| at)
}

/// An id that is text: printable ASCII, of limited length, in lower case.
fn id_text(value: &[u8]) -> Option<String> {
    let is_text = (1..=MAX_ID_LENGTH).contains(&value.len());
    let text = std::str::from_utf8(value).ok().filter(|_| is_text)?;
    text.bytes().all(|byte| byte.is_ascii_graphic()).then(|| text.to_ascii_lowercase())
}

/// The bytes of an objectGUID that is written as text.
fn guid_value(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes = pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok())
        .collect::<Option<Vec<u8>>>()?;
    let [a, b, c, d, e, f, g, h, rest @ ..]: [u8; 16] = bytes.try_into().ok()?;
    Some([&[d, c, b, a, f, e, h, g][..], &rest].concat())
}

/// An objectGUID as text: 16 bytes whose first three groups come least significant byte first.
fn guid_text(value: &[u8]) -> Option<String> {
    let [a, b, c, d, e, f, g, h, rest @ ..]: [u8; 16] = value.try_into().ok()?;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let groups = [&[d, c, b, a][..], &[f, e], &[h, g], &rest[..2], &rest[2..]];
    Some(groups.map(hex).join("-"))
}
