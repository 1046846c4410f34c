//! Plays a history to the gateway and to the model, and compares.

use crate::copy;
use crate::directory::{Directory, Parts, dn};
use crate::fakes::{Memory, Seen, Ticks, policy};
use crate::foresight;
use crate::model::{Account, Model, Record, SUCCESS};
use crate::shelf::Shelf;
use crate::step::Step;
use bindgate::app::barrier::Barrier;
use bindgate::app::sign_on::{Attempt, Config, SignOns, SyncMode, Verdict};
use bindgate::domain::change::Change;
use bindgate::domain::policy::OnUnknown;
use bindgate::domain::record::{
    InactiveReason, Membership, MembershipKey, Provenance, Route, UpstreamId, UserKey,
};
use bindgate::domain::time::Timestamp;
use bindgate::proto::filter::Filter;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A record as the gateway keeps it.
type Kept = bindgate::domain::record::Record;

/// Whether the gateway has a live copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copied {
    No,
    Yes,
}

/// Whether each sign-on is foretold first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foresight {
    Off,
    On,
}

/// A gateway, and the model of what it should keep.
pub(crate) struct Stage<S: Shelf> {
    model: Arc<Mutex<Model>>,
    /// The records; nowhere for the moment of a restart.
    shelf: Option<S>,
    folder: PathBuf,
    clock: Ticks,
    sign_ons: Option<SignOns<Parts<S>>>,
    copied: Copied,
    foresight: Foresight,
    differs: Option<String>,
    compared: usize,
}

/// Plays a history; what was seen on the way, or what differs, and after which step.
pub(crate) fn play<S: Shelf>(
    history: &[Step],
    copy: Copied,
) -> Result<BTreeSet<&'static str>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::<S>::new(copy);
        for (at, step) in history.iter().enumerate() {
            stage.step(*step).await.map_err(|told| format!("step {at}, {step:?}: {told}"))?;
        }
        let seen = stage.model.lock().unwrap().seen.clone();
        Ok(seen)
    })
}

/// Plays a history in which each sign-on is foretold first; how many were compared.
pub(crate) fn play_foretold(history: &[Step], copy: Copied) -> Result<usize, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::<Memory>::new(copy);
        stage.foresight = Foresight::On;
        for (at, step) in history.iter().enumerate() {
            stage.step(*step).await.map_err(|told| format!("step {at}, {step:?}: {told}"))?;
            if let Some(told) = stage.differs.take() {
                return Err(format!("step {at}, {step:?}: {told}"));
            }
        }
        Ok(stage.compared)
    })
}

