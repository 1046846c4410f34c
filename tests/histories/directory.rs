//! The model's accounts as a directory that the gateway searches.

use crate::copy::{Copy, QUESTION};
use crate::fakes::{Seen, Ticks, group_dn};
use crate::links::FakeLinks;
use crate::model::{Account, Lost, Model};
use crate::step::GROUPS;
use bindgate::app::ports::{LookupError, Lookups, Ports, Records};
use bindgate::proto::filter::Filter;
use bindgate::proto::result::ResultCode;
use bindgate::proto::search::{Attribute, Entry, Scope, Search};
use bindgate::upstream::SharedLinks;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

/// The gateway's parts, with this to keep records.
pub(crate) struct Parts<S>(PhantomData<S>);

impl<S: Records> Ports for Parts<S> {
    type Links = FakeLinks;
    type Shared = SharedLinks;
    type Lookups = Directory;
    type Replica = Copy;
    type Records = S;
    type Clock = Ticks;
    type Events = Seen;
}

/// Answers searches with what the model's accounts are now.
#[derive(Clone)]
pub(crate) struct Directory(pub(crate) Arc<Mutex<Model>>);

pub(crate) fn dn(rdn: &str) -> String {
    format!("uid={rdn},dc=one")
}

impl Lookups for Directory {
    async fn search(&self, search: Search) -> Result<Vec<Entry>, LookupError> {
        answer(&self.0.lock().unwrap(), &search)
    }
}

fn answer(model: &Model, search: &Search) -> Result<Vec<Entry>, LookupError> {
    if search.base == QUESTION {
        let is_readable = model.lost == Lost::Nothing;
        return if is_readable { Ok(Vec::new()) } else { Err(LookupError::Timeout) };
    }
    if search.base == "ou=groups,dc=one" {
        return match model.lost {
            Lost::Groups => Err(LookupError::Timeout),
            Lost::Entries | Lost::Nothing => Ok(groups(model, search)),
        };
    }
    if model.lost == Lost::Entries {
        return Err(LookupError::Timeout);
    }
    let people = || model.accounts.iter().map(|(id, account)| person(*id, account));
    if search.scope == Scope::Base {
        let found: Vec<Entry> = people().filter(|entry| entry.dn == search.base).collect();
        let missing = LookupError::Result(ResultCode::NO_SUCH_OBJECT);
        return if found.is_empty() { Err(missing) } else { Ok(found) };
    }
    if search.size_limit == 1 {
        let seen = model.accounts.iter().filter(|(_, account)| account.is_of_type);
        return Ok(seen.take(1).map(|(id, account)| person(*id, account)).collect());
    }
    let wanted = asked("entryUUID", &search.filter);
    Ok(people()
        .filter(|entry| wanted.iter().any(|id| entry.text("entryUUID") == Some(id)))
        .collect())
}

pub(crate) fn person(id: usize, account: &Account) -> Entry {
    let id = format!("id-{id}");
    let title = if account.is_of_type { "staff" } else { "robot" };
    let lock = if account.is_disabled { "true" } else { "false" };
    let attributes =
        [("uid", account.uid), ("entryUUID", &id), ("title", title), ("nsAccountLock", lock)];
    let attribute = |(name, value): (&str, &str)| Attribute {
        name: name.to_owned(),
        values: vec![value.as_bytes().to_vec()],
    };
    Entry { dn: dn(account.rdn), attributes: attributes.map(attribute).into() }
}

pub(crate) fn members(model: &Model, group: &str) -> Vec<String> {
    let accounts = model.accounts.values().filter(|account| account.groups.contains(group));
    let mut members: Vec<String> = accounts.map(|account| dn(account.rdn)).collect();
    members.extend((group == "n").then(|| group_dn("a")));
    members
}

fn groups(model: &Model, search: &Search) -> Vec<Entry> {
    let entry = |group: &&str| {
        let attribute = |name: &str, values: Vec<String>| Attribute {
            name: name.to_owned(),
            values: values.into_iter().map(String::into_bytes).collect(),
        };
        let attributes = vec![
            attribute("cn", vec![(*group).to_owned()]),
            attribute("entryUUID", vec![format!("id-{group}")]),
            attribute("member", members(model, group)),
        ];
        Entry { dn: group_dn(group), attributes }
    };
    if search.size_limit == 1 {
        return GROUPS.iter().take(1).map(entry).collect();
    }
    let asked = asked("member", &search.filter);
    let holds = |group: &&&str| members(model, group).iter().any(|member| asked.contains(member));
    GROUPS.iter().filter(holds).map(entry).collect()
}

/// The values that a filter asks for of an attribute.
fn asked(attribute: &str, filter: &Filter) -> Vec<String> {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => {
            parts.iter().flat_map(|part| asked(attribute, part)).collect()
        }
        Filter::Equal(name, value) if name == attribute => {
            vec![String::from_utf8(value.clone()).unwrap()]
        }
        _ => Vec::new(),
    }
}
