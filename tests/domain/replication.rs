//! A consumer of synchronisations against a directory in memory: whatever is changed, cut and begun
//! anew in between, the copy ends as the directory, and no unfinished refresh removes anything.

use crate::counts::{counted, seed};
use crate::dice::Dice;
use bindgate::domain::membership::graph::Graph;
use bindgate::domain::membership::{GroupEntry, MemberKey};
use bindgate::domain::record::{Group, UpstreamId};
use bindgate::domain::replication::{
    Act, Consumer, Ended, Guard, Kept, Ledger, Position, REFRESH_REQUIRED, Told,
};
use bindgate::proto::dn::DistinguishedName;
use bindgate::proto::search::Entry;
use bindgate::proto::sync::{EntryUuid, Mode, State, SyncDone, SyncInfo, uuid_text};
use std::collections::{BTreeMap, BTreeSet};

/// How many groups there may be.
const GROUPS: usize = 40;

/// What a directory holds, and when each came to be as it is.
#[derive(Default)]
struct Directory {
    /// By id: the version of the entry, and the change that made it.
    entries: BTreeMap<u8, (usize, u64)>,
    deleted: Vec<(u8, u64)>,
    changes: u64,
    /// Deletes before this one are forgotten.
    log_begins: u64,
}

/// A copy, kept as the driver keeps it.
struct Copy {
    graph: Graph,
    ledger: Ledger,
    guard: Guard,
    position: Position,
    is_complete: bool,
}

/// A synchronisation under way: what the server has not sent yet, owned.
enum Word {
    Entry(State, u8, Option<String>),
    Ids(bool, Vec<u8>, Option<String>),
    Refreshed { by_deletes: bool, done: bool, cookie: Option<String> },
    Cookie(String),
    Anew,
}

fn uuid(number: u8) -> EntryUuid {
    [number; 16]
}

fn csn(change: u64) -> String {
    format!("rid=000,csn=20260101000000.{change:06}Z#000000#000#000000")
}

fn change_of(cookie: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(cookie).into_owned();
    let digits = text.split('.').nth(1).and_then(|rest| rest.get(..6)).unwrap();
    digits.parse().unwrap()
}

impl Directory {
    fn change(&mut self, dice: &mut Dice) -> Word {
        self.changes += 1;
        let (number, cookie) = (dice.below(GROUPS) as u8, Some(csn(self.changes)));
        // Few at a time go, so that no loss looks like one of rights.
        if self.entries.len() > GROUPS * 3 / 4 && self.entries.remove(&number).is_some() {
            self.deleted.push((number, self.changes));
            return Word::Entry(State::Delete, number, cookie);
        }
        let state = match self.entries.insert(number, (dice.below(5), self.changes)) {
            None => State::Add,
            Some(_) => State::Modify,
        };
        Word::Entry(state, number, cookie)
    }

    /// The answer to a synchronisation from a cookie, as slapd or another server may give it.
    fn refresh(&self, dice: &mut Dice, cookie: Option<&[u8]>) -> Vec<Word> {
        let since = cookie.map_or(0, change_of);
        let now = Some(csn(self.changes));
        if cookie.is_some() && dice.once_in(6) {
            return vec![Word::Anew];
        }
        let mut words: Vec<Word> = Vec::new();
        let changed = self.entries.iter().filter(|(_, (_, change))| *change > since);
        words.extend(changed.map(|(number, _)| Word::Entry(State::Add, *number, None)));
        let by_deletes = since >= self.log_begins && (cookie.is_none() || dice.once_in(2));
        if by_deletes {
            let gone = self.deleted.iter().filter(|(_, change)| *change > since);
            // One that is back is not told as gone.
            let gone = gone.filter(|(number, _)| !self.entries.contains_key(number));
            let gone: Vec<u8> = gone.map(|(number, _)| *number).collect();
            match dice.once_in(2) {
                true => words.push(Word::Ids(true, gone, None)),
                false => {
                    words.extend(gone.into_iter().map(|n| Word::Entry(State::Delete, n, None)))
                }
            }
        } else {
            let kept = self.entries.iter().filter(|(_, (_, change))| *change <= since);
            let kept: Vec<u8> = kept.map(|(number, _)| *number).collect();
            let (some, others) = kept.split_at(kept.len() / 2);
            words.push(Word::Ids(false, some.to_vec(), None));
            words.extend(others.iter().map(|n| Word::Entry(State::Present, *n, None)));
        }
        shuffle(dice, &mut words);
        match dice.below(3) {
            0 if !by_deletes => {
                words.push(Word::Refreshed { by_deletes: false, done: false, cookie: None });
                words.push(Word::Refreshed { by_deletes: true, done: true, cookie: now });
            }
            1 => {
                words.push(Word::Cookie(csn(self.changes)));
                words.push(Word::Refreshed { by_deletes, done: true, cookie: None });
            }
            _ => words.push(Word::Refreshed { by_deletes, done: true, cookie: now }),
        }
        words
    }

    fn content(&self) -> BTreeMap<u8, usize> {
        self.entries.iter().map(|(number, (version, _))| (*number, *version)).collect()
    }
}

fn shuffle(dice: &mut Dice, words: &mut [Word]) {
    for at in (1..words.len()).rev() {
        words.swap(at, dice.below(at + 1));
    }
}

impl Copy {
    fn new() -> Self {
        Self {
            graph: Graph::new((1, 2)),
            ledger: Ledger::default(),
            guard: Guard::default(),
            position: Position::default(),
            is_complete: false,
        }
    }

