//! A directory's end of a follower's connection, and a follower that leads to it.

use crate::support::pdu::{self, Control, nested};
use bindgate::app::events::Event;
use bindgate::app::ports::{Events, Replica};
use bindgate::domain::membership::graph::ClosureLimits;
use bindgate::domain::membership::{MemberAttribute, MemberKey};
use bindgate::domain::observation::Observed;
use bindgate::domain::policy::{DirectoryPolicy, Flatten, GroupPolicy, ReplicaPolicy, Resolve};
use bindgate::proto::ber::{
    self, BOOLEAN, ENUMERATED, OCTET_STRING, Reader, SEQUENCE, SET, write_boolean, write_element,
    write_integer, write_nested,
};
use bindgate::proto::control::Control as Read;
use bindgate::proto::dn::DistinguishedName;
use bindgate::proto::envelope::Envelope;
use bindgate::proto::filter::Filter;
use bindgate::proto::framing::{Frame, frame};
use bindgate::proto::op::Operation;
use bindgate::proto::paged::Page;
use bindgate::proto::result::{LdapResult, ResultCode};
use bindgate::proto::search::{Attribute, Entry};
use bindgate::proto::sync::{EntryUuid, State};
use bindgate::upstream::{
    Config, Directory, LiveCopy, ReplicaLimits, Scheme, SecretSource, ServerChoice, ServerUrl,
    TlsConfig,
};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// What ends a test that hangs.
const BOUND: Duration = Duration::from_secs(20);
/// The user that groups hold.
const USER: &str = "uid=ann,dc=x";
/// The id of the groups' base.
const BASE: &str = "ffffffff-ffff-4fff-8fff-ffffffffffff";
const REQUEST: &str = "1.3.6.1.4.1.4203.1.9.1.1";
const STATE: &str = "1.3.6.1.4.1.4203.1.9.1.2";
const ENTRY_CHANGE: &str = "2.16.840.1.113730.3.4.7";
const INFO: &[u8] = b"1.3.6.1.4.1.4203.1.9.1.4";

/// The entry's id of a group of that number.
pub(crate) fn uuid(number: u8) -> EntryUuid {
    [number; 16]
}

/// A directory that the test plays, and the copy of it.
pub(crate) struct Stage {
    listener: TcpListener,
    pub(crate) copy: LiveCopy,
    follower: AbortHandle,
}

/// One connection of the follower.
pub(crate) struct Peer {
    tcp: TcpStream,
    buffer: Vec<u8>,
    /// The messageID of the synchronisation that was asked for last.
    id: i64,
}

/// What a follower asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A synchronisation from a cookie.
    Sync(Option<String>),
    /// That a synchronisation be given up.
    Abandon(i64),
}

#[derive(Clone)]
struct Deaf;

impl Events for Deaf {
    fn emit(&self, _: &Event<'_>) {}
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with_limits(|_| {}).await
    }

    pub(crate) async fn with_limits(change: impl FnOnce(&mut ReplicaLimits)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = config(listener.local_addr().unwrap().port());
        let mut limits = ReplicaLimits {
            message: 1 << 20,
            patience: BOUND,
            longest_pause: Duration::from_millis(200),
            names: 1000,
        };
        change(&mut limits);
        let copy = LiveCopy::new(Arc::new(policy()), ReplicaPolicy::Groups, limits, None);
        let directory = Directory::new(&config, 1, Deaf).unwrap();
        let follower = tokio::spawn(directory.follow(copy.clone())).abort_handle();
        Self { listener, copy, follower }
    }

    /// The next connection, with its bind and the questions for the root DSE and the base answered.
    pub(crate) async fn accept(&self) -> Peer {
        let mut peer = bounded(self.accept_bound()).await;
        let root = peer.message().await.unwrap();
        let attributes =
            [("supportedControl", REQUEST), ("namingContexts", "dc=x"), ("namingContexts", "dc=y")];
        peer.send(&pdu::message(id_of(&root), &entry("", &attributes))).await;
        peer.result(id_of(&root), Operation::SearchResultDone, ResultCode::SUCCESS).await;
        let base = peer.message().await.unwrap();
        let shown = entry("ou=groups,dc=x", &[("entryUUID", BASE)]);
        peer.send(&pdu::message(id_of(&base), &shown)).await;
        peer.result(id_of(&base), Operation::SearchResultDone, ResultCode::SUCCESS).await;
        peer
    }

