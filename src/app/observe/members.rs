//! The member walk's questions: every group that names one of these.

use super::{base_search, ranges};
use crate::app::ports::{LookupError, Lookups};
use crate::domain::identity::{self, ID_ATTRIBUTES};
use crate::domain::membership::{self, Member, MemberAttribute, MemberKey, MemberRule};
use crate::domain::observation::UnknownReason;
use crate::domain::policy::GroupPolicy;
use crate::domain::record::Group;
use crate::domain::sid::{self, OBJECT_SID, Sid};
use crate::domain::walk::FoundGroup;
use crate::proto::ber::{self, SEQUENCE};
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::result::ResultCode;
use crate::proto::search::{Entry, Scope, Search};

/// Finds all groups that hold one of `asked` directly.
pub(super) async fn holding<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    asked: &[Member],
) -> Result<Vec<FoundGroup>, UnknownReason> {
    let Some(search) = member_search(policy, asked) else { return Ok(Vec::new()) };
    let entries = lookups.search(search).await.map_err(LookupError::reason)?;
    let mut found = Vec::new();
    for mut entry in entries {
        if let [only] = asked {
            // Asked about one alone, a group need not say whom it holds.
            let group = found_group(policy, &entry)?;
            found.push(FoundGroup { members: only.keys(), ..group });
            continue;
        }
        for attribute in &policy.member_attributes {
            ranges::complete(lookups, &mut entry, &attribute.name).await?;
        }
        let mut group = found_group(policy, &entry)?;
        if let Some(sid) = sid::sid_of(&entry) {
            let has_it = |member: &&Member| member.primary_group.as_ref() == Some(&sid);
            group.members.extend(asked.iter().filter(has_it).flat_map(Member::keys));
        }
        found.push(group);
    }
    Ok(found)
}

/// The group of that name, if there is exactly one and it may be read.
pub async fn group_at<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    name: &DistinguishedName,
) -> Result<Group, UnknownReason> {
    let search = base_search(name.as_str(), policy.filter.clone(), naming_attributes(policy));
    let entries = lookups.search(search).await.map_err(LookupError::reason)?;
    match entries.as_slice() {
        [entry] => Ok(found_group(policy, entry)?.group),
        _ => Err(UnknownReason::NotOneEntry),
    }
}

/// Whom a group holds by itself.
#[derive(Debug, Clone)]
pub struct Lists {
    /// Whom it lists.
    pub members: Vec<MemberKey>,
    /// Its identifier, by which users have it as primary group (Active Directory).
    pub sid: Option<Sid>,
}

/// Whom a group lists; `None` if there is no group of that name.
pub async fn members_at<L: Lookups>(
    lookups: &L,
    policy: &GroupPolicy,
    name: &DistinguishedName,
) -> Result<Option<Lists>, UnknownReason> {
    let wanted = policy.member_attributes.iter().map(|attribute| attribute.name.clone());
    let wanted = wanted.chain([OBJECT_SID.to_owned()]).collect();
    let search = base_search(name.as_str(), policy.filter.clone(), wanted);
    let mut entries = match lookups.search(search).await {
        Err(LookupError::Result(ResultCode::NO_SUCH_OBJECT)) => return Ok(None),
        found => found.map_err(LookupError::reason)?,
    };
    let Some(mut entry) = entries.pop() else { return Ok(None) };
    for attribute in &policy.member_attributes {
        ranges::complete(lookups, &mut entry, &attribute.name).await?;
    }
    let members = membership::members(&policy.member_attributes, &entry).collect();
    Ok(Some(Lists { members, sid: sid::sid_of(&entry) }))
}

/// A group as an entry shows it.
pub(super) fn found_group(
    policy: &GroupPolicy,
    entry: &Entry,
) -> Result<FoundGroup, UnknownReason> {
    let id = identity::upstream_id(entry)?;
    let dn = DistinguishedName::parse(&entry.dn).map_err(|_| UnknownReason::Malformed)?;
    let name = entry.text(&policy.name_attribute).unwrap_or(&entry.dn).to_owned();
    let members = membership::members(&policy.member_attributes, entry).collect();
    Ok(FoundGroup { group: Group { id, dn: entry.dn.clone(), name }, dn, members })
}

/// What has to be read of a group to know who it is.
pub(super) fn naming_attributes(policy: &GroupPolicy) -> Vec<String> {
    let ids = ID_ATTRIBUTES.iter().map(|name| (*name).to_owned());
    ids.chain([policy.name_attribute.clone()]).collect()
}

