//! Each cause of Unknown, one by one (rule S3.3): memberships stay, and the record says why.
//!
//! Goal: nothing that cuts a walk short takes a membership away or gives one. Method: a directory
//! that the test plays holds a chain of three groups above ann. For each trouble the record is
//! brought up to date, the top of the chain is taken away, and the walk meets with the trouble on
//! its first or its third question; only without the trouble does the membership go.

mod support;

use bindgate::proto::filter::{Filter, FilterLimits};
use bindgate::proto::op::Operation;
use bindgate::proto::search::{Attribute, Entry, SearchRequest};
use serde_json::json;
use std::sync::{Arc, Mutex};
use support::gateway::Gateway;
use support::raw::Pdu;
use support::stand_in::{Seat, StandIn};
use support::tree::{self, GROUPS};

const ANN: &str = "uid=ann,ou=people,dc=example,dc=com";
/// The groups of the chain, the lowest first.
const CHAIN: [&str; 3] = ["one", "two", "three"];
/// Ann's upstream id, and the one of another who has her name.
const IDS: [&str; 2] =
    ["00000000-0000-4000-8000-0000000000aa", "00000000-0000-4000-8000-0000000000bb"];

/// What goes wrong with a question of the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// What was found comes, and then this result code.
    Ends(u32),
    /// What was found comes, and then nothing more.
    Stalls,
    /// What was found comes, and then the connection is lost.
    Breaks,
    /// What was found comes with a reference to somewhere else.
    Refers,
    /// Something that is no LDAP comes.
    Babbles,
    /// A group bears no id.
    HidesIds,
}

/// The directory's state.
#[derive(Default)]
struct World {
    /// Whether the highest group holds the one below it.
    is_cut: bool,
    /// On which question of a walk, counted from 1, what goes wrong.
    trouble: Option<(usize, Trouble)>,
    /// Which of [`IDS`] ann's entry bears.
    id: usize,
    /// How groups spell the attribute of their members.
    members: Option<&'static str>,
}

fn play(world: &Mutex<World>, seat: &mut Seat, pdu: &Pdu) {
    if pdu.operation() != Operation::SearchRequest || !seat.is_gateways() {
        return seat.obey(pdu);
    }
    let content = pdu.envelope().content.to_vec();
    let search = SearchRequest::decode(&content).expect("the gateway's searches are well formed");
    let world = world.lock().expect("no thread panics with it");
    if search.base != GROUPS.as_bytes() {
        let attributes = [("objectClass", "inetOrgPerson"), ("uid", "ann"), ("cn", "Ann")];
        send(seat, pdu, ANN, &[&attributes[..], &[("entryUUID", IDS[world.id])]].concat());
        return seat.answer(pdu, 0);
    }
    let limits = FilterLimits { depth: 9, components: 1000 };
    let filter = Filter::decode(search.filter, limits).expect("its filters too");
    let asked = asked(&filter);
    let question =
        1 + (0..CHAIN.len()).filter(|at| asked.contains(&dn(*at))).max().map_or(0, |at| at + 1);
    let trouble = world.trouble.filter(|(on, _)| *on == question).map(|(_, trouble)| trouble);
    if trouble == Some(Trouble::Babbles) {
        seat.send(b"GET / HTTP/1.1\r\n\r\n");
        return;
    }
    let below = |at: usize| if at == 0 { ANN.to_owned() } else { dn(at - 1) };
    let holds = |at: &usize| asked.contains(&below(*at)) && !(world.is_cut && *at == 2);
    for at in (0..CHAIN.len()).filter(holds) {
        let id = format!("00000000-0000-4000-8000-00000000000{at}");
        let member = below(at);
        let mut attributes = vec![("cn", CHAIN[at]), (world.members.unwrap_or("member"), &*member)];
        if trouble != Some(Trouble::HidesIds) {
            attributes.push(("entryUUID", &id));
        }
        send(seat, pdu, &dn(at), &attributes);
    }
    match trouble {
        None | Some(Trouble::HidesIds | Trouble::Babbles) => seat.answer(pdu, 0),
        Some(Trouble::Ends(code)) => seat.answer(pdu, code),
        Some(Trouble::Stalls) => {}
        Some(Trouble::Breaks) => seat.close(),
        Some(Trouble::Refers) => {
            let url = b"\x04\x08ldap://x";
            seat.say(pdu.envelope().id, Operation::SearchResultReference, url);
            seat.answer(pdu, 0);
        }
    }
}

fn dn(at: usize) -> String {
    tree::group(CHAIN[at])
}

fn send(seat: &mut Seat, request: &Pdu, dn: &str, attributes: &[(&str, &str)]) {
    let attribute = |(name, value): &(&str, &str)| Attribute {
        name: (*name).to_owned(),
        values: vec![value.as_bytes().to_vec()],
    };
    let attributes = attributes.iter().map(attribute).collect();
    let mut out = Vec::new();
    Entry { dn: dn.to_owned(), attributes }.write(&mut out, request.envelope().id);
    seat.send(&out);
}

