//! Figures over time.

use super::drawing::{self, Role};
use super::markup::Markup;
use super::scale::{self, Scale};
use crate::domain::time::Timestamp;

/// The most steps of time that are plotted; the last are.
pub const MAX_STEPS: usize = 240;
/// The most series that are plotted.
pub const MAX_SERIES: usize = 8;

/// Larger values are not told apart: as many as there may be still add up to a number.
const MOST: f64 = 1e300;

/// The whole drawing, and where its axes are.
const SIZE: (i32, i32) = (640, 190);
const LEFT: i32 = 58;
const RIGHT: i32 = SIZE.0 - 8;
const TOP: i32 = 12;
const BOTTOM: i32 = SIZE.1 - 28;

/// What is plotted: for each step of time a value of each series.
#[derive(Debug, Clone)]
pub struct Plot<'a> {
    /// What it is about.
    pub title: &'a str,
    /// What is counted.
    pub unit: Unit,
    /// When the last step ends.
    pub until: Timestamp,
    /// How long a step is, in seconds.
    pub step: u64,
    /// What is told apart: a handful.
    pub series: &'a [Series<'a>],
}

/// What a plot's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// How many there were in a step.
    Count,
    /// Seconds.
    Seconds,
}

/// Some of what is plotted.
#[derive(Debug, Clone)]
pub struct Series<'a> {
    /// What it is.
    pub name: &'a str,
    /// One value for each step, the last one last; none where nothing is known.
    pub values: &'a [Option<f64>],
}

/// One bar a step, the series one upon the other, as `<figure class="picture">`.
pub fn stacked(plot: &Plot<'_>) -> String {
    let read = Read::new(plot);
    let sum = |step: usize| read.all.iter().filter_map(|series| series[step]).sum();
    let scale = Scale::new((0..read.steps).map(sum).fold(0.0, f64::max), plot.unit);
    read.figure(plot, &scale, |svg| {
        let mut below = vec![0.0; read.steps];
        for (number, series) in read.all.iter().enumerate() {
            let mut bars = String::new();
            for (step, below) in below.iter_mut().enumerate() {
                let Some(value) = series[step].filter(|value| *value > 0.0) else { continue };
                let (from, to) = (height(&scale, *below), height(&scale, *below + value));
                let (x, wide) = (read.x(step), (read.x(step + 1) - read.x(step) - 0.7).max(0.5));
                bars.push_str(&format!("M{x:.1} {from:.1}V{to:.1}h{wide:.1}V{from:.1}z"));
                *below += value;
            }
            if !bars.is_empty() {
                svg.empty("path", &[("class", &class("bars", number)), ("d", &bars)]);
            }
        }
    })
}

/// One line a series, as `<figure class="picture">`.
pub fn lines(plot: &Plot<'_>) -> String {
    let read = Read::new(plot);
    let highest = read.all.iter().flatten().filter_map(|value| *value).fold(0.0, f64::max);
    let scale = Scale::new(highest, plot.unit);
    read.figure(plot, &scale, |svg| {
        for (number, series) in read.all.iter().enumerate() {
            let mut line = String::new();
            for (step, value) in series.iter().enumerate() {
                let Some(value) = value else { continue };
                let is_first = step == 0 || series[step - 1].is_none();
                let letter = if is_first { 'M' } else { 'L' };
                let middle = (read.x(step) + read.x(step + 1)) / 2.0;
                line.push_str(&format!("{letter}{middle:.1} {:.1}", height(&scale, *value)));
                if is_first && series.get(step + 1).is_none_or(Option::is_none) {
                    // a value alone is a point
                    line.push_str("h0.1");
                }
            }
            if !line.is_empty() {
                svg.empty("path", &[("class", &class("line", number)), ("d", &line)]);
            }
        }
    })
}

/// The values as they are plotted: for each series as many as there are steps, none of them negative or
/// without end.
struct Read {
    all: Vec<Vec<Option<f64>>>,
    steps: usize,
}

