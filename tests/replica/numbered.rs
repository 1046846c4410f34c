//! A server that numbers its changes and says what the test wants: whatever goes wrong in between,
//! nothing is taken away, and in the end the copy is what the directory says.

use crate::served::{Peer, Stage, bounded};
use bindgate::app::ports::{Coverage, Gone, Replica};
use bindgate::proto::control::Control;
use bindgate::proto::envelope::Envelope;
use bindgate::proto::filter::{Filter, FilterLimits};
use bindgate::proto::op::Operation;
use bindgate::proto::paged::Page;
use bindgate::proto::search::{Attribute, Entry, SearchRequest};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

const PAGED: &[u8] = b"1.2.840.113556.1.4.319";
const SHOW_DELETED: &[u8] = b"1.2.840.113556.1.4.417";
const NOTIFICATION: &str = "1.2.840.113556.1.4.528";
const PERSISTENT_SEARCH: &str = "2.16.840.1.113730.3.4.3";
pub(crate) const DELETED: i64 = 2;
pub(crate) const MODIFIED: i64 = 4;
const USER: &str = "uid=ann,dc=x";
/// The id of the user, where members are known by ids.
const USER_ID: &str = "00000000-0000-0000-0000-0000000000ff";
const LIMITS: FilterLimits = FilterLimits { depth: 10, components: 100 };
/// How many entries a page of it has.
const PAGE: usize = 2;
/// How many members it shows at once where it gives lists in parts.
const PART: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Active,
    Ds389,
}

/// What goes wrong, with which search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The connection is lost behind the first entry.
    Cut,
    /// The connection is lost behind the first page.
    CutPage,
    /// The search ends with this code behind the first entry.
    Code(u32),
    /// A part of the answer lies elsewhere.
    Reference,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Changes,
    List,
    Root,
}

pub(crate) struct World {
    kind: Kind,
    server: &'static str,
    life: &'static str,
    pub(crate) number: u64,
    /// The groups, each with the change that made it so.
    pub(crate) groups: BTreeMap<u8, u64>,
    /// Those that are gone, which only some accounts see.
    gone: BTreeMap<u8, u64>,
    pub(crate) sees_gone: bool,
    /// The name of what the groups lie below.
    unit: (&'static str, u64),
    fault: Option<(Which, Fault)>,
    /// How often everything was listed.
    pub(crate) lists: usize,
    /// Whether it can tell of changes by itself, and does so if it is asked to.
    pub(crate) watch: Watch,
    /// What is to be told: an entry, and what happened to it.
    pub(crate) told: Vec<(Entry, i64)>,
}

/// What becomes of a search that goes on and shows what changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// It is not offered.
    Unknown,
    /// It is refused.
    Refused,
    /// It tells of changes.
    Telling,
    /// It is taken, and tells of nothing.
    Silent,
    /// It is ended.
    Ended,
}

#[derive(Clone)]
pub(crate) struct Directory(Arc<Mutex<World>>, Arc<Notify>);

impl Directory {
    pub(crate) fn new(kind: Kind) -> Self {
        let world = World {
            kind,
            server: "one",
            life: "first",
            number: 5,
            groups: (1..=5).map(|group| (group, u64::from(group))).collect(),
            gone: BTreeMap::new(),
            sees_gone: false,
            unit: ("ou=unit,ou=groups,dc=x", 0),
            fault: None,
            lists: 0,
            watch: Watch::Unknown,
            told: Vec::new(),
        };
        Self(Arc::new(Mutex::new(world)), Arc::default())
    }

    pub(crate) fn set<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    pub(crate) fn put(&self, group: u8) {
        self.set(|world| {
            world.number += 1;
            world.groups.insert(group, world.number);
            world.told.push((world.group(group, None), MODIFIED));
        });
        self.1.notify_one();
    }

    pub(crate) fn delete(&self, group: u8) {
        self.set(|world| {
            // It is told with the number that it had.
            world.told.push((world.group(group, None), DELETED));
            world.number += 1;
            world.groups.remove(&group);
            world.gone.insert(group, world.number);
        });
        self.1.notify_one();
    }

    /// Somebody is changed who is no group, and is not looked at.
    pub(crate) fn write(&self) {
        self.set(|world| {
            world.number += 1;
            let somebody = world.entry("cn=x,dc=x", 250, world.number, &[]);
            world.told.push((somebody, MODIFIED));
        });
        self.1.notify_one();
    }

