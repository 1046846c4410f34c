//! The searches that one search of a client becomes, one after the other.
//!
//! Entries that are asked for by id are found only where the client may search the id. So whoever was
//! named and did not come is asked for once more without anything else; whoever does not come then
//! either may be nobody that the client can see, or somebody whose id is hidden from it. The names of
//! these are found out with the gateway's own rights, and then each is read with the client's.

use super::form::Form;
use crate::domain::paging::cookie;
use crate::domain::record::UpstreamId;
use crate::domain::serving::filter::Left;
use crate::domain::serving::plan::{Check, NAMED_AT_ONCE, Step, Who, any_of};
use crate::domain::session::Refusal;
use crate::frontend::reply;
use crate::proto::dn::{DistinguishedName, NormalizedDn};
use crate::proto::filter::Filter;
use crate::proto::result::ResultCode;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// What comes next.
pub(super) enum Next {
    /// This is asked.
    Ask(Vec<u8>),
    /// The names of these are found out.
    Names(Vec<UpstreamId>),
    /// The page is full.
    Page,
    /// Nothing: all were found.
    End,
    /// Nothing: the result that came is the result.
    Ended,
    /// Nothing: it cannot be done.
    Refused(Refusal),
}

/// One search, or several of one kind.
enum Task {
    /// By a filter; entries count as the check says. The cookie leads to its next page.
    Anybody { filter: Filter, check: Option<Arc<Check>>, cookie: Vec<u8> },
    /// For the entries of these ids.
    Ids { check: Arc<Check>, rest: VecDeque<UpstreamId> },
    /// For the entries of these names.
    Names { check: Arc<Check>, rest: Vec<String> },
    /// Whether the client can find the entries of these ids by them.
    Try { rest: VecDeque<UpstreamId>, otherwise: Option<Step> },
}

/// Entries that were named, and those of them that came.
struct Named {
    ids: Vec<UpstreamId>,
    /// How many came of the last search.
    count: usize,
    /// Their names, of all searches.
    came: Vec<Vec<u8>>,
}

/// What is under way.
enum Doing {
    Nothing,
    /// A search by a filter.
    Anybody,
    /// A search for some by their ids.
    Some(Named),
    /// The same without any other condition.
    Proof(Named),
    /// Their names are found out.
    Finding(Named),
    /// One entry is read.
    One,
}

/// The searches.
pub(super) struct Course {
    form: Form,
    tasks: VecDeque<Task>,
    doing: Doing,
    check: Option<Arc<Check>>,
    /// Entries that are still to be read one by one.
    names: VecDeque<String>,
    /// Whether these are read only to see whether they can be seen.
    tries: bool,
    /// Whether somebody was seen who was not found by id.
    is_hidden: bool,
    /// How many more entries the page takes.
    room: Option<u64>,
    asked: usize,
}

impl Course {
    fn new(form: Form, tasks: VecDeque<Task>) -> Self {
        let room = form.page_size().filter(|size| *size > 0);
        Self {
            form,
            tasks,
            doing: Doing::Nothing,
            check: None,
            names: VecDeque::new(),
            tries: false,
            is_hidden: false,
            room,
            asked: 0,
        }
    }

    /// One search after the other.
    pub(super) fn of_steps(form: Form, steps: Vec<Step>) -> Self {
        let are_names = steps.iter().all(|step| matches!(step.who, Who::Names(_)));
        let mut tasks: VecDeque<Task> = steps.into_iter().map(task).collect();
        if are_names {
            // Whether there is such a place at all is told by a search that finds nobody there.
            let filter = Left::None.into_filter();
            tasks.push_front(Task::Anybody { filter, check: None, cookie: Vec::new() });
        }
        Self::new(form, tasks)
    }

    /// One search, of which not all that it finds is the client's.
    pub(super) fn of_filter(form: Form, filter: Filter) -> Self {
        let all = Task::Anybody { filter, check: None, cookie: Vec::new() };
        Self::new(form, VecDeque::from([all]))
    }

