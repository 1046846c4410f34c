//! Plays a history to the gateway and to the model, and compares.

use crate::copy;
use crate::directory::{Directory, Parts, dn};
use crate::fakes::{Memory, Seen, Ticks, policy};
use crate::foresight;
use crate::model::{Account, Model, Record, SUCCESS};
use crate::step::Step;
use bindgate::app::barrier::Barrier;
use bindgate::app::ports::StoreError;
use bindgate::app::sign_on::{Attempt, Config, SignOns, SyncMode, Verdict};
use bindgate::domain::policy::OnUnknown;
use bindgate::domain::record::{
    InactiveReason, Membership, MembershipKey, Provenance, Route, UpstreamId, UserKey,
};
use bindgate::domain::time::Timestamp;
use bindgate::proto::filter::Filter;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
pub(crate) struct Stage {
    model: Arc<Mutex<Model>>,
    memory: Memory,
    clock: Ticks,
    sign_ons: SignOns<Parts>,
    copied: Copied,
    foresight: Foresight,
    differs: Option<String>,
    compared: usize,
}

/// Plays a history; what was seen on the way, or what differs, and after which step.
pub(crate) fn play(history: &[Step], copy: Copied) -> Result<BTreeSet<&'static str>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(copy);
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
        let mut stage = Stage { foresight: Foresight::On, ..Stage::new(copy) };
        for (at, step) in history.iter().enumerate() {
            stage.step(*step).await.map_err(|told| format!("step {at}, {step:?}: {told}"))?;
            if let Some(told) = stage.differs.take() {
                return Err(format!("step {at}, {step:?}: {told}"));
            }
        }
        Ok(stage.compared)
    })
}

impl Stage {
    pub(crate) fn new(copied: Copied) -> Self {
        let model = Arc::new(Mutex::new(Model::new()));
        let (memory, clock) = (Memory::default(), Ticks::default());
        let sign_ons = start(&model, &memory, &clock, copied);
        let (foresight, differs, compared) = (Foresight::Off, None, 0);
        Self { model, memory, clock, sign_ons, copied, foresight, differs, compared }
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
    pub(crate) fn begin(&self, name: &str) -> Box<Attempt<Parts>> {
        self.sign_ons.begin(0, dn(name).as_bytes()).expect("it may be a user's")
    }

    /// A sign-on that is foretold first, and compared unless the store is to fail.
    async fn foreseen(&mut self, name: &str, id: usize) -> Verdict {
        let key = key(id);
        let preview = foresight::foresee(&self.sign_ons, name, &key).await;
        let (before, will_fail) = {
            let state = self.memory.state();
            let before = state.records.get(&key).map(|stored| (*stored.record).clone());
            (before, !state.faults.is_empty())
        };
        let verdict = self.begin(name).succeeded().await;
        if !will_fail {
            self.compared += usize::from(preview.is_ok());
            let compared = foresight::compare(&preview, before, &self.memory, &key, verdict);
            self.differs = compared.err();
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
            Step::Look(id) if self.memory.state().records.contains_key(&key(id)) => {
                self.sign_ons.reconcile(key(id)).await;
            }
            Step::FailStore => {
                self.memory.state().faults.push_back(StoreError::Failed("disk full".to_owned()));
            }
            Step::Bar(id) => self.edit(id, |record| {
                record.inactive.insert(InactiveReason::Admin);
            }),
            Step::Unbar(id) => self.edit(id, |record| {
                record.inactive.remove(&InactiveReason::Admin);
            }),
            Step::Give(id, group) => self.edit(id, |record| {
                let group = UpstreamId::new(&format!("id-{group}"));
                let route = Route { path: vec![group.clone()], direct: true };
                let key = MembershipKey { group, provenance: Provenance::Local };
                record.memberships.insert(key, Membership::new(route, Timestamp(0)));
            }),
            Step::Confirm(id) => self.edit(id, |record| {
                record.memberships.values_mut().for_each(|row| row.in_review = false);
            }),
            Step::Restart => {
                for stored in self.memory.state().records.values_mut() {
                    stored.mark.seen = None;
                }
                self.sign_ons = start(&self.model, &self.memory, &self.clock, self.copied);
            }
            _ => {}
        }
        None
    }

    fn edit(&self, id: usize, change: impl FnOnce(&mut bindgate::domain::record::Record)) {
        if self.memory.state().records.contains_key(&key(id)) {
            self.memory.edit(&id.to_string(), change);
        }
    }

    /// What the gateway keeps, in the model's terms.
    pub(crate) fn records(&self) -> BTreeMap<usize, Record> {
        let state = self.memory.state();
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
        state.records.values().map(of).collect()
    }
}

fn key(id: usize) -> UserKey {
    UserKey { directory: "one".into(), upstream_id: UpstreamId::new(&format!("id-{id}")) }
}

fn start(
    model: &Arc<Mutex<Model>>,
    memory: &Memory,
    clock: &Ticks,
    copied: Copied,
) -> SignOns<Parts> {
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
    let (memory, clock, seen) = (memory.clone(), clock.clone(), Seen::default());
    let lookups = vec![directory.clone()];
    let sign_ons = SignOns::new(config, &[Arc::new(policy)], lookups, memory, clock, seen.clone());
    let barrier = match copied {
        Copied::No => None,
        Copied::Yes => {
            Some(Barrier::new("one".into(), copy::Copy(directory), config.barrier_patience, seen))
        }
    };
    sign_ons.with_barriers(vec![barrier])
}
