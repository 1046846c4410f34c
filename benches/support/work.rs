//! The operations that loads are made of.

use super::company::{self, APP_DN, APP_PASSWORD, PEOPLE};
use super::link::Link;
use super::load::{Verdict, Work};
use bindgate::proto::bind::{BindResponse, write_simple};
use bindgate::proto::envelope::{Envelope, MessageId, write_message, write_with_body};
use bindgate::proto::filter::Filter;
use bindgate::proto::op::Operation;
use bindgate::proto::result::{LdapResult, ResultCode};
use bindgate::proto::search::{Scope, Search};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Instant;

/// Searches that a connection of the load [`Searches`] has outstanding.
const OUTSTANDING: usize = 32;
/// Of so many binds of [`Binds::some_wrong`] one has a wrong password.
pub(crate) const WRONG: u64 = 10;

/// What users ask for, encoded beforehand but for messageIDs.
pub(crate) struct Requests {
    binds: Vec<Vec<u8>>,
    wrong: Vec<Vec<u8>>,
    searches: Vec<Vec<u8>>,
    service: Vec<u8>,
}

impl Requests {
    /// Those of the first `users` users.
    pub(crate) fn of(users: u32) -> Self {
        let filter = |user| Filter::Equal("uid".to_owned(), format!("user{user}").into_bytes());
        Self::by(users, &["uid", "cn", "mail"], filter)
    }

    /// Those of the first `users` users, each searched for by a filter of its own.
    pub(crate) fn by(users: u32, attributes: &[&str], filter: impl Fn(u32) -> Filter) -> Self {
        let bind = |dn: &str, password: &str| {
            body(|out| write_simple(out, MessageId::MAX, dn.as_bytes(), password.as_bytes()))
        };
        let search = |user| Search {
            base: PEOPLE.to_owned(),
            scope: Scope::Subtree,
            filter: filter(user),
            attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
            size_limit: 0,
            time_limit: 0,
            controls: Vec::new(),
        };
        let dn = company::user_dn;
        Self {
            binds: (0..users).map(|user| bind(&dn(user), &company::password(user))).collect(),
            wrong: (0..users).map(|user| bind(&dn(user), "wrong")).collect(),
            searches: (0..users)
                .map(|user| body(|out| search(user).write(out, MessageId::MAX)))
                .collect(),
            service: bind(APP_DN, APP_PASSWORD),
        }
    }

    /// How many users there are.
    pub(crate) fn users(&self) -> usize {
        self.binds.len()
    }

    /// A user's bind, with the right password.
    pub(crate) fn bind(&self, user: usize) -> &[u8] {
        &self.binds[user]
    }

    /// A user's bind, with a wrong one.
    pub(crate) fn wrong(&self, user: usize) -> &[u8] {
        &self.wrong[user]
    }

    /// The bind of the account that reads.
    pub(crate) fn service(&self) -> &[u8] {
        &self.service
    }
}

fn body(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut message = Vec::new();
    write(&mut message);
    Envelope::parse(&message).expect("it was just written").body.to_vec()
}

/// Whose turn it is.
pub(crate) enum Turn {
    /// Anybody's, as a generator of random numbers says.
    Random(u64),
    /// The next one's, by a count that all connections share.
    Next(Rc<Cell<usize>>),
}