    /// Answers whoever connects, one after another.
    async fn serve(self, stage: Arc<Stage>) {
        loop {
            let mut peer = stage.accept_bound().await;
            let mut watch = None;
            loop {
                let message = tokio::select! {
                    message = peer.message_now() => Some(message),
                    () = self.1.notified() => None,
                };
                // What was told comes before what is answered.
                self.tell(&mut peer, &mut watch).await;
                let Some(message) = message else { continue };
                let Some(message) = message else { break };
                let envelope = Envelope::parse(&message).unwrap();
                if is_watch(&envelope) {
                    watch = Some(i64::from(envelope.id.get()));
                    self.tell(&mut peer, &mut watch).await;
                } else if envelope.operation != Operation::SearchRequest
                    || !self.answer(&mut peer, &envelope).await
                {
                    break;
                }
            }
        }
    }

    /// Tells what is to be told, if somebody wants to know.
    async fn tell(&self, peer: &mut Peer, watch: &mut Option<i64>) {
        let (told, what) = self.set(|world| (std::mem::take(&mut world.told), world.watch));
        let Some(id) = *watch else { return };
        match what {
            Watch::Unknown => panic!("it is asked for and was not offered"),
            Watch::Silent => {}
            Watch::Telling => {
                for (entry, change) in told {
                    peer.show_change(id, &entry, change).await;
                }
            }
            Watch::Refused | Watch::Ended => {
                *watch = None;
                peer.end(id, 53, None).await;
            }
        }
    }

    /// Answers a search; whether the connection is to be gone on with.
    async fn answer(&self, peer: &mut Peer, envelope: &Envelope<'_>) -> bool {
        let id = i64::from(envelope.id.get());
        let search = SearchRequest::decode(envelope.content).unwrap();
        let controls = Control::decode_all(envelope.controls.unwrap_or_default(), 9).unwrap();
        let page = controls.iter().find(|control| control.oid == PAGED);
        let cookie = page.map(|page| Page::decode(page.value.unwrap()).unwrap().cookie.to_vec());
        let shows_gone = controls.iter().any(|control| control.oid == SHOW_DELETED);
        let (found, fault) = self.set(|world| {
            let (which, found) = world.find(&search, shows_gone);
            if which == Some(Which::List) && cookie.as_deref() == Some(b"") {
                world.lists += 1;
            }
            let fault = world.fault.filter(|(of, _)| Some(*of) == which).map(|(_, fault)| fault);
            (found, fault)
        });
        let first: usize = cookie
            .as_deref()
            .and_then(|cookie| std::str::from_utf8(cookie).ok()?.parse().ok())
            .unwrap_or(0);
        let rest = found.get(first..).unwrap_or_default();
        let here = if cookie.is_some() { &rest[..rest.len().min(PAGE)] } else { rest };
        for (at, entry) in here.iter().enumerate() {
            peer.show(id, entry).await;
            match fault {
                Some(Fault::Cut) if at == 0 => return false,
                Some(Fault::Code(code)) if at == 0 => {
                    peer.end(id, code, None).await;
                    return true;
                }
                Some(Fault::Reference) if at == 0 => peer.refer(id).await,
                _ => {}
            }
        }
        let behind = if first + here.len() < found.len() {
            (first + here.len()).to_string()
        } else {
            String::new()
        };
        peer.end(id, 0, cookie.map(|_| behind.into_bytes())).await;
        fault != Some(Fault::CutPage)
    }
}

/// Whether a search is to go on and to show what changes.
fn is_watch(envelope: &Envelope<'_>) -> bool {
    let controls = Control::decode_all(envelope.controls.unwrap_or_default(), 9).unwrap();
    let names = [NOTIFICATION, PERSISTENT_SEARCH];
    let asks = |control: &&Control<'_>| names.iter().any(|name| control.oid == name.as_bytes());
    let Some(control) = controls.iter().find(asks) else { return false };
    assert!(control.critical, "who does not know it must not show all that there is");
    let search = SearchRequest::decode(envelope.content).unwrap();
    let filter = Filter::decode(search.filter, LIMITS).unwrap();
    assert_eq!(filter, Filter::any_entry(), "Active Directory takes no other");
    true
}

