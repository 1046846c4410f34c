//! Directories that are overseen, as a test wants them.

use crate::fake::NEW_YEAR;
use bindgate::app::barrier::Progress;
use bindgate::app::events::{ConnectionId, SignOnOutcome};
use bindgate::app::live::Live;
use bindgate::app::oversight::{
    Boxed, CopyState, DirectoryState, Held, Oversight, PoolState, ServerState,
};
use bindgate::app::ports::{Coverage, StoreError};
use bindgate::app::saved::HeldLoss;
use bindgate::app::sessions::{Session, Sessions};
use bindgate::app::sign_on::{Preview, Who};
use bindgate::domain::observation::UnknownReason;
use bindgate::domain::policy::ReplicaPolicy;
use bindgate::domain::record::{Group, UserKey};
use bindgate::domain::replication::Decision;
use bindgate::domain::strategy::{Choice, Strategy};
use bindgate::domain::time::Timestamp;
use bindgate::proto::dn::DistinguishedName;
use std::sync::Mutex;
use std::time::Duration;

/// Two directories: "corp" has a copy and may be behind, "lab" could not be asked.
#[derive(Default)]
pub(crate) struct Watched {
    pub(crate) progress: Mutex<Progress>,
    /// The numbers of those who are connected: ann under even ones, nobody under odd ones.
    pub(crate) connected: Mutex<Vec<u64>>,
    pub(crate) held: Mutex<Option<HeldLoss>>,
}

impl Watched {
    /// A loss of 7 of 10 groups is held.
    pub(crate) fn hold(&self) {
        *self.held.lock().unwrap() = Some(HeldLoss {
            id: "00c0ffee".to_owned(),
            since: NEW_YEAR,
            total: 10,
            left: 3,
            examples: vec!["cn=A,dc=x".to_owned(), "cn=B\u{1b},dc=x".to_owned()],
            decision: Decision::Open,
        });
    }

    /// The directory was seen at 7 and shows this.
    pub(crate) fn show(&self, shown: Option<&str>, is_behind: bool) {
        let (seen, shown) = (Some("7".to_owned()), shown.map(str::to_owned));
        *self.progress.lock().unwrap() = Progress { seen, shown, is_behind };
    }
}

impl Oversight for Watched {
    fn directories(&self) -> Boxed<'_, Vec<DirectoryState>> {
        let choice = Choice {
            replica: Some(ReplicaPolicy::Groups),
            walk: Strategy::MemberWalk,
            reasons: vec!["it is offered"],
            warnings: vec!["a warning".to_owned()],
        };
        let corp = DirectoryState {
            name: "corp".into(),
            kind: Some("OpenLDAP".to_owned()),
            servers: vec![
                ("ldap://a:389".to_owned(), ServerState::Up),
                ("ldap://b:389".to_owned(), ServerState::Down),
            ],
            pool: PoolState { connections: 3, leased: 2, waiting: 1, most: 9 },
            choice: Some(Ok(choice)),
            copy: Some(CopyState {
                is_complete: true,
                is_held: false,
                coverage: Some(Coverage::Groups),
                groups: 7,
                users: 0,
                heard_at: Some(NEW_YEAR),
            }),
            progress: Some(self.progress.lock().unwrap().clone()),
        };
        let lab = DirectoryState {
            name: "lab".into(),
            kind: None,
            servers: vec![("ldap://c:389".to_owned(), ServerState::Untried)],
            pool: PoolState { connections: 0, leased: 0, waiting: 0, most: 9 },
            choice: Some(Err(UnknownReason::Timeout)),
            copy: None,
            progress: None,
        };
        Box::pin(async { vec![corp, lab] })
    }

    fn progress(&self, directory: &str) -> Boxed<'_, Option<Progress>> {
        let progress = match directory {
            "corp" => Some(self.progress.lock().unwrap().clone()),
            "lab" => Some(Progress::default()),
            _ => None,
        };
        Box::pin(async { progress })
    }

    fn held(&self) -> Vec<Held> {
        let held = self.held.lock().unwrap();
        held.iter().map(|loss| Held::of_groups(&"corp".into(), loss.clone())).collect()
    }

    fn decide<'a>(
        &'a self,
        id: &'a str,
        decision: Decision,
        _: Timestamp,
    ) -> Boxed<'a, Result<Option<Held>, StoreError>> {
        Box::pin(async move {
            let mut held = self.held.lock().unwrap();
            let Some(loss) = held.as_mut().filter(|loss| loss.id == id) else { return Ok(None) };
            loss.decision = decision;
            let decided = Held::of_groups(&"corp".into(), loss.clone());
            if decision == Decision::Confirmed {
                *held = None;
            }
            Ok(Some(decided))
        })
    }

    fn released<'a>(&'a self, _: &'a str) -> Boxed<'a, ()> {
        Box::pin(async {})
    }
}

/// A directory that cannot be reached, and has no group that is asked for.
impl Live for Watched {
    fn sync(&self, _: UserKey) -> Boxed<'_, Option<SignOnOutcome>> {
        Box::pin(async { Some(SignOnOutcome::Unknown(UnknownReason::Unreachable)) })
    }

    fn preview(&self, _: Who) -> Boxed<'_, Option<Preview>> {
        Box::pin(async { Some(Err(UnknownReason::Unreachable)) })
    }

    fn group_at<'a>(
        &'a self,
        _: &'a str,
        _: &'a DistinguishedName,
    ) -> Boxed<'a, Option<Result<Group, UnknownReason>>> {
        Box::pin(async { Some(Err(UnknownReason::NotOneEntry)) })
    }
}

impl Sessions for Watched {
    fn list(&self) -> Vec<Session> {
        let session = |id: &u64| Session {
            id: ConnectionId(*id),
            peer: "10.0.0.7:4000".parse().unwrap(),
            tls: id.is_multiple_of(2),
            age: Duration::from_secs(*id),
            name: id.is_multiple_of(2).then(|| "uid=ann,dc=x".to_owned()),
        };
        self.connected.lock().unwrap().iter().map(session).collect()
    }

    fn end(&self, id: ConnectionId) -> Option<Session> {
        let found = self.list().into_iter().find(|session| session.id == id);
        self.connected.lock().unwrap().retain(|kept| *kept != id.0);
        found
    }
}