impl Read {
    fn new(plot: &Plot<'_>) -> Self {
        let shown = &plot.series[..plot.series.len().min(MAX_SERIES)];
        let longest = shown.iter().map(|series| series.values.len()).max().unwrap_or(0);
        let steps = longest.min(MAX_STEPS);
        let values = |series: &Series<'_>| {
            let sound = |value: &Option<f64>| value.filter(|value| value.is_finite());
            let missing = longest - series.values.len();
            let all = std::iter::repeat_n(None, missing).chain(series.values.iter().map(sound));
            all.skip(longest - steps)
                .map(|value| value.map(|value| value.clamp(0.0, MOST)))
                .collect()
        };
        Self { all: shown.iter().map(values).collect(), steps }
    }

    /// Where a step begins.
    fn x(&self, step: usize) -> f64 {
        f64::from(LEFT) + f64::from(RIGHT - LEFT) * step as f64 / self.steps.max(1) as f64
    }

    fn figure(&self, plot: &Plot<'_>, scale: &Scale, draw: impl FnOnce(&mut Markup)) -> String {
        let description = self.described(plot);
        let is_empty =
            self.all.iter().flatten().all(|value| value.is_none_or(|value| value == 0.0));
        let inside = |svg: &mut Markup| {
            self.unknown(svg);
            scale_marks(svg, scale);
            self.times(svg, plot);
            draw(svg);
            if is_empty {
                let (x, y) = (((LEFT + RIGHT) / 2).to_string(), ((TOP + BOTTOM) / 2).to_string());
                let attributes =
                    [("class", "empty"), ("x", &*x), ("y", &*y), ("text-anchor", "middle")];
                svg.said("text", &attributes, "None in this time.");
            }
        };
        let caption = |caption: &mut Markup| {
            caption.element("ul", &[("class", "legend")], |list| {
                for (number, series) in plot.series.iter().take(MAX_SERIES).enumerate() {
                    list.element("li", &[], |item| {
                        sample(item, number);
                        item.text(&format!("{}: {}", series.name, self.told(plot.unit, number)));
                    });
                }
            });
            if self.all.iter().flatten().any(Option::is_none) {
                caption.said("p", &[], "Hatched: not known, or nothing to measure.");
            }
        };
        let classes = ("picture plot", Role::Image);
        drawing::figure(classes, (plot.title, &description), SIZE, inside, caption)
    }

    /// What a series comes to.
    fn told(&self, unit: Unit, number: usize) -> String {
        let values = || self.all[number].iter().filter_map(|value| *value);
        match unit {
            Unit::Count => scale::said(values().sum(), unit),
            Unit::Seconds => match values().reduce(f64::max) {
                Some(highest) => format!("at most {}", scale::said(highest, unit)),
                None => "none".to_owned(),
            },
        }
    }

    fn described(&self, plot: &Plot<'_>) -> String {
        let shown = plot.series.iter().take(MAX_SERIES).enumerate();
        let told: Vec<_> = shown
            .map(|(number, series)| format!("{}: {}", series.name, self.told(plot.unit, number)))
            .collect();
        let long = (self.steps as u64).saturating_mul(plot.step);
        format!("{}, over {}. {}.", plot.title, scale::span(long), told.join("; "))
    }

    /// Hatches what nothing is known of.
    fn unknown(&self, svg: &mut Markup) {
        let is_unknown = |step: &usize| self.all.iter().all(|series| series[*step].is_none());
        let mut lines = String::new();
        for step in (0..self.steps).filter(is_unknown) {
            lines.push_str(&format!("M{:.1} {BOTTOM}V{TOP}", self.x(step) + 1.0));
        }
        if !lines.is_empty() {
            svg.empty("path", &[("class", "unknown"), ("d", &lines)]);
        }
    }

    /// The axis of time.
    fn times(&self, svg: &mut Markup, plot: &Plot<'_>) {
        let step = i64::try_from(plot.step.clamp(1, 86_400)).unwrap_or(1);
        // exact: at most MAX_STEPS
        let until = plot.until.0.div_euclid(1_000_000);
        let from = until.saturating_sub(step * self.steps as i64);
        for (at, text) in scale::times(from, until) {
            let part = (at - from) as f64 / (until - from) as f64;
            let x = f64::from(LEFT) + f64::from(RIGHT - LEFT) * part;
            let x = format!("{x:.1}");
            let tick = format!("M{x} {BOTTOM}v4");
            svg.empty("path", &[("class", "axis"), ("d", &tick)]);
            let y = (BOTTOM + 18).to_string();
            svg.said("text", &[("x", &*x), ("y", &*y), ("text-anchor", "middle")], &text);
        }
    }
}

fn height(scale: &Scale, value: f64) -> f64 {
    f64::from(BOTTOM) - f64::from(BOTTOM - TOP) * (value / scale.top).min(1.0)
}

/// The axis of values.
fn scale_marks(svg: &mut Markup, scale: &Scale) {
    for (value, text) in &scale.marks {
        let y = format!("{:.1}", height(scale, *value));
        let grid = format!("M{LEFT} {y}H{RIGHT}");
        svg.empty("path", &[("class", if *value == 0.0 { "axis" } else { "grid" }), ("d", &grid)]);
        let (x, y) = ((LEFT - 6).to_string(), format!("{:.1}", height(scale, *value) + 4.0));
        svg.said("text", &[("x", &*x), ("y", &*y), ("text-anchor", "end")], text);
    }
}

fn class(kind: &str, number: usize) -> String {
    format!("{kind} series-{}", number + 1)
}

/// What a series looks like.
fn sample(item: &mut Markup, number: usize) {
    let svg = [("width", "24"), ("height", "12"), ("aria-hidden", "true")];
    item.element("svg", &svg, |svg| {
        svg.empty("path", &[("class", &class("bars", number)), ("d", "M0 1V11h24V1z")]);
        svg.empty("path", &[("class", &class("line", number)), ("d", "M0 6H24")]);
    });
}
