//! The sample directory as its clients see it: the `ldap3` crate, OpenLDAP's tools, and bytes that
//! no honest client would send.
//!
//! Goal: what the demo and the scripted tests stand on is a directory that other people's clients
//! take for one. Method: every test has a server of its own on a free port of 127.0.0.1, which
//! ends with the test.

use bindgate::proto::envelope::{Envelope, MessageId};
use bindgate::proto::extended::ExtendedResponse;
use bindgate::proto::framing::{Frame, frame};
use bindgate::proto::oid;
use bindgate::proto::op::Operation;
use bindgate::proto::result::ResultCode;
use bindgate::sample::{
    DEMO_LDIF, DEMO_PEOPLE, DEMO_SERVICE_DN, DEMO_SERVICE_PASSWORD, DEMO_SUFFIX, Directory, Limits,
    Misbehaviour, Script, Server, Turn,
};
use ldap3::exop::{WhoAmI, WhoAmIResp};
use ldap3::{Ldap, LdapConnAsync, Mod, Scope, SearchEntry, SearchOptions};
use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
const ANN_PASSWORD: &str = "ann-demo";
const PLATFORM: &str = "cn=platform,ou=groups,dc=example,dc=com";
const PEOPLE: &str = "ou=people,dc=example,dc=com";
/// How long a test waits for bytes before it fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that ends when it is dropped.
struct Sample {
    address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sample {
    fn demo() -> Self {
        Self::start(|server| server)
    }

    fn scripted(script: Script) -> Self {
        Self::start(|server| server.scripted(Arc::new(script)))
    }

    fn start(configure: impl FnOnce(Server) -> Server) -> Self {
        let directory = Directory::parse(DEMO_LDIF).expect("the demo's ldif is well formed");
        let server = configure(Server::new(Arc::new(directory)));
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        socket.set_nonblocking(true).expect("sockets can be non-blocking");
        let address = socket.local_addr().expect("it is bound");
        let (shutdown, asked) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(async {
                let listener = TcpListener::from_std(socket).expect("the socket is fit for tokio");
                server.serve(listener, async { drop(asked.await) }).await;
            });
        });
        Self { address, shutdown: Some(shutdown), thread: Some(thread) }
    }

    fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    async fn client(&self) -> Ldap {
        let (connection, ldap) = LdapConnAsync::new(&self.url()).await.expect("it listens");
        ldap3::drive!(connection);
        ldap
    }

    async fn client_as(&self, dn: &str, password: &str) -> Ldap {
        let mut ldap = self.client().await;
        let result = ldap.simple_bind(dn, password).await.expect("it answers");
        assert_eq!(result.rc, 0, "{dn}");
        ldap
    }

    fn stop(&mut self) {
        drop(self.shutdown.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        drop(self.shutdown.take());
        // A panic of the server is reported by the test that stops it.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// A client that sends whatever bytes it is told to.
struct Raw(TcpStream);

impl Raw {
    fn connect(sample: &Sample) -> Self {
        let stream = TcpStream::connect(sample.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        Self(stream)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the server reads");
    }

    /// Everything that comes until the server closes.
    fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).expect("the server closes in time");
        bytes
    }

    #[track_caller]
    fn expect_notice(&mut self, code: ResultCode) {
        let bytes = self.rest();
        assert_eq!(frame(&bytes, 1000), Ok(Frame::Whole(bytes.len())), "one message, no more");
        let envelope = Envelope::parse(&bytes).expect("it is a message");
        assert_eq!(envelope.id, MessageId::UNSOLICITED);
        let notice = ExtendedResponse::decode(envelope.content).expect("it is a response");
        assert_eq!(notice.name, Some(oid::NOTICE_OF_DISCONNECTION));
        assert_eq!(notice.result.code, code);
    }
}

/// Runs one of OpenLDAP's tools and returns its exit code and what it wrote.
fn tool(name: &str, sample: &Sample, arguments: &[&str], input: &str) -> (i32, String) {
    let mut command = Command::new(name);
    command.args(["-x", "-H", &sample.url()]).args(arguments).env("LDAPNOINIT", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!("{name} cannot be started ({error}): apt-get install ldap-utils")
    });
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("the tool reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("the tool ends");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

async fn names(ldap: &mut Ldap, base: &str, scope: Scope, filter: &str) -> Vec<String> {
    let found = ldap.search(base, scope, filter, vec!["1.1"]).await.expect("it answers");
    let (entries, _) = found.success().expect("the search succeeds");
    entries.into_iter().map(|entry| SearchEntry::construct(entry).dn).collect()
}

#[tokio::test]
async fn a_bind_succeeds_with_the_right_password_alone() {
    let sample = Sample::demo();
    let mut ldap = sample.client().await;
    for (dn, password, expected) in [
        (ANN, ANN_PASSWORD, 0),
        ("UID=Ann, OU=People,dc=example,dc=com", ANN_PASSWORD, 0),
        (DEMO_SERVICE_DN, DEMO_SERVICE_PASSWORD, 0),
        ("", "", 0),
        (ANN, "ann-demO", 49),
        (ANN, "ann-dem", 49),
        ("uid=nobody,ou=people,dc=example,dc=com", "x", 49),
        (PEOPLE, "x", 49),
        ("", "x", 49),
        (ANN, "", 53),
        ("not a name", "x", 34),
    ] {
        let result = ldap.simple_bind(dn, password).await.expect("it answers");
        assert_eq!(result.rc, expected, "{dn:?}");
    }
}

#[tokio::test]
async fn the_people_that_the_demo_names_can_sign_on() {
    let sample = Sample::demo();
    for (name, password) in DEMO_PEOPLE {
        sample.client_as(&format!("uid={name},ou=people,{DEMO_SUFFIX}"), password).await;
    }
}

#[tokio::test]
async fn a_failed_bind_leaves_the_session_anonymous() {
    let sample = Sample::demo();
    let mut ldap = sample.client_as(ANN, ANN_PASSWORD).await;
    assert_eq!(who_am_i(&mut ldap).await, format!("dn:{ANN}"));
    assert_eq!(ldap.simple_bind(ANN, "wrong").await.expect("it answers").rc, 49);
    assert_eq!(who_am_i(&mut ldap).await, "");
}

async fn who_am_i(ldap: &mut Ldap) -> String {
    let answer = ldap.extended(WhoAmI).await.expect("it answers");
    let (exop, _) = answer.success().expect("the server knows the operation");
    // The crate does not parse an identity of no bytes.
    let anonymous = exop.val.as_deref().is_none_or(<[u8]>::is_empty);
    if anonymous { String::new() } else { exop.parse::<WhoAmIResp>().authzid }
}

#[tokio::test]
async fn a_search_looks_where_its_scope_says() {
    let sample = Sample::demo();
    let mut ldap = sample.client_as(DEMO_SERVICE_DN, DEMO_SERVICE_PASSWORD).await;
    let all = names(&mut ldap, DEMO_SUFFIX, Scope::Subtree, "(objectClass=*)").await;
    let below = names(&mut ldap, DEMO_SUFFIX, Scope::OneLevel, "(objectClass=*)").await;
    let base = names(&mut ldap, DEMO_SUFFIX, Scope::Base, "(objectClass=*)").await;
    assert!(all.len() > 20, "{all:?}");
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    assert_eq!(below, [DEMO_SERVICE_DN, PEOPLE, "ou=groups,dc=example,dc=com"]);
    assert_eq!(base, [DEMO_SUFFIX]);
}

#[tokio::test]
async fn groups_are_found_by_their_member() {
    let sample = Sample::demo();
    let mut ldap = sample.client_as(DEMO_SERVICE_DN, DEMO_SERVICE_PASSWORD).await;
    let filter = format!("(|(member={PLATFORM})(member=UID=ANN,ou=people,dc=example,dc=com))");
    let mut found = names(&mut ldap, DEMO_SUFFIX, Scope::Subtree, &filter).await;
    found.sort();
    let group = |name: &str| format!("cn={name},ou=groups,dc=example,dc=com");
    let expected = ["engineering", "incident-response", "platform", "wiki-editors"].map(group);
    assert_eq!(found, expected);
}

#[tokio::test]
async fn operational_attributes_and_passwords_are_not_returned_unasked() {
    let sample = Sample::demo();
    let mut ldap = sample.client_as(DEMO_SERVICE_DN, DEMO_SERVICE_PASSWORD).await;
    for (asked, uuid, mail) in [
        (vec!["*"], false, true),
        (vec![], false, true),
        (vec!["+"], true, false),
        (vec!["*", "+", "userPassword"], true, true),
        (vec!["entryuuid"], true, false),
        (vec!["1.1"], false, false),
    ] {
        let found = ldap.search(ANN, Scope::Base, "(objectClass=*)", asked.clone()).await;
        let (mut entries, _) = found.expect("it answers").success().expect("ann is there");
        let entry = SearchEntry::construct(entries.remove(0));
        assert_eq!(entry.attrs.contains_key("entryUUID"), uuid, "{asked:?}");
        assert_eq!(entry.attrs.contains_key("mail"), mail, "{asked:?}");
        assert!(!entry.attrs.contains_key("userPassword"), "{asked:?}");
    }
    let guess = format!("(userPassword={ANN_PASSWORD})");
    assert!(names(&mut ldap, DEMO_SUFFIX, Scope::Subtree, &guess).await.is_empty());
}

#[tokio::test]
async fn an_entry_uuid_is_the_same_in_every_run_and_different_for_every_entry() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let sample = Sample::demo();
        let mut ldap = sample.client().await;
        let found =
            ldap.search(DEMO_SUFFIX, Scope::Subtree, "(entryUUID=*)", vec!["entryUUID"]).await;
        let (entries, _) = found.expect("it answers").success().expect("the search succeeds");
        let uuid = |entry| SearchEntry::construct(entry).attrs["entryUUID"][0].clone();
        runs.push(entries.into_iter().map(uuid).collect::<Vec<String>>());
    }
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[0].iter().collect::<HashSet<_>>().len(), runs[0].len());
}

