//! What an idle client costs in memory: the resident memory of a fresh server with many clients
//! less that with none, divided by their number.

use super::BenchError;
use super::link::{Dialer, Link};
use super::load::{Verdict, Work};
use super::scenario::{Kind, Scenario};
use super::target::Target;
use super::work::{Binds, Requests, Turn};
use serde::Serialize;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::sleep;

/// How often memory is looked at until it stays as it is.
const LOOK: Duration = Duration::from_millis(250);
/// How often at most.
const LOOKS: usize = 20;
/// After how many clients progress is told.
const STEP: usize = 200;

/// What was found for one target.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MemoryRow {
    /// Which scenario.
    pub(crate) scenario: &'static str,
    /// Whose memory.
    pub(crate) target: &'static str,
    /// How many clients.
    pub(crate) clients: usize,
    /// Resident memory with none, in KiB.
    pub(crate) without_kib: u64,
    /// Resident memory with all of them, in KiB.
    pub(crate) with_kib: u64,
    /// The difference, divided, in KiB.
    pub(crate) each_kib: f64,
    /// Binds that were not answered with success.
    pub(crate) refused: u64,
}

/// Connects `clients` clients to the process, looks, and lets go of them; `told` hears the share
/// that is done.
pub(crate) fn measure(
    scenario: &'static Scenario,
    target: Target,
    process: u32,
    dialer: &Dialer,
    clients: usize,
    requests: &Rc<Requests>,
    told: impl Fn(f64),
) -> Result<MemoryRow, BenchError> {
    let failed = |source| BenchError::Load { target: target.name(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(failed)?.block_on(async {
        let without = settled(process).await;
        let mut binds = Binds::new(requests, Turn::Next(Rc::new(Cell::new(0))));
        let mut links = Vec::with_capacity(clients);
        let mut refused = 0;
        for index in 0..clients {
            let mut link = Link::connect(dialer).await.map_err(failed)?;
            if scenario.kind == Kind::Bound {
                refused += u64::from(bind(&mut binds, &mut link).await.map_err(failed)?);
            }
            links.push(link);
            if index % STEP == 0 {
                told(index as f64 / clients as f64);
            }
        }
        let with = settled(process).await;
        Ok(MemoryRow {
            scenario: scenario.name,
            target: target.name(),
            clients,
            without_kib: without,
            with_kib: with,
            each_kib: with.saturating_sub(without) as f64 / clients.max(1) as f64,
            refused,
        })
    })
}

/// Whether the next user's bind was refused; the first user follows the last.
async fn bind(binds: &mut Binds, link: &mut Link) -> io::Result<bool> {
    loop {
        match binds.once(link).await? {
            Verdict::Finished => binds.start_over(),
            verdict => return Ok(matches!(verdict, Verdict::Refused(_))),
        }
    }
}

/// Resident memory in KiB, once it stays as it is or the patience is over.
async fn settled(process: u32) -> u64 {
    let mut last = resident(process);
    for _ in 0..LOOKS {
        sleep(LOOK).await;
        let now = resident(process);
        if now == last {
            break;
        }
        last = now;
    }
    last
}

/// Resident memory of a process in KiB; none if it is gone.
pub(crate) fn resident(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}
