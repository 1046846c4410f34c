//! What the gateway did lately, as plots.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::picture::{self, MAX_SERIES, Plot, Series, Unit};
use super::visit::Visit;
use crate::domain::time::Timestamp;
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The fewest steps that a plot shows, known or not.
const FEWEST: i64 = 30;
/// The most that are kept.
const MOST: i64 = 192;

/// What was counted (`GET /figures`).
#[derive(Deserialize)]
struct Figures {
    step_seconds: i64,
    items: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    at: String,
    sign_ons: BTreeMap<String, u64>,
    unknown: BTreeMap<String, u64>,
    binds: BTreeMap<String, u64>,
    bind_seconds: Spent,
    sign_on_seconds: Spent,
}

#[derive(Deserialize)]
struct Spent {
    median: Option<f64>,
    p95: Option<f64>,
}

/// How outcomes of sign-ons are told apart.
const SIGN_ONS: [(&str, &[&str]); 6] = [
    ("unchanged", &["unchanged", "recent"]),
    ("created", &["created"]),
    ("changed", &["changed"]),
    ("groups unknown", &["unknown"]),
    ("refused or without a record", &["refused", "not-provisioned", "not-a-user"]),
    ("switched off", &["switched-off"]),
];

/// The same of binds; what is left are other failures.
const BINDS: [(&str, &[&str]); 3] = [
    ("success", &["success"]),
    ("wrong name or password", &["invalidCredentials"]),
    ("steps of SASL", &["saslBindInProgress"]),
];

/// The plots, of minutes or of quarters of an hour.
pub(super) async fn section(visit: &Visit) -> Result<Markup, Fault> {
    let is_long = visit.query.get("span") == Some("days");
    let step = if is_long { "quarter" } else { "minute" };
    let figures: Figures = visit.get(Path::new("/figures").with("step", step)).await?;
    let time = Axis::of(&figures);
    let each = if is_long { "a quarter of an hour" } else { "a minute" };
    Ok(html! {
        section aria-labelledby="lately" {
            h2 id="lately" { "Lately" }
            p {
                @if is_long { "The last two days. " a href={ (ROOT) "/" } { "The last two hours" } }
                @else { "The last two hours. " a href={ (ROOT) "/?span=days" } { "The last two days" } }
                span class="muted" { " Since the gateway was started, in UTC." }
            }
            div class="sides" {
                (sign_ons(&time, each))
                (binds(&time, each))
                (latency(&time))
                (unknown(&time, each))
            }
        }
    })
}

/// The steps in their places.
struct Axis<'a> {
    steps: Vec<Option<&'a Step>>,
    seconds: u64,
    until: Timestamp,
}

impl<'a> Axis<'a> {
    fn of(figures: &'a Figures) -> Self {
        let seconds = figures.step_seconds.max(1);
        let number = |step: &Step| {
            let at: jiff::Timestamp = step.at.parse().ok()?;
            Some(at.as_second().div_euclid(seconds))
        };
        let known: BTreeMap<i64, &Step> =
            figures.items.iter().filter_map(|step| Some((number(step)?, step))).collect();
        let last = known.keys().next_back().copied().unwrap_or(0);
        let long = last - known.keys().next().copied().unwrap_or(0) + 1;
        let first = last + 1 - long.clamp(FEWEST, MOST);
        Self {
            steps: (first..=last).map(|at| known.get(&at).copied()).collect(),
            seconds: seconds.unsigned_abs(),
            until: Timestamp((last + 1).saturating_mul(seconds).saturating_mul(1_000_000)),
        }
    }

    fn values(&self, value: impl Fn(&Step) -> Option<f64>) -> Vec<Option<f64>> {
        self.steps.iter().map(|step| step.and_then(&value)).collect()
    }

    fn counted(&self, value: impl Fn(&Step) -> u64) -> Vec<Option<f64>> {
        // exact: far fewer than a float can count
        self.values(|step| Some(value(step) as f64))
    }

    fn drawn(
        &self,
        title: &str,
        (unit, draw): (Unit, fn(&Plot<'_>) -> String),
        series: &[(&str, Vec<Option<f64>>)],
    ) -> Markup {
        let series: Vec<_> = series.iter().map(|(name, values)| Series { name, values }).collect();
        let plot = Plot { title, unit, until: self.until, step: self.seconds, series: &series };
        html! { div { h3 { (title) } (PreEscaped(draw(&plot))) } }
    }
}

const BARS: (Unit, fn(&Plot<'_>) -> String) = (Unit::Count, picture::stacked);

fn sum(counts: &BTreeMap<String, u64>, names: &[&str]) -> u64 {
    names.iter().filter_map(|name| counts.get(*name)).sum()
}

fn sign_ons(time: &Axis<'_>, each: &str) -> Markup {
    let series =
        SIGN_ONS.map(|(name, outcomes)| (name, time.counted(|step| sum(&step.sign_ons, outcomes))));
    time.drawn(&format!("Sign-ons {each}"), BARS, &series)
}

fn binds(time: &Axis<'_>, each: &str) -> Markup {
    let mut series: Vec<_> = BINDS
        .iter()
        .map(|(name, results)| (*name, time.counted(|step| sum(&step.binds, results))))
        .collect();
    let told: Vec<&str> = BINDS.iter().flat_map(|(_, results)| results.iter().copied()).collect();
    let rest = |step: &Step| step.binds.values().sum::<u64>() - sum(&step.binds, &told);
    series.push(("other failures", time.counted(rest)));
    time.drawn(&format!("Binds {each}"), BARS, &series)
}

fn latency(time: &Axis<'_>) -> Markup {
    let series = [
        ("bind, median", time.values(|step| step.bind_seconds.median)),
        ("bind, 95 of 100", time.values(|step| step.bind_seconds.p95)),
        ("sign-on within it, median", time.values(|step| step.sign_on_seconds.median)),
        ("sign-on within it, 95 of 100", time.values(|step| step.sign_on_seconds.p95)),
    ];
    time.drawn("How long binds take", (Unit::Seconds, picture::lines), &series)
}

/// The reasons that come most often each for itself, the rest together.
fn unknown(time: &Axis<'_>, each: &str) -> Markup {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for (reason, count) in time.steps.iter().flatten().flat_map(|step| &step.unknown) {
        *sums.entry(reason).or_default() += count;
    }
    let mut reasons: Vec<_> = sums.iter().map(|(reason, count)| (*reason, *count)).collect();
    reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), *reason));
    let title = format!("Sign-ons whose groups were unknown, {each}");
    if reasons.is_empty() {
        return html! { div { h3 { (title) } p class="notice good" { "None." } } };
    }
    let named = &reasons[..reasons.len().min(MAX_SERIES - 1)];
    let mut series: Vec<_> = named
        .iter()
        .map(|(reason, _)| (*reason, time.counted(|step| sum(&step.unknown, &[reason]))))
        .collect();
    if named.len() < reasons.len() {
        let names: BTreeSet<&str> = named.iter().map(|(reason, _)| *reason).collect();
        let is_other = |(reason, _): &(&String, &u64)| !names.contains(reason.as_str());
        let rest = |step: &Step| step.unknown.iter().filter(is_other).map(|(_, n)| *n).sum();
        series.push(("other reasons", time.counted(rest)));
    }
    time.drawn(&title, BARS, &series)
}