#[tokio::test]
async fn a_search_that_hits_a_size_limit_says_so() {
    for (asked, ours, expected) in [(3, 100, (3, 4)), (0, 3, (3, 4)), (5, 3, (3, 4))] {
        let limits = Limits { entries: ours, ..Limits::default() };
        let sample = Sample::start(|server| server.limited(limits));
        let mut ldap = sample.client().await;
        ldap.with_search_options(SearchOptions::new().sizelimit(asked));
        let found = ldap.search(DEMO_SUFFIX, Scope::Subtree, "(uid=*)", vec!["uid"]).await;
        let found = found.expect("it answers");
        assert_eq!((found.0.len(), found.1.rc), expected, "{asked} {ours}");
    }
}

#[tokio::test]
async fn a_missing_base_is_answered_with_what_was_found_on_the_way() {
    let sample = Sample::demo();
    let mut ldap = sample.client().await;
    for (base, matched) in [
        ("uid=x,uid=y,ou=people,dc=example,dc=com", PEOPLE),
        ("ou=x,dc=example,dc=com", DEMO_SUFFIX),
        ("dc=com", ""),
    ] {
        let found = ldap.search(base, Scope::Subtree, "(uid=*)", vec!["uid"]).await;
        let result = found.expect("it answers").1;
        assert_eq!((result.rc, result.matched.as_str()), (32, matched), "{base}");
    }
}

