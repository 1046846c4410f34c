//! Two directories that are alike, a gateway before one of them, and one conversation with both.

use super::exceptions::EXCEPTIONS;
use super::generator::{SCRATCH, people};
use super::operation::{Answers, Conversation, Operation};
use super::player::{Played, play};
use crate::support::gateway::Gateway;
use crate::support::pdu::{self, Ask};
use crate::support::slapd::{Options, Slapd};
use crate::support::tree::Extra;
use std::iter;

/// The servers of a test.
pub(crate) struct Meeting {
    direct: Slapd,
    behind: Slapd,
    gateway: Gateway,
}

/// How a conversation went.
pub(crate) struct Held {
    /// The first operation that was answered differently, and how.
    pub(crate) difference: Option<String>,
    /// The result codes that were met.
    pub(crate) codes: Vec<u32>,
}

impl Meeting {
    /// Two equal directories.
    pub(crate) fn new() -> Self {
        Self::of(directory(10), directory(10))
    }

    /// Two directories that hold different people.
    pub(crate) fn of_unequal_directories() -> Self {
        Self::of(directory(10), directory(9))
    }

    fn of(direct: Slapd, behind: Slapd) -> Self {
        // What is added to entries is shown by `tests/serving.rs`.
        let gateway = Gateway::configured(behind.port(), |settings, _| {
            settings.set("[directory.serve]", "member_of", "false");
        });
        Self { direct, behind, gateway }
    }

    /// Holds a conversation with both, each on a fresh subtree.
    #[track_caller]
    pub(crate) fn hold(&self, held: &Conversation) -> Held {
        prepare(&self.direct);
        prepare(&self.behind);
        let direct = play(self.direct.port(), held);
        let relayed = play(self.gateway.port(), held);
        let differs = |operation: &&Operation| !same(operation, &direct, &relayed);
        assert!(direct.is_whole(), "slapd alone does not answer: {}\n{held}", direct.show(0));
        let difference = held.operations().find(differs).map(|operation| {
            let Operation { id, what, .. } = operation;
            format!(
                "{id} {what} was answered differently\n  directly: {}\n  through the gateway: {}",
                direct.show(*id),
                relayed.show(*id)
            )
        });
        Held { difference, codes: direct.codes() }
    }
}

fn directory(people: usize) -> Slapd {
    let database_lines = vec!["moduleload sssvlv".to_owned(), "overlay sssvlv".to_owned()];
    let extra = Extra { people, groups: 0 };
    Slapd::with(&Options { extra, database_lines, ..Options::default() })
}

/// Puts the conversation's own subtree into its first state.
#[track_caller]
fn prepare(slapd: &Slapd) {
    let mut admin = slapd.admin();
    let all = Ask::below(SCRATCH, pdu::present("objectClass"), &["1.1"]);
    let mut names: Vec<String> = admin.search(&all).0.into_iter().map(|entry| entry.dn).collect();
    // What lies below something has a longer name.
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for name in names {
        assert_eq!(admin.code(&pdu::delete(&name)), 0, "{name}");
    }
    let unit = pdu::add(SCRATCH, &[("objectClass", &["organizationalUnit"]), ("ou", &["scratch"])]);
    for body in iter::once(unit).chain(people()) {
        assert_eq!(admin.code(&body), 0);
    }
}

fn same(operation: &Operation, direct: &Played, relayed: &Played) -> bool {
    let id = operation.id;
    match operation.answers {
        Answers::Racing => direct.is_answered(id) && relayed.is_answered(id),
        Answers::Perhaps => true,
        Answers::SameCode => {
            let listed = EXCEPTIONS.iter().any(|(name, _)| *name == operation.what);
            assert!(listed, "{} is no exception", operation.what);
            direct.outline(id) == relayed.outline(id)
        }
        Answers::Challenge => direct.outline(id) == relayed.outline(id),
        Answers::Settled => direct.settled(id) == relayed.settled(id),
        Answers::Equal | Answers::Never | Answers::End => direct.whole(id) == relayed.whole(id),
        Answers::Pages(_, most) => (id..id + most).all(|id| direct.whole(id) == relayed.whole(id)),
    }
}
