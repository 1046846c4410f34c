//! Connections: a handshake where there is TLS, one request, its answer, and the end. Each step has its
//! time, and the whole has (`limited`).

use super::Limits;
use super::gate::Peer;
use super::limited::{Life, Limited, Timed};
use super::server::Current;
use crate::app::events::Event;
use crate::app::ports::Events;
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

/// Gives what clients shake hands with: certificate and key may be others each time.
pub type Tls = Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>;

/// The most fields that the head of a request may have.
const MAX_FIELDS: usize = 64;

/// Serves until `shutdown`, and then those who are connected to their end.
pub(super) async fn serve<E: Events>(
    mut listener: Limited,
    current: Current,
    (limits, tls): (Limits, Option<Tls>),
    events: E,
    shutdown: impl Future<Output = ()>,
) {
    let (ending, ended) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    loop {
        // Nobody is let in any more once that is said: a reload may have put another in its place.
        let (stream, peer) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let life = stream.life();
        let client = Client { router: current.now(), limits, events: events.clone(), peer, life };
        let ended = ended.clone();
        match &tls {
            None => drop(tokio::spawn(client.serve(stream, ended))),
            Some(tls) => {
                let acceptor = TlsAcceptor::from(tls());
                tokio::spawn(client.shake_hands(acceptor, stream, ended));
            }
        }
    }
    drop(ended);
    ending.send_replace(());
    ending.closed().await;
}

/// One connection, and what it is held to.
struct Client<E> {
    router: Router,
    limits: Limits,
    events: E,
    peer: SocketAddr,
    life: Life,
}

impl<E: Events> Client<E> {
    async fn shake_hands(self, acceptor: TlsAcceptor, stream: Timed, ended: watch::Receiver<()>) {
        match timeout(self.limits.header_timeout, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream, ended).await,
            // What went wrong is the client's: it speaks no TLS, or does not trust the certificate.
            Ok(Err(_)) => {}
            Err(_) => self.hit("admin.header_timeout"),
        }
    }

    async fn serve(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send,
        mut ended: watch::Receiver<()>,
    ) {
        let (router, peer, life) = (self.router.clone(), Peer(self.peer), self.life.clone());
        let answer = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(life.clone());
            router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .keep_alive(false)
            .header_read_timeout(self.limits.header_timeout)
            .max_headers(MAX_FIELDS)
            .max_buf_size(self.limits.max_header)
            .serve_connection(TokioIo::new(stream), answer);
        let mut connection = pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            _ = ended.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            if error.is_parse_too_large() {
                self.hit("admin.max_header");
            } else if error.is_timeout() {
                self.hit("admin.header_timeout");
            }
        }
    }

    fn hit(&self, limit: &'static str) {
        self.events.emit(&Event::LimitHit { limit, peer: Some(self.peer) });
    }
}
