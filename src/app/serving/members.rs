//! Whom a group holds, by way of others too, for those who are shown that (rule S10.5).
//!
//! Users are shown, and not the groups between: whoever reads the list follows nobody. Whoever is
//! listed and is neither, as far as is known here, stays.

use super::{Look, Seen, Serving, Wanted};
use crate::app::ports::Ports;
use crate::domain::membership::{MemberAttribute, MemberKey, MemberRule};
use crate::domain::observation::UnknownReason;
use crate::domain::record::UpstreamId;
use crate::proto::dn::DistinguishedName;
use crate::proto::search::Attribute;
use std::collections::BTreeSet;

/// How many ids one search for names has.
const NAMED_AT_ONCE: usize = 128;

/// The users whom a group holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Their ids, where their names are not known.
    pub(super) ids: Vec<UpstreamId>,
    /// Their names.
    pub(super) names: Vec<String>,
    /// What groups may name them by beside their names.
    pub(super) uids: Vec<String>,
}

/// What there is to say of whom a group holds.
pub(super) enum Holding {
    /// It is no group.
    NoGroup,
    /// These users.
    Users(Held),
    /// More than may be shown.
    TooMany,
}

impl<P: Ports> Serving<P> {
    /// What is to become of an entry that lists members: these.
    pub fn look_at_members(&self, name: &[u8], wanted: &Wanted, listed: Vec<Attribute>) -> Look {
        let Some(most) = wanted.members.filter(|_| !listed.is_empty()) else {
            return self.look(name, wanted);
        };
        let Ok(dn) = DistinguishedName::from_bytes(name) else { return Look::Now(Seen::Stranger) };
        let (serving, wanted, look) = (self.clone(), wanted.clone(), self.look(name, wanted));
        Look::Later(Box::pin(async move {
            let seen = match look {
                Look::Now(seen) => seen,
                Look::Later(wait) => wait.await,
            };
            let groups = match seen {
                Seen::Shown(groups) => wanted.values.then_some(groups),
                Seen::Stranger => None,
                other => return other,
            };
            match serving.members(&dn, listed, most).await {
                Ok(Some(members)) => Seen::Group(groups, members),
                Ok(None) => groups.map_or(Seen::Stranger, Seen::Shown),
                Err(UnknownReason::SizeLimit) => Seen::TooMany,
                Err(reason) => Seen::Unknown(reason),
            }
        }))
    }

    /// What a group shows in the place of whom it lists; `None` if it is no group.
    async fn members(
        &self,
        dn: &DistinguishedName,
        listed: Vec<Attribute>,
        most: usize,
    ) -> Result<Option<Vec<Attribute>>, UnknownReason> {
        let holding = match self.live(|live| live.holding(dn, most)) {
            Some(holding) => holding?,
            None => self.holding_upstream(dn, most).await?,
        };
        let mut held = match holding {
            Holding::NoGroup => return Ok(None),
            Holding::TooMany => return Err(UnknownReason::SizeLimit),
            Holding::Users(held) => held,
        };
        for ids in held.ids.chunks(NAMED_AT_ONCE) {
            held.names.extend(self.find_names(ids).await?);
        }
        let mut members = Vec::with_capacity(listed.len());
        for Attribute { name, values } in listed {
            let Some(attribute) = self.member_attribute(&name) else { continue };
            let own = match attribute.rule {
                MemberRule::Uid => &held.uids,
                MemberRule::Name | MemberRule::NameAndUid => &held.names,
            };
            let own = own.iter().map(|value| value.clone().into_bytes());
            let mut all: BTreeSet<Vec<u8>> = own.collect();
            all.extend(self.others(attribute, values).await?);
            members.push(Attribute { name, values: all.into_iter().collect() });
        }
        Ok(Some(members))
    }

    fn member_attribute(&self, description: &str) -> Option<&MemberAttribute> {
        let name = description.split(';').next()?;
        let mut all = self.groups()?.member_attributes.iter();
        all.find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }

    /// Those of the values that name neither a user nor a group that is known here.
    async fn others(
        &self,
        attribute: &MemberAttribute,
        values: Vec<Vec<u8>>,
    ) -> Result<Vec<Vec<u8>>, UnknownReason> {
        let keys: Vec<Option<MemberKey>> =
            values.iter().map(|value| attribute.key(value)).collect();
        let known = match self.live(|live| live.known(&keys)) {
            Some(known) => known,
            None => {
                let mut known = Vec::with_capacity(keys.len());
                for key in &keys {
                    known.push(match key {
                        Some(key) => self.is_somebody(key).await?,
                        None => false,
                    });
                }
                known
            }
        };
        let others = values.into_iter().zip(known).filter(|(_, is_known)| !is_known);
        Ok(others.map(|(value, _)| value).collect())
    }
}