#[tokio::test]
async fn the_root_dse_says_what_the_server_is() {
    let sample = Sample::demo();
    let mut ldap = sample.client().await;
    let found = ldap.search("", Scope::Base, "(objectClass=*)", vec!["*", "+"]).await;
    let (mut entries, _) = found.expect("it answers").success().expect("there is a root dse");
    let dse = SearchEntry::construct(entries.remove(0)).attrs;
    assert_eq!(dse["namingContexts"], [DEMO_SUFFIX]);
    assert_eq!(dse["supportedLDAPVersion"], ["3"]);
    assert!(dse.contains_key("vendorName"));
}

#[tokio::test]
async fn a_compare_tells_true_from_false_from_absent() {
    let sample = Sample::demo();
    let mut ldap = sample.client_as(ANN, ANN_PASSWORD).await;
    for (dn, attribute, value, expected) in [
        (PLATFORM, "member", "uid=ann, ou=People,dc=example,dc=com", 6),
        (PLATFORM, "member", "uid=bob,ou=people,dc=example,dc=com", 5),
        (ANN, "mail", "ANN@example.com", 6),
        (ANN, "memberOf", PLATFORM, 16),
        (ANN, "userPassword", ANN_PASSWORD, 16),
        ("uid=x,ou=people,dc=example,dc=com", "mail", "x", 32),
    ] {
        let result = ldap.compare(dn, attribute, value).await.expect("it answers").0;
        assert_eq!(result.rc, expected, "{dn} {attribute} {value}");
    }
}

