//! The gateway's own counters, read back once a minute from what the metrics say: nothing is counted
//! twice, and no bind pays for it.

use super::binds;
use super::instruments::{OUTCOMES, REASONS};
use super::table::{self, BUCKETS};
use crate::app::figures::{BindParts, Counts, Figures, Spent};

/// The counters, of metrics in Prometheus' text format.
pub(super) fn read(metrics: &str) -> Figures {
    let mut figures = Figures::default();
    let outcomes: Vec<_> = OUTCOMES.iter().map(|outcome| outcome.name()).collect();
    let reasons: Vec<_> = REASONS.iter().map(|reason| reason.name()).collect();
    let results: Vec<_> = binds::results().collect();
    for line in metrics.lines() {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let (counts, label, names) = match name {
            _ if name == table::SIGN_ONS_TOTAL.name => {
                (&mut figures.sign_ons, "outcome", &outcomes)
            }
            _ if name == table::SIGN_ON_UNKNOWN_TOTAL.name => {
                (&mut figures.unknown, "reason", &reasons)
            }
            _ if name == table::BINDS_TOTAL.name => (&mut figures.binds, "result", &results),
            _ => {
                times(&mut figures, (name, labels), value);
                continue;
            }
        };
        count(counts, label_of(labels, label), names, value);
    }
    let BindParts { upstream, sign_on, gateway } = &mut figures.bind_parts;
    let of_binds = [&mut figures.bind_seconds, upstream, sign_on, gateway];
    of_binds.into_iter().chain([&mut figures.sign_on_seconds]).for_each(apart);
    figures
}

/// Reads a time, if it is one.
fn times(figures: &mut Figures, (name, labels): (&str, &str), value: &str) {
    let parts = &mut figures.bind_parts;
    let (metric, into) = if name.starts_with(table::BIND_PART_SECONDS.name) {
        let part = match label_of(labels, "part") {
            Some("upstream") => &mut parts.upstream,
            Some("sign_on") => &mut parts.sign_on,
            _ => &mut parts.gateway,
        };
        (table::BIND_PART_SECONDS, part)
    } else if name.starts_with(table::BIND_SECONDS.name) {
        (table::BIND_SECONDS, &mut figures.bind_seconds)
    } else {
        (table::SIGN_ON_SECONDS, &mut figures.sign_on_seconds)
    };
    spent(into, metric.name, (name, labels), value);
}

fn count(counts: &mut Counts, label: Option<&str>, names: &[&'static str], value: &str) {
    let name = names.iter().find(|name| label == Some(**name));
    if let (Some(name), Ok(value @ 1..)) = (name, value.parse::<u64>()) {
        *counts.entry(name).or_default() += value;
    }
}

/// The value of a label: none that was chosen elsewhere can hold an unescaped quotation mark.
fn label_of<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let start = labels.find(&format!("{name}=\""))? + name.len() + 2;
    labels[start..].split('"').next()
}

fn spent(spent: &mut Spent, metric: &str, (name, labels): (&str, &str), value: &str) {
    match name.strip_prefix(metric) {
        Some("_bucket") => {
            let bound = label_of(labels, "le").and_then(|bound| bound.parse::<f64>().ok());
            let at = bound.and_then(|bound| BUCKETS.iter().position(|known| *known == bound));
            spent.buckets[at.unwrap_or(BUCKETS.len())] += value.parse::<u64>().unwrap_or(0);
        }
        Some("_sum") => spent.seconds += value.parse().unwrap_or(0.0),
        _ => {}
    }
}