impl Turn {
    /// Random users, without end; the same ones in every run with the same seed.
    pub(crate) fn random(seed: usize) -> Self {
        // Any odd factor spreads small seeds; zero is the one state that xorshift cannot leave.
        Self::Random((seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next of `count` users; beside it a number to throw dice with.
    pub(crate) fn next(&mut self, count: usize) -> Option<(usize, u64)> {
        match self {
            Self::Random(state) => {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                Some(((*state % count as u64) as usize, *state >> 40))
            }
            Self::Next(next) => {
                let user = next.get();
                next.set(user + 1);
                (user < count).then_some((user, 1))
            }
        }
    }
}

/// Sends requests one at a time on a connection, under messageIDs that count up.
struct Asker {
    requests: Rc<Requests>,
    turn: Turn,
    id: MessageId,
    buffer: Vec<u8>,
}

impl Asker {
    fn new(requests: &Rc<Requests>, turn: Turn) -> Self {
        let requests = Rc::clone(requests);
        Self { requests, turn, id: MessageId::UNSOLICITED, buffer: Vec::new() }
    }

    fn next_user(&mut self) -> Option<(usize, u64)> {
        self.turn.next(self.requests.binds.len())
    }

    async fn send(
        &mut self,
        link: &mut Link,
        body: impl FnOnce(&Requests) -> &[u8],
    ) -> io::Result<()> {
        self.id = self.id.next();
        self.buffer.clear();
        write_with_body(self.id, body(&self.requests), &mut self.buffer);
        link.send(&self.buffer).await
    }

    async fn bind(
        &mut self,
        link: &mut Link,
        body: impl FnOnce(&Requests) -> &[u8],
    ) -> io::Result<ResultCode> {
        self.send(link, body).await?;
        let answer = link.receive().await?;
        if answer.id != self.id || answer.operation != Operation::BindResponse {
            return Err(unexpected(&answer));
        }
        Ok(BindResponse::decode(answer.content).map_err(io::Error::other)?.result.code)
    }

    /// Searches, and counts the entries that come.
    async fn search(&mut self, link: &mut Link, user: usize) -> io::Result<(ResultCode, u32)> {
        self.send(link, |requests| &requests.searches[user]).await?;
        let mut entries = 0;
        loop {
            let answer = link.receive().await?;
            match answer.operation {
                _ if answer.id != self.id => return Err(unexpected(&answer)),
                Operation::SearchResultEntry => entries += 1,
                Operation::SearchResultDone => {
                    let result = LdapResult::decode(answer.content).map_err(io::Error::other)?;
                    return Ok((result.code, entries));
                }
                _ => return Err(unexpected(&answer)),
            }
        }
    }

    async fn unbind(&mut self, link: &mut Link) -> io::Result<()> {
        self.id = self.id.next();
        self.buffer.clear();
        write_message(&mut self.buffer, self.id, Operation::UnbindRequest.tag(), |_| {});
        link.send(&self.buffer).await
    }
}

fn unexpected(answer: &Envelope<'_>) -> io::Error {
    let (what, id) = (answer.operation.log_name(), answer.id);
    io::Error::other(format!("{what} under messageID {id:?} was not what was waited for"))
}

fn verdict(code: ResultCode, expected: ResultCode) -> Verdict {
    if code == expected { Verdict::Done } else { Verdict::Refused(code) }
}

/// Simple binds on one connection, one user after another.
pub(crate) struct Binds {
    asker: Asker,
    /// Of so many one is to be refused; 0 for none.
    wrong: u64,
}

impl Binds {
    /// As whoever's turn it is.
    pub(crate) fn new(requests: &Rc<Requests>, turn: Turn) -> Self {
        Self { asker: Asker::new(requests, turn), wrong: 0 }
    }

    /// The same, and one password in ten is wrong: then anything but invalidCredentials is amiss.
    pub(crate) fn some_wrong(requests: &Rc<Requests>, turn: Turn) -> Self {
        Self { wrong: WRONG, ..Self::new(requests, turn) }
    }

    /// The first user's turn comes again.
    pub(crate) fn start_over(&mut self) {
        if let Turn::Next(next) = &self.asker.turn {
            next.set(0);
        }
    }
}

impl Work for Binds {
    async fn once(&mut self, link: &mut Link) -> io::Result<Verdict> {
        let Some((user, dice)) = self.asker.next_user() else {
            return Ok(Verdict::Finished);
        };
        if self.wrong != 0 && dice.is_multiple_of(self.wrong) {
            let code = self.asker.bind(link, |requests| &requests.wrong[user]).await?;
            return Ok(verdict(code, ResultCode::INVALID_CREDENTIALS));
        }
        let code = self.asker.bind(link, |requests| &requests.binds[user]).await?;
        Ok(verdict(code, ResultCode::SUCCESS))
    }
}

/// Connects, binds, unbinds, closes.
pub(crate) struct Connects(Asker);

impl Connects {
    /// As whoever's turn it is.
    pub(crate) fn new(requests: &Rc<Requests>, turn: Turn) -> Self {
        Self(Asker::new(requests, turn))
    }
}

impl Work for Connects {
    async fn once(&mut self, link: &mut Link) -> io::Result<Verdict> {
        let Some((user, _)) = self.0.next_user() else {
            return Ok(Verdict::Finished);
        };
        link.reconnect().await?;
        let code = self.0.bind(link, |requests| &requests.binds[user]).await?;
        self.0.unbind(link).await?;
        Ok(verdict(code, ResultCode::SUCCESS))
    }
}

/// An application's login: binds as itself, searches for the user, binds as the user.
pub(crate) struct Logins(Asker);

impl Logins {
    /// Of whoever's turn it is.
    pub(crate) fn new(requests: &Rc<Requests>, turn: Turn) -> Self {
        Self(Asker::new(requests, turn))
    }
}

impl Work for Logins {
    async fn once(&mut self, link: &mut Link) -> io::Result<Verdict> {
        let Some((user, _)) = self.0.next_user() else {
            return Ok(Verdict::Finished);
        };
        let code = self.0.bind(link, |requests| &requests.service).await?;
        if !code.is_success() {
            return Ok(Verdict::Refused(code));
        }
        let (code, entries) = self.0.search(link, user).await?;
        if !code.is_success() {
            return Ok(Verdict::Refused(code));
        }
        if entries != 1 {
            return Err(io::Error::other(format!("{entries} entries in place of one")));
        }
        let code = self.0.bind(link, |requests| &requests.binds[user]).await?;
        Ok(verdict(code, ResultCode::SUCCESS))
    }
}

/// Searches by equality, many outstanding at a time on one connection.
pub(crate) struct Searches {
    asker: Asker,
    /// When the search was sent whose messageID is the index; empty before the first.
    sent: Vec<Instant>,
    first: MessageId,
}

impl Searches {
    /// For whoever's turn it is.
    pub(crate) fn new(requests: &Rc<Requests>, turn: Turn) -> Self {
        let asker = Asker::new(requests, turn);
        Self { asker, sent: Vec::new(), first: MessageId::UNSOLICITED }
    }

    async fn begin(&mut self, link: &mut Link) -> io::Result<Option<ResultCode>> {
        let code = self.asker.bind(link, |requests| &requests.service).await?;
        if !code.is_success() {
            return Ok(Some(code));
        }
        self.first = self.asker.id.next();
        for _ in 0..OUTSTANDING {
            let Some((user, _)) = self.asker.next_user() else { break };
            self.asker.send(link, |requests| &requests.searches[user]).await?;
            self.sent.push(Instant::now());
        }
        Ok(None)
    }
}

impl Work for Searches {
    async fn once(&mut self, link: &mut Link) -> io::Result<Verdict> {
        if self.sent.is_empty()
            && let Some(code) = self.begin(link).await?
        {
            return Ok(Verdict::Refused(code));
        }
        let (id, code) = loop {
            let answer = link.receive().await?;
            match answer.operation {
                Operation::SearchResultEntry => {}
                Operation::SearchResultDone => {
                    let result = LdapResult::decode(answer.content).map_err(io::Error::other)?;
                    break (answer.id, result.code);
                }
                _ => return Err(unexpected(&answer)),
            }
        };
        let slot = id.get().wrapping_sub(self.first.get()) as usize;
        let Some(sent) = self.sent.get_mut(slot) else {
            return Err(io::Error::other("an answer to no search"));
        };
        let took = sent.elapsed();
        *sent = Instant::now();
        if let Some((user, _)) = self.asker.next_user() {
            // A messageID is free again as soon as its search has been answered.
            self.asker.buffer.clear();
            let body = &self.asker.requests.searches[user];
            write_with_body(id, body, &mut self.asker.buffer);
            link.send(&self.asker.buffer).await?;
        }
        Ok(if code.is_success() { Verdict::DoneAfter(took) } else { Verdict::Refused(code) })
    }
}