#[tokio::test]
async fn member_can_be_changed_and_nothing_else() {
    let sample = Sample::demo();
    let mut ldap = sample.client_as(DEMO_SERVICE_DN, DEMO_SERVICE_PASSWORD).await;
    let bob = "uid=bob,ou=people,dc=example,dc=com";
    let set = |values: &[&'static str]| values.iter().copied().collect::<HashSet<_>>();
    for (change, expected, members) in [
        (Mod::Delete("member", set(&[ANN])), 0, 1),
        (Mod::Delete("member", set(&[ANN])), 16, 1),
        (Mod::Add("member", set(&[ANN, bob])), 0, 3),
        (Mod::Add("member", set(&[ANN])), 20, 3),
        (Mod::Add("member", set(&["no name"])), 21, 3),
        (Mod::Replace("member", set(&[bob])), 0, 1),
        (Mod::Delete("MEMBER", set(&[])), 0, 0),
        (Mod::Delete("member", set(&[])), 16, 0),
        (Mod::Replace("cn", set(&["x"])), 53, 0),
    ] {
        let what = format!("{change:?}");
        let result = ldap.modify(PLATFORM, vec![change]).await.expect("it answers");
        assert_eq!(result.rc, expected, "{what}");
        let found = ldap.search(PLATFORM, Scope::Base, "(cn=*)", vec!["member"]).await;
        let (mut entries, _) = found.expect("it answers").success().expect("it is there");
        let entry = SearchEntry::construct(entries.remove(0));
        assert_eq!(entry.attrs.get("member").map_or(0, Vec::len), members, "{what}");
    }
    let mixed = vec![Mod::Add("member", set(&[ANN])), Mod::Add("cn", set(&["x"]))];
    assert_eq!(ldap.modify(PLATFORM, mixed).await.expect("it answers").rc, 53);
    let anns = names(&mut ldap, PLATFORM, Scope::Base, &format!("(member={ANN})")).await;
    assert!(anns.is_empty(), "a change that is refused in part is not done at all");
}

#[tokio::test]
async fn an_anonymous_client_changes_nothing() {
    let sample = Sample::demo();
    let mut ldap = sample.client().await;
    let change = vec![Mod::Delete("member", HashSet::from([ANN]))];
    assert_eq!(ldap.modify(PLATFORM, change).await.expect("it answers").rc, 8);
}

#[tokio::test]
async fn what_the_directory_does_not_do_is_refused_and_the_connection_goes_on() {
    let sample = Sample::demo();
    let mut ldap = sample.client_as(ANN, ANN_PASSWORD).await;
    assert_eq!(ldap.delete(PLATFORM).await.expect("it answers").rc, 53);
    let unknown = ldap3::exop::Exop { name: Some("1.2.3.4".to_owned()), val: None };
    assert_eq!(ldap.extended(unknown).await.expect("it answers").1.rc, 2);
    let critical =
        ldap3::controls::RawControl { ctype: "1.2.3.4".to_owned(), crit: true, val: None };
    ldap.with_controls(critical);
    let found = ldap.search(ANN, Scope::Base, "(uid=*)", vec!["uid"]).await;
    assert_eq!(found.expect("it answers").1.rc, 12);
    assert_eq!(who_am_i(&mut ldap).await, format!("dn:{ANN}"));
}

#[test]
fn openldap_s_tools_sign_on_search_and_modify() {
    let sample = Sample::demo();
    let ann = ["-D", ANN, "-w", ANN_PASSWORD];
    let (code, text) = tool("ldapwhoami", &sample, &ann, "");
    assert_eq!((code, text.trim()), (0, format!("dn:{ANN}").as_str()));
    let (code, text) = tool("ldapwhoami", &sample, &["-D", ANN, "-w", "wrong"], "");
    assert_eq!(code, 49, "{text}");

    let filter = "(&(objectClass=groupOfNames)(member=uid=ann,ou=people,dc=example,dc=com))";
    let search = ["-LLL", "-o", "ldif-wrap=no", "-b", DEMO_SUFFIX, filter, "cn"];
    let (code, text) = tool("ldapsearch", &sample, &search, "");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("cn: platform\n") && text.contains("cn: wiki-editors\n"), "{text}");

    let change = format!("dn: {PLATFORM}\nchangetype: modify\ndelete: member\nmember: {ANN}\n");
    let (code, text) = tool("ldapmodify", &sample, &ann, &change);
    assert_eq!(code, 0, "{text}");
    let (_, text) = tool("ldapsearch", &sample, &search, "");
    assert!(!text.contains("cn: platform\n") && text.contains("cn: wiki-editors\n"), "{text}");
}

