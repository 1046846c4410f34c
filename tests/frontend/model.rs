//! Many clients over few connections, in random order: every operation names the identity that its
//! client has, and the directory checks it against what the connection was bound as.
//!
//! A run is replayed by its seed. Nothing here waits for time: if the clock has to move, somebody
//! hangs.

use super::dice::Dice;
use super::links::Granting;
use super::play::{House, Wire, paused};
use super::words;
use bindgate::domain::policy::OnUnknown;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

const RUNS: u64 = 60;
const CLIENTS: u64 = 7;
const CONNECTIONS: usize = 3;
/// How often each client connects, and how much it does each time.
const VISITS: usize = 4;
const DEEDS: usize = 10;

/// Nobody, as searches name it.
const NOBODY: &str = "nobody";

#[test]
fn no_operation_is_ever_sent_as_somebody_else_and_each_has_one_answer() {
    let mut totals = Tally::default();
    for seed in 1..=RUNS {
        println!("seed {seed}");
        let tally = paused(run(seed));
        assert_eq!(tally.breaches, Vec::<String>::new(), "seed {seed}");
        totals.searches += tally.searches;
        totals.binds += tally.binds;
        totals.cut += tally.cut;
    }
    println!("{totals:?}");
    assert!(totals.searches > RUNS * 50 && totals.binds > RUNS * 20, "too little was tried");
    assert!(totals.cut > RUNS, "nobody was ever cut off");
}

/// What happened, for all who take part.
#[derive(Debug, Default)]
struct Tally {
    breaches: Vec<String>,
    /// Searches that were answered.
    searches: u64,
    /// Binds that were answered.
    binds: u64,
    /// Visits that the gateway ended.
    cut: u64,
}

type Shared = Arc<Mutex<Tally>>;

async fn run(seed: u64) -> Tally {
    let (house, mut ends) = House::new(OnUnknown::Keep, Granting::Up(CONNECTIONS));
    let (house, tally) = (Arc::new(house), Shared::default());
    let directory = tally.clone();
    let directories = tokio::spawn(async move {
        while let Some((number, end)) = ends.recv().await {
            let dice = Dice::new(seed * 1000 + number as u64);
            let directory = Directory { tally: directory.clone(), dice, standing: Standing::Never };
            tokio::spawn(directory.serve(Wire::new(end)));
        }
    });
    let visit = |number| visitor(house.clone(), tally.clone(), seed, number);
    let clients: Vec<_> = (0..CLIENTS).map(|number| tokio::spawn(visit(number))).collect();
    for client in clients {
        client.await.expect("a client does not panic");
    }
    timeout(Duration::from_millis(100), house.drain.emptied()).await.expect("every task ends");
    assert_eq!(house.links.waiting(), 0, "somebody still waits");
    directories.abort();
    std::mem::take(&mut *tally.lock().unwrap())
}

/// As whom the directory sees a connection.
#[derive(Debug)]
enum Standing {
    Never,
    As(String),
    Failed,
}

struct Directory {
    tally: Shared,
    dice: Dice,
    standing: Standing,
}

impl Directory {
    async fn serve(mut self, mut end: Wire) {
        while let Some(pdu) = end.message().await {
            let text = words::words(&pdu);
            let words: Vec<&str> = text.split(' ').collect();
            self.dice.dawdle().await;
            if self.dice.below(40) == 0 {
                return;
            }
            let answer = match (words[1], words.get(2)) {
                ("bind", Some(name)) => self.bind(words[0], name),
                ("search", Some(name)) => self.search(words[0], name),
                _ => continue,
            };
            for message in answer {
                self.dice.dawdle().await;
                if end.stream.write_all(&words::message(&message)).await.is_err() {
                    return;
                }
                if self.dice.below(60) == 0 {
                    return;
                }
            }
        }
    }

    fn bind(&mut self, id: &str, name: &str) -> Vec<String> {
        if name.starts_with("bad") {
            self.standing = Standing::Failed;
            return vec![format!("{id} bound 49")];
        }
        self.standing = Standing::As(name.to_owned());
        vec![format!("{id} bound 0")]
    }

    /// A name that ends in `?` is from a client that did not wait for its bind: it is that name's,
    /// or nobody's.
    fn search(&mut self, id: &str, name: &str) -> Vec<String> {
        let fits = match &self.standing {
            Standing::Never => name == NOBODY || name.ends_with('?'),
            Standing::As(bound) => name.trim_end_matches('?') == bound,
            Standing::Failed => false,
        };
        if !fits {
            let breach = format!("a search of {name} came on a connection of {:?}", self.standing);
            self.tally.lock().unwrap().breaches.push(breach);
        }
        let entries = (0..self.dice.below(3)).map(|_| format!("{id} entry {name}"));
        entries.chain([format!("{id} done 0")]).collect()
    }
}

