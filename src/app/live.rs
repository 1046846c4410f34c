//! What an administrator asks the directories through the gateway: to look at a user now, and what
//! would change. Behind one object, since administration is on no hot path.

use super::events::SignOnOutcome;
use super::observe::Around;
use super::oversight::Boxed;
use super::ports::Ports;
use super::sign_on::{Preview, SignOns, Who};
use crate::domain::membership::graph::Beside;
use crate::domain::observation::UnknownReason;
use crate::domain::record::{Group, UpstreamId, UserKey};
use crate::proto::dn::DistinguishedName;

/// The directories, asked about one user or group.
pub trait Live: Send + Sync + 'static {
    /// Brings a record up to date as a look of the gateway's own does; `None` if there is no such
    /// directory.
    fn sync(&self, key: UserKey) -> Boxed<'_, Option<SignOnOutcome>>;

    /// What would change if that user signed on now; writes nothing. `None` if there is no such
    /// directory.
    fn preview(&self, who: Who) -> Boxed<'_, Option<Preview>>;

    /// The same by the client application of that view. `None` also if there is no such view.
    fn preview_by(&self, _who: Who, _view: String) -> Boxed<'_, Option<Preview>> {
        Box::pin(async { None })
    }

    /// The group of that DN; `None` if there is no such directory.
    fn group_at<'a>(
        &'a self,
        directory: &'a str,
        name: &'a DistinguishedName,
    ) -> Boxed<'a, Option<Result<Group, UnknownReason>>>;

    /// The groups around a group, as the live copy of the directory has them; `None` if there is no copy,
    /// or no such group in it.
    fn beside(&self, _directory: &str, _group: &UpstreamId) -> Option<Beside> {
        None
    }

    /// The same as the directory says now. `None` if it has no such group.
    fn around<'a>(
        &'a self,
        _directory: &'a str,
        _name: &'a DistinguishedName,
    ) -> Boxed<'a, Option<Result<Around, UnknownReason>>> {
        Box::pin(async { None })
    }
}

impl<P: Ports> Live for SignOns<P> {
    fn beside(&self, directory: &str, group: &UpstreamId) -> Option<Beside> {
        self.beside(directory, group)
    }

    fn around<'a>(
        &'a self,
        directory: &'a str,
        name: &'a DistinguishedName,
    ) -> Boxed<'a, Option<Result<Around, UnknownReason>>> {
        Box::pin(self.around(directory, name))
    }

    fn sync(&self, key: UserKey) -> Boxed<'_, Option<SignOnOutcome>> {
        Box::pin(self.reconcile(key))
    }

    fn preview(&self, who: Who) -> Boxed<'_, Option<Preview>> {
        Box::pin(self.preview(who))
    }

    fn preview_by(&self, who: Who, view: String) -> Boxed<'_, Option<Preview>> {
        Box::pin(async move {
            let view = self.view(&view)?;
            SignOns::preview_by(self, who, Some(&view)).await
        })
    }

    fn group_at<'a>(
        &'a self,
        directory: &'a str,
        name: &'a DistinguishedName,
    ) -> Boxed<'a, Option<Result<Group, UnknownReason>>> {
        Box::pin(self.group_at(directory, name))
    }
}
