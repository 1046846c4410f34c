//! A live copy that is always as young as the directory, while that can be read at all.

use crate::directory::{Directory, dn, members, person};
use crate::fakes::{group_dn, read_of};
use crate::model::Lost;
use crate::step::GROUPS;
use bindgate::app::ports::{Coverage, Gone, Lookups, Marker, Replica};
use bindgate::domain::digest::digest;
use bindgate::domain::membership::graph::Graph;
use bindgate::domain::membership::{GroupEntry, MemberKey, UserEntry};
use bindgate::domain::observation::UnknownReason;
use bindgate::domain::record::{Group, UpstreamId};
use bindgate::proto::dn::{DistinguishedName, NormalizedDn};
use bindgate::proto::search::{Entry, Search};
use std::sync::Mutex;

const SEED: (u64, u64) = (1, 2);

/// The question's base.
pub(crate) const QUESTION: &str = "cn=how far";

#[derive(Clone)]
pub(crate) struct Copy(pub(crate) Directory);

/// Nothing is ever behind.
#[derive(Clone)]
pub(crate) struct Now;

impl Marker for Now {
    fn covers(&self, _: &Self) -> bool {
        true
    }

    fn advance(&mut self, _: &Self) {}

    fn text(&self) -> String {
        String::new()
    }

    fn read(_: &str) -> Option<Self> {
        None
    }
}

impl Replica for Copy {
    type Marker = Now;

    fn coverage(&self) -> Option<Coverage> {
        let is_whole = self.0.0.lock().unwrap().lost == Lost::Nothing;
        is_whole.then_some(Coverage::GroupsAndUsers)
    }

    fn is_held(&self) -> bool {
        false
    }

    async fn vouched(&self) -> Result<(), Gone> {
        Ok(())
    }

    async fn testified(&self) {}

    async fn find_question<L: Lookups>(&self, _: &L) -> Result<Option<Search>, UnknownReason> {
        Ok(self.question())
    }

    fn seen(&self) -> Option<Now> {
        None
    }

    fn went_back(&self) -> bool {
        false
    }

    fn forget_seen(&self) {}

    fn can_be_asked_for(&self) -> bool {
        true
    }

    fn question(&self) -> Option<Search> {
        Some(read_of(QUESTION))
    }

    fn marker(&self, _: &[Entry]) -> Option<Now> {
        Some(Now)
    }

    fn has(&self, _: &Now) -> bool {
        true
    }

    async fn arrived(&self, _: &Now) -> Result<(), Gone> {
        Ok(())
    }

    async fn poll(&self) -> Result<(), Gone> {
        Ok(())
    }

    fn read<T>(&self, look: impl FnOnce(&Graph) -> T) -> T {
        let model = self.0.0.lock().unwrap();
        let mut graph = Graph::new(SEED);
        for group in GROUPS {
            let dn = group_dn(group);
            let members = members(&model, group);
            graph.put_group(&GroupEntry {
                dn: normalized(&dn),
                group: Group {
                    id: UpstreamId::new(&format!("id-{group}")),
                    dn,
                    name: group.to_owned(),
                },
                members: members.iter().map(|member| MemberKey::Dn(normalized(member))).collect(),
            });
        }
        for (id, account) in model.accounts.iter().filter(|(_, account)| account.is_of_type) {
            graph.put_user(&UserEntry {
                id: UpstreamId::new(&format!("id-{id}")),
                dn: normalized(&dn(account.rdn)),
                uids: Vec::new(),
                digest: digest(SEED, &person(*id, account)),
            });
        }
        drop(model);
        follow_on(&mut graph);
        look(&graph)
    }
}

/// Every read makes a graph of its own, and two that were changed as often must not pass for one.
fn follow_on(graph: &mut Graph) {
    static LAST: Mutex<Option<Graph>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap();
    if let Some(last) = &*last {
        graph.succeed(last);
    }
    let mut mark = Graph::new(SEED);
    mark.succeed(graph);
    *last = Some(mark);
}

fn normalized(dn: &str) -> NormalizedDn {
    DistinguishedName::parse(dn).unwrap().normalized().clone()
}
