//! Searches and compares in a view that shows a part of what there is.

use super::form::Form;
use super::search::{Planned, Served};
use super::{Outcome, Sight, UNLIMITED, pass};
use crate::app::ports::Ports;
use crate::app::serving::Wanted;
use crate::domain::root_dse;
use crate::domain::serving::{Inactive, subschema};
use crate::domain::session::Refusal;
use crate::domain::view::View;
use crate::domain::view::narrow::{NOT_SHOWN, NOT_THERE, NOT_TOLD, NOT_UNDERSTOOD};
use crate::frontend::connection::Connection;
use crate::proto::ber::{BerError, Reader, SEQUENCE};
use crate::proto::dn::DistinguishedName;
use crate::proto::envelope::{Envelope, write_with_body};
use crate::proto::filter::Filter;
use crate::proto::search::SearchRequest;
use tokio::io::{AsyncRead, AsyncWrite};

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// How a search is asked of which the view leaves a part. The root DSE and the subschema are for
    /// everybody.
    pub(super) fn narrow_search(
        &mut self,
        request: &Envelope<'_>,
        directory: usize,
        sight: Sight,
        view: &View,
    ) -> Outcome {
        let is_schema = || {
            subschema::may_be_read_by(request.content)
                && subschema::is_all_that_is_read_by(request.content)
                && self.is_outside(directory, request.content)
        };
        let is_schema = !root_dse::is_read_by(request.content) && is_schema();
        if is_schema && view.hides_secrets {
            return self.read_schema(request, directory, sight);
        }
        if root_dse::is_read_by(request.content) || is_schema {
            return self.plan_search(request, directory, Sight { is_bounded: false, ..sight });
        }
        let pdu = narrowed(request, view)?;
        let narrowed = Envelope::parse(&pdu).map_err(|_| NOT_UNDERSTOOD)?;
        let planned = self.plan_search(&narrowed, directory, sight)?;
        Ok(Some(planned.unwrap_or_else(|| Planned::new(narrowed.body.to_vec(), None))))
    }

    /// How the subschema is read by an account of the gateway's own: that alone, of all entries that are
    /// outside of what the directory holds for clients, with the rights of the service account.
    fn read_schema(&self, request: &Envelope<'_>, directory: usize, sight: Sight) -> Outcome {
        let search = SearchRequest::decode(request.content).map_err(|_| NOT_UNDERSTOOD)?;
        let filter = Filter::decode(search.filter, UNLIMITED).map_err(|_| NOT_UNDERSTOOD)?;
        let is_one = Filter::Equal("objectClass".to_owned(), b"subschema".to_vec());
        let form = Form::of(&search, None);
        let body = form.ask(&Filter::And(vec![is_one, filter]), search.size_limit);
        let serve = &self.gateway.directory(directory).relay.serve;
        let adds = sight.groups && serve.member_of;
        Ok(Some(Planned::new(body, adds.then_some(Served::Schema(serve.usage)))))
    }

    /// How a search is asked some of whose entries are left out, where nothing is known of groups.
    pub(super) fn pass_partly(
        &self,
        request: &Envelope<'_>,
        directory: usize,
        sight: Sight,
    ) -> Outcome {
        let (values, check, hidden, members) = (false, None, sight.inactive, None);
        let wanted = Wanted { values, check, hidden, members, view: self.view.clone() };
        if !sight.is_bounded && hidden == Inactive::Show {
            return Ok(None);
        }
        let search = SearchRequest::decode(request.content).map_err(|_| NOT_UNDERSTOOD)?;
        if hidden == Inactive::Hide && self.hides_by_record(directory, search.base) {
            return Err(NOT_THERE.into());
        }
        pass((request, Form::new(request, &search), false), &search, wanted)
    }

    /// Whether the records alone say that an entry is an inactive user's.
    pub(super) fn hides_by_record(&self, directory: usize, name: &[u8]) -> bool {
        let name = DistinguishedName::from_bytes(name);
        name.is_ok_and(|name| self.gateway.sign_ons().is_inactive_at(directory, &name))
    }
}

/// The message of a search as a view leaves it.
pub(in crate::frontend) fn narrowed(
    request: &Envelope<'_>,
    view: &View,
) -> Result<Vec<u8>, Refusal> {
    let search = SearchRequest::decode(request.content).map_err(|_| NOT_UNDERSTOOD)?;
    let filter = Filter::decode(search.filter, UNLIMITED).map_err(|_| NOT_UNDERSTOOD)?;
    let narrowed = view.narrow(&search, &filter)?;
    let controls = request.controls.map(|controls| view.controls_left(controls)).transpose()?;
    let form = Form::narrowed(&search, &narrowed, controls);
    let body = form.ask(&narrowed.filter, search.size_limit);
    let mut pdu = Vec::with_capacity(body.len() + 16);
    write_with_body(request.id, &body, &mut pdu);
    Ok(pdu)
}

/// The entry and the attribute of a compare.
fn compared(content: &[u8]) -> Result<(&[u8], &[u8]), BerError> {
    let mut reader = Reader::new(content);
    let name = reader.octets()?;
    Ok((name, Reader::new(reader.expect(SEQUENCE)?).octets()?))
}

/// Why a compare is refused that asks about what the view does not show.
pub(in crate::frontend) fn compare_refusal(view: &View, request: &Envelope<'_>) -> Option<Refusal> {
    let Ok((name, attribute)) = compared(request.content) else { return Some(NOT_UNDERSTOOD) };
    if !view.shows_entry(name) {
        return Some(NOT_THERE);
    }
    if !view.shows_attribute(attribute) {
        return Some(NOT_SHOWN);
    }
    let controls = request.controls.unwrap_or_default();
    let is_told = view.controls_left(controls).is_ok_and(|left| left.len() == controls.len());
    (view.filter.is_some() || !is_told).then_some(NOT_TOLD)
}