    fn begin(&mut self) {
        self.is_complete = false;
        if self.position.cookie().is_none() {
            self.graph = Graph::new((1, 2));
        }
        self.ledger.begin(&mut self.graph);
    }

    /// Hears one message; whether the synchronisation goes on.
    fn hear(&mut self, directory: &Directory, consumer: &mut Consumer, word: &Word) -> bool {
        let content = directory.content();
        let entry = Entry::default;
        let bytes = |cookie: &Option<String>| cookie.clone().map(String::into_bytes);
        let (cookie, code) = match word {
            Word::Entry(_, _, cookie) | Word::Ids(_, _, cookie) => (bytes(cookie), None),
            Word::Refreshed { cookie, .. } => (bytes(cookie), None),
            Word::Cookie(cookie) => (Some(cookie.clone().into_bytes()), None),
            Word::Anew => (None, Some(REFRESH_REQUIRED)),
        };
        let cookie = cookie.as_deref();
        let told = match word {
            Word::Entry(state, number, _) => {
                Told::Entry { state: *state, uuid: uuid(*number), entry: entry(), cookie }
            }
            Word::Ids(are_deleted, numbers, _) => {
                let uuids = numbers.iter().map(|number| uuid(*number)).collect();
                Told::Info(SyncInfo::IdSet { are_deleted: *are_deleted, uuids, cookie })
            }
            Word::Refreshed { by_deletes, done, .. } => {
                Told::Info(SyncInfo::Refreshed { by_deletes: *by_deletes, cookie, is_done: *done })
            }
            Word::Cookie(_) => Told::Info(SyncInfo::NewCookie(cookie.unwrap_or_default())),
            Word::Anew => {
                Told::Done { code: code.unwrap_or(REFRESH_REQUIRED), done: SyncDone::default() }
            }
        };
        consumer.hear(told).into_iter().all(|act| self.act(&content, act))
    }

    fn act(&mut self, content: &BTreeMap<u8, usize>, act: Act) -> bool {
        let id = |uuid: EntryUuid| UpstreamId::new(&uuid_text(uuid));
        match act {
            Act::Put(uuid, _) => {
                let version = content.get(&uuid[0]).copied().unwrap_or(0);
                self.ledger.put(&mut self.graph, &Kept::Group(group(uuid[0], version)));
            }
            Act::Remove(uuid) => self.ledger.leave(&self.graph, id(uuid)),
            Act::Keep(uuid) => self.ledger.keep(&mut self.graph, &id(uuid)),
            Act::Sweep => self.ledger.sweep(),
            Act::Complete(cookie) => {
                self.settle();
                self.is_complete = true;
                if let Some(cookie) = cookie {
                    self.position = Position::of(&cookie);
                }
            }
            Act::Reached(cookie) => {
                self.settle();
                self.position.advance(&cookie);
            }
            Act::Over(ended) => {
                assert_eq!(ended, Ended::StartAnew);
                self.position = Position::default();
                return false;
            }
        }
        true
    }

    fn settle(&mut self) {
        self.ledger.settle(&mut self.graph, &mut self.guard).expect("nothing looks like a loss");
    }

    fn content(&self) -> BTreeMap<u8, usize> {
        let here = (0..GROUPS as u8).filter_map(|number| {
            let found = self.graph.group(&UpstreamId::new(&uuid_text(uuid(number))))?;
            Some((number, found.name.parse().unwrap()))
        });
        here.collect()
    }

    fn ids(&self) -> BTreeSet<u8> {
        self.content().into_keys().collect()
    }
}

fn group(number: u8, version: usize) -> GroupEntry {
    let dn = format!("cn=g{number}-{version},dc=x");
    let member = DistinguishedName::parse(&format!("uid=u{version},dc=x")).unwrap();
    GroupEntry {
        dn: DistinguishedName::parse(&dn).unwrap().normalized().clone(),
        group: Group {
            id: UpstreamId::new(&uuid_text(uuid(number))),
            dn,
            name: version.to_string(),
        },
        members: [MemberKey::Dn(member.normalized().clone())].into_iter().collect(),
    }
}

/// One directory and its copy, through many synchronisations of which most are cut somewhere.
fn run(dice: &mut Dice) {
    let (mut directory, mut copy) = (Directory::default(), Copy::new());
    for _ in 0..GROUPS * 2 {
        directory.change(dice);
    }
    for _ in 0..30 {
        (0..dice.below(6)).for_each(|_| drop(directory.change(dice)));
        if dice.once_in(4) {
            directory.log_begins = directory.changes;
        }
        copy.begin();
        let mut consumer = Consumer::new(Mode::RefreshAndPersist);
        let before = copy.ids();
        let words = directory.refresh(dice, copy.position.cookie());
        let heard = if dice.once_in(3) { words.len() } else { dice.below(words.len() + 1) };
        let goes_on = words[..heard].iter().all(|word| copy.hear(&directory, &mut consumer, word));
        if !copy.is_complete {
            let after = copy.ids();
            assert!(before.is_subset(&after), "an unfinished refresh removed something");
            continue;
        }
        assert!(goes_on && !consumer.is_refreshing());
        assert_eq!(copy.content(), directory.content());
        for _ in 0..dice.below(8) {
            let word = directory.change(dice);
            assert!(copy.hear(&directory, &mut consumer, &word));
            assert_eq!(copy.content(), directory.content());
        }
        assert_eq!(change_of(copy.position.cookie().unwrap()), directory.changes);
    }
}

#[test]
fn any_order_of_changes_cuts_and_refreshes_ends_with_the_directorys_content() {
    let mut dice = Dice::new(seed());
    (0..counted(60, 20_000)).for_each(|_| run(&mut dice));
}
