//! Who is in which groups, for what clients see of it (semantics section 10).
//!
//! The live copy says so at once. Where there is none, or it is known to be behind a sign-on that
//! was answered, the directory is asked, entry by entry. What cannot be found out is unknown: it is
//! never served as a shorter list.

mod asked;
mod effective;
mod hidden;
mod lens;
mod live;
mod members;

use super::flights::Ride;
use super::observe;
use super::ports::Coverage;
use super::ports::{Ports, Replica};
use super::sign_on::{BarrierOf, Landed, SignOns};
use crate::domain::membership::graph::Graph;
use crate::domain::observation::UnknownReason;
use crate::domain::policy::{DirectoryPolicy, GroupPolicy};
use crate::domain::record::UpstreamId;
use crate::domain::serving::Inactive;
use crate::domain::serving::filter::{Item, Parsed, Said};
use crate::domain::serving::plan::{Check, Demands, Plan};
use crate::domain::view::View;
use crate::proto::dn::DistinguishedName;
use crate::proto::search::Attribute;
use lens::Lens;
use live::Live;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What is wanted of an entry.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whether its groups are shown.
    pub values: bool,
    /// Whether it counts at all, by what is known here.
    pub check: Option<Arc<Check>>,
    /// Whether it is left out if its user is inactive.
    pub hidden: Inactive,
    /// The view in which it is looked at, if there is one.
    pub view: Option<Arc<View>>,
    /// The most members of a group that are shown in the place of those that it lists; `None` shows
    /// these.
    pub members: Option<usize>,
}

impl Wanted {
    /// Whether anything of it is looked at here.
    pub fn looks(&self) -> bool {
        self.values || self.check.is_some() || self.members.is_some() || self.drops()
    }

    /// Whether it may be left out, whatever the filter says.
    pub fn drops(&self) -> bool {
        let is_bounded = |view: &Arc<View>| !view.bases.is_empty();
        self.hidden == Inactive::Hide || self.view.as_ref().is_some_and(is_bounded)
    }

    /// Whether its groups have nothing to do with what becomes of it.
    fn is_of_no_groups(&self) -> bool {
        !self.values && self.check.is_none()
    }
}

/// What is to become of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is in no user type and no group: it passes as the directory has it.
    Stranger,
    /// It has these groups, by name and in their order; empty if they are not shown.
    Shown(Vec<String>),
    /// It is a group, and has these attributes in the place of those that it has; and if they are
    /// shown, these groups.
    Group(Option<Vec<String>>, Vec<Attribute>),
    /// It is a group of more members than may be shown.
    TooMany,
    /// It does not match, or is hidden.
    Unmatched,
    /// Its groups are not known.
    Unknown(UnknownReason),
}

/// The wait for what is to become of an entry.
pub type Wait = Pin<Box<dyn Future<Output = Seen> + Send>>;

/// A look at an entry.
pub enum Look {
    /// It is known at once.
    Now(Seen),
    /// The directory has to be asked.
    Later(Wait),
}

/// What items say of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truths {
    /// This, and it is in no user type and no group.
    Stranger(Said),
    /// This.
    Known(Said),
    /// Its groups are not known.
    Unknown,
}

/// The wait for what items say.
pub type TruthsWait = Pin<Box<dyn Future<Output = Truths> + Send>>;

/// A question about one entry.
pub enum Told {
    /// It is known at once.
    Now(Truths),
    /// The directory has to be asked.
    Later(TruthsWait),
}

/// How a search is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// By this plan.
    By(Plan),
    /// Not at all: groups are not known.
    Unknown,
}

/// The wait for how a search is to be asked.
pub type AskedWait = Pin<Box<dyn Future<Output = Asked> + Send>>;

/// How a search is to be asked, or the wait for that.
pub enum Asking {
    /// It is known at once.
    Now(Asked),
    /// The directory has to be asked.
    Later(AskedWait),
}

/// The wait for the names of entries.
pub type NamesWait = Pin<Box<dyn Future<Output = Result<Vec<String>, UnknownReason>> + Send>>;

/// What there is to know of the groups in one directory; made for one operation.
pub struct Serving<P: Ports> {
    policy: Arc<DirectoryPolicy>,
    barrier: BarrierOf<P>,
    records: P::Records,
    lookups: P::Lookups,
    finder: Arc<observe::Finder>,
    attributes: Arc<[String]>,
    sign_ons: SignOns<P>,
    directory: usize,
    view: Option<Arc<View>>,
}

impl<P: Ports> Clone for Serving<P> {
    fn clone(&self) -> Self {
        Self {
            policy: self.policy.clone(),
            barrier: self.barrier.clone(),
            records: self.records.clone(),
            lookups: self.lookups.clone(),
            finder: self.finder.clone(),
            attributes: self.attributes.clone(),
            sign_ons: self.sign_ons.clone(),
            directory: self.directory,
            view: self.view.clone(),
        }
    }
}

/// What [`Serving`] is made of.
pub(super) struct Parts<P: Ports> {
    pub(super) policy: Arc<DirectoryPolicy>,
    pub(super) barrier: BarrierOf<P>,
    pub(super) records: P::Records,
    pub(super) lookups: P::Lookups,
    pub(super) finder: Arc<observe::Finder>,
    pub(super) attributes: Arc<[String]>,
    pub(super) sign_ons: SignOns<P>,
    pub(super) directory: usize,
}