    /// One search that names some; another if they cannot be found by that.
    pub(super) fn of_list(
        form: Form,
        filter: Filter,
        check: Option<Arc<Check>>,
        ids: Vec<UpstreamId>,
        otherwise: Option<Step>,
    ) -> Self {
        let list = Task::Anybody { filter, check, cookie: Vec::new() };
        Self::new(form, VecDeque::from([Task::Try { rest: ids.into(), otherwise }, list]))
    }

    /// Which entries count at this time.
    pub(super) fn check(&self) -> Option<Arc<Check>> {
        self.check.clone()
    }

    /// Whether the client asked for pages.
    pub(super) fn is_paged(&self) -> bool {
        self.form.page_size().is_some()
    }

    /// Whether references that come are the client's: they come with every search.
    pub(super) fn passes_references(&self) -> bool {
        self.asked < 2
    }

    /// An entry was sent.
    pub(super) fn sent_one(&mut self) {
        self.room = self.room.map(|room| room.saturating_sub(1));
    }

    /// An entry of that name has come; whether it may be the client's.
    pub(super) fn takes(&mut self, name: &[u8]) -> bool {
        let is_for_client = match &self.doing {
            Doing::One if self.tries => {
                self.is_hidden = true;
                false
            }
            Doing::Proof(_) => false,
            _ => true,
        };
        if let Doing::Some(named) | Doing::Proof(named) = &mut self.doing {
            named.count += 1;
            named.came.push(name.to_vec());
        }
        is_for_client
    }

    /// What the client's first request, or the next page, begins with.
    pub(super) fn begin(&mut self, room: Option<u64>) -> Next {
        self.room = room.or(self.room);
        self.go_on()
    }

    /// A search has ended upstream.
    pub(super) fn ended(&mut self, code: ResultCode, controls: Option<&[u8]>) -> Next {
        let doing = std::mem::replace(&mut self.doing, Doing::Nothing);
        let is_one = matches!(doing, Doing::One);
        // Whom the client cannot see a search does not find.
        let is_unseen = is_one
            && [ResultCode::NO_SUCH_OBJECT, ResultCode::INSUFFICIENT_ACCESS_RIGHTS].contains(&code);
        if !code.is_success() && !is_unseen {
            return Next::Ended;
        }
        match doing {
            Doing::Nothing | Doing::Finding(_) | Doing::One => {}
            Doing::Anybody => return self.anybody_ended(controls),
            Doing::Some(named) | Doing::Proof(named) if named.is_whole() => {}
            Doing::Some(named) if !self.check.as_ref().is_some_and(|check| check.takes_all()) => {
                let body = self.form.ask_who(&any_of(&named.ids));
                self.doing = Doing::Proof(Named { count: 0, ..named });
                return self.ask(body);
            }
            Doing::Some(named) | Doing::Proof(named) => {
                let ids = named.ids.clone();
                self.doing = Doing::Finding(named);
                return Next::Names(ids);
            }
        }
        self.go_on()
    }

    fn anybody_ended(&mut self, controls: Option<&[u8]>) -> Next {
        let next = cookie(controls).unwrap_or_default();
        match self.tasks.front_mut() {
            Some(Task::Anybody { cookie, .. }) if self.room.is_some() && !next.is_empty() => {
                *cookie = next.to_vec();
            }
            _ => {
                self.tasks.pop_front();
            }
        }
        if self.tasks.is_empty() && !self.is_paged() {
            return Next::Ended;
        }
        self.go_on()
    }

    /// The names of those who were asked for are found out.
    pub(super) fn named(&mut self, names: Vec<String>) -> Next {
        let doing = std::mem::replace(&mut self.doing, Doing::Nothing);
        if let Doing::Finding(Named { came, .. }) = doing {
            let came = came.iter().filter_map(|name| DistinguishedName::from_bytes(name).ok());
            let came: BTreeSet<NormalizedDn> = came.map(|dn| dn.normalized().clone()).collect();
            let has_come = |name: &str| {
                DistinguishedName::parse(name).is_ok_and(|dn| came.contains(dn.normalized()))
            };
            let is_open = |name: &String| self.form.holds(name) && !has_come(name);
            let open: Vec<String> = names.into_iter().filter(is_open).collect();
            self.names.extend(open);
        }
        self.go_on()
    }

