//! A search that is served: how it is asked, what its entries have to be, and where it is.

use super::super::outstanding::Way;
use super::course::Course;
use crate::app::ports::{Part, SharedId};
use crate::app::serving::{Asked, AskedWait, NamesWait, Truths, TruthsWait, Wait, Wanted};
use crate::domain::membership::range;
use crate::domain::serving::Usage;
use crate::domain::serving::entry::Values;
use crate::proto::envelope::MessageId;
use crate::proto::search::{Attribute, SearchRequest};

/// How a request is asked.
pub(in crate::frontend) struct Planned {
    /// What is sent in its place.
    pub(in crate::frontend) body: Vec<u8>,
    /// What becomes of the answers; `None` if they pass as they are.
    pub(in crate::frontend) served: Option<Served>,
    /// The request's messageID, if it asks for another page of a search of the gateway's own making.
    pub(super) resumed: Option<MessageId>,
}

impl Planned {
    pub(super) fn new(body: Vec<u8>, served: Option<Served>) -> Box<Self> {
        Box::new(Self { body, served, resumed: None })
    }
}

/// What becomes of a search's answers.
pub(in crate::frontend) enum Served {
    /// It reads the subschema, where memberOf is to be found.
    Schema(Usage),
    /// Its entries are looked at.
    Entries(Box<Entries>),
}

/// An entry whose groups are asked for.
pub(in crate::frontend) struct Pending {
    pub(super) way: Way,
    pub(super) client: MessageId,
    pub(super) body: Vec<u8>,
    pub(super) wait: Wait,
}

/// A request that waits for something to be known.
pub(in crate::frontend) struct Deciding {
    pub(super) request: MessageId,
    pub(super) wait: Awaited,
    pub(super) found: Option<Found>,
}

/// What a request waits for.
pub(super) enum Awaited {
    /// What is to be known of its entry.
    Truths(TruthsWait),
    /// How it is asked.
    Asked(AskedWait),
}

/// What was found out.
pub(super) enum Found {
    /// Of its entry.
    Truths(Truths),
    /// How it is asked.
    Asked(Asked),
}

/// A response on a shared connection that waits behind such an entry.
pub(in crate::frontend) type Stashed = (SharedId, Part, Vec<u8>);

/// What becomes of a search's entries.
pub(in crate::frontend) struct Entries {
    pub(super) wanted: Wanted,
    pub(super) types: Values,
    /// The most entries that the client takes, where the directory is not asked to count them; 0 is
    /// no limit.
    size_limit: u64,
    sent: u64,
    /// The searches that it takes, where it is not the one that the client sent.
    pub(super) course: Option<Course>,
    /// Names that are waited for.
    pub(super) names: Option<NamesWait>,
    /// The parts of lists that are asked for, each by the description that says so.
    ranges: Vec<String>,
}

impl Entries {
    /// Those of a search whose filter says all.
    pub(super) fn passing(search: &SearchRequest<'_>, wanted: Wanted) -> Self {
        let types = if search.types_only { Values::LeftOut } else { Values::Shown };
        let ranges = search.attributes.iter().filter_map(|name| std::str::from_utf8(name).ok());
        let ranges = ranges.filter(|name| range::asked(name).is_some()).map(str::to_owned);
        let ranges = ranges.filter(|_| wanted.members.is_some()).collect();
        Self { wanted, types, size_limit: 0, sent: 0, course: None, names: None, ranges }
    }

    /// A list of members as it is shown: whole, or the part that is asked for.
    pub(super) fn shown(&self, list: Attribute) -> (String, Attribute) {
        let own = |name: &str| name.split(';').next().unwrap_or_default().to_ascii_lowercase();
        let is_it = |asked: &&String| own(asked) == own(&list.name);
        let part = |asked: &String| {
            let name = list.name.split(';').next().unwrap_or_default();
            let (name, values) = range::cut(name, &list.values, range::asked(asked)?)?;
            Some(Attribute { name, values })
        };
        let came_as = list.name.clone();
        match self.ranges.iter().find(is_it) {
            Some(asked) => {
                let none = || Attribute { name: list.name.clone(), values: Vec::new() };
                (came_as, part(asked).unwrap_or_else(none))
            }
            None => {
                // Whatever part the directory showed, this is the whole.
                let name = list.name.split(';').next().unwrap_or_default().to_owned();
                (came_as, Attribute { name, values: list.values })
            }
        }
    }

    /// Those of a search that takes several.
    pub(super) fn on(search: &SearchRequest<'_>, wanted: Wanted, course: Course) -> Self {
        let size_limit = u64::try_from(search.size_limit).unwrap_or_default();
        Self { size_limit, course: Some(course), ..Self::passing(search, wanted) }
    }

    /// What is wanted of an entry that has come.
    pub(super) fn wanted(&self) -> Wanted {
        match &self.course {
            Some(course) => Wanted { check: course.check(), ..self.wanted.clone() },
            None => self.wanted.clone(),
        }
    }

    /// Counts an entry; whether the client takes it.
    pub(super) fn takes_one_more(&mut self) -> bool {
        let takes = self.size_limit == 0 || self.sent < self.size_limit;
        self.sent += u64::from(takes);
        if let (true, Some(course)) = (takes, &mut self.course) {
            course.sent_one();
        }
        takes
    }
}