    /// The next connection, with its bind answered.
    pub(crate) async fn accept_bound(&self) -> Peer {
        let (tcp, _) = self.listener.accept().await.unwrap();
        let mut peer = Peer { tcp, buffer: Vec::new(), id: 0 };
        let bind = peer.message().await.unwrap();
        peer.result(id_of(&bind), Operation::BindResponse, ResultCode::SUCCESS).await;
        peer
    }

    /// The next connection, and the cookie that it asks from.
    pub(crate) async fn accept_from(&self, cookie: Option<&str>) -> Peer {
        let mut peer = self.accept().await;
        assert_eq!(peer.asked().await, Asked::Sync(cookie.map(str::to_owned)));
        peer
    }

    /// The numbers of the groups that hold the user, as the copy has them, readable or not.
    pub(crate) fn groups(&self) -> Vec<u8> {
        self.groups_of(USER)
    }

    /// The same of whoever is known by that name.
    pub(crate) fn groups_of(&self, name: &str) -> Vec<u8> {
        let user = DistinguishedName::parse(name).unwrap();
        let keys = [MemberKey::Dn(user.normalized().clone())];
        let limits = ClosureLimits { max_depth: 10, max_groups: 1000 };
        let closure = self.copy.read(|graph| graph.closure(&keys, limits));
        let Observed::Known(closure) = closure else { panic!("the closure is not known") };
        let names = closure.values().map(|seen| seen.group.name[1..].parse().unwrap());
        let mut numbers: Vec<u8> = names.collect();
        numbers.sort_unstable();
        numbers
    }

    /// Waits until the copy may be read.
    pub(crate) async fn covered(&self) {
        self.until(|copy| copy.coverage().is_some()).await;
    }

