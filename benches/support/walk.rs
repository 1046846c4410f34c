//! What a sign-on costs whoever has no copy of the groups and keeps nothing: the bind, the user's entry,
//! and the groups level by level, all groups of a level in one search.

use super::company::GROUPS;
use super::link::{Dialer, Link};
use super::load::{Verdict, Work};
use super::work::{Requests, Turn};
use bindgate::proto::bind::BindResponse;
use bindgate::proto::envelope::{MessageId, write_with_body};
use bindgate::proto::filter::Filter;
use bindgate::proto::op::Operation;
use bindgate::proto::result::{LdapResult, ResultCode};
use bindgate::proto::search::{Entry, Scope, Search};
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;

/// A sign-on by hand: binds on the client's connection, and reads on one of the service account's.
pub(crate) struct Walks {
    requests: Rc<Requests>,
    turn: Turn,
    wrong: u64,
    dialer: Dialer,
    reader: Option<Link>,
    id: MessageId,
    buffer: Vec<u8>,
}

impl Walks {
    /// Of whoever's turn it is; of `wrong` binds one has a wrong password, and is not followed by a
    /// walk; 0 for none.
    pub(crate) fn new(requests: &Rc<Requests>, turn: Turn, wrong: u64, dialer: &Dialer) -> Self {
        let (requests, dialer) = (Rc::clone(requests), dialer.clone());
        let (id, buffer) = (MessageId::UNSOLICITED, Vec::new());
        Self { requests, turn, wrong, dialer, reader: None, id, buffer }
    }

    async fn bind(&mut self, link: &mut Link, request: &[u8]) -> io::Result<ResultCode> {
        self.id = self.id.next();
        self.buffer.clear();
        write_with_body(self.id, request, &mut self.buffer);
        link.send(&self.buffer).await?;
        let answer = link.receive().await?;
        Ok(BindResponse::decode(answer.content).map_err(io::Error::other)?.result.code)
    }

    /// The names of the entries that a search finds.
    async fn find(&mut self, link: &mut Link, search: &Search) -> io::Result<Vec<String>> {
        self.id = self.id.next();
        self.buffer.clear();
        search.write(&mut self.buffer, self.id);
        link.send(&self.buffer).await?;
        let mut found = Vec::new();
        loop {
            let answer = link.receive().await?;
            match answer.operation {
                Operation::SearchResultEntry => {
                    found.push(Entry::decode(answer.content).map_err(io::Error::other)?.dn);
                }
                Operation::SearchResultDone => {
                    let result = LdapResult::decode(answer.content).map_err(io::Error::other)?;
                    return match result.code.is_success() {
                        true => Ok(found),
                        false => Err(io::Error::other("a search of the walk was refused")),
                    };
                }
                _ => return Err(io::Error::other("an answer to no search")),
            }
        }
    }

    async fn walk(&mut self, link: &mut Link, user: String) -> io::Result<()> {
        if self.find(link, &entry(&user)).await?.len() != 1 {
            return Err(io::Error::other("the user's entry was not found"));
        }
        let (mut known, mut level) = (BTreeSet::new(), vec![user]);
        while !level.is_empty() {
            let mut found = self.find(link, &holders(&level)).await?;
            found.retain(|group| known.insert(group.clone()));
            level = found;
        }
        Ok(())
    }
}

impl Work for Walks {
    async fn once(&mut self, link: &mut Link) -> io::Result<Verdict> {
        let requests = Rc::clone(&self.requests);
        let Some((user, dice)) = self.turn.next(requests.users()) else {
            return Ok(Verdict::Finished);
        };
        if self.wrong != 0 && dice.is_multiple_of(self.wrong) {
            let code = self.bind(link, requests.wrong(user)).await?;
            return Ok(match code == ResultCode::INVALID_CREDENTIALS {
                true => Verdict::Done,
                false => Verdict::Refused(code),
            });
        }
        let code = self.bind(link, requests.bind(user)).await?;
        if !code.is_success() {
            return Ok(Verdict::Refused(code));
        }
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => {
                let mut reader = Link::connect(&self.dialer).await?;
                self.bind(&mut reader, requests.service()).await?;
                reader
            }
        };
        let walked = self.walk(&mut reader, super::company::user_dn(user as u32)).await;
        self.reader = Some(reader);
        walked.map(|()| Verdict::Done)
    }
}

fn entry(user: &str) -> Search {
    Search {
        base: user.to_owned(),
        scope: Scope::Base,
        filter: Filter::Present("objectClass".to_owned()),
        attributes: ["entryUUID", "uid", "cn", "mail"].map(str::to_owned).to_vec(),
        size_limit: 0,
        time_limit: 0,
        controls: Vec::new(),
    }
}

fn holders(of: &[String]) -> Search {
    let holds = |dn: &String| Filter::Equal("member".to_owned(), dn.clone().into_bytes());
    Search {
        base: GROUPS.to_owned(),
        scope: Scope::Subtree,
        filter: Filter::Or(of.iter().map(holds).collect()),
        attributes: ["entryUUID", "cn"].map(str::to_owned).to_vec(),
        ..entry("")
    }
}
