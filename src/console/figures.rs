//! Figures over time on the first page: sign-ons, failures, what could not be told, and how long it took.

use super::ROOT;
use super::ask::Path;
use super::fault::Fault;
use super::picture::{self, Plot, Series, Unit};
use super::shapes::{Counted, Figures, Spent};
use super::visit::Visit;
use crate::domain::time::Timestamp;
use maud::{Markup, PreEscaped, html};
use std::collections::BTreeMap;

/// How many things are told apart in one plot; the rest stands together.
const SERIES: usize = 5;
/// How many steps of each length are shown.
const STEPS: [(&str, usize, &str, &str); 2] = [
    ("minute", 120, "Two hours", "the last two hours, by the minute"),
    ("quarter", 192, "Two days", "the last two days, by the quarter of an hour"),
];

/// The plots, or nothing where figures cannot be read.
pub(super) async fn plots(visit: &Visit) -> Result<Markup, Fault> {
    let wanted = visit.query.get("step");
    let shown = STEPS.iter().find(|(name, ..)| Some(*name) == wanted).unwrap_or(&STEPS[0]);
    let (name, steps, _, words) = *shown;
    let figures: Figures = visit.get(Path::new("/figures").with("step", name)).await?;
    let frame = Frame::new(&figures, steps);
    Ok(html! {
        section aria-labelledby="figures" {
            h2 id="figures" { "Figures of " (words) }
            nav class="turns" aria-label="Span of the figures" {
                @for (one, _, text, _) in &STEPS {
                    a href={ (ROOT) "/?step=" (one) "#figures" } aria-current=[(*one == name).then_some("true")] { (text) }
                }
            }
            div class="sides" {
                (frame.counted("Sign-ons by outcome", |step| &step.sign_ons, &Clone::clone))
                (frame.counted("Binds by result", |step| &step.binds, &|code| bind(code)))
                (frame.counted("Why groups were unknown", |step| &step.unknown, &Clone::clone))
                (frame.parts())
                (frame.spent())
            }
        }
    })
}

/// A bind's result in words.
fn bind(result: &str) -> String {
    match result {
        "invalidCredentials" => "wrong password".to_owned(),
        other => other.to_owned(),
    }
}

/// The steps that are plotted, those that nothing is known of included.
struct Frame<'a> {
    until: Timestamp,
    seconds: i64,
    steps: Vec<Option<&'a Counted>>,
}

impl<'a> Frame<'a> {
    fn new(figures: &'a Figures, most: usize) -> Self {
        let seconds = figures.step_seconds.max(1);
        let begun =
            |step: &Counted| step.at.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_second);
        let known: BTreeMap<i64, &Counted> = figures
            .items
            .iter()
            .filter_map(|step| Some((begun(step).ok()?.div_euclid(seconds), step)))
            .collect();
        let now = jiff::Timestamp::now().as_second().div_euclid(seconds);
        let last = known.keys().next_back().copied().unwrap_or(now);
        let first = last - i64::try_from(most).unwrap_or(0) + 1;
        let steps = (first..=last).map(|at| known.get(&at).copied()).collect();
        Self { until: Timestamp((last + 1) * seconds * 1_000_000), seconds, steps }
    }

    fn plot<'p>(&self, title: &'p str, unit: Unit, series: &'p [Series<'p>]) -> Plot<'p> {
        let step = u64::try_from(self.seconds).unwrap_or(1);
        Plot { title, unit, until: self.until, step, series }
    }

    /// A bar a step for what was counted by name, the most frequent apart.
    fn counted(
        &self,
        title: &str,
        of: impl Fn(&Counted) -> &BTreeMap<String, u64>,
        named: &dyn Fn(&String) -> String,
    ) -> Markup {
        let mut sums: BTreeMap<&String, u64> = BTreeMap::new();
        for (name, count) in self.steps.iter().flatten().flat_map(|step| of(step)) {
            *sums.entry(name).or_default() += count;
        }
        let mut names: Vec<_> = sums.into_iter().filter(|(_, sum)| *sum > 0).collect();
        names.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
        let apart: Vec<&String> = names.iter().take(SERIES).map(|(name, _)| *name).collect();
        let value = |step: &Option<&Counted>, name: &String| {
            step.map(|step| of(step).get(name).copied().unwrap_or(0) as f64)
        };
        let mut values: Vec<(String, Vec<Option<f64>>)> = apart
            .iter()
            .map(|name| (named(name), self.steps.iter().map(|step| value(step, name)).collect()))
            .collect();
        if names.len() > SERIES {
            let rest = |step: &&Counted| {
                let others = of(step).iter().filter(|(name, _)| !apart.contains(name));
                others.map(|(_, count)| *count as f64).sum::<f64>()
            };
            let rest = self.steps.iter().map(|step| step.as_ref().map(rest)).collect();
            values.push(("others".to_owned(), rest));
        }
        let series: Vec<_> = values.iter().map(|(name, values)| Series { name, values }).collect();
        PreEscaped(picture::stacked(&self.plot(title, Unit::Count, &series)))
    }

    /// What a bind took on average, by who took it.
    fn parts(&self) -> Markup {
        type Part = fn(&Counted) -> &Spent;
        let parts: [(&str, Part); 3] = [
            ("the directory", |step| &step.bind_parts.upstream),
            ("the record, after that", |step| &step.bind_parts.sign_on),
            ("the gateway itself", |step| &step.bind_parts.gateway),
        ];
        // Each bind has a share of what all of them took, whether it took part in it or not.
        let share = |step: &Counted, of: Part| {
            let part = of(step);
            let binds = step.bind_seconds.count;
            let seconds = part.mean.unwrap_or(0.0) * part.count as f64;
            (binds > 0).then(|| seconds / binds as f64)
        };
        let values: Vec<(&str, Vec<Option<f64>>)> = parts
            .into_iter()
            .map(|(name, of)| {
                let steps = self.steps.iter();
                (name, steps.map(|step| step.and_then(|step| share(step, of))).collect())
            })
            .collect();
        let series: Vec<_> = values.iter().map(|(name, values)| Series { name, values }).collect();
        let title = "Where the time of a bind goes, on average";
        PreEscaped(picture::stacked(&self.plot(title, Unit::Seconds, &series)))
    }

    /// A line for each of the times that binds and their parts took.
    fn spent(&self) -> Markup {
        let values = |of: &dyn Fn(&Counted) -> Option<f64>| -> Vec<Option<f64>> {
            self.steps.iter().map(|step| step.and_then(of)).collect()
        };
        let lines = [
            ("half of all binds", values(&|step| step.bind_seconds.median)),
            ("95 of 100 binds", values(&|step| step.bind_seconds.p95)),
            ("the directory, 95 of 100", values(&|step| step.bind_parts.upstream.p95)),
            ("the record, 95 of 100", values(&|step| step.bind_parts.sign_on.p95)),
            ("the gateway, 95 of 100", values(&|step| step.bind_parts.gateway.p95)),
        ];
        let series: Vec<_> = lines.iter().map(|(name, values)| Series { name, values }).collect();
        let title = "How long binds took";
        PreEscaped(picture::lines(&self.plot(title, Unit::Seconds, &series)))
    }
}
