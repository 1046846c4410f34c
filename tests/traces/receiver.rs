//! A receiver of traces.

use crate::support::certs::Certificate;
use crate::support::settings::Settings;
use crate::support::{PATIENCE, eventually};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

/// What a receiver does with what it is sent.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    /// It takes it.
    Takes,
    /// It answers this so often, and takes it after that.
    AnswersFirst(u16, usize),
    /// It says nothing, and keeps the connection.
    SaysNothing,
}

#[derive(Default)]
struct Got {
    bodies: Vec<Vec<u8>>,
    spans: Vec<Span>,
    services: Vec<String>,
    asked: usize,
}

/// A receiver on loopback.
pub(crate) struct Receiver {
    port: u16,
    scheme: &'static str,
    got: Arc<Mutex<Got>>,
}

impl Receiver {
    pub(crate) fn new(manner: Manner) -> Self {
        Self::serving(manner, None)
    }

    /// One that speaks TLS.
    pub(crate) fn secured(files: &Certificate) -> Self {
        let certificates = CertificateDer::pem_file_iter(&files.certificate).unwrap();
        let certificates = certificates.map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&files.private_key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = config.with_single_cert(certificates, key).unwrap();
        Self::serving(Manner::Takes, Some(Arc::new(config)))
    }

    fn serving(manner: Manner, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let got = Arc::<Mutex<Got>>::default();
        let kept = got.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, tls) = (kept.clone(), tls.clone());
                thread::spawn(move || {
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    match tls {
                        None => serve(stream, manner, &kept),
                        Some(tls) => {
                            let session = ServerConnection::new(tls).unwrap();
                            serve(StreamOwned::new(session, stream), manner, &kept);
                        }
                    }
                });
            }
        });
        Self { port, scheme, got }
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> String {
        format!("\"{}://127.0.0.1:{}/v1/traces\"", self.scheme, self.port)
    }

    /// Has a gateway send its traces there, without delay.
    pub(crate) fn configure(&self, settings: &mut Settings) {
        settings.set("[traces]", "endpoint", self.endpoint());
        settings.set("[traces]", "interval", "\"50ms\"");
    }

    /// How often something was posted.
    pub(crate) fn asked(&self) -> usize {
        self.got.lock().unwrap().asked
    }

    /// All that was taken, as it came.
    pub(crate) fn bodies(&self) -> Vec<u8> {
        self.got.lock().unwrap().bodies.concat()
    }

    /// By whom spans were sent.
    pub(crate) fn services(&self) -> Vec<String> {
        self.got.lock().unwrap().services.clone()
    }

    /// All spans.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.got.lock().unwrap().spans.clone()
    }

    /// The trees whose first span has come.
    pub(crate) fn trees(&self) -> usize {
        self.spans().iter().filter(|span| span.parent_span_id.is_empty()).count()
    }

    /// The tree of the bind on the connection of that number, once it has so many spans, `but` for those
    /// of one name.
    #[track_caller]
    pub(crate) fn whole_tree(&self, connection: &str, spans: usize, but: &str) -> Tree {
        eventually(&format!("a tree of {spans} spans of connection {connection}"), || {
            let mut tree = self.tree("bindgate.connection", connection)?;
            tree.0.retain(|span| span.name != but);
            (tree.0.len() >= spans).then_some(tree)
        })
    }

    /// The one tree with a span that says this, once it has so many.
    #[track_caller]
    pub(crate) fn tree_with(&self, key: &str, value: &str, spans: usize) -> Tree {
        eventually(&format!("a tree of {spans} spans with {key}={value}"), || {
            self.tree(key, value).filter(|tree| tree.0.len() >= spans)
        })
    }

    fn tree(&self, key: &str, value: &str) -> Option<Tree> {
        let all = self.spans();
        let is_it = |span: &&Span| said(span, key).as_deref() == Some(value);
        let wanted = all.iter().find(is_it)?.trace_id.clone();
        Some(Tree(all.into_iter().filter(|span| span.trace_id == wanted).collect()))
    }
}

fn serve(stream: impl Read + Write, manner: Manner, got: &Mutex<Got>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            // Whoever does not shake hands comes to an end too.
            if !matches!(stream.read_line(&mut line), Ok(read) if read > 0) {
                return;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if let Some(value) = line.strip_prefix("content-type:") {
                assert_eq!(value.trim(), "application/x-protobuf");
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        let code = judge(manner, body, got);
        if code == 0 {
            // Until the other side gives up.
            let _ = stream.read_line(&mut String::new());
            return;
        }
        let answer = format!("HTTP/1.1 {code} x\r\nContent-Length: 0\r\n\r\n");
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn judge(manner: Manner, body: Vec<u8>, got: &Mutex<Got>) -> u16 {
    let mut got = got.lock().unwrap();
    got.asked += 1;
    match manner {
        Manner::SaysNothing => return 0,
        Manner::AnswersFirst(code, times) if got.asked <= times => return code,
        Manner::AnswersFirst(..) | Manner::Takes => {}
    }
    let request = ExportTraceServiceRequest::decode(&body[..]).expect("it is OTLP");
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.expect("it says whose they are");
        let name = resource.attributes.iter().find(|pair| pair.key == "service.name");
        got.services.push(shown(&name.unwrap().value.as_ref().unwrap().value));
        for of_scope in of_resource.scope_spans {
            got.spans.extend(of_scope.spans);
        }
    }
    got.bodies.push(body);
    200
}

fn shown(value: &Option<Value>) -> String {
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        other => panic!("nothing says {other:?}"),
    }
}

/// What a span says of one thing.
pub(crate) fn said(span: &Span, key: &str) -> Option<String> {
    let pair = span.attributes.iter().find(|pair| pair.key == key)?;
    Some(shown(&pair.value.as_ref()?.value))
}

/// The spans of one trace.
pub(crate) struct Tree(pub(crate) Vec<Span>);

impl Tree {
    /// The spans, each below what it is a part of, by their names, with what is looked at of them; an
    /// exclamation mark stands for a failure.
    pub(crate) fn text(&self, keys: &[&str]) -> String {
        let mut below: BTreeMap<&[u8], Vec<&Span>> = BTreeMap::new();
        for span in &self.0 {
            assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
            below.entry(&span.parent_span_id).or_default().push(span);
        }
        let mut lines = Vec::new();
        write(&below, b"", 0, keys, &mut lines);
        assert_eq!(lines.len(), self.0.len(), "each span is below another: {lines:#?}");
        lines.join("\n")
    }

    /// The span of that name.
    #[track_caller]
    pub(crate) fn span(&self, name: &str) -> &Span {
        self.0.iter().find(|span| span.name == name).expect("it is there")
    }
}

fn write(
    below: &BTreeMap<&[u8], Vec<&Span>>,
    parent: &[u8],
    depth: usize,
    keys: &[&str],
    lines: &mut Vec<String>,
) {
    let mut parts = below.get(parent).cloned().unwrap_or_default();
    // What begins at the same moment has an order too.
    parts.sort_by_key(|span| (span.name.clone(), span.start_time_unix_nano));
    for span in parts {
        let failed = span.status.as_ref().is_some_and(|status| status.code == 2);
        let mark = if failed { "!" } else { "" };
        let mut line = format!("{}{}{mark}", "  ".repeat(depth), span.name);
        for key in keys {
            if let Some(value) = said(span, key) {
                line += &format!(" {}={value}", key.rsplit('.').next().unwrap());
            }
        }
        lines.push(line);
        write(below, &span.span_id, depth + 1, keys, lines);
    }
}