    /// Waits until something is so of the copy.
    pub(crate) async fn until(&self, is_so: impl Fn(&LiveCopy) -> bool) {
        let all = async {
            while !is_so(&self.copy) {
                tokio::task::yield_now().await;
            }
        };
        bounded(all).await;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl Peer {
    /// What is asked next; `None` at the end.
    async fn message(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Frame::Whole(length) = frame(&self.buffer, 1 << 20).unwrap() {
                return Some(self.buffer.drain(..length).collect());
            }
            if bounded(self.tcp.read_buf(&mut self.buffer)).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The same; without a bound, since it may be that nothing is asked.
    pub(crate) async fn message_now(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Frame::Whole(length) = frame(&self.buffer, 1 << 20).unwrap() {
                return Some(self.buffer.drain(..length).collect());
            }
            if self.tcp.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// Shows an entry.
    pub(crate) async fn show(&mut self, id: i64, entry: &Entry) {
        let mut out = Vec::new();
        entry.write(&mut out, bindgate::proto::envelope::MessageId::new(id).unwrap());
        self.send(&out).await;
    }

    /// Shows an entry of a search that goes on, with what has happened to it.
    pub(crate) async fn show_change(&mut self, id: i64, shown: &Entry, change: i64) {
        let body = nested(Operation::SearchResultEntry.tag(), |out| {
            write_element(out, OCTET_STRING, shown.dn.as_bytes());
            write_nested(out, SEQUENCE, |out| {
                for attribute in &shown.attributes {
                    write_nested(out, SEQUENCE, |out| {
                        write_element(out, OCTET_STRING, attribute.name.as_bytes());
                        write_nested(out, SET, |out| {
                            attribute
                                .values
                                .iter()
                                .for_each(|v| write_element(out, OCTET_STRING, v));
                        });
                    });
                }
            });
        });
        let value = nested(SEQUENCE, |out| write_integer(out, ENUMERATED, change));
        let control = Control { oid: ENTRY_CHANGE, critical: false, value: Some(&value) };
        self.send(&pdu::message(id, &pdu::with_controls(body, &[control]))).await;
    }

    /// Says that a part of an answer lies elsewhere.
    pub(crate) async fn refer(&mut self, id: i64) {
        let body = nested(Operation::SearchResultReference.tag(), |out| {
            write_element(out, OCTET_STRING, b"ldap://elsewhere");
        });
        self.send(&pdu::message(id, &body)).await;
    }

    /// Ends an answer, of which there is more behind a cookie, or not.
    pub(crate) async fn end(&mut self, id: i64, code: u32, cookie: Option<Vec<u8>>) {
        let result = nested(Operation::SearchResultDone.tag(), |out| {
            write_integer(out, ENUMERATED, i64::from(code));
            write_element(out, OCTET_STRING, b"");
            write_element(out, OCTET_STRING, b"");
        });
        let value = cookie.map(|cookie| Page { size: 0, cookie: &cookie }.encode());
        let page = value.as_deref().map(|value| Control {
            oid: "1.2.840.113556.1.4.319",
            critical: false,
            value: Some(value),
        });
        let body = match page {
            Some(page) => pdu::with_controls(result, &[page]),
            None => result,
        };
        self.send(&pdu::message(id, &body)).await;
    }

    /// What the follower asks for next.
    pub(crate) async fn asked(&mut self) -> Asked {
        let message = self.message().await.expect("the follower asks");
        let envelope = Envelope::parse(&message).unwrap();
        if envelope.operation == Operation::AbandonRequest {
            return Asked::Abandon(ber::integer(envelope.content).unwrap());
        }
        assert_eq!(envelope.operation, Operation::SearchRequest);
        self.id = i64::from(envelope.id.get());
        let controls = Read::decode_all(envelope.controls.unwrap(), 4).unwrap();
        let control = controls.iter().find(|control| control.oid == REQUEST.as_bytes()).unwrap();
        assert!(control.critical);
        let mut fields = Reader::new(Reader::new(control.value.unwrap()).expect(SEQUENCE).unwrap());
        assert_eq!(fields.enumerated(), Ok(3), "refreshAndPersist");
        let cookie = fields.optional(OCTET_STRING).unwrap();
        let text = |cookie: ber::Element<'_>| String::from_utf8(cookie.content.to_vec()).unwrap();
        Asked::Sync(cookie.map(text))
    }

    /// The messageID of the synchronisation.
    pub(crate) fn id(&self) -> i64 {
        self.id
    }

    /// Whether the follower has left.
    pub(crate) async fn is_left(&mut self) -> bool {
        // An unbind may come first.
        while self.message().await.is_some() {}
        true
    }

    /// Tells of a group that holds the user.
    pub(crate) async fn put(&mut self, number: u8, cookie: Option<&str>) {
        self.put_under(self.id, number, cookie).await;
    }

    /// Tells of a group under another messageID.
    pub(crate) async fn put_under(&mut self, id: i64, number: u8, cookie: Option<&str>) {
        let name = format!("g{number}");
        let attributes = [("objectClass", "groupOfNames"), ("cn", &name), ("member", USER)];
        let entry = entry(&format!("cn={name},ou=groups,dc=x"), &attributes);
        self.tell(id, entry, State::Add, number, cookie).await;
    }

    /// Tells that a group is there or gone.
    pub(crate) async fn say(&mut self, state: State, number: u8, cookie: Option<&str>) {
        let entry = entry(&format!("cn=g{number},ou=groups,dc=x"), &[]);
        self.tell(self.id, entry, state, number, cookie).await;
    }

    async fn tell(
        &mut self,
        id: i64,
        entry: Vec<u8>,
        state: State,
        number: u8,
        cookie: Option<&str>,
    ) {
        let state = match state {
            State::Present => 0,
            State::Add => 1,
            State::Modify => 2,
            State::Delete => 3,
        };
        let value = nested(SEQUENCE, |out| {
            write_integer(out, ENUMERATED, state);
            write_element(out, OCTET_STRING, &uuid(number));
            write_cookie(out, cookie);
        });
        let control = Control { oid: STATE, critical: false, value: Some(&value) };
        self.send(&pdu::message(id, &pdu::with_controls(entry, &[control]))).await;
    }

    /// Tells of many groups at once that they are there, or gone.
    pub(crate) async fn set(&mut self, are_deleted: bool, numbers: &[u8], cookie: Option<&str>) {
        let value = nested(0xa3, |out| {
            write_cookie(out, cookie);
            write_boolean(out, BOOLEAN, are_deleted);
            write_nested(out, SET, |out| {
                for number in numbers {
                    write_element(out, OCTET_STRING, &uuid(*number));
                }
            });
        });
        self.info(&value).await;
    }

    /// Ends a phase of the refresh, and perhaps the refresh.
    pub(crate) async fn refreshed(&mut self, by_deletes: bool, done: bool, cookie: Option<&str>) {
        let value = nested(if by_deletes { 0xa1 } else { 0xa2 }, |out| {
            write_cookie(out, cookie);
            write_boolean(out, BOOLEAN, done);
        });
        self.info(&value).await;
    }

    /// Tells a cookie.
    pub(crate) async fn cookie(&mut self, cookie: &str) {
        let value = nested(0x80, |out| out.extend_from_slice(cookie.as_bytes()));
        self.info(&value).await;
    }

    async fn info(&mut self, value: &[u8]) {
        let body = nested(Operation::IntermediateResponse.tag(), |out| {
            write_element(out, 0x80, INFO);
            write_element(out, 0x81, value);
        });
        self.send(&pdu::message(self.id, &body)).await;
    }

    /// Ends the synchronisation.
    pub(crate) async fn done(&mut self, code: u32) {
        self.result(self.id, Operation::SearchResultDone, ResultCode(code)).await;
    }

    async fn result(&mut self, id: i64, operation: Operation, code: ResultCode) {
        let mut out = Vec::new();
        let id = bindgate::proto::envelope::MessageId::new(id).unwrap();
        LdapResult::new(code, "").write(&mut out, id, operation);
        self.send(&out).await;
    }

    /// Sends bytes; a follower that is gone already is fine.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.tcp.write_all(bytes).await;
    }
}

fn id_of(message: &[u8]) -> i64 {
    i64::from(Envelope::parse(message).unwrap().id.get())
}

fn write_cookie(out: &mut Vec<u8>, cookie: Option<&str>) {
    cookie.into_iter().for_each(|cookie| write_element(out, OCTET_STRING, cookie.as_bytes()));
}

/// A SearchResultEntry without its envelope.
fn entry(dn: &str, attributes: &[(&str, &str)]) -> Vec<u8> {
    let attributes = attributes.iter().map(|(name, value)| Attribute {
        name: (*name).to_owned(),
        values: vec![value.as_bytes().to_vec()],
    });
    let entry = Entry { dn: dn.to_owned(), attributes: attributes.collect() };
    let mut out = Vec::new();
    entry.write(&mut out, bindgate::proto::envelope::MessageId::new(1).unwrap());
    let content = Envelope::parse(&out).unwrap().content.to_vec();
    nested(Operation::SearchResultEntry.tag(), |out| out.extend_from_slice(&content))
}

/// The outcome, or a failed test instead of a hang.
pub(crate) async fn bounded<F: Future>(future: F) -> F::Output {
    timeout(BOUND, future).await.expect("it hangs")
}

fn policy() -> DirectoryPolicy {
    let dn = |text: &str| DistinguishedName::parse(text).unwrap();
    let groups = GroupPolicy {
        base: dn("ou=groups,dc=x"),
        filter: Filter::parse("(objectClass=groupOfNames)").unwrap(),
        member_attributes: vec![MemberAttribute::new("member")],
        name_attribute: "cn".to_owned(),
        max_depth: 10,
        max_groups_per_user: 1000,
        max_filter_size: 1 << 16,
        flatten: Flatten::Ancestors,
        resolve: Resolve::Auto,
        canary: None,
        replica: Some(ReplicaPolicy::Groups),
        max_replica_pause: BOUND,
        max_replica_names: 1000,
        max_kept_lookups: 0,
    };
    DirectoryPolicy {
        name: "corp".into(),
        suffixes: vec![dn("dc=x")],
        is_default: true,
        service_account: dn("cn=gateway"),
        groups: Some(groups),
        user_types: Vec::new(),
    }
}

fn config(port: u16) -> Config {
    Config {
        name: "corp".to_owned(),
        urls: vec![ServerUrl { scheme: Scheme::Ldap, host: "127.0.0.1".to_owned(), port }],
        server_choice: ServerChoice::First,
        tls: TlsConfig::default(),
        service_dn: "cn=gateway".to_owned(),
        // Any variable that is set and not empty is as good as a password.
        service_password: SecretSource::Environment("PATH".to_owned()),
        max_connections: 2,
        max_connecting: 2,
        min_connections: 0,
        max_ahead: 0,
        max_binding: 1024,
        anonymous_share: 100,
        max_waiting: 2,
        max_waiting_per_source: 1000,
        queue_timeout: BOUND,
        max_outstanding_upstream: 8,
        max_outstanding_anonymous: 4,
        max_shared_connections: 2,
        max_connections_apart: 2,
        max_inbox: 1 << 16,
        inbox_timeout: BOUND,
        proxied_authorisation: true,
        connect_timeout: BOUND,
        bind_timeout: BOUND,
        search_timeout: BOUND,
        max_message_size: 1 << 16,
        max_lookup_entries: 3,
        idle_timeout: BOUND,
    }
}
