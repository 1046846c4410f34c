//! Results in pages (RFC 2696) and virtual list views: which of a client's searches have been begun
//! and not finished.
//!
//! The directory keeps something for each of them. It is known by its cookie, or context, which may
//! change from page to page and is noted here by a number alone.

use crate::proto::ber::{OCTET_STRING, Reader, SEQUENCE};
use crate::proto::control::Control;
use crate::proto::oid;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// How long a cookie counts that nobody has come back with: a client that lives for weeks and is
/// content with first pages is not to be refused one day.
pub const COUNTED_FOR: Duration = Duration::from_secs(600);

/// What the controls of a request or of a response say of pages or of a list view: the cookie or
/// context, which is empty in the first request and with the last page; `None` if they say nothing
/// of either.
pub fn cookie(controls: Option<&[u8]>) -> Option<&[u8]> {
    let mut reader = Reader::new(controls?);
    while !reader.is_empty() {
        let control = Control::read(&mut reader).ok()?;
        if control.oid == oid::PAGED_RESULTS {
            let mut fields = Reader::new(Reader::new(control.value?).expect(SEQUENCE).ok()?);
            fields.integer().ok()?;
            return fields.octets().ok();
        }
        if [oid::LIST_VIEW, oid::LIST_VIEW_DONE].contains(&control.oid) {
            return list_view_context(control.value?);
        }
    }
    None
}

/// Whether the controls of a response are about a list view. Its context stays the same for as long
/// as the view is moved, also by a client that does not come back with it.
pub fn is_list_view(controls: Option<&[u8]>) -> bool {
    let mut reader = Reader::new(controls.unwrap_or_default());
    std::iter::from_fn(|| Control::read(&mut reader).ok())
        .any(|control| control.oid == oid::LIST_VIEW_DONE)
}

/// The context is the last field, and the only string there; without one nothing is kept.
fn list_view_context(value: &[u8]) -> Option<&[u8]> {
    let mut fields = Reader::new(Reader::new(value).expect(SEQUENCE).ok()?);
    while !fields.is_empty() {
        let field = fields.element().ok()?;
        if field.tag == OCTET_STRING {
            return Some(field.content);
        }
    }
    Some(&[])
}

/// The cookies that a client was given and has not come back with. Moments are durations since one
/// that the caller chooses.
#[derive(Debug, Default)]
pub struct Cookies {
    given: VecDeque<(u64, Duration)>,
}

impl Cookies {
    /// A page came, and more are to come with this cookie.
    pub fn given(&mut self, cookie: &[u8], now: Duration) {
        self.given.push_back((number(cookie), now));
    }

    /// The client asks for the next page, or for none.
    pub fn returned(&mut self, cookie: &[u8]) {
        let wanted = number(cookie);
        self.given.retain(|(given, _)| *given != wanted);
    }

    /// How many count.
    pub fn count(&mut self, now: Duration) -> usize {
        while self.given.front().is_some_and(|(_, at)| now.saturating_sub(*at) >= COUNTED_FOR) {
            self.given.pop_front();
        }
        self.given.len()
    }

    /// The connection that they belong to is left, or is somebody else's now.
    pub fn forget(&mut self) {
        self.given.clear();
    }
}

/// Two cookies of one client with the same number count as one, and nothing worse comes of it.
fn number(cookie: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    cookie.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ber::{self, INTEGER};
    use proptest::prelude::*;

    fn controls(of: &[(&[u8], Option<&[u8]>)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (oid, value) in of {
            Control { oid, critical: false, value: *value }.write(&mut out);
        }
        out
    }

    fn value(cookie: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        ber::write_nested(&mut out, SEQUENCE, |out| {
            ber::write_integer(out, INTEGER, 5);
            ber::write_element(out, OCTET_STRING, cookie);
        });
        out
    }

    #[test]
    fn a_cookie_is_found_among_other_controls_and_no_garbage_is_taken_for_one() {
        let (pages, last, other) = (value(b"more"), value(b""), (&b"1.2.3"[..], Some(&b"x"[..])));
        let check = |of: &[(&[u8], Option<&[u8]>)], expected: Option<&[u8]>| {
            assert_eq!(cookie(Some(&controls(of))), expected, "{of:?}");
        };
        check(&[(oid::PAGED_RESULTS, Some(&pages))], Some(b"more"));
        check(&[other, (oid::PAGED_RESULTS, Some(&last)), other], Some(b""));
        check(&[other], None);
        check(&[(oid::PAGED_RESULTS, None)], None);
        check(&[(oid::PAGED_RESULTS, Some(b"\x30\x03\x02\x01\x05"))], None);
        // Before 0, after 9, by offset; then a context.
        let first: &[u8] = b"\x30\x0e\x02\x01\x00\x02\x01\x09\xa0\x06\x02\x01\x01\x02\x01\x00";
        let next: &[u8] =
            b"\x30\x12\x02\x01\x00\x02\x01\x09\xa0\x06\x02\x01\x01\x02\x01\x00\x04\x02cx";
        check(&[(oid::LIST_VIEW, Some(first))], Some(b""));
        check(&[(oid::LIST_VIEW, Some(next))], Some(b"cx"));
        let done: &[u8] = b"\x30\x0d\x02\x01\x01\x02\x01\x28\x0a\x01\x00\x04\x02cx";
        check(&[other, (oid::LIST_VIEW_DONE, Some(done))], Some(b"cx"));
        assert!(is_list_view(Some(&controls(&[other, (oid::LIST_VIEW_DONE, None)]))));
        assert!(!is_list_view(Some(&controls(&[other]))) && !is_list_view(None));
        assert_eq!(cookie(None), None);
        assert_eq!(cookie(Some(&[0x30, 0x80, 4])), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = cookie(Some(&bytes));
        }

        /// Against a list of all that was ever given.
        #[test]
        fn what_counts_is_what_was_given_lately_and_not_returned(
            steps in proptest::collection::vec((0u8..3, 0u8..20, 0u64..200), 0..200),
        ) {
            let (mut cookies, mut model) = (Cookies::default(), Vec::new());
            let mut now = Duration::ZERO;
            for (step, cookie, wait) in steps {
                now += Duration::from_secs(wait);
                match step {
                    0 => cookies.returned(&[cookie]),
                    _ => cookies.given(&[cookie], now),
                }
                match step {
                    0 => model.retain(|(given, _)| *given != cookie),
                    _ => model.push((cookie, now)),
                }
                let counts = |(_, at): &&(u8, Duration)| now - *at < COUNTED_FOR;
                prop_assert_eq!(cookies.count(now), model.iter().filter(counts).count());
            }
            cookies.forget();
            prop_assert_eq!(cookies.count(now), 0);
        }
    }
}
