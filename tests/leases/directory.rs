//! The directory, played: it knows as whom each of its connections is bound, and holds every
//! operation against that.
//!
//! It misbehaves within what the protocol allows, and beyond: answers come late, in pieces or
//! after an abandon, and connections end in silence, with a notice or in mid-message.

use super::client::{MAYBE, NOBODY, SURE};
use super::dice::Dice;
use super::tally::{Tally, add};
use super::wire::{Wire, cookie};
use crate::support::tree::{GROUPS, SERVICE};
use bindgate::proto::bind::{Authentication, BindRequest};
use bindgate::proto::control::Control;
use bindgate::proto::envelope::{Envelope, MessageId, write_message};
use bindgate::proto::extended::{ExtendedRequest, ExtendedResponse};
use bindgate::proto::op::Operation;
use bindgate::proto::result::{LdapResult, ResultCode};
use bindgate::proto::search::{Attribute, Entry, SearchRequest};
use bindgate::proto::{ber, oid};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// What ends the password of a bind that is to fail.
pub(crate) const WRONG: &[u8] = b"wrong";

/// After how many operations for others that is denied, in a quarter of all runs; in half of them it
/// never is granted, and in a quarter for ever.
const GRANTED: u64 = 200;

/// Where the directory is played, on a thread of its own until this is dropped.
pub(crate) struct Stage {
    port: u16,
    rules: Arc<Rules>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What all connections share.
struct Rules {
    seed: u64,
    tally: Tally,
    behaves: AtomicBool,
    /// How many operations the service account may do for others (RFC 4370) before that is denied.
    grants: u64,
    next_cookie: AtomicU64,
}

impl Stage {
    /// Listens on a port of its own.
    pub(crate) fn open(seed: u64, tally: Tally) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let rules = Arc::new(Rules {
            seed,
            tally,
            behaves: AtomicBool::new(false),
            grants: match seed % 4 {
                1 => u64::MAX,
                3 => GRANTED,
                _ => 0,
            },
            next_cookie: AtomicU64::new(1),
        });
        let (end, ended) = oneshot::channel();
        let shared = rules.clone();
        let thread = std::thread::spawn(move || play(listener, &shared, ended));
        Self { port, rules, end: Some(end), thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From now on no connection is ended and nothing is held back.
    pub(crate) fn behave(&self) {
        self.rules.behaves.store(true, SeqCst);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.end.take();
        let ended = self.thread.take().map(std::thread::JoinHandle::join);
        if !std::thread::panicking() {
            assert!(ended.is_some_and(|ended| ended.is_ok()), "the directory panicked");
        }
    }
}

fn play(listener: std::net::TcpListener, rules: &Arc<Rules>, ended: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let serve = async {
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let seat = Seat {
                wire: Wire::new(stream),
                dice: Dice::new(rules.seed, 1_000_000 + number),
                rules: rules.clone(),
                standing: Standing::Never,
                pages: HashMap::new(),
                held: Vec::new(),
                late: Vec::new(),
            };
            tokio::spawn(seat.serve());
        }
    };
    runtime.block_on(async {
        tokio::select! {
            _ = ended => {}
            () = serve => {}
        }
    });
}

/// As whom the directory sees a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Never,
    As(String),
    Failed,
}

/// A result that is open: whose it is, and how many pages come.
struct Pages {
    reader: Standing,
    left: u64,
}

/// One connection.
struct Seat {
    wire: Wire,
    dice: Dice,
    rules: Arc<Rules>,
    standing: Standing,
    pages: HashMap<Vec<u8>, Pages>,
    /// Answers to what is outstanding.
    held: Vec<(MessageId, Vec<u8>)>,
    /// Answers to what was abandoned.
    late: Vec<u8>,
}