/// Every group that has one of `asked` as a member. If there are several, the members come back
/// too, to tell which; a server that knows matched values (RFC 3876) leaves the others out. `None`
/// if no attribute could name any of them.
fn member_search(policy: &GroupPolicy, asked: &[Member]) -> Option<Search> {
    let usable = policy.member_attributes.iter();
    let parts: Vec<(&MemberAttribute, Vec<Filter>)> =
        usable.map(|attribute| (attribute, assertions(attribute, asked))).collect();
    let mut attributes = naming_attributes(policy);
    let mut controls = Vec::new();
    if asked.len() > 1 {
        // The control trims every attribute (RFC 3876 section 2): ids and name are asked for too.
        let mut wanted: Vec<Filter> = parts.iter().flat_map(|(_, of)| of.clone()).collect();
        wanted.extend(attributes.iter().map(|name| Filter::Present(name.clone())));
        controls.push((oid::MATCHED_VALUES.to_vec(), matched_values(&wanted)));
        attributes.extend(policy.member_attributes.iter().map(|member| member.name.clone()));
    }
    let primary: Vec<Filter> = asked.iter().filter_map(holds_as_primary).collect();
    if asked.len() > 1 && !primary.is_empty() {
        attributes.push(OBJECT_SID.to_owned());
    }
    let named = parts.into_iter().filter_map(|(attribute, of)| in_class(attribute, of));
    let named = any_of(named.chain(primary))?;
    Some(Search {
        base: policy.base.as_str().to_owned(),
        scope: Scope::Subtree,
        filter: Filter::And(vec![policy.filter.clone(), named]),
        attributes,
        size_limit: 0,
        time_limit: 0,
        controls,
    })
}

/// The values of one attribute that name one of `asked`, as filters.
fn assertions(attribute: &MemberAttribute, asked: &[Member]) -> Vec<Filter> {
    let equal = |value: &str| Filter::equal(&attribute.name, value);
    match attribute.rule {
        MemberRule::Name | MemberRule::NameAndUid => {
            asked.iter().map(|member| equal(member.dn.as_str())).collect()
        }
        MemberRule::Uid => {
            asked.iter().flat_map(|member| &member.uids).map(|uid| equal(uid)).collect()
        }
    }
}

/// The group that a user is in without being listed.
fn holds_as_primary(member: &Member) -> Option<Filter> {
    let group = member.primary_group.as_ref()?;
    Some(Filter::equal(OBJECT_SID, group.as_bytes()))
}

fn in_class(attribute: &MemberAttribute, assertions: Vec<Filter>) -> Option<Filter> {
    let named = any_of(assertions.into_iter())?;
    Some(match &attribute.class {
        Some(class) => Filter::And(vec![Filter::equal("objectClass", class.as_str()), named]),
        None => named,
    })
}

/// The disjunction, without a needless shell around one part; `None` of none.
fn any_of(parts: impl Iterator<Item = Filter>) -> Option<Filter> {
    let mut parts: Vec<Filter> = parts.collect();
    match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(Filter::Or(parts)),
    }
}

/// The value of the matched values control (RFC 3876 section 2): a sequence of simple filters.
fn matched_values(wanted: &[Filter]) -> Vec<u8> {
    let mut value = Vec::new();
    ber::write_nested(&mut value, SEQUENCE, |out| {
        wanted.iter().for_each(|filter| filter.encode(out));
    });
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::{Flatten, Resolve};

    fn policy(attributes: Vec<MemberAttribute>) -> GroupPolicy {
        GroupPolicy {
            base: DistinguishedName::parse("ou=groups,dc=x").unwrap(),
            filter: Filter::parse("(objectClass=group)").unwrap(),
            member_attributes: attributes,
            name_attribute: "cn".to_owned(),
            max_depth: 4,
            max_groups_per_user: 9,
            max_filter_size: 1 << 16,
            flatten: Flatten::Ancestors,
            resolve: Resolve::Walk,
            canary: None,
            replica: None,
            max_replica_pause: std::time::Duration::from_secs(60),
            max_replica_names: 1000,
            max_kept_lookups: 0,
        }
    }

    fn member(dn: &str, uids: &[&str]) -> Member {
        let uids = uids.iter().map(|uid| (*uid).to_owned()).collect();
        Member { uids, ..Member::by_dn(DistinguishedName::parse(dn).unwrap()) }
    }

    #[track_caller]
    fn check(attributes: Vec<MemberAttribute>, asked: &[Member], expected: Option<&str>) {
        let search = member_search(&policy(attributes), asked);
        let expected =
            expected.map(|named| Filter::parse(&format!("(&(objectClass=group){named})")).unwrap());
        assert_eq!(search.map(|search| search.filter), expected);
    }

    #[test]
    fn each_attribute_is_asked_by_what_it_names_members_by() {
        let ann = || member("uid=ann,dc=x", &["ann", "Ann B"]);
        let group = || member("cn=a,dc=x", &[]);
        let of = |names: &[&str]| names.iter().map(|name| MemberAttribute::new(name)).collect();
        check(of(&["member"]), &[ann()], Some("(member=uid=ann,dc=x)"));
        check(
            of(&["member"]),
            &[ann(), group()],
            Some("(|(member=uid=ann,dc=x)(member=cn=a,dc=x))"),
        );
        check(of(&["memberUid"]), &[ann(), group()], Some("(|(memberUid=ann)(memberUid=Ann B))"));
        check(of(&["memberUid"]), &[group()], None);
        check(
            of(&["member", "uniqueMember"]),
            &[group()],
            Some("(|(member=cn=a,dc=x)(uniqueMember=cn=a,dc=x))"),
        );
    }

    #[test]
    fn where_an_attribute_belongs_to_a_class_only_groups_of_that_class_are_asked() {
        check(
            MemberAttribute::usual(),
            &[member("cn=a,dc=x", &["a"])],
            Some(
                "(|(member=cn=a,dc=x)\
                 (&(objectClass=groupOfUniqueNames)(uniqueMember=cn=a,dc=x))\
                 (&(objectClass=posixGroup)(memberUid=a)))",
            ),
        );
    }
}
