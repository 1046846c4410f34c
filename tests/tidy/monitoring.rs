//! Alert rules and dashboard: every metric and label in them is one of the table, and promtool takes
//! every expression.

use crate::repository::root;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What Prometheus adds to a histogram's name.
const SUFFIXES: [&str; 3] = ["_bucket", "_sum", "_count"];
/// Labels that Prometheus sets, and that of a histogram's buckets.
const EVERYWHERE: [&str; 3] = ["instance", "job", "le"];

/// The metrics of the table, with their labels.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let mut found = BTreeMap::new();
    for row in text.lines().filter_map(|line| line.strip_prefix("| `bindgate_")) {
        let cells: Vec<_> = row.split(" | ").collect();
        let name = format!("bindgate_{}", cells[0].trim_end_matches('`'));
        let labels = cells[2].split(", ").map(str::trim).filter(|label| !label.is_empty());
        let labels = labels.map(str::to_owned).collect::<BTreeSet<_>>();
        if cells[1] == "histogram" {
            found.extend(SUFFIXES.map(|suffix| (name.clone() + suffix, labels.clone())));
        } else {
            found.insert(name, labels);
        }
    }
    found
}

/// What an expression asks for that is not in the table.
fn strangers(expression: &str, table: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in expression.match_indices("bindgate_") {
        let rest = &expression[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
        let Some(labels) = table.get(name) else {
            found.push(name.to_owned());
            continue;
        };
        let Some(selector) = behind.strip_prefix('{').and_then(|rest| rest.split('}').next())
        else {
            continue;
        };
        for matcher in selector.split(',') {
            let label = matcher.split(['=', '!']).next().unwrap_or_default().trim();
            if !labels.contains(label) && !EVERYWHERE.contains(&label) {
                found.push(format!("{name}{{{label}}}"));
            }
        }
    }
    found
}

/// The expressions of the dashboard, as Prometheus would be asked for them.
fn dashboard() -> Vec<String> {
    let text = fs::read_to_string(root().join("monitoring/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let asked = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    asked.map(|text| text.replace("$__rate_interval", "1m").replace("$instance", ".*")).collect()
}

fn promtool(folder: &Path, arguments: &[&str]) {
    let said = Command::new("promtool").args(arguments).current_dir(folder).output();
    let said = said.expect("promtool is installed (scripts/install-test-needs)");
    let told = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "promtool {arguments:?}: {told}");
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_and_labels_of_the_table() {
    let table = table();
    assert!(table.len() > 60, "the table was not found");
    let alerts = fs::read_to_string(root().join("monitoring/alerts.yml")).unwrap();
    let mut found = strangers(&alerts, &table);
    let asked = dashboard();
    assert!(asked.len() > 30, "{asked:?}");
    found.extend(asked.iter().flat_map(|expression| strangers(expression, &table)));
    assert!(found.is_empty(), "not in docs/metrics.md: {found:?}");
}

#[test]
fn the_rule_about_what_is_asked_for_can_fail() {
    let table = table();
    let check = |expression: &str, expected: &[&str]| {
        assert_eq!(strangers(expression, &table), expected, "{expression}");
    };
    check("bindgate_phase == 0 and bindgate_fase", &["bindgate_fase"]);
    check("rate(bindgate_bind_seconds_bucket{le=\"1\"}[5m])", &[]);
    check("bindgate_bind_seconds", &["bindgate_bind_seconds"]);
    check("bindgate_users_held{user=\"ann\"}", &["bindgate_users_held{user}"]);
    check("bindgate_users_held{directory=~\"c.*\", instance!=\"x\"}", &[]);
}

#[test]
fn promtool_takes_the_alerts_and_they_fire_for_what_they_name() {
    let folder = root().join("monitoring");
    promtool(&folder, &["check", "rules", "alerts.yml"]);
    promtool(&folder, &["test", "rules", "alerts.test.yml"]);
}

#[test]
fn promtool_takes_every_expression_of_the_dashboard() {
    let mut rules = String::from("groups:\n  - name: dashboard\n    rules:\n");
    for (at, expression) in dashboard().iter().enumerate() {
        let quoted = serde_json::to_string(expression).unwrap();
        rules += &format!("      - record: panel:{at}\n        expr: {quoted}\n");
    }
    let folder = std::env::temp_dir().join(format!("bindgate-dashboard-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("dashboard.yml"), rules).unwrap();
    promtool(&folder, &["check", "rules", "dashboard.yml"]);
    fs::remove_dir_all(folder).unwrap();
}