/// Whom a filter asks for as members.
fn asked(filter: &Filter) -> Vec<String> {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().flat_map(asked).collect(),
        Filter::Equal(name, value) if name == "member" => {
            vec![String::from_utf8_lossy(value).into_owned()]
        }
        _ => Vec::new(),
    }
}

struct Stage {
    world: Arc<Mutex<World>>,
    gateway: Gateway,
}

impl Stage {
    fn new(change: impl FnOnce(&mut support::settings::Settings)) -> Self {
        let world: Arc<Mutex<World>> = Arc::default();
        let played = world.clone();
        let directory = StandIn::start(move |seat, pdu| play(&played, seat, pdu));
        let gateway = Gateway::configured(directory.port(), |settings, _| {
            settings.set("[directory.groups]", "resolve", "\"walk\"");
            settings.set("[directory.groups]", "member_attribute", "\"member\"");
            settings.set("[[directory]]", "search_timeout", "\"2s\"");
            change(settings);
        });
        Self { world, gateway }
    }

    fn set(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().expect("no thread panics with it"));
    }

    #[track_caller]
    fn expect(&self, groups: &[&str], observed: serde_json::Value, what: &str) {
        assert_eq!(self.gateway.sign_on(ANN, "x"), 0, "the answer is the directory's: {what}");
        assert_eq!(self.gateway.managed_groups("ann"), groups, "{what}");
        assert_eq!(self.gateway.user("ann")["observation"]["groups"], observed, "{what}");
    }

    #[track_caller]
    fn check(&self, question: usize, trouble: Trouble, reason: &str) {
        let what = format!("{trouble:?} on question {question}");
        self.set(|world| *world = World::default());
        self.expect(&["one", "three", "two"], json!("known"), &what);
        self.set(|world| {
            world.is_cut = true;
            world.trouble = Some((question, trouble));
        });
        self.expect(&["one", "three", "two"], json!({ "unknown": reason }), &what);
        self.set(|world| world.trouble = None);
        self.expect(&["one", "two"], json!("known"), &what);
    }
}

#[test]
fn s3_3_each_cause_alone_leaves_the_memberships_as_they_are() {
    let stage = Stage::new(|_| {});
    for question in [1, 3] {
        stage.check(question, Trouble::Ends(4), "size-limit");
        stage.check(question, Trouble::Ends(11), "size-limit");
        stage.check(question, Trouble::Ends(3), "time-limit");
        stage.check(question, Trouble::Ends(51), "busy");
        stage.check(question, Trouble::Ends(32), "no-such-base");
        stage.check(question, Trouble::Ends(50), "access");
        stage.check(question, Trouble::Ends(10), "referral");
        stage.check(question, Trouble::Ends(80), "result-code 80");
        stage.check(question, Trouble::Stalls, "timeout");
        stage.check(question, Trouble::Breaks, "disconnected");
        stage.check(question, Trouble::Refers, "referral");
        stage.check(question, Trouble::Babbles, "malformed");
    }
    stage.check(1, Trouble::HidesIds, "no-upstream-id");
}

#[test]
fn s3_3_a_chain_beyond_the_depth_cap_is_unknown_and_not_shorter() {
    let stage = Stage::new(|settings| {
        settings.set("[directory.groups]", "max_depth", "3");
    });
    // Three levels and a fourth look that finds nothing are needed for the whole chain.
    stage.set(|world| world.is_cut = true);
    stage.expect(&["one", "two"], json!("known"), "two levels");
    stage.set(|world| world.is_cut = false);
    stage.expect(&["one", "two"], json!({ "unknown": "depth-limit" }), "three levels");
}

#[test]
fn s3_3_members_of_which_the_last_range_is_missing_hide_no_group() {
    let stage = Stage::new(|_| {});
    stage.set(|world| world.members = Some("member;range=0-0"));
    stage.expect(&["one", "three", "two"], json!("known"), "the question says who the member is");
}

#[test]
fn s3_3_an_entry_with_another_id_is_another_user_and_leaves_the_first_one_as_it_was() {
    let stage = Stage::new(|_| {});
    stage.expect(&["one", "three", "two"], json!("known"), "ann");
    let first = format!("id:{}", IDS[0]);
    let before = stage.gateway.user(&first);
    stage.set(|world| {
        world.id = 1;
        world.is_cut = true;
    });
    assert_eq!(stage.gateway.sign_on(ANN, "x"), 0);
    let after = stage.gateway.user(&first);
    assert_eq!(stage.gateway.managed_groups(&first), ["one", "three", "two"]);
    assert_eq!(after["observation"], before["observation"]);
    // Nobody bears the first id any more: what that user had is suspended, and passed to nobody.
    assert_eq!(after["state"]["reasons"], json!(["missing"]));
    assert_eq!(stage.gateway.managed_groups(&format!("id:{}", IDS[1])), ["one", "two"]);
}
