//! The clients: each of one kind, all of them random.

use super::dice::Dice;
use super::directory::WRONG;
use super::tally::{Tally, add};
use super::wire::{Wire, cookie};
use crate::support::pdu::{self, Ask, Control};
use crate::support::raw::Pdu;
use bindgate::proto::extended::ExtendedResponse;
use bindgate::proto::op::Operation;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// A password that is right.
pub(crate) const GOOD: &str = "good";
/// Nobody, as searches name it.
pub(crate) const NOBODY: &str = "cn=nobody,dc=example,dc=com";
/// Marks a search whose client knows who it is.
pub(crate) const SURE: &str = "sure";
/// Marks a search behind a bind that was not waited for: it is that name's, or nobody's.
pub(crate) const MAYBE: &str = "maybe";

/// What the gateway says to a session whose connection was lent to another's bind.
const LENT: &str = "please connect and bind again";
/// How many names a client binds as, in turn.
const NAMES: u64 = 3;
/// How long an answer may take before it is called missing: longer than a wait for a connection.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many addresses the clients come from.
const SOURCES: u64 = 16;
/// From how many of them most binds have a wrong password.
const GUESSING: u64 = 4;
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
const CANCEL: &str = "1.3.6.1.1.8";
const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

/// The name of a client, of those that it binds as.
pub(crate) fn name_of(client: u64, bind: u64) -> String {
    format!("uid=c{client}-{},ou=people,dc=example,dc=com", bind % NAMES)
}

/// All clients.
pub(crate) struct Crowd {
    pub(crate) port: u16,
    pub(crate) seed: u64,
    pub(crate) clients: u64,
    /// How often each connects.
    pub(crate) visits: u64,
    /// How much it does each time.
    pub(crate) deeds: u64,
}

impl Crowd {
    /// Has all of them act at the same time, and waits for their end.
    pub(crate) fn act(&self, tally: &Tally) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let start = |number| {
                let dice = Dice::new(self.seed, number);
                let (port, visits, deeds) = (self.port, self.visits, self.deeds);
                let guest = Guest { number, port, visits, deeds, tally: tally.clone() };
                tokio::spawn(guest.act(dice))
            };
            let clients: Vec<_> = (0..self.clients).map(start).collect();
            for client in clients {
                client.await.expect("a client does not panic");
            }
        });
    }
}

struct Guest {
    number: u64,
    port: u16,
    visits: u64,
    deeds: u64,
    tally: Tally,
}

impl Guest {
    async fn act(self, mut dice: Dice) {
        for _ in 0..self.visits {
            let Ok(stream) = self.connect().await else {
                self.tally.breach(format!("client {}: nobody answers", self.number));
                return;
            };
            let mut client = Client {
                wire: Wire::new(stream),
                number: self.number,
                binds: 0,
                identity: None,
                has_searched: false,
                begins_pages: false,
                id: 0,
                abandoned: BTreeSet::new(),
                tally: self.tally.clone(),
            };
            for _ in 0..self.deeds {
                dice.dawdle(6).await;
                if client.deed(&mut dice).await.is_none() {
                    break;
                }
            }
            client.leave(&mut dice).await;
        }
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        let source = Ipv4Addr::new(127, 0, 1, 1 + (self.number % SOURCES) as u8);
        socket.bind((source, 0).into())?;
        socket.connect((Ipv4Addr::LOCALHOST, self.port).into()).await
    }
}

/// What a request is answered by.
#[derive(Debug)]
enum Asked {
    Bind { name: String, right: bool },
    Search { name: String },
    Cancel,
    WhoAmI { identity: String },
}

struct Client {
    wire: Wire,
    number: u64,
    binds: u64,
    /// What the last bind made of it.
    identity: Option<String>,
    /// Whether it has searched as somebody, so that its connection is lent to nobody, or only where
    /// it goes on by proxied authorisation.
    has_searched: bool,
    /// Whether it asks for a first page, which cannot be had by proxy: a session that has lent its
    /// connection is told so. No other page may meet that: its connection is not lent.
    begins_pages: bool,
    id: i64,
    abandoned: BTreeSet<i64>,
    tally: Tally,
}

/// How likely each deed is, of 16, by kind of client: bind, bind with searches around it, search,
/// pages, abandon, cancel, who am I, leave in the middle.
const HABITS: [[u64; 8]; 5] = [
    [12, 0, 0, 0, 0, 0, 4, 0],
    [3, 4, 8, 0, 0, 0, 1, 0],
    [4, 1, 2, 8, 0, 0, 1, 0],
    [3, 1, 3, 0, 5, 3, 1, 0],
    [4, 2, 6, 1, 1, 0, 0, 2],
];

type Requests = Vec<(Asked, Vec<u8>)>;