/// Prometheus' buckets count all that took at most so long; those of figures each its own.
fn apart(spent: &mut Spent) {
    for at in (1..spent.buckets.len()).rev() {
        spent.buckets[at] = spent.buckets[at].saturating_sub(spent.buckets[at - 1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::events::{BindSpent, ConnectionId, Event, GroupSource, SignOnOutcome};
    use crate::app::figures::Resolution;
    use crate::app::ports::Events;
    use crate::domain::observation::UnknownReason;
    use crate::domain::time::Timestamp;
    use crate::proto::result::ResultCode;
    use crate::telemetry::Telemetry;
    use std::time::Duration;

    fn sign_on(outcome: SignOnOutcome, milliseconds: u64) -> Event<'static> {
        Event::SignOn {
            directory: "a \"odd\",outcome=\"created\" \\",
            user_type: None,
            user: "uid=ann",
            view: None,
            outcome,
            added: 0,
            removed: 0,
            source: GroupSource::Replica,
            elapsed: Duration::from_millis(milliseconds),
        }
    }

    fn bind(code: ResultCode, milliseconds: u64) -> Event<'static> {
        let elapsed = Duration::from_millis(milliseconds);
        // An odd directory too: its name is a label, and says nothing of the others.
        let (conn, directory) = (ConnectionId(1), "a \"odd\",outcome=\"created\" \\");
        let part = |hundredths: u32| Some(elapsed * hundredths / 100);
        let spent = match code {
            ResultCode::SUCCESS => BindSpent { upstream: part(50), sign_on: part(25) },
            _ => BindSpent { upstream: part(50), sign_on: None },
        };
        Event::Bind { conn, op: 0, directory, name: b"uid=ann", code, elapsed, spent }
    }

    #[test]
    fn what_the_metrics_count_is_read_back() {
        let telemetry = Telemetry::new(&["a \"odd\",outcome=\"created\" \\"]);
        telemetry.emit(&sign_on(SignOnOutcome::Changed, 3));
        telemetry.emit(&sign_on(SignOnOutcome::Changed, 30));
        telemetry.emit(&sign_on(SignOnOutcome::Unknown(UnknownReason::Timeout), 2000));
        telemetry.emit(&bind(ResultCode::SUCCESS, 4));
        telemetry.emit(&bind(ResultCode::INVALID_CREDENTIALS, 4000));
        telemetry.emit(&bind(ResultCode(4711), 4));
        let figures = read(&telemetry.render());
        assert_eq!(figures.sign_ons, Counts::from([("changed", 2), ("unknown", 1)]));
        assert_eq!(figures.unknown, Counts::from([("timeout", 1)]));
        let binds = [("invalidCredentials", 1), ("other", 1), ("success", 1)];
        assert_eq!(figures.binds, Counts::from(binds));
        assert_eq!(figures.bind_seconds.buckets, [0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(figures.sign_on_seconds.buckets, [0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0]);
        assert!((figures.bind_seconds.seconds - 4.008).abs() < 1e-6, "{figures:?}");
        let BindParts { upstream, sign_on, gateway } = &figures.bind_parts;
        assert_eq!((upstream.count(), sign_on.count(), gateway.count()), (3, 1, 3));
        assert_eq!(upstream.buckets, [0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert!((upstream.seconds - 2.004).abs() < 1e-6, "{figures:?}");
        assert!((sign_on.seconds - 0.001).abs() < 1e-6, "{figures:?}");
        let parts = upstream.seconds + sign_on.seconds + gateway.seconds;
        assert!((parts - figures.bind_seconds.seconds).abs() < 1e-6, "{figures:?}");
        assert!((figures.sign_on_seconds.seconds - 2.033).abs() < 1e-6, "{figures:?}");
    }

    #[test]
    fn a_gateway_tells_what_it_did_by_the_minute() {
        let telemetry = Telemetry::new(&["corp"]);
        let minute = |minute: i64| Timestamp(minute * 60_000_000);
        let created = |now| {
            let steps = telemetry.figures(Resolution::Minute, now).into_iter();
            steps.map(|step| step.figures.sign_ons.get("created").copied()).collect::<Vec<_>>()
        };
        telemetry.note_minute(minute(10));
        telemetry.emit(&sign_on(SignOnOutcome::Created, 3));
        assert_eq!(created(minute(10)), [Some(1)]);
        telemetry.note_minute(minute(11));
        assert_eq!(created(minute(11)), [Some(1), None]);
        // who asks before it was noted notes it
        assert_eq!(created(minute(12)), [Some(1), None, None]);
    }
}
