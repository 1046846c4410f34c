//! A synchronisation: messages of a server one after another, through the consumer into a copy.

use bindgate::domain::membership::UserEntry;
use bindgate::domain::membership::graph::Graph;
use bindgate::domain::record::UpstreamId;
use bindgate::domain::replication::{Act, Consumer, Guard, Kept, Ledger, Position, Told};
use bindgate::proto::dn::DistinguishedName;
use bindgate::proto::envelope::Envelope;
use bindgate::proto::framing::{Frame, frame};
use bindgate::proto::op::Operation;
use bindgate::proto::result::LdapResult;
use bindgate::proto::search::Entry;
use bindgate::proto::sync::{Mode, State, SyncDone, SyncInfo, SyncState, uuid_text};

/// Takes messages up to the first that is none.
pub(crate) fn body(data: &[u8]) {
    for mode in [Mode::RefreshOnly, Mode::RefreshAndPersist] {
        follow(mode, data);
    }
}

fn follow(mode: Mode, mut rest: &[u8]) {
    let mut consumer = Consumer::new(mode);
    let mut graph = Graph::new((1, 2));
    let (mut ledger, mut guard) = (Ledger::default(), Guard::default());
    ledger.begin(&mut graph);
    let mut completed = 0;
    while let Ok(Frame::Whole(length)) = frame(rest, 1 << 16) {
        let (pdu, behind) = rest.split_at(length);
        rest = behind;
        let Some(told) = Envelope::parse(pdu).ok().as_ref().and_then(|it| told(it, pdu.len()))
        else {
            return;
        };
        let (was_refreshing, before) = (consumer.is_refreshing(), graph.counts());
        for act in consumer.hear(told) {
            let id = |uuid| UpstreamId::new(&uuid_text(uuid));
            match act {
                Act::Put(uuid, entry) => {
                    let Ok(dn) = DistinguishedName::parse(&entry.dn) else { return };
                    let (dn, uids) = (dn.normalized().clone(), Vec::new());
                    let user = UserEntry { id: id(uuid), dn, uids, digest: 0 };
                    ledger.put(&mut graph, &Kept::User(user));
                }
                Act::Remove(uuid) => ledger.leave(&graph, id(uuid)),
                Act::Keep(uuid) => ledger.keep(&mut graph, &id(uuid)),
                Act::Sweep => ledger.sweep(),
                Act::Complete(cookie) => {
                    completed += 1;
                    cookie.iter().for_each(|cookie| position(cookie));
                    assert!(ledger.settle(&mut graph, &mut guard).is_ok(), "there are no groups");
                }
                Act::Reached(cookie) => {
                    assert!(!was_refreshing, "no cookie counts before the end of the refresh");
                    position(&cookie);
                }
                Act::Over(_) => return,
            }
        }
        assert!(was_refreshing || !consumer.is_refreshing(), "a refresh ends once");
        assert_eq!(completed, usize::from(!consumer.is_refreshing()));
        assert!(!consumer.is_refreshing() || graph.counts().users >= before.users);
    }
}

/// What a cookie says outlives that it is written by us.
fn position(cookie: &[u8]) {
    let position = Position::of(cookie);
    let own = position.cookie().expect("there is one");
    match position.says() {
        None => assert_eq!(own, cookie),
        Some(says) => assert_eq!(Position::of(own).says(), Some(says)),
    }
    let mut twice = position.clone();
    twice.advance(cookie);
    assert_eq!(twice, position);
}

fn told<'a>(message: &Envelope<'a>, size: usize) -> Option<Told<'a>> {
    match message.operation {
        Operation::SearchResultEntry => {
            let SyncState { state, uuid, cookie } = SyncState::of(message).ok()??;
            let entry = match state {
                State::Add | State::Modify => Entry::decode(message.content).ok()?,
                State::Present | State::Delete => Entry::default(),
            };
            Some(Told::Entry { state, uuid, entry, cookie })
        }
        Operation::IntermediateResponse => {
            let info = SyncInfo::decode(message.content).ok()??;
            if let SyncInfo::IdSet { uuids, .. } = &info {
                assert!(uuids.len() * 18 <= size);
            }
            Some(Told::Info(info))
        }
        Operation::SearchResultDone => {
            let code = LdapResult::decode(message.content).ok()?.code;
            let done = SyncDone::of(message).ok()?.unwrap_or_default();
            Some(Told::Done { code, done })
        }
        _ => None,
    }
}