impl Seat {
    /// Serves until the end, which is `None`.
    async fn serve(mut self) -> Option<()> {
        loop {
            let waiting = !self.held.is_empty() || !self.late.is_empty();
            let pdu = tokio::select! {
                biased;
                pdu = self.wire.message() => pdu?,
                () = rest(self.dice.below(8)), if waiting => {
                    self.flush().await?;
                    continue;
                }
            };
            self.dice.dawdle(6).await;
            if self.happens(400) {
                return self.break_off().await;
            }
            let Ok(request) = Envelope::parse(&pdu) else {
                self.breach("what came is no message".to_owned());
                return None;
            };
            match request.operation {
                Operation::BindRequest => self.bind(&request).await?,
                Operation::SearchRequest => self.search(&request).await?,
                Operation::ExtendedRequest => self.extended(&request).await?,
                Operation::AbandonRequest => self.abandon(request.content),
                Operation::UnbindRequest => return None,
                other => self.breach(format!("nobody asked for {other:?}")),
            }
        }
    }

    /// The bind is the only operation on its connection until it is answered.
    async fn bind(&mut self, request: &Envelope<'_>) -> Option<()> {
        if !self.held.is_empty() {
            self.breach("a bind came while operations were outstanding".to_owned());
        }
        self.pages.clear();
        self.standing = Standing::Failed;
        let bind = BindRequest::decode(request.content).ok()?;
        let name = String::from_utf8_lossy(bind.name).into_owned();
        let is_wrong = matches!(bind.authentication, Authentication::Simple(WRONG));
        let patience = self.dice.below(20);
        let overtaken = tokio::select! {
            biased;
            pdu = self.wire.message() => Some(pdu?),
            () = rest(patience) => None,
        };
        if let Some(pdu) = overtaken {
            let is_unbind = Envelope::parse(&pdu).is_ok_and(|it| it.content.is_empty());
            if !is_unbind {
                self.breach(format!("{pdu:02x?} came before the bind of {name} was answered"));
            }
            return None;
        }
        let code = match is_wrong {
            true => ResultCode::INVALID_CREDENTIALS,
            false if self.happens(50) => ResultCode::BUSY,
            false => ResultCode::SUCCESS,
        };
        if code.is_success() {
            self.standing = if name.is_empty() { Standing::Never } else { Standing::As(name) };
        }
        self.send(&result(request.id, Operation::BindResponse, code)).await
    }

    async fn search(&mut self, request: &Envelope<'_>) -> Option<()> {
        let search = SearchRequest::decode(request.content).ok()?;
        let base = String::from_utf8_lossy(search.base).into_owned();
        if self.denies(request) {
            let denied = ResultCode::AUTHORIZATION_DENIED;
            return self.send(&result(request.id, Operation::SearchResultDone, denied)).await;
        }
        let acting = self.acting(request);
        if acting == Standing::As(SERVICE.to_owned()) {
            return self.send(&look_up(request.id, &base)).await;
        }
        add(&self.rules.tally.seen);
        let is_sure = search.attributes.contains(&SURE.as_bytes());
        let fits = match &acting {
            Standing::Never if is_sure => base == NOBODY,
            Standing::Never => search.attributes.contains(&MAYBE.as_bytes()),
            Standing::As(bound) => *bound == base,
            Standing::Failed => false,
        };
        if !fits {
            self.breach(format!("a search of {base} came on a connection of {acting:?}"));
        }
        let answer = self.answer(request, &base, acting);
        if !self.rules.behaves.load(SeqCst) && self.dice.once_in(4) {
            self.held.push((request.id, answer));
            return Some(());
        }
        self.send(&answer).await
    }

    /// Whether it is an operation for somebody else, and was granted and is no more.
    fn denies(&self, request: &Envelope<'_>) -> bool {
        if self.rules.grants == 0 || proxied_name(request).is_none() {
            return false;
        }
        add(&self.rules.tally.proxied);
        let denies = self.rules.tally.proxied.load(SeqCst) > self.rules.grants;
        if denies {
            add(&self.rules.tally.denied);
        }
        denies
    }

