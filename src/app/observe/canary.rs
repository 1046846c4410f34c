//! The canary: a user whose groups are known, asked for like anybody's. While that user does not
//! have them, nobody's groups are believed (rule K5).

use super::{closure_limits, keys};
use crate::domain::membership::graph::Graph;
use crate::domain::observation::{Closure, Observed, UnknownReason};
use crate::domain::policy::{Canary, GroupPolicy};
use crate::proto::dn::DistinguishedName;
use std::future::Future;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// What the last look at a canary said, and when it was.
#[derive(Debug, Default)]
pub(super) struct Cage {
    last: Mutex<Option<(Instant, Health)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    Silent,
}

impl Cage {
    /// Whether the canary is well: looks again only after its interval. Those who come while
    /// somebody looks wait for the answer.
    pub(super) async fn listen(
        &self,
        canary: &Canary,
        look: impl Future<Output = Observed<Closure>>,
    ) -> Result<(), UnknownReason> {
        let mut last = self.last.lock().await;
        let health = match *last {
            Some((at, health)) if at.elapsed() < canary.interval => health,
            _ => {
                let began = Instant::now();
                let health = judge(canary, &look.await);
                *last = Some((began, health));
                health
            }
        };
        match health {
            Health::Well => Ok(()),
            Health::Silent => Err(UnknownReason::Canary),
        }
    }
}

/// Whether a live copy shows that the canary, if there is one, has its groups. That costs a look
/// into memory, so there is no interval.
pub fn hear_canary_in(graph: &Graph, policy: &GroupPolicy) -> Result<(), UnknownReason> {
    let Some(canary) = &policy.canary else { return Ok(()) };
    let dn = canary.user.normalized();
    let uids = graph.user(dn).map(|known| graph.uids(known.at)).unwrap_or_default();
    let closure = graph.closure(&keys(dn, &uids), closure_limits(policy));
    match judge(canary, &closure) {
        Health::Well => Ok(()),
        Health::Silent => Err(UnknownReason::Canary),
    }
}

fn judge(canary: &Canary, groups: &Observed<Closure>) -> Health {
    let Observed::Known(closure) = groups else { return Health::Silent };
    let has = |group: &DistinguishedName| {
        let is = |dn: &str| DistinguishedName::parse(dn).is_ok_and(|dn| dn == *group);
        closure.values().any(|seen| is(&seen.group.dn))
    };
    match !closure.is_empty() && canary.groups.iter().all(has) {
        true => Health::Well,
        false => Health::Silent,
    }
}