impl<S: Shelf> Stage<S> {
    pub(crate) fn new(copied: Copied) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bindgate-history-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let model = Arc::new(Mutex::new(Model::new()));
        let (shelf, clock) = (S::open(&folder), Ticks::default());
        let sign_ons = Some(start(&model, &shelf, &clock, copied));
        let shelf = Some(shelf);
        let (foresight, differs, compared) = (Foresight::Off, None, 0);
        Self { model, shelf, folder, clock, sign_ons, copied, foresight, differs, compared }
    }

    fn shelf(&self) -> &S {
        self.shelf.as_ref().expect("it is there but for a restart")
    }

    fn sign_ons(&self) -> &SignOns<Parts<S>> {
        self.sign_ons.as_ref().expect("they are there but for a restart")
    }

    /// The gateway goes first: until then the directory is as the model has it before the step.
    pub(crate) async fn step(&mut self, step: Step) -> Result<(), String> {
        let answer = self.do_to_gateway(step).await;
        let expected = self.model.lock().unwrap().take(step);
        if answer != expected {
            return Err(format!("answered {answer:?}, the model says {expected:?}"));
        }
        let (seen, model) = (self.records(), self.model.lock().unwrap());
        if seen != model.records {
            return Err(format!("records: {seen:#?}\nthe model's: {:#?}", model.records));
        }
        Ok(())
    }

    /// Changes an account behind everybody's back.
    pub(crate) fn change(&self, id: usize, change: impl FnOnce(&mut Account)) {
        self.model.lock().unwrap().accounts.entry(id).and_modify(change);
    }

    /// Somebody's bind has been received.
    pub(crate) fn begin(&self, name: &str) -> Box<Attempt<Parts<S>>> {
        self.sign_ons().begin(0, dn(name).as_bytes()).expect("it may be a user's")
    }

    /// A sign-on that is foretold first, and compared unless the store is to fail.
    async fn foreseen(&mut self, name: &str, id: usize) -> Verdict {
        let key = key(id);
        let preview = foresight::foresee(self.sign_ons(), name, &key).await;
        let record = |stage: &Self| stage.shelf().find(&key).map(|s| (*s.record).clone());
        let (before, will_fail) = (record(self), self.shelf().will_fail());
        let verdict = self.begin(name).succeeded().await;
        if !will_fail {
            self.compared += usize::from(preview.is_ok());
            self.differs = foresight::compare(&preview, before, record(self), verdict).err();
        }
        verdict
    }

    async fn do_to_gateway(&mut self, step: Step) -> Option<u32> {
        match step {
            Step::SignOn(name) => {
                // The directory answers the bind itself: nobody is there whom it does not know.
                let id = self.model.lock().unwrap().at(name)?;
                let verdict = match self.foresight {
                    Foresight::Off => self.begin(name).succeeded().await,
                    Foresight::On => self.foreseen(name, id).await,
                };
                return Some(match verdict {
                    Verdict::Admit => SUCCESS,
                    Verdict::Refuse(refusal) => refusal.code.0,
                });
            }
            Step::Look(id) if self.shelf().find(&key(id)).is_some() => {
                self.sign_ons().reconcile(key(id)).await;
            }
            Step::FailStore => self.shelf().fail(),
            Step::Bar(id) => {
                let (reason, at) = (InactiveReason::Admin, Timestamp(0));
                self.edit(id, |record| {
                    let is_new = !record.inactive.contains(&reason);
                    is_new.then_some(Change::Deactivated { reason, at }).into_iter().collect()
                })
                .await;
            }
            Step::Unbar(id) => {
                let reason = InactiveReason::Admin;
                self.edit(id, |record| {
                    let is_set = record.inactive.contains(&reason);
                    is_set.then_some(Change::ReasonLifted(reason)).into_iter().collect()
                })
                .await;
            }
            Step::Give(id, group) => self.edit(id, |record| give(record, group)).await,
            Step::Confirm(id) => {
                self.edit(id, |record| {
                    let rows = record.memberships.iter().filter(|(_, row)| row.in_review);
                    let confirmed = |key: &MembershipKey| Change::MembershipReview {
                        key: key.clone(),
                        in_review: false,
                    };
                    rows.map(|(key, _)| confirmed(key)).collect()
                })
                .await;
            }
            Step::Restart => {
                self.sign_ons = None;
                let shelf = self.shelf.take().expect("it is there but for a restart");
                let shelf = shelf.restarted(&self.folder);
                self.sign_ons = Some(start(&self.model, &shelf, &self.clock, self.copied));
                self.shelf = Some(shelf);
            }
            _ => {}
        }
        None
    }

    async fn edit(&self, id: usize, changes: impl FnOnce(&Kept) -> Vec<Change>) {
        let Some(stored) = self.shelf().find(&key(id)) else { return };
        let changes = changes(&stored.record);
        if !changes.is_empty() {
            self.shelf().edit(&key(id), changes).await;
        }
    }

    /// What the gateway keeps, in the model's terms.
    pub(crate) fn records(&self) -> BTreeMap<usize, Record> {
        let all = self.shelf().all();
        let of = |stored: &bindgate::app::ports::Stored| {
            let record = &*stored.record;
            let id = record.key.upstream_id.as_str().trim_start_matches("id-");
            let short = |id: &UpstreamId| id.as_str().trim_start_matches("id-").to_owned();
            let rows = || record.memberships.iter();
            let managed = record.managed_memberships();
            let local = rows().filter(|(key, _)| key.provenance == Provenance::Local);
            let rdn = record.dn.trim_start_matches("uid=").trim_end_matches(",dc=one");
            let kept = Record {
                rdn: rdn.to_owned(),
                name: record.name.clone(),
                collision: record.collision.clone(),
                reasons: record.inactive.clone(),
                managed: managed
                    .map(|(id, row)| (short(id), row.route.path.iter().map(short).collect()))
                    .collect(),
                local: local.map(|(key, row)| (short(&key.group), row.in_review)).collect(),
            };
            let is_counted = rows().all(|(key, row)| {
                record.is_effective(key) == (record.is_active() && !row.in_review)
            });
            assert!(is_counted, "whoever is inactive has no groups: {record:?}");
            (id.parse().unwrap(), kept)
        };
        all.iter().map(of).collect()
    }
}

fn key(id: usize) -> UserKey {
    UserKey { directory: "one".into(), upstream_id: UpstreamId::new(&format!("id-{id}")) }
}

/// The local membership that an admin gives, in the place of one that may be there in review.
fn give(record: &Kept, group: &str) -> Vec<Change> {
    let group = UpstreamId::new(&format!("id-{group}"));
    let route = Route { path: [group.clone()].into(), direct: true };
    let key = MembershipKey { group, provenance: Provenance::Local };
    let old = record.memberships.contains_key(&key);
    let removed = old.then(|| Change::MembershipRemoved { key: key.clone() });
    let membership = Membership::new(route, Timestamp(0));
    removed.into_iter().chain([Change::MembershipAdded { key, membership }]).collect()
}

impl<S: Shelf> Drop for Stage<S> {
    fn drop(&mut self) {
        // The store closes with its last handle.
        (self.sign_ons, self.shelf) = (None, None);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn start<S: Shelf>(
    model: &Arc<Mutex<Model>>,
    shelf: &S,
    clock: &Ticks,
    copied: Copied,
) -> SignOns<Parts<S>> {
    let mut policy = policy("one", OnUnknown::Keep);
    policy.user_types[0].filter = Filter::equal("title", "staff");
    policy.user_types[0].attributes.clear();
    let config = Config {
        enabled: true,
        sync: SyncMode::BeforeReply,
        budget: Duration::from_secs(2),
        barrier_patience: Duration::from_millis(50),
    };
    let directory = Directory(model.clone());
    let (shelf, clock, seen) = (shelf.clone(), clock.clone(), Seen::default());
    let lookups = vec![directory.clone()];
    let sign_ons = SignOns::new(config, &[Arc::new(policy)], lookups, shelf, clock, seen.clone());
    let barrier = match copied {
        Copied::No => None,
        Copied::Yes => Some(Barrier::new(
            "one".into(),
            copy::Copy::of(directory),
            config.barrier_patience,
            seen,
        )),
    };
    sign_ons.with_barriers(vec![barrier])
}
