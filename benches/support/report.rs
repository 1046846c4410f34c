//! What was measured, as a table for people and as JSON for machines.

use super::BenchError;
use super::costs::Costs;
use super::cpu::Sample;
use super::load::Outcome;
use super::memory::MemoryRow;
use super::svg;
use super::target::Side;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// The share of sign-ons, 0 to 1, that may be unknown in a row that counts.
const MOST_UNKNOWN: f64 = 0.001;

/// One measurement of one target.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// Which load.
    pub(crate) scenario: &'static str,
    /// Which round, counted from 1.
    pub(crate) round: u16,
    /// Who was measured.
    pub(crate) target: &'static str,
    /// Whose it is.
    #[serde(skip)]
    pub(crate) side: Side,
    /// How many connections there were.
    pub(crate) clients: usize,
    /// Operations a second.
    pub(crate) rate: f64,
    /// Half of the operations took no longer, in microseconds.
    pub(crate) p50_us: f64,
    /// 99 of 100 operations took no longer, in microseconds.
    pub(crate) p99_us: f64,
    /// CPU time of what stands in the middle for an operation, in microseconds.
    pub(crate) proxy_us: Option<f64>,
    /// CPU time of the directory for an operation, in microseconds.
    pub(crate) slapd_us: f64,
    /// CPU time of the load generator for an operation, in microseconds.
    pub(crate) client_us: f64,
    /// The share of the machine that others used meanwhile, 0 to 1.
    pub(crate) others: f64,
    /// Operations that were answered otherwise than they should be.
    pub(crate) refused: u64,
    /// The code of the last of them.
    pub(crate) last_refusal: Option<u32>,
    /// The share of TLS handshakes, 0 to 1, that resumed an earlier session.
    pub(crate) resumed: Option<f64>,
    /// What its sign-ons cost, if there were any.
    pub(crate) costs: Option<Costs>,
}

/// Whether something stood between client and directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// Nothing.
    Direct,
    /// A proxy.
    Proxied,
}

impl Row {
    /// Puts a measurement together; round, clients and side are left to be said.
    pub(crate) fn new(
        scenario: &'static str,
        target: &'static str,
        path: Path,
        outcome: &Outcome,
        used: &Sample,
    ) -> Self {
        let each = |time: Duration| micros(time) / outcome.operations.max(1) as f64;
        Self {
            scenario,
            round: 0,
            target,
            side: Side::Theirs,
            clients: 0,
            rate: outcome.operations as f64 / outcome.elapsed.as_secs_f64(),
            p50_us: micros(outcome.latency.quantile(0.50)),
            p99_us: micros(outcome.latency.quantile(0.99)),
            proxy_us: (path == Path::Proxied).then(|| each(used.proxy)),
            slapd_us: each(used.directory),
            client_us: each(used.client),
            others: used.others(),
            refused: outcome.refused,
            last_refusal: outcome.last_refusal.map(|code| code.0),
            resumed: None,
            costs: None,
        }
    }
}

/// The medians of one target's rounds under one load. Ratios are taken within each round before the
/// median is.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    /// Which load.
    pub(crate) scenario: &'static str,
    /// Who was measured.
    pub(crate) target: &'static str,
    clients: usize,
    rate: f64,
    /// The rate, with that of the directory alone as 1.
    pub(crate) rate_to_direct: Option<f64>,
    rate_to_haproxy: Option<f64>,
    rate_to_walk: Option<f64>,
    rate_to_relay: Option<f64>,
    p50_us: f64,
    p99_us: f64,
    /// CPU time of what stands in the middle for an operation, in microseconds.
    pub(crate) proxy_us: Option<f64>,
    proxy_us_minimum: Option<f64>,
    proxy_to_haproxy: Option<f64>,
    proxy_to_lloadd: Option<f64>,
    slapd_us: f64,
    client_us: f64,
    others: f64,
    others_maximum: f64,
    refused: u64,
    last_refusal: Option<u32>,
    resumed: Option<f64>,
    /// Over all rounds.
    costs: Option<Costs>,
}

