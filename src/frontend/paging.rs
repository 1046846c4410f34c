//! A client's searches in pages: how many it has begun and not finished, by what passes.

use super::connection::Connection;
use crate::app::ports::Ports;
use crate::domain::paging::{Cookies, cookie, is_list_view};
use crate::proto::envelope::Envelope;
use crate::proto::op::Operation;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// The cookies of one client.
pub(super) struct Paging {
    cookies: Cookies,
    start: Instant,
}

impl Paging {
    /// Of a client that comes now.
    pub(super) fn new(start: Instant) -> Self {
        Self { cookies: Cookies::default(), start }
    }

    /// A request is sent; whether it asks for a page.
    pub(super) fn take(&mut self, request: &Envelope<'_>) -> bool {
        let Some(cookie) = cookie_of(request) else { return false };
        self.cookies.returned(cookie);
        true
    }

    /// A search for a page has ended.
    pub(super) fn give(&mut self, response: &Envelope<'_>) {
        if let Some(cookie) = cookie(response.controls).filter(|cookie| !cookie.is_empty()) {
            if is_list_view(response.controls) {
                self.cookies.returned(cookie);
            }
            self.cookies.given(cookie, self.start.elapsed());
        }
    }

    /// They mean nothing any more.
    pub(super) fn forget(&mut self) {
        self.cookies.forget();
    }
}

impl<P: Ports, S: AsyncRead + AsyncWrite + Unpin> Connection<P, S> {
    /// Whether a request begins another search in pages than the client may have.
    pub(super) fn begins_too_many_pages(&mut self, request: &Envelope<'_>) -> bool {
        if !cookie_of(request).is_some_and(<[u8]>::is_empty) {
            return false;
        }
        let open = self.cookies.cookies.count(self.cookies.start.elapsed());
        open + self.outstanding.paged() >= self.config.max_cookies
    }
}

fn cookie_of<'a>(request: &Envelope<'a>) -> Option<&'a [u8]> {
    let is_search = request.operation == Operation::SearchRequest;
    cookie(request.controls).filter(|_| is_search)
}