impl Client {
    /// Does something; `None` once the connection has ended or is to end.
    async fn deed(&mut self, dice: &mut Dice) -> Option<()> {
        let habits = HABITS[(self.number % 5) as usize];
        let mut drawn = dice.below(16);
        let chosen = habits.iter().position(|weight| {
            let is_it = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            is_it
        });
        match chosen {
            Some(0) => self.bind(dice, 0, 0).await,
            Some(1) => {
                let (before, behind) = (dice.below(3), dice.below(3));
                self.bind(dice, before, behind).await
            }
            Some(2) => self.search(1 + dice.below(3)).await,
            Some(3) => self.read_pages(dice).await,
            Some(4) => self.search_and_abandon().await,
            Some(5) => self.search_and_cancel().await,
            Some(6) => self.who_am_i().await,
            _ => {
                let search = self.search_body(&self.named(), SURE);
                self.start(vec![search]).await?;
                add(&self.tally.left);
                None
            }
        }
    }

    /// Goes: with an unbind, a reset or a plain close.
    async fn leave(mut self, dice: &mut Dice) {
        if dice.once_in(3) {
            let unbind = pdu::message(self.id + 1, &pdu::unbind());
            let _ = self.wire.send(&unbind).await;
        } else if dice.once_in(2) {
            self.wire.reset();
        }
    }

    fn named(&self) -> String {
        self.identity.clone().unwrap_or_else(|| NOBODY.to_owned())
    }

    fn search_body(&self, name: &str, mark: &str) -> (Asked, Vec<u8>) {
        let body = Ask { attributes: &[mark], ..Ask::entry(name) }.body();
        (Asked::Search { name: name.to_owned() }, body)
    }

    /// A bind, with searches right before it, which it ends or waits for, and right behind it.
    async fn bind(&mut self, dice: &mut Dice, before: u64, behind: u64) -> Option<()> {
        self.binds += 1;
        let (old, name) = (self.named(), name_of(self.number, self.binds));
        // Those from some addresses guess, so that they are held back.
        let guesses = self.number % SOURCES < GUESSING;
        let right = if guesses { dice.once_in(4) } else { !dice.once_in(4) };
        let password = if right { GOOD.as_bytes() } else { WRONG };
        let mut requests: Requests = (0..before).map(|_| self.search_body(&old, SURE)).collect();
        let bind = pdu::bind(&name, password);
        requests.push((Asked::Bind { name: name.clone(), right }, bind));
        requests.extend((0..behind).map(|_| self.search_body(&name, MAYBE)));
        // On its receipt the session is anonymous.
        self.identity = None;
        self.ask(requests).await?;
        Some(())
    }

    async fn search(&mut self, count: u64) -> Option<()> {
        let name = self.named();
        self.ask((0..count).map(|_| self.search_body(&name, SURE)).collect()).await?;
        Some(())
    }

    /// Reads on until the last page, or gives up: politely, or by doing something else.
    async fn read_pages(&mut self, dice: &mut Dice) -> Option<()> {
        let (name, mut cookie, mut size) = (self.named(), Vec::new(), 5);
        loop {
            let value = pdu::page(size, &cookie);
            let control = Control { oid: PAGED_RESULTS, critical: true, value: Some(&value) };
            let (asked, body) = self.search_body(&name, SURE);
            let body = pdu::with_controls(body, &[control]);
            if !cookie.is_empty() {
                add(&self.tally.pages);
            }
            self.begins_pages = cookie.is_empty();
            let answered = self.ask(vec![(asked, body)]).await;
            self.begins_pages = false;
            cookie = answered?;
            if cookie.is_empty() || size == 0 || dice.once_in(6) {
                return Some(());
            }
            size = if dice.once_in(6) { 0 } else { 5 };
        }
    }

    /// What was abandoned may have been answered before that.
    async fn search_and_abandon(&mut self) -> Option<()> {
        let search = self.search_body(&self.named(), SURE);
        let asked = self.start(vec![search]).await?;
        for id in asked.into_keys() {
            self.abandoned.insert(id);
            self.id += 1;
            self.wire.send(&pdu::message(self.id, &pdu::abandon(id))).await?;
            add(&self.tally.abandoned);
        }
        self.who_am_i().await
    }

    async fn search_and_cancel(&mut self) -> Option<()> {
        let search = self.search_body(&self.named(), SURE);
        let target = self.id + 1;
        let value = pdu::nested(0x30, |out| {
            bindgate::proto::ber::write_integer(out, 2, target);
        });
        let cancel = (Asked::Cancel, pdu::extended(CANCEL, Some(&value)));
        add(&self.tally.abandoned);
        self.ask(vec![search, cancel]).await?;
        Some(())
    }

    /// Once this is answered, nothing that was abandoned is answered any more.
    async fn who_am_i(&mut self) -> Option<()> {
        let identity = self.identity.as_ref().map_or_else(String::new, |name| format!("dn:{name}"));
        let request = (Asked::WhoAmI { identity }, pdu::extended(WHO_AM_I, None));
        self.ask(vec![request]).await?;
        self.abandoned.clear();
        Some(())
    }

