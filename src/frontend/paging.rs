//! A client's searches in pages: how many it has begun and not finished, by what passes.

use super::connection::Connection;
use super::serving::Entries;
use crate::app::ports::Ports;
use crate::domain::paging::{Cookies, cookie, is_list_view};
use crate::proto::envelope::Envelope;
use crate::proto::op::Operation;
use std::collections::VecDeque;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// What a cookie of the gateway's own begins with; a number follows.
const OWN: &[u8] = b"bindgate ";

/// The cookies of one client, of which most have none.
#[derive(Default)]
pub(super) struct Paging(Option<Box<Paged>>);

struct Paged {
    cookies: Cookies,
    start: Instant,
    /// Searches of the gateway's own making that the client may come back to, oldest first.
    kept: VecDeque<(u64, Box<Entries>)>,
    last: u64,
}

impl Paging {
    fn begun(&mut self) -> &mut Paged {
        self.0.get_or_insert_with(|| {
            let (cookies, kept) = Default::default();
            Box::new(Paged { cookies, start: Instant::now(), kept, last: 0 })
        })
    }

    /// A request is sent; whether it asks for a page.
    pub(super) fn take(&mut self, request: &Envelope<'_>) -> bool {
        let Some(cookie) = cookie_of(request) else { return false };
        if let Some(paged) = &mut self.0 {
            paged.cookies.returned(cookie);
        }
        true
    }

    /// A search for a page has ended.
    pub(super) fn give(&mut self, response: &Envelope<'_>) {
        if let Some(cookie) = cookie(response.controls).filter(|cookie| !cookie.is_empty()) {
            let paged = self.begun();
            if is_list_view(response.controls) {
                paged.cookies.returned(cookie);
            }
            paged.cookies.given(cookie, paged.start.elapsed());
        }
    }

    /// Keeps a search until the client comes back with this cookie. Of more than `most` the oldest is
    /// forgotten.
    pub(super) fn keep(&mut self, entries: Box<Entries>, most: usize) -> Vec<u8> {
        let paged = self.begun();
        paged.last += 1;
        let cookie = [OWN, paged.last.to_string().as_bytes()].concat();
        paged.cookies.given(&cookie, paged.start.elapsed());
        paged.kept.push_back((paged.last, entries));
        while paged.kept.len() > most {
            paged.kept.pop_front();
        }
        cookie
    }

    /// The search that the client comes back to; `None` if it is not kept any more.
    pub(super) fn resume(&mut self, cookie: &[u8]) -> Option<Box<Entries>> {
        let number = std::str::from_utf8(cookie.strip_prefix(OWN)?).ok()?;
        let number: u64 = number.parse().ok()?;
        let kept = &mut self.0.as_mut()?.kept;
        let at = kept.iter().position(|(kept, _)| *kept == number)?;
        kept.remove(at).map(|(_, entries)| entries)
    }

    /// They mean nothing any more. No number is given twice all the same.
    pub(super) fn forget(&mut self) {
        if let Some(paged) = &mut self.0 {
            paged.cookies.forget();
            paged.kept.clear();
        }
    }

    /// How many searches are begun and not finished.
    fn open(&mut self) -> usize {
        self.0.as_mut().map_or(0, |paged| paged.cookies.count(paged.start.elapsed()))
    }
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// Whether a request begins another search in pages than the client may have.
    pub(super) fn begins_too_many_pages(&mut self, request: &Envelope<'_>) -> bool {
        if !cookie_of(request).is_some_and(<[u8]>::is_empty) {
            return false;
        }
        self.cookies.open() + self.outstanding.paged() >= self.config.max_cookies
    }
}

/// The cookie of a search that asks for another page of one of the gateway's own making.
pub(super) fn own_cookie<'a>(request: &Envelope<'a>) -> Option<&'a [u8]> {
    cookie_of(request).filter(|cookie| cookie.starts_with(OWN))
}

fn cookie_of<'a>(request: &Envelope<'a>) -> Option<&'a [u8]> {
    let is_search = request.operation == Operation::SearchRequest;
    cookie(request.controls).filter(|_| is_search)
}