#[tokio::test]
async fn a_script_answers_the_nth_search_with_a_code() {
    let busy = Misbehaviour::Answer(ResultCode::BUSY);
    let sample = Sample::scripted(Script::new().on(Operation::SearchRequest, Turn::Only(2), busy));
    let mut ldap = sample.client().await;
    for expected in [0, 51, 0] {
        let found = ldap.search(ANN, Scope::Base, "(uid=*)", vec!["uid"]).await;
        assert_eq!(found.expect("it answers").1.rc, expected);
    }
}

#[tokio::test]
async fn a_script_cuts_a_search_short() {
    let timed_out = Misbehaviour::AnswerAfterEntries(2, ResultCode::TIME_LIMIT_EXCEEDED);
    let script = Script::new().on(Operation::SearchRequest, Turn::Only(1), timed_out).on(
        Operation::SearchRequest,
        Turn::Only(2),
        Misbehaviour::CloseAfterEntries(3),
    );
    let sample = Sample::scripted(script);
    let mut ldap = sample.client().await;
    let found = ldap.search(DEMO_SUFFIX, Scope::Subtree, "(uid=*)", vec!["uid"]).await;
    let found = found.expect("it answers");
    assert_eq!((found.0.len(), found.1.rc), (2, 3));
    let mut search = ldap
        .streaming_search(DEMO_SUFFIX, Scope::Subtree, "(uid=*)", vec!["uid"])
        .await
        .expect("the request goes out");
    for _ in 0..3 {
        assert!(search.next().await.expect("an entry arrives").is_some());
    }
    assert!(!matches!(search.next().await, Ok(Some(_))), "the connection is closed");
}

