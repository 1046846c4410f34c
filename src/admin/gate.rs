//! Who may ask: the bearer token of a request, what it allows, and how often it is used.

use super::answer::Refusal;
use super::desk::Needs;
use super::rates::Rates;
use super::server::FIRST_TOKEN;
use super::token::{self, FirstToken};
use crate::app::events::Event;
use crate::app::operations::{Holder, Peer};
use crate::app::ports::{Catalogue, Clock, Events};
use crate::app::tokens::{Digest, Role};
use crate::domain::source::Source;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Who sent a request that was let in.
#[derive(Clone)]
pub(super) struct Caller {
    /// The name of the token, which the audit shows as actor.
    pub(super) name: Arc<str>,
    /// What the token allows.
    pub(super) role: Role,
}

/// What a request is held against.
pub(super) struct Gate<N: Needs> {
    pub(super) first: FirstToken,
    pub(super) catalogue: N::Catalogue,
    pub(super) clock: N::Clock,
    pub(super) events: N::Events,
    /// How often each token is used (`max_token_rate`).
    pub(super) tokens: Rates<Arc<str>>,
    /// How often each source asks (`max_source_rate`).
    pub(super) sources: Rates<Source>,
}

impl<N: Needs> Gate<N> {
    fn caller(&self, candidate: &[u8]) -> Option<Caller> {
        let Holder { name, role, .. } = self.holder_of(candidate)?;
        Some(Caller { name, role })
    }

    /// Whose token this is.
    pub(super) fn holder_of(&self, candidate: &[u8]) -> Option<Holder> {
        self.holder(&token::digest_of(candidate))
    }

    /// Whose token has this digest. However much of it is right, and whichever it is, it takes as long.
    pub(super) fn holder(&self, digest: &Digest) -> Option<Holder> {
        let digest = *digest;
        let kept = self.catalogue.tokens();
        // 0 is the first token, and a number beyond all of them is none.
        let mut found = u32::MAX;
        let mut note = |at: usize, is_it: Choice| {
            found.conditional_assign(&u32::try_from(at).unwrap_or(u32::MAX), is_it);
        };
        for (at, token) in kept.iter().enumerate() {
            note(at + 1, token.digest.0.ct_eq(&digest.0));
        }
        note(0, self.first.is(&digest));
        if found == 0 {
            return Some(Holder { name: FIRST_TOKEN.into(), role: Role::Admin, digest });
        }
        let token = kept.get(usize::try_from(found).ok()?.checked_sub(1)?)?;
        let is_valid = !token.is_expired(self.clock.now());
        is_valid.then(|| Holder { name: token.name.as_str().into(), role: token.role, digest })
    }

    fn hit(&self, limit: &'static str, peer: Option<SocketAddr>, wait: Duration) -> Refusal {
        self.events.emit(&Event::LimitHit { limit, peer });
        Refusal::TooOften(wait)
    }
}

/// Lets a request with a token pass. Whatever is wrong with a token, the answer is the same.
pub(super) async fn guard<N: Needs>(
    State(gate): State<Arc<Gate<N>>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let now = Instant::now();
    let peer = request.extensions().get::<Peer>().map(|Peer(peer)| *peer);
    if let Some(peer) = peer {
        let admitted = gate.sources.admit(Source::of(peer.ip()), now);
        admitted.map_err(|wait| gate.hit("admin.max_source_rate", Some(peer), wait))?;
    }
    let Some(caller) = bearer(&request).and_then(|candidate| gate.caller(candidate)) else {
        gate.events.emit(&Event::AdminRefused);
        return Err(Refusal::Unauthorised);
    };
    let admitted = gate.tokens.admit(caller.name.clone(), now);
    admitted.map_err(|wait| gate.hit("admin.max_token_rate", peer, wait))?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The token of the one Authorization header (RFC 6750 section 2.1); the scheme's case is free.
fn bearer(request: &Request) -> Option<&[u8]> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (headers.next(), headers.next()) else { return None };
    let (scheme, token) = value.as_bytes().split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}
