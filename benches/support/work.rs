//! The operations that loads are made of.

use super::company;
use super::load::{Link, Verdict, Work};
use bindgate::proto::bind::{BindResponse, write_simple};
use bindgate::proto::envelope::{Envelope, MessageId, write_with_body};
use bindgate::proto::op::Operation;
use std::cell::Cell;
use std::io;
use std::rc::Rc;

/// The binds of all users, encoded beforehand but for their messageIDs.
pub(crate) struct Accounts(Vec<Vec<u8>>);

impl Accounts {
    /// The accounts of the first `users` users.
    pub(crate) fn of(users: u32) -> Self {
        let body = |user| {
            let (dn, password) = (company::user_dn(user), company::password(user));
            let mut message = Vec::new();
            write_simple(&mut message, MessageId::MAX, dn.as_bytes(), password.as_bytes());
            let envelope = Envelope::parse(&message).expect("it was just written");
            envelope.body.to_vec()
        };
        Self((0..users).map(body).collect())
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Whose turn it is.
enum Turn {
    /// Anybody's, as a generator of random numbers says.
    Random(u64),
    /// The next one's, by a count that all connections share.
    Next(Rc<Cell<usize>>),
}

/// Simple binds on one connection, one user after another.
pub(crate) struct Binds {
    accounts: Rc<Accounts>,
    turn: Turn,
    id: MessageId,
    request: Vec<u8>,
}

impl Binds {
    /// Binds as random users, without end; the same ones in every run with the same seed.
    pub(crate) fn random(accounts: &Rc<Accounts>, seed: usize) -> Self {
        // Any odd factor spreads small seeds; zero is the one state that xorshift cannot leave.
        Self::new(accounts, Turn::Random((seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// Binds as every user once, together with those who share the count.
    pub(crate) fn each_once(accounts: &Rc<Accounts>, next: &Rc<Cell<usize>>) -> Self {
        Self::new(accounts, Turn::Next(Rc::clone(next)))
    }

    fn new(accounts: &Rc<Accounts>, turn: Turn) -> Self {
        let accounts = Rc::clone(accounts);
        Self { accounts, turn, id: MessageId::UNSOLICITED, request: Vec::new() }
    }

    fn next_user(&mut self) -> Option<usize> {
        match &mut self.turn {
            Turn::Random(state) => {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                Some((*state % self.accounts.len() as u64) as usize)
            }
            Turn::Next(next) => {
                let user = next.get();
                next.set(user + 1);
                (user < self.accounts.len()).then_some(user)
            }
        }
    }
}

impl Work for Binds {
    async fn once(&mut self, link: &mut Link) -> io::Result<Verdict> {
        let Some(user) = self.next_user() else {
            return Ok(Verdict::Finished);
        };
        self.id = self.id.next();
        self.request.clear();
        write_with_body(self.id, &self.accounts.0[user], &mut self.request);
        link.send(&self.request).await?;
        let answer = link.receive().await?;
        if answer.id != self.id || answer.operation != Operation::BindResponse {
            let what = answer.operation.log_name();
            return Err(io::Error::other(format!("{what} came in place of the bind's answer")));
        }
        let code = BindResponse::decode(answer.content).map_err(io::Error::other)?.result.code;
        Ok(if code.is_success() { Verdict::Done } else { Verdict::Refused(code) })
    }
}