#[tokio::test]
async fn a_held_request_is_answered_once_it_is_released() {
    let gate = Arc::new(Semaphore::new(0));
    let hold = Misbehaviour::Hold(Arc::clone(&gate));
    let script = Arc::new(Script::new().on(Operation::BindRequest, Turn::Only(1), hold));
    let sample = Sample::start(|server| server.scripted(Arc::clone(&script)));
    let (mut held, mut free) = (sample.client().await, sample.client().await);
    let waiting = tokio::spawn(async move { held.simple_bind(ANN, ANN_PASSWORD).await });
    while script.seen(Operation::BindRequest) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(free.simple_bind(ANN, ANN_PASSWORD).await.expect("it answers").rc, 0);
    assert!(!waiting.is_finished());
    gate.add_permits(1);
    let answer = tokio::time::timeout(PATIENCE, waiting).await.expect("it is released in time");
    assert_eq!(answer.expect("it does not panic").expect("it answers").rc, 0);
}

#[test]
fn a_script_sends_garbage_or_hangs_up_in_place_of_an_answer() {
    let garbage = Misbehaviour::Garbage(b"\x04\x01x".to_vec());
    let script = Script::new().on(Operation::BindRequest, Turn::Only(1), garbage).on(
        Operation::BindRequest,
        Turn::Only(2),
        Misbehaviour::CloseAfterEntries(0),
    );
    let sample = Sample::scripted(script);
    let mut raw = Raw::connect(&sample);
    let anonymous_bind = [0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0];
    raw.send(&anonymous_bind);
    raw.send(&anonymous_bind);
    assert_eq!(raw.rest(), b"\x04\x01x");
}

#[test]
fn malformed_bytes_end_in_a_notice_of_disconnection() {
    let sample = Sample::demo();
    for bytes in [
        &b"GET / HTTP/1.0\r\n\r\n"[..],
        // An indefinite length, a sequence of nothing, and one that announces a gigabyte.
        &[0x30, 0x80],
        &[0x30, 0],
        &[0x30, 0x84, 0x40, 0, 0, 0],
        // Message id 0; an operation that nobody defined; a response; a bind of nothing.
        &[0x30, 12, 2, 1, 0, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0],
        &[0x30, 5, 2, 1, 1, 0x5e, 0],
        &[0x30, 12, 2, 1, 1, 0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0],
        &[0x30, 5, 2, 1, 1, 0x60, 0],
    ] {
        let mut raw = Raw::connect(&sample);
        // The first bytes may be refused while the last are on their way.
        raw.send(&bytes[..bytes.len().min(14)]);
        raw.expect_notice(ResultCode::PROTOCOL_ERROR);
    }
}

#[test]
fn one_connection_too_many_is_told_that_the_server_is_busy() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let sample = Sample::start(|server| server.limited(limits));
    let mut first = Raw::connect(&sample);
    // An answer shows that the first connection has its place.
    first.send(&[0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0]);
    first.0.read_exact(&mut [0; 14]).expect("it is answered");
    Raw::connect(&sample).expect_notice(ResultCode::BUSY);
}

#[test]
fn a_shutdown_is_announced_to_every_client() {
    let mut sample = Sample::demo();
    let mut raw = Raw::connect(&sample);
    raw.send(&[0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0]);
    raw.0.read_exact(&mut [0; 14]).expect("it is answered");
    sample.stop();
    raw.expect_notice(ResultCode::UNAVAILABLE);
}

#[track_caller]
fn check_refused(ldif: &str, expected: &str) {
    let error = Directory::parse(ldif).expect_err("it is refused");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_bad_ldif_is_refused_with_its_line() {
    check_refused("dn: cn=a\ncn: a\n\ndn: CN=A\ncn: a\n", "line 4: dn appears a second time");
    check_refused("dn: dc=a\ndc: a\n\ndn: cn=x,ou=b,dc=a\n", "line 4: entry has no parent");
    check_refused("\ndn: nonsense\n", "line 2: dn is not a distinguished name");
    check_refused("dn:\n", "line 1: dn is not a distinguished name");
}
