//! CPU time of processes, and how busy the machine is, from `/proc`.

use std::fs;
use std::time::Duration;

/// The unit of `/proc/stat`, which is the same on all architectures.
const TICK_MILLISECONDS: u64 = 10;

/// CPU time of whoever takes part, and of the machine as a whole, at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    /// The load generator: this process.
    pub(crate) client: Duration,
    /// What stands in the middle, if anything does.
    pub(crate) proxy: Duration,
    /// The directory.
    pub(crate) directory: Duration,
    busy: Duration,
    total: Duration,
}

impl Sample {
    /// Looks at the clock of each.
    pub(crate) fn take(proxy: Option<u32>, directory: u32) -> Self {
        let (busy, total) = machine();
        Self {
            client: of_process(std::process::id()),
            proxy: proxy.map_or(Duration::ZERO, of_process),
            directory: of_process(directory),
            busy,
            total,
        }
    }

    /// What was used since an earlier sample.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            client: self.client.saturating_sub(earlier.client),
            proxy: self.proxy.saturating_sub(earlier.proxy),
            directory: self.directory.saturating_sub(earlier.directory),
            busy: self.busy.saturating_sub(earlier.busy),
            total: self.total.saturating_sub(earlier.total),
        }
    }

    /// The share of the machine, 0 to 1, that others used: what disturbs the measurement.
    pub(crate) fn others(&self) -> f64 {
        let ours = self.client + self.proxy + self.directory;
        let others = self.busy.saturating_sub(ours);
        if self.total.is_zero() { 0.0 } else { others.as_secs_f64() / self.total.as_secs_f64() }
    }
}

/// CPU time of all threads of a process that are alive, in nanoseconds where the kernel counts
/// them. A process that is gone has used none.
fn of_process(pid: u32) -> Duration {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Duration::ZERO;
    };
    let nanoseconds = tasks.flatten().filter_map(|task| {
        let schedstat = fs::read_to_string(task.path().join("schedstat")).ok()?;
        schedstat.split_ascii_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Time that all cores together were busy, and in all.
fn machine() -> (Duration, Duration) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    // user nice system idle iowait irq softirq steal; guests are part of user.
    let fields: Vec<u64> =
        line.split_ascii_whitespace().skip(1).take(8).flat_map(str::parse).collect();
    let total: u64 = fields.iter().sum();
    let idle: u64 = fields.iter().skip(3).take(2).sum();
    let time = |ticks: u64| Duration::from_millis(ticks * TICK_MILLISECONDS);
    (time(total - idle), time(total))
}