    /// Who acts: who is bound, or for whom the service account acts where it may.
    fn acting(&self, request: &Envelope<'_>) -> Standing {
        match proxied_name(request) {
            Some(name) if self.rules.grants > 0 => {
                Standing::As(String::from_utf8_lossy(name).into_owned())
            }
            _ => self.standing.clone(),
        }
    }

    /// A few entries, now and then with something between them, and the end.
    fn answer(&mut self, request: &Envelope<'_>, base: &str, reader: Standing) -> Vec<u8> {
        let (id, mut out) = (request.id, Vec::new());
        for _ in 0..self.dice.below(4) {
            Entry { dn: base.to_owned(), attributes: Vec::new() }.write(&mut out, id);
            if self.dice.once_in(10) {
                write_message(&mut out, id, Operation::IntermediateResponse.tag(), |_| {});
            }
            if self.dice.once_in(10) {
                write_message(&mut out, id, Operation::SearchResultReference.tag(), |out| {
                    ber::write_element(out, ber::OCTET_STRING, b"ldap://elsewhere.example.com/");
                });
            }
        }
        match cookie(request) {
            None => out.extend(result(id, Operation::SearchResultDone, ResultCode::SUCCESS)),
            Some(cookie) => out.extend(self.page(id, cookie, reader)),
        }
        out
    }

    /// The end of a page. A cookie is good on its own connection, for its own reader.
    fn page(&mut self, id: MessageId, cookie: Vec<u8>, reader: Standing) -> Vec<u8> {
        let left = match self.pages.remove(&cookie) {
            _ if cookie.is_empty() => 1 + self.dice.below(4),
            Some(pages) if pages.reader == reader => pages.left,
            Some(pages) => {
                self.breach(format!("{reader:?} goes on with the pages of {:?}", pages.reader));
                0
            }
            None => {
                self.breach(format!("{reader:?} brings a cookie of another connection"));
                0
            }
        };
        let mut next = Vec::new();
        if left > 1 {
            let number = self.rules.next_cookie.fetch_add(1, SeqCst);
            next.extend_from_slice(&number.to_be_bytes());
            self.pages.insert(next.clone(), Pages { reader, left: left - 1 });
        }
        let value = crate::support::pdu::page(0, &next);
        let control = Control { oid: oid::PAGED_RESULTS, critical: false, value: Some(&value) };
        let mut body = Vec::new();
        ber::write_nested(&mut body, Operation::SearchResultDone.tag(), |out| {
            LdapResult::new(ResultCode::SUCCESS, "").write_fields(out);
        });
        ber::write_nested(&mut body, 0xa0, |out| control.write(out));
        crate::support::pdu::message(i64::from(id.get()), &body)
    }

    async fn extended(&mut self, request: &Envelope<'_>) -> Option<()> {
        let extended = ExtendedRequest::decode(request.content).ok()?;
        if extended.name == oid::CANCEL {
            return self.cancel(request.id, extended.value?).await;
        }
        if extended.name != oid::WHO_AM_I {
            let refused = result(request.id, Operation::ExtendedResponse, ResultCode(2));
            return self.send(&refused).await;
        }
        if self.denies(request) {
            let denied = ResultCode::AUTHORIZATION_DENIED;
            return self.send(&result(request.id, Operation::ExtendedResponse, denied)).await;
        }
        let identity = match self.acting(request) {
            Standing::As(name) => format!("dn:{name}"),
            Standing::Never | Standing::Failed => String::new(),
        };
        let mut out = Vec::new();
        let done = LdapResult::new(ResultCode::SUCCESS, "");
        ExtendedResponse { result: done, name: None, value: Some(identity.as_bytes()) }
            .write(&mut out, request.id);
        self.send(&out).await
    }