/// All measurements of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    setting: String,
    cores: usize,
    rows: Vec<Row>,
    /// What the measurements come to, by load and target.
    pub(crate) summaries: Vec<Summary>,
    /// What idle clients cost.
    pub(crate) memory: Vec<MemoryRow>,
    failures: Vec<String>,
}

impl Report {
    /// Sums up; loads and targets keep the order in which they were measured first.
    pub(crate) fn new(
        setting: String,
        rows: Vec<Row>,
        memory: Vec<MemoryRow>,
        failures: Vec<String>,
    ) -> Self {
        let mut summaries: Vec<Summary> = Vec::new();
        for row in &rows {
            let same =
                |other: &Summary| (other.scenario, other.target) == (row.scenario, row.target);
            if !summaries.iter().any(same) {
                summaries.push(summarise(row.scenario, row.target, &rows));
            }
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { setting, cores, rows, summaries, memory, failures }
    }

    /// Operations of the gateway that were answered otherwise than they should be.
    pub(crate) fn refused(&self) -> u64 {
        let ours = self.rows.iter().filter(|row| row.side == Side::Ours);
        ours.map(|row| row.refused).sum()
    }

    /// The medians, and a line on how to read them.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}, {} cores\n", self.setting, self.cores);
        if !self.summaries.is_empty() {
            text += &format!(
                "{}\nMedians of the rounds; ratios are taken within a round. CPU time is per \
                 operation.\n\"others\" is the share of the machine that was busy with something \
                 else (median, maximum):\nabove some 10 %, measure again.\n",
                self.loads()
            );
        }
        if self.summaries.iter().any(|row| row.costs.is_some()) {
            text += &format!(
                "\nSign-ons: searches are the gateway's own, the questions of the barrier among \
                 them.\nA row with more than 0.1 % unknown counts for nothing.\n{}\n",
                self.sign_ons()
            );
        }
        if !self.memory.is_empty() {
            text += &format!("\nResident memory\n{}\n", self.memory());
        }
        for row in self.summaries.iter().filter(|row| row.resumed.unwrap_or(0.0) > 0.0) {
            let share = row.resumed.unwrap_or(0.0) * 100.0;
            text +=
                &format!("{}: {} resumed {share:.0} % of handshakes\n", row.scenario, row.target);
        }
        for row in self.summaries.iter().filter(|row| row.refused > 0) {
            let code = row.last_refusal.unwrap_or_default();
            text += &format!("{}: {} refused, the last with {code}\n", row.scenario, row.target);
        }
        for failure in &self.failures {
            text += &format!("failed: {failure}\n");
        }
        text
    }

    fn loads(&self) -> Table {
        let mut table = table(&[
            "load",
            "",
            "clients",
            "ops/s",
            "x direct",
            "x haproxy",
            "p50 µs",
            "p99 µs",
            "proxy CPU µs",
            "(min)",
            "x haproxy",
            "x lloadd",
            "slapd CPU µs",
            "client CPU µs",
            "others",
            "refused",
        ]);
        for row in &self.summaries {
            let percent = |share: f64| format!("{:.0}", share * 100.0);
            table.add_row([
                row.scenario.to_owned(),
                row.target.to_owned(),
                row.clients.to_string(),
                format!("{:.0}", row.rate),
                ratio(row.rate_to_direct),
                ratio(row.rate_to_haproxy),
                format!("{:.0}", row.p50_us),
                format!("{:.0}", row.p99_us),
                tenths(row.proxy_us),
                tenths(row.proxy_us_minimum),
                ratio(row.proxy_to_haproxy),
                ratio(row.proxy_to_lloadd),
                tenths(Some(row.slapd_us)),
                tenths(Some(row.client_us)),
                format!("{}, {} %", percent(row.others), percent(row.others_maximum)),
                row.refused.to_string(),
            ]);
        }
        table
    }