impl World {
    fn find(&self, search: &SearchRequest<'_>, shows_gone: bool) -> (Option<Which>, Vec<Entry>) {
        let base = String::from_utf8_lossy(search.base).into_owned();
        let filter = Filter::decode(search.filter, LIMITS).unwrap();
        let asks = |name: &str| search.attributes.contains(&name.as_bytes());
        if base.is_empty() {
            return (Some(Which::Root), vec![self.root()]);
        }
        if base == self.server {
            return (None, vec![entry("", &[("invocationId", self.life)])]);
        }
        if search.scope.number() == 0 {
            let asked = search.attributes[0];
            let asked = std::str::from_utf8(asked).unwrap();
            if let Some(range) = asked.strip_prefix("member;range=") {
                let first = range.strip_suffix("-*").unwrap().parse().unwrap();
                let number = base.strip_prefix("cn=g").unwrap().split(',').next().unwrap();
                return (None, vec![self.group(number.parse().unwrap(), Some(first))]);
            }
            let known = [("ou=groups,dc=x", 200_u8, 0), (self.unit.0, 201, self.unit.1)];
            let found = known.into_iter().filter(|(name, ..)| *name == base);
            return (
                None,
                found.map(|(name, id, number)| self.entry(name, id, number, &[])).collect(),
            );
        }
        let is_gone_asked = matches!(&filter, Filter::Equal(name, _) if name == "isDeleted");
        if let Filter::GreaterOrEqual(_, from) = &filter {
            let from: u64 = String::from_utf8_lossy(from).parse().unwrap();
            let groups = self.groups.iter().filter(|(_, number)| **number >= from);
            let mut found: Vec<Entry> = groups.map(|(group, _)| self.group(*group, None)).collect();
            if self.unit.1 >= from {
                found.push(self.entry(self.unit.0, 201, self.unit.1, &[]));
            }
            let gone = self.gone.iter().filter(|(_, number)| **number >= from);
            found.extend(
                gone.filter(|_| shows_gone && self.sees_gone).map(|(g, n)| self.grave(*g, *n)),
            );
            return (Some(Which::Changes), found);
        }
        if is_gone_asked {
            let gone = self.gone.iter().filter(|_| shows_gone && self.sees_gone);
            return (None, gone.map(|(group, number)| self.grave(*group, *number)).collect());
        }
        let which = if asks("cn") { None } else { Some(Which::List) };
        (which, self.groups.keys().map(|group| self.group(*group, None)).collect())
    }

    fn root(&self) -> Entry {
        let number = self.number.to_string();
        let of_kind: &[(&str, &str)] = match self.kind {
            Kind::Active => &[
                ("supportedCapabilities", "1.2.840.113556.1.4.800"),
                ("highestCommittedUSN", &number),
                ("dsServiceName", self.server),
            ],
            Kind::Ds389 => &[
                ("vendorName", "389 Project"),
                ("nsBackendSuffix", "userRoot:dc=x"),
                ("nsBackendSuffix", "other:ou=other,dc=x"),
                ("lastusn;userroot", &number),
                ("netscapemdsuffix", self.server),
            ],
        };
        let control = match self.kind {
            Kind::Active => NOTIFICATION,
            Kind::Ds389 => PERSISTENT_SEARCH,
        };
        let control = if self.watch == Watch::Unknown { "1.1" } else { control };
        let all = [("namingContexts", "dc=x"), ("supportedControl", control)];
        entry("", &[&all, of_kind].concat())
    }

    pub(crate) fn group(&self, group: u8, from: Option<usize>) -> Entry {
        let name = format!("g{group}");
        let dn = format!("cn={name},{}", self.unit.0);
        let mut entry = self.entry(
            &dn,
            group,
            self.groups.get(&group).copied().unwrap_or_default(),
            &[("objectClass", "groupOfNames"), ("cn", &name)],
        );
        let member = |id: &str, name: &str| match self.kind {
            Kind::Active => format!("<GUID={id}>;<SID=S-1-5-1>;{name}").into_bytes(),
            Kind::Ds389 => name.as_bytes().to_vec(),
        };
        // The user stands behind all others.
        let mut members: Vec<Vec<u8>> = (1..=4)
            .map(|other| member(&format!("00000000-0000-0000-0000-00000000000{other}"), "cn=x"))
            .collect();
        members.push(member(USER_ID, USER));
        let (name, values) = match (self.kind, from) {
            (Kind::Ds389, _) => ("member".to_owned(), members),
            (Kind::Active, from) => {
                let first = from.unwrap_or(0);
                let end = (first + PART).min(members.len());
                let last =
                    if end == members.len() { "*".to_owned() } else { (end - 1).to_string() };
                (format!("member;range={first}-{last}"), members[first..end].to_vec())
            }
        };
        entry.attributes.push(Attribute { name, values });
        entry
    }

