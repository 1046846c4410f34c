//! A look at a directory that nobody knows yet: what it is, and where people and groups are.
//!
//! Samples of a size-limited search are the first entries that a server comes across, often all from
//! one part of the tree. So where a search has more than a sample, each part is looked at by itself.

use super::observe::root_and_name;
use super::ports::{LookupError, Lookups};
use crate::domain::kind::Kind;
use crate::domain::observation::UnknownReason;
use crate::domain::survey::{self, MEMBER_ATTRIBUTES, Seen, Survey};
use crate::proto::dn::DistinguishedName;
use crate::proto::filter::Filter;
use crate::proto::result::ResultCode;
use crate::proto::search::{Entry, Scope, Search};
use std::collections::{HashSet, VecDeque};

/// How many entries of each part are looked at.
const SAMPLE: u32 = 25;
/// How many parts of one place are looked at by themselves.
const MAX_PARTS: u32 = 200;
/// How deep parts are looked for.
const MAX_DEPTH: usize = 5;
/// How many searches one look takes at most.
const MAX_SEARCHES: usize = 1000;

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What the directory calls itself; perhaps nothing.
    pub vendor: String,
    /// What was seen.
    pub survey: Survey,
    /// The places that could not be looked at.
    pub unseen: Vec<String>,
}

/// Looks at a directory, at those naming contexts or at all that it names. `account` is nobody's;
/// each place is told before it is looked at.
pub async fn look<L: Lookups>(
    lookups: &L,
    account: &DistinguishedName,
    contexts: &[DistinguishedName],
    tell: impl FnMut(&str),
) -> Result<Look, UnknownReason> {
    let (vendor, root) = root_and_name(lookups, &survey::ROOT_ATTRIBUTES).await?;
    let kind = Kind::of_root(&root);
    let contexts = match contexts {
        [] => survey::contexts(&root, kind),
        named => named.to_vec(),
    };
    let mut walk = Walk { lookups, searches: 0, tell, unseen: Vec::new() };
    let people = walk.sample(&contexts, &survey::people_filter(kind)).await?;
    let groups = walk.sample(&contexts, &survey::groups_filter(kind)).await?;
    let people = people.into_iter().filter(|seen| seen.dn != *account).collect();
    let members = walk.members(&contexts, &survey::groups_filter(kind)).await?;
    let survey = Survey { kind, contexts, people, groups, members };
    walk.unseen.sort();
    walk.unseen.dedup();
    Ok(Look { vendor, survey, unseen: walk.unseen })
}

/// One walk through the tree.
struct Walk<'a, L, T> {
    lookups: &'a L,
    searches: usize,
    tell: T,
    unseen: Vec<String>,
}

impl<L: Lookups, T: FnMut(&str)> Walk<'_, L, T> {
    /// Some entries from each part of the tree, each once.
    async fn sample(
        &mut self,
        contexts: &[DistinguishedName],
        filter: &str,
    ) -> Result<Vec<Seen>, UnknownReason> {
        let mut found: Vec<Entry> = Vec::new();
        let mut places: VecDeque<(String, usize)> =
            contexts.iter().map(|context| (context.as_str().to_owned(), 0)).collect();
        while let Some((place, depth)) = places.pop_front() {
            (self.tell)(&place);
            let here = self.ask(&place, Scope::Subtree, filter, SAMPLE).await?;
            let has_more = here.as_ref().is_none_or(|here| here.len() >= SAMPLE as usize);
            found.extend(here.unwrap_or_default());
            if !has_more || depth == MAX_DEPTH {
                continue;
            }
            found.extend(self.ask(&place, Scope::One, filter, SAMPLE).await?.unwrap_or_default());
            let parts =
                self.ask(&place, Scope::One, &survey::containers_filter(), MAX_PARTS).await?;
            let parts = parts.unwrap_or_default().into_iter();
            places.extend(parts.map(|part| (part.dn, depth + 1)));
        }
        let mut known = HashSet::new();
        let seen = found.iter().filter_map(Seen::of);
        Ok(seen.filter(|seen| known.insert(seen.dn.clone())).collect())
    }

    /// The attributes by which some group names members.
    async fn members(
        &mut self,
        contexts: &[DistinguishedName],
        filter: &str,
    ) -> Result<Vec<&'static str>, UnknownReason> {
        let mut members = Vec::new();
        for name in MEMBER_ATTRIBUTES {
            let filter = format!("(&{filter}({name}=*))");
            for context in contexts {
                let found = self.ask(context.as_str(), Scope::Subtree, &filter, 1).await?;
                if found.is_none_or(|found| !found.is_empty()) {
                    members.push(name);
                    break;
                }
            }
        }
        Ok(members)
    }

    /// What a search finds; `None` where that cannot be told, since there is too much or it may not
    /// be read.
    async fn ask(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        most: u32,
    ) -> Result<Option<Vec<Entry>>, UnknownReason> {
        self.searches += 1;
        // Our own filters, which can be read.
        let (Ok(filter), true) = (Filter::parse(filter), self.searches <= MAX_SEARCHES) else {
            self.unseen.push(base.to_owned());
            return Ok(None);
        };
        let search = Search {
            base: base.to_owned(),
            scope,
            filter,
            attributes: survey::attributes(),
            size_limit: most,
            time_limit: 0,
            controls: Vec::new(),
        };
        match self.lookups.search(search).await {
            Ok(found) => Ok(Some(found)),
            Err(LookupError::Result(
                ResultCode::SIZE_LIMIT_EXCEEDED | ResultCode::ADMIN_LIMIT_EXCEEDED,
            )) => Ok(None),
            // One part that is closed, or lies elsewhere, is no reason to give up.
            Err(LookupError::Result(_) | LookupError::Referral | LookupError::TooLarge) => {
                self.unseen.push(base.to_owned());
                Ok(Some(Vec::new()))
            }
            Err(error) => Err(error.reason()),
        }
    }
}
