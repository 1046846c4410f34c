//! The canary: a user whose groups are known, asked for like anybody's. While that user does not
//! have them, nobody's groups are believed (rule K5).

use crate::domain::observation::{Closure, Observed, UnknownReason};
use crate::domain::policy::Canary;
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
