//! `[directory.groups]`: the attributes that name members, and the canary.

use super::directory::{dn, judge_base};
use super::reader::{Reader, Section};
use super::value;
use crate::domain::membership::MemberAttribute;
use crate::domain::policy::Canary;
use crate::proto::dn::DistinguishedName;
use toml::Spanned;

/// The most attributes that may name members: each makes every question of a walk longer.
const MAX_MEMBER_ATTRIBUTES: usize = 8;

/// Reads the attributes that name members: a list, or one alone.
pub(super) fn member_attributes<'d>(
    r: &mut Reader<'d>,
    section: &Section<'d>,
) -> Option<Vec<MemberAttribute>> {
    let key = "member_attribute";
    let given = section.get(key);
    if given.is_some_and(|given| given.get_ref().as_str().is_some()) {
        let name = r.text(section, key, value::attribute)?;
        return Some(vec![MemberAttribute::new(name.get_ref())]);
    }
    let names = r.list(section, key, value::attribute)?;
    if let (true, Some(given)) = (names.is_empty() || names.len() > MAX_MEMBER_ATTRIBUTES, given) {
        let message = format!("`{key}` names 1 to {MAX_MEMBER_ATTRIBUTES} attributes");
        r.error(given.span(), message, "for example [\"member\", \"uniqueMember\"]");
        return None;
    }
    let usual = MemberAttribute::usual();
    // The default means the same when it is written out.
    let is_usual = names.iter().map(Spanned::get_ref).eq(usual.iter().map(|usual| &usual.name));
    let named = names.iter().map(|name| MemberAttribute::new(name.get_ref()));
    Some(if is_usual { usual } else { named.collect() })
}

/// Reads the canary, if there is one.
pub(super) fn canary<'d>(
    r: &mut Reader<'d>,
    groups: &Section<'d>,
    base: Option<&Spanned<DistinguishedName>>,
    suffixes: Option<&[Spanned<DistinguishedName>]>,
) -> Option<Option<Canary>> {
    let section = r.section(groups, "directory.groups.canary");
    if !section.is_present() {
        return groups.get("canary").is_none().then_some(None);
    }
    let user = r.text(&section, "user", dn);
    let expected = r.list(&section, "groups", dn);
    let interval = r.duration(&section, "interval");
    if let Some(user) = &user {
        judge_base(r, user, suffixes);
    }
    if let (Some(base), Some(expected)) = (base, &expected) {
        let outside =
            |group: &&Spanned<DistinguishedName>| !group.get_ref().is_within(base.get_ref());
        for group in expected.iter().filter(outside) {
            let help = "name groups at or below the `base` of [directory.groups]";
            r.error(group.span(), "this group would never be found", help);
        }
    }
    let groups = expected?.into_iter().map(Spanned::into_inner).collect();
    Some(Some(Canary { user: user?.into_inner(), groups, interval: interval? }))
}