impl<P: Ports> Serving<P> {
    /// Of a directory that has groups.
    pub(super) fn new(parts: Parts<P>) -> Option<Self> {
        parts.policy.groups.as_ref()?;
        let Parts { policy, barrier, records, lookups, finder, attributes, sign_ons, directory } =
            parts;
        let view = None;
        Some(Self {
            policy,
            barrier,
            records,
            lookups,
            finder,
            attributes,
            sign_ons,
            directory,
            view,
        })
    }

    /// The same as a view has it.
    pub fn seen_in(self, view: Option<Arc<View>>) -> Self {
        Self { view, ..self }
    }

    /// The view in which groups are looked at, if there is one.
    pub fn view(&self) -> Option<Arc<View>> {
        self.view.clone()
    }

    /// How groups are shown: as the view says, or else the directory.
    fn lens(&self, groups: &GroupPolicy) -> Lens<'_> {
        let view = self.view.as_deref();
        let flatten = view.and_then(|view| view.flatten).unwrap_or(groups.flatten);
        let shown = view.map(|view| &view.groups).filter(|shown| !shown.is_everything());
        Lens { flatten, shown }
    }

    fn groups(&self) -> Option<&GroupPolicy> {
        self.policy.groups.as_ref()
    }

    /// Looks into the live copy, if there is one and no sign-on was answered by something younger.
    fn live<T>(&self, look: impl FnOnce(&Live<'_, P>) -> T) -> Option<T> {
        let replica = self.barrier.replica();
        // Without users it says nothing of them.
        let is_whole = replica.coverage() == Some(Coverage::GroupsAndUsers);
        if !is_whole || self.barrier.is_missed() || replica.is_held() || replica.went_back() {
            return None;
        }
        let groups = self.groups()?;
        let lens = self.lens(groups);
        let looked = |graph: &Graph| {
            let (policy, records) = (&self.policy, &self.records);
            look(&Live { policy, groups, lens, records, graph })
        };
        Some(replica.read(looked))
    }

    /// Whether a live copy says who is in which groups.
    pub fn is_live(&self) -> bool {
        self.live(|_| ()).is_some()
    }

    /// How a search with this filter is asked.
    pub fn ask(&self, parsed: &Arc<Parsed>, demands: Demands, most: usize) -> Asking {
        if let Some(asked) = self.live(|live| live.ask(parsed, demands, most)) {
            return Asking::Now(asked);
        }
        let (serving, parsed) = (self.clone(), parsed.clone());
        Asking::Later(Box::pin(async move { serving.ask_upstream(&parsed, demands, most).await }))
    }

    /// The names of the entries of these ids, as the service account sees them.
    pub fn names_of(&self, ids: Vec<UpstreamId>) -> NamesWait {
        let serving = self.clone();
        Box::pin(async move { serving.find_names(&ids).await })
    }

    /// What items say of the entry of that name.
    pub fn tell(&self, dn: &DistinguishedName, items: &[Item]) -> Told {
        let sign_on = self.sign_ons.under_way_of(self.directory, dn);
        if sign_on.is_none()
            && let Some(truths) = self.live(|live| live.tell(dn, items))
        {
            return Told::Now(truths);
        }
        let (serving, dn, items) = (self.clone(), dn.clone(), items.to_vec());
        Told::Later(Box::pin(async move {
            serving.wait_for(sign_on).await;
            match serving.live(|live| live.tell(&dn, &items)) {
                Some(truths) => truths,
                None => serving.tell_upstream(&dn, &items).await,
            }
        }))
    }

    /// What is to become of an entry of that name.
    pub fn look(&self, name: &[u8], wanted: &Wanted) -> Look {
        let Ok(dn) = DistinguishedName::from_bytes(name) else { return Look::Now(Seen::Stranger) };
        let sign_on = self.sign_ons.under_way_of(self.directory, &dn);
        if sign_on.is_none()
            && let Some(seen) = self.look_now(&dn, wanted)
        {
            return Look::Now(seen);
        }
        let (serving, wanted) = (self.clone(), wanted.clone());
        Look::Later(Box::pin(async move {
            serving.wait_for(sign_on).await;
            if wanted.hidden == Inactive::Hide && serving.hides_read(&dn).await {
                return Seen::Unmatched;
            }
            if wanted.is_of_no_groups() {
                return Seen::Stranger;
            }
            match serving.live(|live| live.look(&dn, &wanted)) {
                Some(seen) => seen,
                None => serving.look_upstream(&dn, &wanted).await,
            }
        }))
    }

    /// What is to become of an entry, if that is known at once.
    fn look_now(&self, dn: &DistinguishedName, wanted: &Wanted) -> Option<Seen> {
        match wanted.hidden {
            Inactive::Hide if self.hides(dn)? => return Some(Seen::Unmatched),
            Inactive::Hide | Inactive::Show => {}
        }
        match wanted.is_of_no_groups() {
            true => Some(Seen::Stranger),
            false => self.live(|live| live.look(dn, wanted)),
        }
    }

    /// Waits for a sign-on, within its budget: what is served is not older than one that was answered
    /// before it was over.
    async fn wait_for(&self, sign_on: Option<Ride<Landed>>) {
        if let Some(sign_on) = sign_on {
            let _ = tokio::time::timeout(self.sign_ons.budget(), sign_on).await;
        }
    }
}