    fn sign_ons(&self) -> Table {
        let mut table = table(&[
            "load",
            "",
            "sign-ons",
            "unknown %",
            "walked %",
            "searches each",
            "writes each",
            "x walk",
            "x relay",
            "counts",
        ]);
        for row in &self.summaries {
            let Some(costs) = row.costs else { continue };
            let unknown = costs.each(costs.unknown);
            table.add_row([
                row.scenario.to_owned(),
                row.target.to_owned(),
                costs.sign_ons.to_string(),
                format!("{:.2}", unknown * 100.0),
                format!("{:.1}", costs.each(costs.walked) * 100.0),
                format!("{:.3}", costs.each(costs.searches)),
                format!("{:.3}", costs.each(costs.writes)),
                ratio(row.rate_to_walk),
                ratio(row.rate_to_relay),
                if unknown > MOST_UNKNOWN { "no" } else { "yes" }.to_owned(),
            ]);
        }
        table
    }

    fn memory(&self) -> Table {
        let mut table = table(&[
            "clients",
            "",
            "how many",
            "KiB with none",
            "KiB with all",
            "KiB each",
            "refused",
        ]);
        for row in &self.memory {
            table.add_row([
                row.scenario.to_owned(),
                row.target.to_owned(),
                row.clients.to_string(),
                row.without_kib.to_string(),
                row.with_kib.to_string(),
                format!("{:.2}", row.each_kib),
                row.refused.to_string(),
            ]);
        }
        table
    }

    /// Writes `NAME.txt`, `NAME.json` and `NAME.svg` into the folder `bench` of cargo's target
    /// folder.
    pub(crate) fn save(&self, name: &str) -> Result<PathBuf, BenchError> {
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        let folder = PathBuf::from(target).join("bench");
        std::fs::create_dir_all(&folder).map_err(BenchError::file(&folder))?;
        let json = serde_json::to_string_pretty(self).map_err(std::io::Error::other);
        let json = json.map_err(BenchError::file(&folder))?;
        for (ending, content) in [("txt", self.text()), ("json", json), ("svg", svg::draw(self))] {
            let file = folder.join(format!("{name}.{ending}"));
            std::fs::write(&file, content).map_err(BenchError::file(file))?;
        }
        Ok(folder)
    }
}

/// An empty table whose columns but the first two are numbers.
fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header(head);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn summarise(scenario: &'static str, target: &'static str, rows: &[Row]) -> Summary {
    let load = || rows.iter().filter(|row| row.scenario == scenario);
    let own = || load().filter(|row| row.target == target);
    let middle = |of: fn(&Row) -> f64| median(own().map(of).collect()).unwrap_or(0.0);
    let against = |other: &str, of: fn(&Row) -> Option<f64>| {
        let pairs = own().filter_map(|row| {
            let same_round = |peer: &&Row| peer.target == other && peer.round == row.round;
            Some(of(row)? / of(load().find(same_round)?)?)
        });
        median(pairs.collect())
    };
    let proxies: Vec<f64> = own().filter_map(|row| row.proxy_us).collect();
    Summary {
        scenario,
        target,
        clients: own().map(|row| row.clients).max().unwrap_or_default(),
        rate: middle(|row| row.rate),
        rate_to_direct: against("direct", |row| Some(row.rate)),
        rate_to_haproxy: against("haproxy", |row| Some(row.rate)),
        rate_to_walk: against("walk", |row| Some(row.rate)),
        rate_to_relay: against("relay", |row| Some(row.rate)),
        p50_us: middle(|row| row.p50_us),
        p99_us: middle(|row| row.p99_us),
        proxy_us_minimum: proxies.iter().copied().reduce(f64::min),
        proxy_us: median(proxies),
        proxy_to_haproxy: against("haproxy", |row| row.proxy_us),
        proxy_to_lloadd: against("lloadd", |row| row.proxy_us),
        slapd_us: middle(|row| row.slapd_us),
        client_us: middle(|row| row.client_us),
        others: middle(|row| row.others),
        others_maximum: own().map(|row| row.others).fold(0.0, f64::max),
        refused: own().map(|row| row.refused).sum(),
        last_refusal: own().filter_map(|row| row.last_refusal).next_back(),
        resumed: median(own().filter_map(|row| row.resumed).collect()),
        costs: own().filter_map(|row| row.costs).reduce(|all, costs| all.and(&costs)),
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn tenths(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
}
