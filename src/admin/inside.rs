//! The table of operations for those within the process. Roles are looked at as they are over HTTP;
//! who asks was let in by the same gate.

use super::desk::Needs;
use super::gate::{Caller, Gate};
use crate::app::events::Event;
use crate::app::operations::{Asking, Barred, Coming, Credential, Holder, Operations, Outcome};
use crate::app::ports::{Catalogue, Events};
use crate::domain::source::Source;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tower_service::Service;

/// The most bytes of an answer that is handed on within the process.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// The operations behind the gate.
pub(super) struct Inside<N: Needs> {
    pub(super) router: Router,
    pub(super) gate: Arc<Gate<N>>,
}

impl<N: Needs> Operations for Inside<N> {
    fn admit(&self, peer: SocketAddr) -> Result<(), Duration> {
        let admitted = self.gate.sources.admit(Source::of(peer.ip()), Instant::now());
        admitted.inspect_err(|_| self.hit("admin.max_source_rate", Some(peer)))
    }

    fn holder(&self, credential: Credential<'_>) -> Result<Holder, Barred> {
        let found = match credential {
            Credential::Token(text) => self.gate.holder_of(text),
            Credential::Shown(digest) => self.gate.holder(digest),
        };
        let Some(holder) = found else {
            self.gate.events.emit(&Event::AdminRefused);
            return Err(Barred::Unknown);
        };
        let admitted = self.gate.tokens.admit(holder.name.clone(), Instant::now());
        admitted.map_err(|wait| {
            self.hit("admin.max_token_rate", None);
            Barred::TooOften(wait)
        })?;
        Ok(holder)
    }

    fn ask(&self, holder: &Holder, asking: Asking) -> Coming {
        let request = Request::builder()
            .method(asking.method)
            .uri(asking.path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(asking.body.map_or_else(Body::empty, Body::from));
        let caller = Caller { name: holder.name.clone(), role: holder.role };
        let mut router = self.router.clone();
        Box::pin(async move {
            let Ok(mut request) = request else {
                return Outcome { status: StatusCode::BAD_REQUEST.as_u16(), json: Vec::new() };
            };
            request.extensions_mut().insert(caller);
            let Ok(response) = router.call(request).await;
            let status = response.status().as_u16();
            match to_bytes(response.into_body(), MAX_ANSWER).await {
                Ok(json) => Outcome { status, json: json.into() },
                Err(_) => Outcome { status: 500, json: Vec::new() },
            }
        })
    }

    fn newest_audit(&self) -> watch::Receiver<i64> {
        self.gate.catalogue.newest_audit()
    }

    fn hit(&self, limit: &'static str, peer: Option<SocketAddr>) {
        self.gate.events.emit(&Event::LimitHit { limit, peer });
    }
}