    /// What is shown of a group that is gone.
    fn grave(&self, group: u8, number: u64) -> Entry {
        let dn = format!("cn=g{group}\\0ADEL:x,cn=Deleted Objects,dc=x");
        self.entry(&dn, group, number, &[("isDeleted", "TRUE"), ("objectClass", "groupOfNames")])
    }

    pub(crate) fn entry(&self, dn: &str, id: u8, number: u64, more: &[(&str, &str)]) -> Entry {
        let (dn, number) = (dn.to_owned(), number.to_string());
        let name = match self.kind {
            Kind::Active => format!("<GUID=x>;{dn}"),
            Kind::Ds389 => dn,
        };
        let mut made = entry(&name, more);
        let (id_name, id, number_name) = match self.kind {
            Kind::Active => ("objectGUID", vec![id; 16], "uSNChanged"),
            Kind::Ds389 => {
                let group = format!("{id:02x}").repeat(4);
                ("nsUniqueId", [&*group; 4].join("-").into_bytes(), "entryusn")
            }
        };
        made.attributes.push(Attribute { name: id_name.to_owned(), values: vec![id] });
        made.attributes
            .push(Attribute { name: number_name.to_owned(), values: vec![number.into_bytes()] });
        made
    }
}

fn entry(dn: &str, attributes: &[(&str, &str)]) -> Entry {
    let attributes = attributes.iter().map(|(name, value)| Attribute {
        name: (*name).to_owned(),
        values: vec![value.as_bytes().to_vec()],
    });
    Entry { dn: dn.to_owned(), attributes: attributes.collect() }
}

/// A directory, and a copy of it that is complete.
pub(crate) struct Scene {
    pub(crate) stage: Arc<Stage>,
    pub(crate) directory: Directory,
    server: tokio::task::AbortHandle,
}

impl Scene {
    async fn new(kind: Kind) -> Self {
        Self::of(Directory::new(kind)).await
    }

    pub(crate) async fn of(directory: Directory) -> Self {
        let stage = Arc::new(Stage::new().await);
        let server = tokio::spawn(directory.clone().serve(stage.clone())).abort_handle();
        let scene = Self { stage, directory, server };
        scene.stage.covered().await;
        assert_eq!(scene.stage.copy.coverage(), Some(Coverage::Groups));
        assert_eq!(scene.groups(), [1, 2, 3, 4, 5]);
        scene
    }

    pub(crate) fn groups(&self) -> Vec<u8> {
        let by_id = format!("objectGUID={USER_ID}");
        let is_active = self.directory.set(|world| world.kind == Kind::Active);
        self.stage.groups_of(if is_active { &by_id } else { USER })
    }

    async fn pull(&self) -> Option<Result<(), Gone>> {
        bounded(self.stage.copy.pull()).await.map(|pulled| pulled.map(|_| ()))
    }

