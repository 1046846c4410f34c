//! Views: what one client application may do and is shown, by where it connects, from where it
//! comes and as whom it is bound (semantics section 10).
//!
//! A view takes away or says otherwise; it gives no right that the directory does not give. What is
//! shown of groups is decided in [`super::serving`]; this says for whom.

pub mod groups;
pub mod narrow;
pub mod sight;

use super::policy::{Flatten, Switch};
use super::serving::Inactive;
use super::session::Refusal;
use super::source::Network;
use crate::proto::dn::DistinguishedName;
use crate::proto::envelope::Envelope;
use crate::proto::extended::ExtendedRequest;
use crate::proto::filter::Filter;
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::ResultCode;
use groups::ShownGroups;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A view that lets clients do nothing but bind.
pub const ONLY_BINDS: Refusal =
    Refusal::new(ResultCode::UNWILLING_TO_PERFORM, "nothing but binds is served here");

/// A write of a client that may not write (rule S10.5).
pub const WRITES_DENIED: Refusal =
    Refusal::new(ResultCode::UNWILLING_TO_PERFORM, "nothing is written in this view");

/// An operation that is none of those of the view.
pub const NOT_SERVED: Refusal =
    Refusal::new(ResultCode::UNWILLING_TO_PERFORM, "this operation is not served in this view");

/// Which clients a view is for: all that is given has to be so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matching {
    /// The addresses that they connect to, as they stand in `[listen]`; empty is any.
    pub listeners: Vec<SocketAddr>,
    /// Where they come from; empty is anywhere.
    pub addresses: Vec<Network>,
    /// As whom they are bound; empty is anybody, and nobody.
    pub bind_dns: Vec<DistinguishedName>,
}

/// Whether clients may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Writes {
    /// As far as the directory lets them.
    #[default]
    Allow,
    /// Nothing is written.
    Deny,
}

/// Who sees what is added to entries, and may ask for it in filters and compares (rule S10.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum VisibleTo {
    /// Whoever is bound.
    #[default]
    Bound,
    /// Whoever is not bound too.
    Anyone,
    /// Those who are bound by these names; empty is nobody.
    Named(Vec<DistinguishedName>),
}

/// A kind of operation that a view may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Binds of every kind.
    Bind,
    /// Searches.
    Search,
    /// Compares.
    Compare,
    /// New entries.
    Add,
    /// Changes of entries.
    Modify,
    /// Entries that go.
    Delete,
    /// Other names of entries.
    ModifyDn,
    /// The extended operation of RFC 3062.
    PasswordModify,
    /// All other extended operations that are not answered in every view.
    Extended,
}

impl Kind {
    /// The word for it in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Search => "search",
            Self::Compare => "compare",
            Self::Add => "add",
            Self::Modify => "modify",
            Self::Delete => "delete",
            Self::ModifyDn => "modify-dn",
            Self::PasswordModify => "password-modify",
            Self::Extended => "extended",
        }
    }
}

/// One view: a section `[[view]]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Whom it is for (`match`).
    pub matching: Matching,
    /// How groups are flattened; `None` is as their directory says.
    pub flatten: Option<Flatten>,
    /// Which groups are shown, and how they are called.
    pub groups: ShownGroups,
    /// The attributes that are shown; `None` is all (`attributes`).
    pub attributes: Option<Vec<String>>,
    /// Entries are shown that are at or below these; empty is anywhere (`base`).
    pub bases: Vec<DistinguishedName>,
    /// Entries are shown that match this (`filter`).
    pub filter: Option<Filter>,
    /// Whether searches show inactive users; `None` is as their directory says.
    pub inactive: Option<Inactive>,
    /// Who sees what is added.
    pub visible_to: VisibleTo,
    /// Whether clients may write.
    pub writes: Writes,
    /// What is served; `None` is everything.
    pub operations: Option<Vec<Kind>>,
    /// Whether clients do nothing but bind.
    pub bind_only: bool,
    /// Whether records follow the directory at sign-ons by these clients; `None` is as the user type
    /// says (rule S5.8).
    pub update_on_sign_on: Option<Switch>,
    /// Whether passwords and their kin are hidden, whatever `attributes` says (rule S10.7). That is so
    /// for accounts of the gateway's own alone: others see what their directory lets them see.
    pub hides_secrets: bool,
}

/// Where a client connects, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The address that it connects to, as it stands in `[listen]`; `None` is none of those.
    pub listener: Option<SocketAddr>,
    /// Where it comes from.
    pub address: IpAddr,
}

/// How closely a view says whom it is for: of several that fit the closest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closeness {
    /// It is for everybody.
    Everybody,
    /// By the listener.
    Listener,
    /// By where they come from.
    Address,
    /// By as whom they are bound.
    Name,
}