async fn visitor(house: Arc<House>, tally: Shared, seed: u64, number: u64) {
    let mut dice = Dice::new(seed * 1000 + 500 + number);
    for visit in 0..VISITS {
        let (wire, _) = house.connect(4096);
        let name = format!("{number}.{visit}");
        let mut client = Client { wire, name, identity: None, id: 0, tally: tally.clone() };
        for _ in 0..DEEDS {
            dice.dawdle().await;
            if client.deed(&mut dice).await.is_none() {
                break;
            }
        }
    }
}

struct Client {
    wire: Wire,
    name: String,
    /// What the last bind made of it.
    identity: Option<String>,
    id: u64,
    tally: Shared,
}

/// What has to be answered, by messageID: what a search named, `None` for a bind.
type Asked = BTreeMap<u64, Option<String>>;

impl Client {
    /// Does something; `None` once the connection has ended.
    async fn deed(&mut self, dice: &mut Dice) -> Option<()> {
        match dice.below(16) {
            0..4 => self.bind("good", 0).await,
            4..6 => self.bind("bad", 0).await,
            6..9 => self.bind(if dice.below(3) == 0 { "bad" } else { "good" }, dice.below(3)).await,
            9..13 => self.search(1 + dice.below(3)).await,
            13 => self.search_and_abandon().await,
            14 => self.who_am_i().await,
            _ if dice.below(2) == 0 => {
                // It goes in the middle of something.
                let name = self.named();
                self.send(&[format!("{} search {name}", self.id + 1)]).await?;
                None
            }
            _ => None,
        }
    }

    fn named(&self) -> String {
        self.identity.clone().unwrap_or_else(|| NOBODY.to_owned())
    }

    fn next_id(&mut self) -> u64 {
        self.id += 1;
        self.id
    }

    /// A bind, with searches right behind it.
    async fn bind(&mut self, kind: &str, searches: u64) -> Option<()> {
        let id = self.next_id();
        let name = format!("{kind}-{}-{id}", self.name);
        let mut asked = Asked::from([(id, None)]);
        let mut messages = vec![format!("{id} bind {name}")];
        for _ in 0..searches {
            let search = self.next_id();
            messages.push(format!("{search} search {name}?"));
            asked.insert(search, Some(format!("{name}?")));
        }
        // On its receipt the session is anonymous.
        self.identity = None;
        self.send(&messages).await?;
        self.collect(asked, &name).await
    }

    async fn search(&mut self, count: u64) -> Option<()> {
        let name = self.named();
        let ids: Vec<u64> = (0..count).map(|_| self.next_id()).collect();
        let messages: Vec<_> = ids.iter().map(|id| format!("{id} search {name}")).collect();
        self.send(&messages).await?;
        self.collect(ids.into_iter().map(|id| (id, Some(name.clone()))).collect(), "").await
    }

    /// What was abandoned may have been answered before that.
    async fn search_and_abandon(&mut self) -> Option<()> {
        let (id, abandon, name) = (self.next_id(), self.next_id(), self.named());
        self.send(&[format!("{id} search {name}"), format!("{abandon} abandon {id}")]).await?;
        self.who_am_i().await
    }

    async fn who_am_i(&mut self) -> Option<()> {
        let id = self.next_id();
        self.send(&[format!("{id} whoami")]).await?;
        let expected = match &self.identity {
            Some(name) => format!("{id} answer 0 u:{name}"),
            None => format!("{id} answer 0"),
        };
        loop {
            let text = self.hear().await?;
            if text == expected {
                return Some(());
            }
            if text.contains(" answer ") {
                self.breach(format!("{text} instead of {expected}"));
            }
        }
    }

    /// Waits until everything is answered, each exactly once and as what it was.
    async fn collect(&mut self, mut asked: Asked, name: &str) -> Option<()> {
        while !asked.is_empty() {
            let text = self.hear().await?;
            let words: Vec<&str> = text.split(' ').collect();
            let id = words[0].parse().unwrap();
            match (words[1], asked.get(&id)) {
                ("entry", Some(Some(base))) if base == words[2] => continue,
                ("bound", Some(None)) => {
                    self.identity = (words[2] == "0").then(|| name.to_owned());
                    self.tally.lock().unwrap().binds += 1;
                }
                ("done", Some(Some(_))) => self.tally.lock().unwrap().searches += 1,
                _ => self.breach(format!("{text} answers none of {asked:?}")),
            }
            asked.remove(&id);
        }
        Some(())
    }

    /// The next message; `None` once the gateway has closed or said that it will.
    async fn hear(&mut self) -> Option<String> {
        let Ok(heard) = timeout(Duration::from_millis(500), self.wire.message()).await else {
            self.breach("nothing comes".to_owned());
            return None;
        };
        let text = heard.map(|pdu| words::words(&pdu)).filter(|text| !text.starts_with("0 "));
        if text.is_none() {
            self.tally.lock().unwrap().cut += 1;
        }
        text
    }

    async fn send(&mut self, messages: &[String]) -> Option<()> {
        let bytes: Vec<u8> = messages.iter().flat_map(|text| words::message(text)).collect();
        self.wire.stream.write_all(&bytes).await.ok()
    }

    fn breach(&self, text: String) {
        self.tally.lock().unwrap().breaches.push(format!("client {}: {text}", self.name));
    }
}
