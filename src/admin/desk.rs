//! What all operations share: the gateway's parts that they use, and who or what is meant.

use super::answer::Refusal;
use super::json::{GroupSummary, UserSummary};
use super::reference;
use super::rehearsal::ReadPolicies;
use crate::app::groups::{self, Listed};
use crate::app::live::Live;
use crate::app::oversight::Decisions;
use crate::app::ports::{Catalogue, Clock, Events, Stored};
use crate::app::sessions::Sessions;
use crate::app::switches::{self, Switches};
use crate::app::tokens::Tokens;
use crate::app::view_switches::ViewSwitches;
use crate::domain::policy::{DirectoryPolicy, Switch, UserType};
use crate::domain::record::{Group, Record};
use crate::domain::serving::ServePolicy;
use crate::proto::dn::DistinguishedName;
use serde::Serialize;
use std::sync::Arc;

/// The most candidates that an answer to an ambiguous reference names.
const MAX_CANDIDATES: usize = 20;

/// The kinds of parts that administration works with.
pub(super) trait Needs: Send + Sync + 'static {
    /// The records.
    type Catalogue: Catalogue;
    /// Time.
    type Clock: Clock;
    /// Where events go.
    type Events: Events;
}

impl<C: Catalogue, K: Clock, E: Events> Needs for (C, K, E) {
    type Catalogue = C;
    type Clock = K;
    type Events = E;
}

/// All that the operations need of the gateway.
pub(super) struct Desk<N: Needs> {
    pub(super) catalogue: N::Catalogue,
    pub(super) clock: N::Clock,
    pub(super) directories: Vec<Arc<DirectoryPolicy>>,
    pub(super) serve: Vec<(Arc<str>, ServePolicy)>,
    pub(super) live: Arc<dyn Live>,
    pub(super) switches: Switches<N::Catalogue, N::Clock, N::Events>,
    pub(super) views: ViewSwitches<N::Catalogue, N::Clock, N::Events>,
    pub(super) decisions: Decisions<N::Catalogue, N::Clock, N::Events>,
    pub(super) tokens: Tokens<N::Catalogue, N::Clock, N::Events>,
    pub(super) sessions: Arc<dyn Sessions>,
    pub(super) read_policies: ReadPolicies,
    /// What describes the operations.
    pub(super) document: serde_json::Value,
}

impl<N: Needs> Desk<N> {
    /// The one user that is meant.
    pub(super) fn user(&self, reference: &str) -> Result<Stored, Refusal> {
        let mut found = reference::resolve(&self.catalogue, reference);
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => Ok(one),
            (None, _) => Err(Refusal::NotFound(format!("no user is found by {reference:?}"))),
            (Some(last), false) => {
                found.push(last);
                Err(ambiguous("users", reference, found.iter().map(UserSummary::new)))
            }
        }
    }

    /// The one group that is meant, of those that are kept.
    pub(super) fn kept_group(
        &self,
        directory: Option<&str>,
        reference: &str,
    ) -> Result<Listed, Refusal> {
        let mut found = groups::resolve(&self.catalogue, directory, reference);
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => Ok(one),
            (None, _) => Err(Refusal::NotFound(format!("no group is found by {reference:?}"))),
            (Some(last), false) => {
                found.push(last);
                Err(ambiguous("groups", reference, found.iter().map(GroupSummary::new)))
            }
        }
    }

    /// The one group of a user's directory that is meant; one that nobody is in yet is looked up in
    /// the directory by its DN.
    pub(super) async fn group_for(&self, user: &Record, reference: &str) -> Result<Group, Refusal> {
        let directory = &*user.key.directory;
        match self.kept_group(Some(directory), reference) {
            Ok(listed) => return Ok((*listed.group).clone()),
            Err(Refusal::NotFound(detail)) if !reference.starts_with("dn:") => {
                let hint = "one that nobody is in yet is found by dn:DN";
                return Err(Refusal::NotFound(format!("{detail}; {hint}")));
            }
            Err(Refusal::NotFound(_)) => {}
            Err(other) => return Err(other),
        }
        self.look_up(directory, reference).await
    }

    /// The group of a directory that a `dn:DN` leads to, as the directory shows it now.
    pub(super) async fn look_up(&self, directory: &str, reference: &str) -> Result<Group, Refusal> {
        let text = reference.strip_prefix("dn:").unwrap_or_default();
        let name = DistinguishedName::parse(text)
            .map_err(|_| Refusal::BadRequest(format!("{text:?} is no DN")))?;
        let found = self.live.group_at(directory, &name).await;
        let none = || Refusal::NotFound(format!("no group is found by {reference:?}"));
        match found.ok_or_else(none)? {
            Ok(group) => Ok(group),
            Err(crate::domain::observation::UnknownReason::NotOneEntry) => Err(none()),
            Err(reason) => Err(Refusal::Unknown(reason)),
        }
    }

    /// The user type that took a record last, if it is still configured.
    pub(super) fn user_type(&self, record: &Record) -> Option<&UserType> {
        let mut directories = self.directories.iter();
        let directory = directories.find(|policy| policy.name == record.key.directory)?;
        directory.user_types.iter().find(|user_type| user_type.name == record.user_type)
    }

    /// The switch as it stands for a record.
    pub(super) fn switch(&self, record: &Record) -> Switch {
        self.user_type(record).map_or(Switch::On, |user_type| {
            switches::effective(&self.catalogue, &record.key.directory, user_type, Some(record))
        })
    }
}

fn ambiguous<T: Serialize>(
    what: &str,
    reference: &str,
    found: impl ExactSizeIterator<Item = T>,
) -> Refusal {
    let detail = format!("{} {what} are found by {reference:?}", found.len());
    let shown: Vec<_> = found.take(MAX_CANDIDATES).collect();
    serde_json::to_value(shown)
        .map_or(Refusal::Internal, |candidates| Refusal::Ambiguous { detail, candidates })
}
