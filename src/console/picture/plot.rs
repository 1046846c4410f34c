//! Figures over time.

use crate::domain::time::Timestamp;

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

/// One bar a step, the series one upon the other, as `<svg …>…</svg>`.
pub fn stacked(_plot: &Plot<'_>) -> String {
    String::new()
}

/// One line a series, as `<svg …>…</svg>`.
pub fn lines(_plot: &Plot<'_>) -> String {
    String::new()
}
