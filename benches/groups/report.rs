//! What was measured, as tables for people and as JSON for machines.

use crate::latency::Histogram;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How a graph was filled, and what it takes.
#[derive(Debug, Serialize)]
pub(crate) struct Load {
    /// Members that groups list.
    pub(crate) memberships: usize,
    /// With the making of the entries.
    pub(crate) seconds: f64,
    /// Of which the graph took so many.
    pub(crate) putting_seconds: f64,
    /// Users and groups that the graph takes in a second.
    pub(crate) entries_per_second: f64,
    /// Memberships that it takes in a second.
    pub(crate) memberships_per_second: f64,
    /// Resident memory of the process.
    pub(crate) resident_mib: f64,
    /// Of which came with the graph.
    pub(crate) graph_mib: f64,
    /// The most that was resident until then.
    pub(crate) peak_mib: f64,
    /// The share of the time in which others had the processor, 0 to 1.
    pub(crate) waited: f64,
}

/// The times that something took.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// What.
    pub(crate) what: &'static str,
    p10_us: f64,
    p50_us: f64,
    p99_us: f64,
    most_us: f64,
    waited: f64,
    /// What else is to be said.
    pub(crate) note: String,
}

impl Row {
    pub(crate) fn new(what: &'static str, times: &Histogram, waited: f64) -> Self {
        let quantile = |share| micros(times.quantile(share));
        Self {
            what,
            p10_us: quantile(0.1),
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
            most_us: quantile(1.0),
            waited,
            note: String::new(),
        }
    }
}

/// One company.
#[derive(Debug, Serialize)]
pub(crate) struct Size {
    pub(crate) groups: u32,
    pub(crate) users: u32,
    pub(crate) in_cycles: u32,
    pub(crate) load: Load,
    pub(crate) rows: Vec<Row>,
}

/// Everything.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    sizes: Vec<Size>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { sizes: Vec::new() }
    }

    pub(crate) fn add(&mut self, size: Size) {
        self.sizes.push(size);
    }

    pub(crate) fn text(&self) -> String {
        let sizes = self.sizes.iter().map(|size| {
            format!("{}\n{}\n{}\n", size.heading(), size.load_table(), size.rows_table())
        });
        let mut text = sizes.collect::<Vec<_>>().join("\n");
        text += "\n\"waited\" is the share of the time in which others had the processor.\n";
        text
    }

    /// Writes `groups.txt` and `groups.json` into the folder `bench` of cargo's target folder.
    pub(crate) fn save(&self) -> io::Result<PathBuf> {
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        let folder = PathBuf::from(target).join("bench");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("groups.txt"), self.text())?;
        std::fs::write(folder.join("groups.json"), serde_json::to_string_pretty(self)?)?;
        Ok(folder)
    }
}

impl Size {
    fn heading(&self) -> String {
        let Self { groups, users, in_cycles, load, .. } = self;
        let (levels, each) = (crate::company::LEVELS, load.memberships as f64 / f64::from(*users));
        format!(
            "{groups} groups in {levels} levels, {in_cycles} of them in cycles; {users} users; {} \
             memberships, {each:.1} a user",
            load.memberships
        )
    }

    fn load_table(&self) -> Table {
        let load = &self.load;
        let mut table = table(&["memory and load", ""]);
        for (what, value) in [
            ("resident, MiB", format!("{:.0}", load.resident_mib)),
            ("of which the graph", format!("{:.0}", load.graph_mib)),
            ("peak", format!("{:.0}", load.peak_mib)),
            ("entries taken in a second", format!("{:.0}", load.entries_per_second)),
            ("memberships taken in a second", format!("{:.0}", load.memberships_per_second)),
            ("seconds for all of them", format!("{:.1}", load.putting_seconds)),
            ("waited, %", format!("{:.0}", load.waited * 100.0)),
        ] {
            table.add_row([what.to_owned(), value]);
        }
        table
    }

    fn rows_table(&self) -> Table {
        let mut table = table(&["µs", "p10", "p50", "p99", "most", "waited, %", ""]);
        for row in &self.rows {
            table.add_row([
                row.what.to_owned(),
                format!("{:.1}", row.p10_us),
                format!("{:.1}", row.p50_us),
                format!("{:.1}", row.p99_us),
                format!("{:.0}", row.most_us),
                format!("{:.0}", row.waited * 100.0),
                row.note.clone(),
            ]);
        }
        table
    }
}

/// An empty table whose columns but the first are numbers.
fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header(head);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
