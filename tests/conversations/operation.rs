//! A conversation as a value: what is asked, and how its answers are compared.

use crate::support::pdu::Body;
use std::fmt;

/// How an operation is answered, and what of it has to be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// With messages whose bytes are equal.
    Equal,
    /// With messages in which ids and times of writing may differ.
    Settled,
    /// With messages of a number and a result code that are equal: the gateway answers itself.
    SameCode,
    /// With messages of a number and a result code that are equal: the rest is random.
    Challenge,
    /// With messages that come sooner or later than something else.
    Racing,
    /// Perhaps: it is abandoned.
    Perhaps,
    /// Not at all.
    Never,
    /// By the end of the connection; the conversation goes on with another one.
    End,
    /// A page at a time, of that many entries, to this many pages at most.
    Pages(i64, i64),
}

/// One operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    /// Its messageID. Pages take as many as they are, from this one on.
    pub(crate) id: i64,
    /// What it is, for people; an exception of the list bears the same name.
    pub(crate) what: String,
    /// What is sent.
    pub(crate) body: Body,
    /// What has to come of it.
    pub(crate) answers: Answers,
}

/// Operations, those in one group sent at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conversation {
    pub(crate) groups: Vec<Vec<Operation>>,
}

impl Conversation {
    /// Every operation in order.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.groups.iter().flatten()
    }
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, group) in self.groups.iter().enumerate() {
            writeln!(f, "group {number}:")?;
            for operation in group {
                let Operation { id, what, body, .. } = operation;
                writeln!(f, "  {id} {what}: {}", body.escape_ascii())?;
            }
        }
        Ok(())
    }
}
