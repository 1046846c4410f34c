//! A search that becomes several, from one to the next, and its pages.

use super::course::Next;
use super::form::{controls, page_value};
use super::search::{Planned, Served};
use super::{Outcome, Stop, begun};
use crate::app::ports::{LinkError, Ports};
use crate::domain::session::Refusal;
use crate::frontend::connection::Connection;
use crate::frontend::outstanding::{Relayed, Way};
use crate::frontend::reply;
use crate::proto::ber;
use crate::proto::control::Control;
use crate::proto::envelope::{CONTROLS, Envelope};
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::{LdapResult, ResultCode};
use crate::proto::search::SearchRequest;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// How the next page of a search is asked for.
    pub(super) fn next_page(&mut self, request: &Envelope<'_>, cookie: &[u8]) -> Outcome {
        let Some(entries) = self.cookies.resume(cookie) else {
            return Err(reply::OLD_COOKIE.into());
        };
        let size = SearchRequest::decode(request.content)
            .ok()
            .and_then(|search| super::form::Form::new(request, &search).page_size());
        if size.unwrap_or_default() > 0 {
            let planned = begun(entries, size)?;
            // It may be offered again before it is sent, and the cookie is taken then.
            return Ok(
                planned.map(|planned| Box::new(Planned { resumed: Some(request.id), ..*planned }))
            );
        }
        // The client wants no more of it (RFC 2696 section 3).
        self.cookies.take(request);
        let body = done(None, Some(&[]));
        self.answer(request.id, &body);
        let now = tokio::time::Instant::now();
        self.report(request.operation, ResultCode::SUCCESS, 0, now, self.requests);
        Err(Stop::Answered)
    }

    /// Whether a search that has ended upstream goes on there, by another one, or was ended here.
    pub(in crate::frontend) fn goes_on(
        &mut self,
        operation: &Relayed,
        code: ResultCode,
        controls: Option<&[u8]>,
    ) -> bool {
        let Some(Served::Entries(entries)) = self.outstanding.served(operation.way) else {
            return false;
        };
        let Some(course) = &mut entries.course else { return false };
        let next = course.ended(code, controls);
        self.take_next(operation, next, controls)
    }

    /// Does what comes next for a search; whether there is anything.
    fn take_next(&mut self, operation: &Relayed, next: Next, controls: Option<&[u8]>) -> bool {
        match next {
            Next::Ended => return false,
            Next::Ask(body) => match self.send_more(&body) {
                Some(way) => self.outstanding.redirect(operation.way, way),
                None => self.end_course(operation, reply::no_link(LinkError::QueueFull)),
            },
            Next::Names(ids) => {
                let directory = self.directory_of_session();
                let serving = self.gateway.sign_ons().serving(directory);
                let Some(Served::Entries(entries)) = self.outstanding.served(operation.way) else {
                    return false;
                };
                let Some(serving) = serving else { return false };
                entries.names = Some(serving.names_of(ids));
                self.outstanding.redirect(operation.way, Way::Here(operation.number));
            }
            Next::Refused(refusal) => self.end_course(operation, refusal),
            Next::Page => {
                let Some(Served::Entries(entries)) = self.outstanding.take_served(operation.way)
                else {
                    return false;
                };
                let cookie = self.cookies.keep(entries, self.config.max_cookies);
                self.finish_course(operation, &done(controls, Some(&cookie)));
            }
            Next::End => {
                let is_paged = matches!(
                    self.outstanding.served(operation.way),
                    Some(Served::Entries(entries))
                        if entries.course.as_ref().is_some_and(super::Course::is_paged)
                );
                let cookie = is_paged.then_some(&[][..]);
                self.finish_course(operation, &done(controls, cookie));
            }
        }
        true
    }

    fn send_more(&mut self, body: &[u8]) -> Option<Way> {
        let Some(upstream) = &mut self.upstream else {
            return self.send_more_shared(body).map(Way::Shared);
        };
        upstream.skip_ids(|id| self.outstanding.is_upstream(id));
        Some(Way::Own(upstream.send(body)))
    }

    fn end_course(&mut self, operation: &Relayed, refusal: Refusal) {
        self.outstanding.finish_way(operation.way);
        self.refuse_relayed(*operation, refusal);
        self.held = false;
    }

    fn finish_course(&mut self, operation: &Relayed, body: &[u8]) {
        let entries = self.outstanding.finish_way(operation.way);
        let entries = entries.map_or(operation.entries, |operation| operation.entries);
        self.answer(operation.client.0, body);
        let Relayed { operation, started, number, .. } = *operation;
        self.report(operation, ResultCode::SUCCESS, entries, started, number);
        // A bind may have waited for this.
        self.held = false;
        self.offer_lease();
    }

    /// Goes on with searches whose names were found out.
    pub(super) fn poll_names(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.outstanding.serves() {
            return false;
        }
        let mut found = Vec::new();
        for (way, served) in self.outstanding.found_out() {
            let Served::Entries(entries) = served else { continue };
            let Some(wait) = &mut entries.names else { continue };
            if let Poll::Ready(names) = wait.as_mut().poll(cx) {
                entries.names = None;
                found.push((way, names));
            }
        }
        let is_progress = !found.is_empty();
        for (way, names) in found {
            let Some(operation) = self.outstanding.by_way(way).copied() else { continue };
            let next = match (names, self.outstanding.served(way)) {
                (Ok(names), Some(Served::Entries(entries))) => {
                    entries.course.as_mut().map(|course| course.named(names))
                }
                _ => None,
            };
            let next = next.unwrap_or(Next::Refused(reply::GROUPS_UNKNOWN));
            self.take_next(&operation, next, None);
        }
        is_progress
    }
}

/// The result of a search that has found what there is, with a cookie if it was asked for in pages.
fn done(found: Option<&[u8]>, cookie: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    let result = LdapResult::new(ResultCode::SUCCESS, "");
    ber::write_nested(&mut out, Operation::SearchResultDone.tag(), |out| result.write_fields(out));
    let page = cookie.map(|cookie| page_value(0, cookie));
    let others = controls(found).filter(|control| control.oid != oid::PAGED_RESULTS);
    let pages = page.as_deref().map(|value| Control {
        oid: oid::PAGED_RESULTS,
        critical: false,
        value: Some(value),
    });
    let all: Vec<Control<'_>> = others.chain(pages).collect();
    if !all.is_empty() {
        ber::write_nested(&mut out, CONTROLS, |out| {
            all.iter().for_each(|control| control.write(out));
        });
    }
    out
}