impl Matching {
    /// How closely it says whom it is for.
    pub fn closeness(&self) -> Closeness {
        if !self.bind_dns.is_empty() {
            Closeness::Name
        } else if !self.addresses.is_empty() {
            Closeness::Address
        } else if !self.listeners.is_empty() {
            Closeness::Listener
        } else {
            Closeness::Everybody
        }
    }

    /// Whether a client that binds by this name may be one of these.
    pub fn may_take(&self, name: &DistinguishedName) -> bool {
        self.bind_dns.is_empty() || self.bind_dns.contains(name)
    }

    /// Whether a client connects there, and comes from there.
    pub fn takes_from(&self, origin: &Origin) -> bool {
        let listener = |listener| self.listeners.contains(&listener);
        let address = |network: &Network| network.contains(origin.address);
        (self.listeners.is_empty() || origin.listener.is_some_and(listener))
            && (self.addresses.is_empty() || self.addresses.iter().any(address))
    }

    fn takes(&self, origin: &Origin, name: Option<&DistinguishedName>) -> bool {
        self.takes_from(origin)
            && (self.bind_dns.is_empty() || name.is_some_and(|name| self.bind_dns.contains(name)))
    }
}

impl View {
    /// The view as an account of the gateway's own has it: it reads with the rights of the gateway's
    /// service account, which sees more than anybody should (rule S10.7). Where the view names no bases,
    /// `everywhere` are those: a server's configuration, say, is in none.
    pub fn of_account(&self, everywhere: impl Iterator<Item = DistinguishedName>) -> Self {
        let mut view = Self { hides_secrets: true, writes: Writes::Deny, ..self.clone() };
        if view.bases.is_empty() {
            view.bases.extend(everywhere);
        }
        view
    }

    /// Why a request that would be relayed is not served, if it is not.
    pub fn refusal(&self, request: &Envelope<'_>) -> Option<Refusal> {
        if self.bind_only {
            return Some(ONLY_BINDS);
        }
        let kind = kind(request)?;
        if !self.serves(kind) {
            return Some(NOT_SERVED);
        }
        let may_write = !matches!(kind, Kind::Bind | Kind::Search | Kind::Compare);
        (self.writes == Writes::Deny && may_write).then_some(WRITES_DENIED)
    }

    /// Whether a kind of operation is served.
    pub fn serves(&self, kind: Kind) -> bool {
        self.operations.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }
}

impl VisibleTo {
    /// Whether it is visible to a client by the name that it is bound as, if it is bound.
    pub fn includes(&self, name: Option<&[u8]>) -> bool {
        match (self, name) {
            (Self::Anyone, _) | (Self::Bound, Some(_)) => true,
            (Self::Bound, None) | (Self::Named(_), None) => false,
            (Self::Named(names), Some(name)) => {
                let name = DistinguishedName::from_bytes(name);
                name.is_ok_and(|name| names.contains(&name))
            }
        }
    }
}

/// What kind of operation a request is; `None` of those that are answered in every view. Whatever an
/// extended operation does that is not known here may be a write.
fn kind(request: &Envelope<'_>) -> Option<Kind> {
    Some(match request.operation {
        Operation::BindRequest => Kind::Bind,
        Operation::SearchRequest => Kind::Search,
        Operation::CompareRequest => Kind::Compare,
        Operation::AddRequest => Kind::Add,
        Operation::ModifyRequest => Kind::Modify,
        Operation::DelRequest => Kind::Delete,
        Operation::ModifyDnRequest => Kind::ModifyDn,
        Operation::ExtendedRequest => match ExtendedRequest::decode(request.content) {
            Ok(extended) if extended.name == oid::PASSWORD_MODIFY => Kind::PasswordModify,
            Ok(extended) if [oid::WHO_AM_I, oid::CANCEL].contains(&extended.name) => return None,
            _ => Kind::Extended,
        },
        _ => return None,
    })
}

/// The views of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Views(Vec<Arc<View>>);

impl Views {
    /// These views, in the file's order.
    pub fn new(views: Vec<View>) -> Self {
        Self(views.into_iter().map(Arc::new).collect())
    }

    /// All of them, in the file's order.
    pub fn all(&self) -> &[Arc<View>] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The view of that name.
    pub fn named(&self, name: &str) -> Option<&Arc<View>> {
        self.0.iter().find(|view| view.name == name)
    }

    /// The view of a client, bound by a name or not: of those that fit the one that says most
    /// closely whom it is for, of several the first.
    pub fn of(&self, origin: &Origin, name: Option<&DistinguishedName>) -> Option<&Arc<View>> {
        let fitting = self.0.iter().filter(|view| view.matching.takes(origin, name));
        // The last of the greatest is given, so the first in the file has to come last.
        fitting.rev().max_by_key(|view| view.matching.closeness())
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