    /// Pulls until the copy is there.
    pub(crate) async fn pulled(&self, expected: &[u8]) {
        while !matches!(self.pull().await, Some(Ok(()))) {
            self.stage.covered().await;
        }
        assert_eq!(self.groups(), expected);
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[tokio::test]
async fn s4_4_a_pull_brings_what_was_changed_and_what_is_gone() {
    for kind in [Kind::Active, Kind::Ds389] {
        let scene = Scene::new(kind).await;
        scene.directory.put(6);
        scene.pulled(&[1, 2, 3, 4, 5, 6]).await;
        scene.directory.delete(2);
        scene.pulled(&[1, 3, 4, 5, 6]).await;
        // One goes while another comes.
        scene.directory.delete(3);
        scene.directory.put(7);
        scene.pulled(&[1, 4, 5, 6, 7]).await;
        scene.pulled(&[1, 4, 5, 6, 7]).await;
    }
}

#[tokio::test]
async fn the_ids_of_all_are_listed_only_where_one_may_be_gone() {
    let scene = Scene::new(Kind::Ds389).await;
    let lists = || scene.directory.set(|world| world.lists);
    scene.pulled(&[1, 2, 3, 4, 5]).await;
    let before = lists();
    scene.directory.put(6);
    scene.directory.put(7);
    scene.pulled(&[1, 2, 3, 4, 5, 6, 7]).await;
    scene.directory.put(6);
    scene.pulled(&[1, 2, 3, 4, 5, 6, 7]).await;
    assert_eq!(lists(), before, "every number is some entry's");
    scene.directory.delete(4);
    scene.pulled(&[1, 2, 3, 5, 6, 7]).await;
    assert_eq!(lists(), before + 1);
    let scene = Scene::of({
        let directory = Directory::new(Kind::Active);
        directory.set(|world| world.sees_gone = true);
        directory.delete(9);
        directory
    })
    .await;
    scene.directory.delete(4);
    scene.pulled(&[1, 2, 3, 5]).await;
    assert_eq!(scene.directory.set(|world| world.lists), 0, "it is told of those that are gone");
}

#[tokio::test]
async fn s3_3_an_answer_that_is_not_whole_takes_nothing_away() {
    const FAULTS: [Fault; 8] = [
        Fault::Cut,
        Fault::CutPage,
        Fault::Reference,
        Fault::Code(3),
        Fault::Code(4),
        Fault::Code(10),
        Fault::Code(12),
        Fault::Code(51),
    ];
    for kind in [Kind::Active, Kind::Ds389] {
        for which in [Which::Changes, Which::List, Which::Root] {
            let scene = Scene::new(kind).await;
            for (first, fault) in (1_u8..).zip(FAULTS) {
                let before: Vec<u8> = (first..first + 5).collect();
                scene.pulled(&before).await;
                // Three pages of changes, and of what there is.
                scene.directory.delete(first);
                (first + 1..=first + 5).for_each(|group| scene.directory.put(group));
                scene.directory.set(|world| world.fault = Some((which, fault)));
                let told = format!("{kind:?} {which:?} {fault:?}");
                assert_eq!(scene.pull().await, Some(Err(Gone)), "{told}");
                assert_eq!(scene.groups(), before, "{told}");
                assert_eq!(scene.stage.copy.coverage(), None, "{told}");
                scene.directory.set(|world| world.fault = None);
                let after: Vec<u8> = (first + 1..=first + 5).collect();
                scene.stage.covered().await;
                scene.pulled(&after).await;
            }
        }
    }
}

#[tokio::test]
async fn s4_10_groups_below_something_that_is_renamed_are_read_anew() {
    for kind in [Kind::Active, Kind::Ds389] {
        let scene = Scene::new(kind).await;
        scene.directory.set(|world| {
            world.number += 1;
            world.unit = ("ou=renamed,ou=groups,dc=x", world.number);
        });
        assert_eq!(scene.pull().await, Some(Err(Gone)));
        scene.pulled(&[1, 2, 3, 4, 5]).await;
        let some = scene.stage.copy.read(|graph| graph.some_groups(9, |_| true));
        assert!(some.iter().all(|group| group.dn.ends_with("ou=renamed,ou=groups,dc=x")));
    }
}

#[tokio::test]
async fn k6_a_server_whose_numbers_go_back_or_that_has_another_database_was_set_back() {
    for kind in [Kind::Active, Kind::Ds389] {
        let scene = Scene::new(kind).await;
        scene.directory.set(|world| world.number -= 3);
        scene.directory.set(|world| world.groups.remove(&5));
        assert_eq!(scene.pull().await, Some(Err(Gone)));
        scene.stage.until(Replica::went_back).await;
    }
    let scene = Scene::new(Kind::Active).await;
    scene.directory.set(|world| (world.life, world.number) = ("second", world.number + 9));
    scene.directory.set(|world| world.fault = Some((Which::Root, Fault::Cut)));
    assert_eq!(scene.pull().await, Some(Err(Gone)));
    scene.directory.set(|world| world.fault = None);
    scene.stage.until(Replica::went_back).await;
}

#[tokio::test]
async fn another_server_says_nothing_of_the_one_before() {
    for kind in [Kind::Active, Kind::Ds389] {
        let scene = Scene::new(kind).await;
        scene.directory.set(|world| {
            world.server = "other";
            world.number = 6;
            world.groups.remove(&5);
        });
        assert_eq!(scene.pull().await, Some(Err(Gone)));
        scene.pulled(&[1, 2, 3, 4]).await;
        assert!(!scene.stage.copy.went_back());
    }
}
