//! Which view a connection is in, and what that has to say to a request.
//!
//! It follows the session: whoever is nobody has the view of the listener or the address, whoever is
//! bound that of the name, if there is one.

use super::connection::Connection;
use crate::app::ports::Ports;
use crate::app::sign_on::Attempt;
use crate::domain::principal;
use crate::domain::serving::Inactive;
use crate::domain::session::{BoundName, Refusal, Session};
use crate::domain::view::{Kind, View, Writes};
use crate::domain::view::{NOT_SERVED, ONLY_BINDS, Origin};
use crate::proto::envelope::Envelope;
use std::sync::Arc;

impl<P: Ports, S> Connection<P, S> {
    /// The session has begun or ended: the view is the one that it has from now on.
    pub(super) fn settle_view(&mut self) {
        if !self.config.views.is_empty() {
            let before = self.view.as_ref().map(|view| view.name.clone());
            self.view = match &self.session {
                Session::Bound(BoundName(name)) => self.view_of(name),
                Session::Anonymous | Session::Binding(_) | Session::Negotiating(_) => {
                    self.view_of(b"")
                }
            };
            if self.view.as_ref().map(|view| &view.name) != before.as_ref() {
                // What was begun in another view is not gone on with in this one.
                self.cookies.forget();
            }
        }
    }

    /// The view that the client has once it is bound by a name.
    pub(super) fn view_of(&self, name: &[u8]) -> Option<Arc<View>> {
        let origin = Origin { listener: self.listener, address: self.peer.ip() };
        let name = principal::entry_of(name).filter(|name| !name.is_root());
        self.config.views.of(&origin, name.as_ref()).cloned()
    }

    /// Begins what may become a sign-on, by the client application that it will be.
    pub(super) fn begin_attempt(&self, directory: usize, name: &[u8]) -> Option<Box<Attempt<P>>> {
        let attempt = self.gateway.sign_ons().begin_traced(directory, name, self.binding.span())?;
        Some(match self.config.views.is_empty() {
            true => attempt,
            false => attempt.by(self.view_of(name).as_ref()),
        })
    }

    /// Why a request that would be relayed is not served, if it is not.
    pub(super) fn view_refuses(&self, request: &Envelope<'_>) -> Option<Refusal> {
        if self.config.bind_only {
            return Some(ONLY_BINDS);
        }
        self.view.as_ref().and_then(|view| view.refusal(request))
    }

    /// Why no bind is served, if none is.
    pub(super) fn view_refuses_binds(&self) -> Option<Refusal> {
        let serves = self.view.as_ref().is_none_or(|view| view.serves(Kind::Bind));
        (!serves).then_some(NOT_SERVED)
    }

    /// Whether a bind by this name begins a session that does nothing else.
    pub(super) fn will_only_bind(&self, name: &[u8]) -> bool {
        let is_bind_only = |view: Arc<View>| view.bind_only;
        self.config.bind_only
            || (!self.config.views.is_empty() && self.view_of(name).is_some_and(is_bind_only))
    }

    /// Whether the client sees inactive users: as its view says, or else their directory.
    pub(super) fn inactive(&self, of_directory: Inactive) -> Inactive {
        self.view.as_ref().and_then(|view| view.inactive).unwrap_or(of_directory)
    }

    /// Whether the client writes nothing, so that whom groups hold may be shown in the place of whom
    /// they list: it would write that back (rule S10.5).
    pub(super) fn writes_nothing(&self) -> bool {
        self.view.as_ref().is_some_and(|view| view.writes == Writes::Deny)
    }

    /// Whether the client sees what is added to entries (rule S10.3).
    pub(super) fn sees_groups(&self) -> bool {
        let name = match &self.session {
            Session::Bound(BoundName(name)) => Some(&name[..]),
            Session::Anonymous | Session::Binding(_) | Session::Negotiating(_) => None,
        };
        match &self.view {
            Some(view) => view.visible_to.includes(name),
            None => name.is_some(),
        }
    }
}