    fn go_on(&mut self) -> Next {
        loop {
            let is_full = self.room == Some(0);
            if self.is_hidden {
                match self.cannot_name() {
                    Some(refusal) => return Next::Refused(refusal),
                    None => continue,
                }
            }
            if let Some(name) = self.names.pop_front() {
                if is_full && !self.tries {
                    self.names.push_front(name);
                    return Next::Page;
                }
                return self.read_one(&name);
            }
            match self.tasks.front_mut() {
                None => return Next::End,
                Some(Task::Names { check, rest }) => {
                    self.check = Some(check.clone());
                    let mut names = std::mem::take(rest);
                    names.retain(|name| self.form.holds(name));
                    self.names.extend(names);
                    self.tasks.pop_front();
                }
                Some(Task::Ids { rest, .. } | Task::Try { rest, .. }) if rest.is_empty() => {
                    self.tries = false;
                    self.tasks.pop_front();
                }
                Some(Task::Try { rest, .. }) => {
                    self.tries = true;
                    let ids: Vec<UpstreamId> =
                        rest.drain(..rest.len().min(NAMED_AT_ONCE)).collect();
                    let body = self.form.ask_who(&any_of(&ids));
                    self.doing = Doing::Proof(Named::new(ids));
                    return self.ask(body);
                }
                Some(_) if is_full => return Next::Page,
                Some(Task::Ids { check, rest }) => {
                    // No more than the page takes, so that it ends where a search does.
                    let room = self.room.and_then(|room| usize::try_from(room).ok());
                    let most = room.unwrap_or(usize::MAX).min(NAMED_AT_ONCE).min(rest.len());
                    let ids: Vec<UpstreamId> = rest.drain(..most).collect();
                    let body = self.form.ask_all(&check.named(&ids));
                    self.check = Some(check.clone());
                    self.doing = Doing::Some(Named::new(ids));
                    return self.ask(body);
                }
                Some(Task::Anybody { filter, check, cookie }) => {
                    let body = match self.room {
                        Some(room) => self.form.ask_page(filter, room, cookie),
                        None => self.form.ask_all(filter),
                    };
                    self.check.clone_from(check);
                    self.doing = Doing::Anybody;
                    return self.ask(body);
                }
            }
        }
    }

    fn ask(&mut self, body: Vec<u8>) -> Next {
        self.asked += 1;
        Next::Ask(body)
    }

    fn read_one(&mut self, name: &str) -> Next {
        self.doing = Doing::One;
        let body = match (&self.check, self.tries) {
            (Some(check), false) => self.form.ask_one(name, &check.filter()),
            _ => self.form.ask_one(name, &Filter::any_entry()),
        };
        self.ask(body)
    }

    /// Somebody whom the client sees is not found by id.
    fn cannot_name(&mut self) -> Option<Refusal> {
        self.is_hidden = false;
        self.tries = false;
        self.names.clear();
        let Some(Task::Try { otherwise: Some(step), .. }) = self.tasks.pop_front() else {
            return Some(reply::HIDDEN_IDS);
        };
        self.tasks = VecDeque::from([task(step)]);
        None
    }
}

impl Named {
    fn new(ids: Vec<UpstreamId>) -> Self {
        Self { ids, count: 0, came: Vec::new() }
    }

    fn is_whole(&self) -> bool {
        self.count >= self.ids.len()
    }
}

fn task(step: Step) -> Task {
    let Step { check, who } = step;
    match who {
        Who::Anybody => {
            Task::Anybody { filter: check.filter(), check: Some(check), cookie: Vec::new() }
        }
        Who::Ids(ids) => Task::Ids { check, rest: ids.into() },
        Who::Names(rest) => Task::Names { check, rest },
    }
}