    /// Sends requests in one go.
    async fn start(&mut self, requests: Requests) -> Option<BTreeMap<i64, Asked>> {
        let (mut asked, mut bytes) = (BTreeMap::new(), Vec::new());
        for (request, body) in requests {
            self.id += 1;
            bytes.extend(pdu::message(self.id, &body));
            asked.insert(self.id, request);
        }
        // A gateway that has closed has said why before.
        let _ = self.wire.send(&bytes).await;
        Some(asked)
    }

    /// Sends requests and waits until each has its one answer; gives the last cookie that came.
    async fn ask(&mut self, requests: Requests) -> Option<Vec<u8>> {
        let mut asked = self.start(requests).await?;
        let mut last_cookie = Vec::new();
        while !asked.is_empty() {
            let pdu = self.hear(&asked).await?;
            let id = pdu.id();
            if self.abandoned.contains(&id) {
                continue;
            }
            if asked.get(&id).is_some_and(|request| self.is_part(request, &pdu)) {
                continue;
            }
            match asked.remove(&id) {
                Some(request) => self.finished(request, &pdu),
                None => self.breach(format!("{pdu:02x?} answers none of {asked:?}")),
            }
            if let Some(cookie) = cookie(&pdu.envelope()) {
                last_cookie = cookie;
            }
        }
        Some(last_cookie)
    }

    /// Whether this is a part of a search's answer; an entry has to be the client's own.
    fn is_part(&self, request: &Asked, pdu: &Pdu) -> bool {
        let Asked::Search { name } = request else { return false };
        match pdu.operation() {
            Operation::SearchResultEntry => {
                let seen = pdu.entry().dn;
                if seen != *name {
                    self.breach(format!("the search of {name} was answered with {seen}"));
                }
                true
            }
            Operation::SearchResultReference | Operation::IntermediateResponse => true,
            _ => false,
        }
    }

    /// Takes a final answer.
    fn finished(&mut self, request: Asked, pdu: &Pdu) {
        let (operation, code) = (pdu.operation(), pdu.code());
        let fits = match (&request, operation) {
            (Asked::Bind { right: true, .. }, Operation::BindResponse) => {
                [0, 51, 52].contains(&code)
            }
            (Asked::Bind { .. }, Operation::BindResponse) => [49, 51, 52].contains(&code),
            (Asked::Search { .. }, Operation::SearchResultDone) => [0, 51, 52, 118].contains(&code),
            (Asked::Cancel, Operation::ExtendedResponse) => [0, 52, 119].contains(&code),
            (Asked::WhoAmI { identity }, Operation::ExtendedResponse) => {
                code == 0 && value_of(pdu) == *identity
            }
            _ => false,
        };
        if !fits {
            self.breach(format!("{pdu:02x?} answers {request:?}"));
        }
        match request {
            Asked::Bind { name, .. } if code == 0 => {
                add(&self.tally.bound);
                self.identity = Some(name);
            }
            Asked::Bind { .. } => add(&self.tally.refused),
            Asked::Search { .. } if code == 0 => {
                add(&self.tally.searches);
                self.has_searched |= self.identity.is_some();
            }
            Asked::Search { .. } | Asked::Cancel | Asked::WhoAmI { .. } => {}
        }
    }

    /// The next message; `None` once the gateway has said that it closes.
    async fn hear(&mut self, asked: &BTreeMap<i64, Asked>) -> Option<Pdu> {
        let Ok(heard) = timeout(PATIENCE, self.wire.message()).await else {
            self.breach(format!("{asked:?} are not answered"));
            return None;
        };
        let Some(pdu) = heard.map(Pdu) else {
            self.breach(format!("the gateway closed in silence; {asked:?} are not answered"));
            return None;
        };
        let Some(code) = pdu.notice() else { return Some(pdu) };
        let text = String::from_utf8_lossy(pdu.result().diagnostic).into_owned();
        let was_denied = self.tally.denied.load(SeqCst) > 0;
        let may_be_lent = !self.has_searched || self.begins_pages || was_denied;
        if code != 52 || (text == LENT && !may_be_lent) {
            self.breach(format!("a notice with {code}, {text}; asked: {asked:?}"));
        }
        add(&self.tally.cut);
        None
    }

    fn breach(&self, text: String) {
        self.tally.breach(format!("client {}: {text}", self.number));
    }
}

/// The value of an extended response, as text.
fn value_of(pdu: &Pdu) -> String {
    let content = pdu.envelope().content.to_vec();
    let answer = ExtendedResponse::decode(&content).ok();
    let value = answer.and_then(|answer| answer.value.map(<[u8]>::to_vec));
    String::from_utf8_lossy(&value.unwrap_or_default()).into_owned()
}