    /// Cancel ends both (RFC 3909).
    async fn cancel(&mut self, id: MessageId, value: &[u8]) -> Option<()> {
        let mut fields = ber::Reader::new(ber::Reader::new(value).expect(ber::SEQUENCE).ok()?);
        let target = MessageId::new(fields.integer().ok()?)?;
        let mut out = Vec::new();
        let code = match self.held.iter().position(|(held, _)| *held == target) {
            Some(at) => {
                self.held.remove(at);
                let done = Operation::SearchResultDone;
                out.extend(result(target, done, ResultCode::CANCELED));
                ResultCode::SUCCESS
            }
            None => ResultCode::NO_SUCH_OPERATION,
        };
        out.extend(result(id, Operation::ExtendedResponse, code));
        self.send(&out).await
    }

    /// What was abandoned is forgotten, or answered late all the same.
    fn abandon(&mut self, content: &[u8]) {
        let id = ber::integer(content).ok().and_then(MessageId::new);
        let Some(at) = self.held.iter().position(|(held, _)| Some(*held) == id) else {
            return;
        };
        let (_, answer) = self.held.remove(at);
        if self.dice.once_in(2) {
            self.late.extend(answer);
        }
    }

    async fn flush(&mut self) -> Option<()> {
        let mut answers = std::mem::take(&mut self.held);
        if self.dice.once_in(2) {
            answers.reverse();
        }
        let mut bytes = std::mem::take(&mut self.late);
        bytes.extend(answers.into_iter().flat_map(|(_, answer)| answer));
        self.send(&bytes).await
    }

    /// Sends, now and then in two pieces, and now and then not to the end.
    async fn send(&mut self, bytes: &[u8]) -> Option<()> {
        if self.rules.behaves.load(SeqCst) || !self.dice.once_in(4) {
            return self.wire.send(bytes).await;
        }
        let (first, second) = bytes.split_at(self.dice.below(bytes.len() as u64) as usize);
        self.wire.send(first).await?;
        self.dice.dawdle(8).await;
        if self.dice.once_in(100) {
            return None;
        }
        self.wire.send(second).await
    }

    fn happens(&mut self, times: u64) -> bool {
        self.dice.once_in(times) && !self.rules.behaves.load(SeqCst)
    }

    /// Ends the connection, with a notice or in silence.
    async fn break_off(&mut self) -> Option<()> {
        if self.dice.once_in(2) {
            let mut notice = Vec::new();
            LdapResult::new(ResultCode::UNAVAILABLE, "").write_notice(&mut notice);
            self.wire.send(&notice).await?;
        }
        None
    }

    fn breach(&self, text: String) {
        self.rules.tally.breach(format!("directory: {text}"));
    }
}

/// For whom a request is done by proxied authorisation.
fn proxied_name<'a>(request: &Envelope<'a>) -> Option<&'a [u8]> {
    let controls = Control::decode_all(request.controls?, 8).ok()?;
    let proxied = controls.iter().find(|control| control.oid == oid::PROXIED_AUTHORISATION)?;
    proxied.value?.strip_prefix(b"dn:")
}

async fn rest(turns: u64) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

/// What the gateway's service account finds: a user of that name, and no groups.
fn look_up(id: MessageId, base: &str) -> Vec<u8> {
    let mut out = Vec::new();
    if base != GROUPS && !base.is_empty() {
        let uid = base.split([',', '=']).nth(1).unwrap_or(base);
        let number = uid.bytes().fold(7u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
        let uuid = format!("00000000-0000-4000-8000-{:012x}", number & 0xffff_ffff_ffff);
        let attribute = |name: &str, value: &str| Attribute {
            name: name.to_owned(),
            values: vec![value.as_bytes().to_vec()],
        };
        let attributes = vec![
            attribute("objectClass", "inetOrgPerson"),
            attribute("uid", uid),
            attribute("cn", uid),
            attribute("entryUUID", &uuid),
        ];
        Entry { dn: base.to_owned(), attributes }.write(&mut out, id);
    }
    out.extend(result(id, Operation::SearchResultDone, ResultCode::SUCCESS));
    out
}

fn result(id: MessageId, operation: Operation, code: ResultCode) -> Vec<u8> {
    let mut out = Vec::new();
    LdapResult::new(code, "").write(&mut out, id, operation);
    out
}
