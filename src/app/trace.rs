//! What a bind tells that is traced: spans, each a piece of work with its time, in a tree.
//!
//! A bind that is not traced carries an empty pointer in the place of each span: nothing is made,
//! measured or said. What is done for several binds at once belongs to the first of them and is
//! linked to the others. No span holds a password or an attribute's value; one that holds a name
//! says so ([`Span::set_name`]), and the tracer decides whether it is taken.

use super::flights::Luggage;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

/// The most other binds that one span is linked to.
pub const MAX_LINKS: usize = 64;

/// The most characters of a name in a span: whoever binds may send one of any length.
pub const MAX_NAME: usize = 256;

/// Where spans go.
pub trait Tracer: Send + Sync {
    /// An id that no other span has; never 0.
    fn new_id(&self) -> u64;
    /// Whether names are taken.
    fn takes_names(&self) -> bool;
    /// Takes a span that has ended. Never waits.
    fn ended(&self, span: Ended);
}

/// A span's place in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId {
    /// The tree that it is in.
    pub trace: u128,
    /// Its own id.
    pub span: u64,
}

/// Who works meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The gateway, for a client that waits.
    Server,
    /// A directory, for the gateway that waits.
    Client,
    /// The gateway, for itself.
    Internal,
}

/// What an attribute says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Count(i64),
    /// A word.
    Text(Cow<'static, str>),
    /// Yes or no.
    Flag(bool),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Self::Count(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value {
    fn from(count: u32) -> Self {
        Self::Count(i64::from(count))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// A span that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub id: SpanId,
    /// The one that it is a part of; `None` of the first of a tree.
    pub parent: Option<u64>,
    /// What was done.
    pub name: &'static str,
    /// Who did it.
    pub role: Role,
    /// When it began.
    pub begun: Instant,
    /// When it ended.
    pub ended: Instant,
    /// What there is to say of it.
    pub attributes: Vec<(&'static str, Value)>,
    /// Others for which it was done, or by which.
    pub links: Vec<SpanId>,
    /// Whether the gateway or a directory failed at it.
    pub is_failed: bool,
}

/// A span that has begun, or nothing. Dropping it ends it.
#[must_use]
pub struct Span(Option<Box<Open>>);

struct Open {
    tracer: Arc<dyn Tracer>,
    span: Ended,
}

impl Span {
    /// Nothing.
    pub const OFF: Self = Self(None);

    /// The first span of a tree.
    #[cold]
    pub fn root(
        tracer: Arc<dyn Tracer>,
        name: &'static str,
        role: Role,
        begun: Instant,
        trace: u128,
    ) -> Self {
        Self::begun(tracer, (name, role), (trace, None), begun)
    }

    fn begun(
        tracer: Arc<dyn Tracer>,
        (name, role): (&'static str, Role),
        (trace, parent): (u128, Option<u64>),
        begun: Instant,
    ) -> Self {
        let id = SpanId { trace, span: tracer.new_id() };
        let (attributes, links) = (Vec::new(), Vec::new());
        let (ended, is_failed) = (begun, false);
        let span = Ended { id, parent, name, role, begun, ended, attributes, links, is_failed };
        Self(Some(Box::new(Open { tracer, span })))
    }

    /// Whether anything is told at all.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Which it is.
    pub fn id(&self) -> Option<SpanId> {
        self.0.as_ref().map(|open| open.span.id)
    }

    /// A part of this that begins now.
    pub fn child(&self, name: &'static str) -> Self {
        self.part(name, Role::Internal)
    }

    /// A part of this that another does.
    pub fn asked(&self, name: &'static str) -> Self {
        self.part(name, Role::Client)
    }

    fn part(&self, name: &'static str, role: Role) -> Self {
        let Some(open) = &self.0 else { return Self::OFF };
        let within = (open.span.id.trace, Some(open.span.id.span));
        Self::begun(open.tracer.clone(), (name, role), within, Instant::now())
    }

    /// Says something of it.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(open) = &mut self.0 {
            open.span.attributes.push((key, value.into()));
        }
    }

    /// Says whom it is about, if names are taken.
    pub fn set_name(&mut self, key: &'static str, name: impl FnOnce() -> String) {
        if let Some(open) = &mut self.0
            && open.tracer.takes_names()
        {
            let name: String = name().chars().take(MAX_NAME).collect();
            open.span.attributes.push((key, name.into()));
        }
    }

    /// The gateway or a directory failed at it.
    pub fn failed(&mut self) {
        if let Some(open) = &mut self.0 {
            open.span.is_failed = true;
        }
    }

    /// Another for which it was done, or by which.
    pub fn link(&mut self, other: Option<SpanId>) {
        if let (Some(open), Some(other)) = (&mut self.0, other)
            && open.span.id != other
            && open.span.links.len() < MAX_LINKS
        {
            open.span.links.push(other);
        }
    }

    /// What is done for the sake of this, and perhaps of others.
    pub fn sake(&self) -> Sake {
        Sake(self.0.as_ref().map(|open| {
            let (tracer, first, others) = (open.tracer.clone(), open.span.id, Vec::new());
            Box::new(Whom { tracer, first, others })
        }))
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            let Open { tracer, mut span } = *open;
            span.ended = Instant::now();
            tracer.ended(span);
        }
    }
}

/// For whose sake something is done: the first has it as a part, and it is linked to the others.
#[derive(Default)]
pub struct Sake(Option<Box<Whom>>);

struct Whom {
    tracer: Arc<dyn Tracer>,
    first: SpanId,
    others: Vec<SpanId>,
}

impl Sake {
    /// Nobody's who is traced.
    pub const NOBODY: Self = Self(None);

    /// What is done, from now on.
    pub fn child(&self, name: &'static str) -> Span {
        self.part(name, Role::Internal)
    }

    /// What another does.
    pub fn asked(&self, name: &'static str) -> Span {
        self.part(name, Role::Client)
    }

    fn part(&self, name: &'static str, role: Role) -> Span {
        let Some(whom) = &self.0 else { return Span::OFF };
        let within = (whom.first.trace, Some(whom.first.span));
        let mut span = Span::begun(whom.tracer.clone(), (name, role), within, Instant::now());
        whom.others.iter().for_each(|other| span.link(Some(*other)));
        span
    }
}

impl Luggage for Sake {
    fn join(&mut self, other: Self) {
        match (&mut self.0, other.0) {
            (_, None) => {}
            (none @ None, theirs) => *none = theirs,
            (Some(whom), Some(theirs)) => {
                let others = std::iter::once(theirs.first).chain(theirs.others);
                let room = MAX_LINKS.saturating_sub(whom.others.len());
                whom.others.extend(others.take(room));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Default)]
    struct Kept {
        ids: AtomicU64,
        names: bool,
        ended: Mutex<Vec<Ended>>,
    }

    impl Tracer for Kept {
        fn new_id(&self) -> u64 {
            self.ids.fetch_add(1, Ordering::Relaxed) + 1
        }

        fn takes_names(&self) -> bool {
            self.names
        }

        fn ended(&self, span: Ended) {
            self.ended.lock().unwrap().push(span);
        }
    }

    fn root(kept: &Arc<Kept>, trace: u128) -> Span {
        Span::root(kept.clone(), "bind", Role::Server, Instant::now(), trace)
    }

    fn told(kept: &Kept) -> Vec<(&'static str, Option<u64>, Vec<SpanId>)> {
        let ended = kept.ended.lock().unwrap();
        ended.iter().map(|span| (span.name, span.parent, span.links.clone())).collect()
    }

    #[test]
    fn what_is_off_makes_nothing_and_says_nothing() {
        let mut span = Span::OFF;
        span.set("x", 1usize);
        span.set_name("x", || unreachable!("nobody asks for it"));
        assert!(!span.child("y").is_on() && !span.sake().child("z").is_on());
        assert_eq!(size_of::<Span>(), size_of::<usize>());
    }

    #[test]
    fn what_is_done_for_several_is_a_part_of_the_first_and_linked_to_the_others() {
        let kept = Arc::new(Kept::default());
        let (one, two, off) = (root(&kept, 1), root(&kept, 2), Span::OFF);
        let mut sake = off.sake();
        sake.join(one.sake());
        sake.join(off.sake());
        sake.join(two.sake());
        drop(sake.child("flight"));
        let links = vec![SpanId { trace: 2, span: 2 }];
        assert_eq!(told(&kept), [("flight", Some(1), links)]);
        for _ in 0..3 * MAX_LINKS {
            sake.join(two.sake());
        }
        drop(sake.child("flight"));
        assert_eq!(told(&kept)[1].2.len(), MAX_LINKS, "links are bounded");
    }

    #[test]
    fn names_are_said_only_where_they_are_taken() {
        for names in [false, true] {
            let kept = Arc::new(Kept { names, ..Kept::default() });
            let mut span = root(&kept, 1);
            span.set_name("name", || "ä".repeat(1_000_000));
            drop(span);
            let said = kept.ended.lock().unwrap()[0].attributes.clone();
            let expected = ("name", Value::from("ä".repeat(MAX_NAME)));
            assert_eq!(said, names.then_some(expected).into_iter().collect::<Vec<_>>());
        }
    }
}
